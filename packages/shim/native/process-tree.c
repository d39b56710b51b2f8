#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process-tree.h"

/* The pid of a leader that was reaped may belong to somebody else by now; its group and session then have no member. */
static bool is_pid_reused(const struct process_table *table, const struct child *child)
{
    return child->is_pid_reused || (child->is_reaped && find_process(table, child->pid) != NULL);
}

static bool is_in_group(const struct process_entry *entry, const struct child *child)
{
    return entry->group == child->pid && entry->start_time >= child->earliest_start;
}

static bool is_in_session(const struct process_entry *entry, const struct child *child)
{
    return entry->session == child->pid && entry->start_time >= child->earliest_start;
}

/* False also when it cannot be read: another user's process, which we could not signal either. */
static bool carries_cookie(pid_t pid, const char *cookie)
{
    if (cookie == NULL) return false;
    size_t size = 0;
    char *environment = read_process_file(pid, "environ", &size);
    if (environment == NULL) return false;
    const size_t name_length = strlen(EXECUTION_COOKIE);
    bool found = false;
    for (const char *variable = environment; !found && variable < environment + size; variable += strlen(variable) + 1)
        found = strncmp(variable, EXECUTION_COOKIE, name_length) == 0 && variable[name_length] == '=' &&
                strcmp(variable + name_length + 1, cookie) == 0;
    free(environment);
    return found;
}

/* The line of /proc/PID/limits (proc(5)), which anybody may read: "Max pending signals  SOFT  HARD  signals". */
static bool bears_tag(pid_t pid, uint64_t tag)
{
    static const char LINE[] = "Max pending signals";
    if (tag == 0) return false;
    size_t size = 0;
    char *limits = read_process_file(pid, "limits", &size);
    if (limits == NULL) return false;
    const char *line = strstr(limits, LINE);
    bool found = line != NULL && strtoull(line + sizeof LINE - 1, NULL, 10) == tag;
    free(limits);
    return found;
}

/*
 * An orphan came to the shim because it is a subreaper, and tells nothing of its origin but by its tag. It is younger
 * than the child that it came from.
 */
static bool is_tagged_orphan(const struct process_entry *entry, const struct child *child)
{
    return entry->parent == getpid() && entry->start_time >= child->earliest_start && bears_tag(entry->pid, child->tag);
}

static bool is_root_of_tree(const struct process_entry *entry, const struct child *child, bool pid_reused)
{
    if (!pid_reused) {
        if (entry->pid == child->pid) return true;
        if (is_in_group(entry, child) || is_in_session(entry, child)) return true;
    }
    return is_tagged_orphan(entry, child) || carries_cookie(entry->pid, child->cookie);
}

/* Parents may stand behind their children in the table, so it is gone through until nobody is new. */
static size_t mark_descendants(struct process_table *table)
{
    size_t added = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct process_entry *entry = &table->entries[i];
        if (entry->is_marked || entry->pid == getpid()) continue;
        const struct process_entry *parent = find_process(table, entry->parent);
        if (parent == NULL || !parent->is_marked) continue;
        entry->is_marked = true;
        added++;
    }
    return added;
}

size_t mark_tree(struct process_table *table, const struct child *child)
{
    bool pid_reused = is_pid_reused(table, child);
    size_t marked = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct process_entry *entry = &table->entries[i];
        entry->is_marked = entry->pid != getpid() && is_root_of_tree(entry, child, pid_reused);
        marked += entry->is_marked;
    }
    for (size_t added = mark_descendants(table); added > 0; added = mark_descendants(table)) marked += added;
    return marked;
}

size_t mark_group(struct process_table *table, const struct child *child)
{
    bool pid_reused = is_pid_reused(table, child);
    size_t marked = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct process_entry *entry = &table->entries[i];
        entry->is_marked = !pid_reused && is_in_group(entry, child);
        marked += entry->is_marked;
    }
    return marked;
}

typedef size_t (*marking)(struct process_table *table, const struct child *child);

static size_t signal_marked(marking mark, const struct child *child, int signal)
{
    struct process_table table = {0};
    read_process_table(&table);
    mark(&table, child);
    size_t reached = 0;
    for (size_t i = 0; i < table.count; i++)
        if (table.entries[i].is_marked) reached += signal_process(&table.entries[i], signal);
    free_process_table(&table);
    return reached;
}

size_t signal_tree(const struct child *child, int signal)
{
    return signal_marked(mark_tree, child, signal);
}

size_t signal_group(const struct child *child, int signal)
{
    return signal_marked(mark_group, child, signal);
}
