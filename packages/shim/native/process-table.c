#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"
#include "process-table.h"

enum {
    STAT_SIZE = 1024,
    FIRST_FILE_SIZE = 4 * 1024,
    FIRST_ENTRIES = 64,
};

/* The same numbers on x86-64 and arm64; older C libraries do not name them. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static int open_process_file(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The name of the program stands in parentheses and may hold spaces and parentheses itself. */
static bool parse_stat(const char *text, struct process_entry *entry)
{
    const char *fields = strrchr(text, ')');
    if (fields == NULL) return false;
    int parent = 0;
    int group = 0;
    int session = 0;
    unsigned long long start_time = 0;
    int found = sscanf(fields + 1,
                       " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                       &entry->state, &parent, &group, &session, &start_time);
    if (found != 5) return false;
    entry->parent = parent;
    entry->group = group;
    entry->session = session;
    entry->start_time = start_time;
    return true;
}

bool read_process(pid_t pid, struct process_entry *entry)
{
    char text[STAT_SIZE];
    int file = open_process_file(pid, "stat");
    if (file < 0) return false;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0) return false;
    text[size] = '\0';
    *entry = (struct process_entry){.pid = pid};
    return parse_stat(text, entry);
}

bool is_alive(const struct process_entry *entry)
{
    return entry->state != 'Z' && entry->state != 'X';
}

static void add_entry(struct process_table *table, const struct process_entry *entry)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity > 0 ? table->capacity * 2 : FIRST_ENTRIES;
        table->entries = must_reallocate(table->entries, table->capacity * sizeof *table->entries);
    }
    table->entries[table->count++] = *entry;
}

static int compare_pids(const void *left, const void *right)
{
    const struct process_entry *a = left;
    const struct process_entry *b = right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

void read_process_table(struct process_table *table)
{
    table->count = 0;
    DIR *processes = opendir("/proc");
    if (processes == NULL) return;
    for (struct dirent *name = readdir(processes); name != NULL; name = readdir(processes)) {
        struct process_entry entry;
        if (!isdigit((unsigned char)name->d_name[0])) continue;
        if (read_process((pid_t)atoi(name->d_name), &entry) && is_alive(&entry)) add_entry(table, &entry);
    }
    closedir(processes);
    if (table->count > 0) qsort(table->entries, table->count, sizeof *table->entries, compare_pids);
}

const struct process_entry *find_process(const struct process_table *table, pid_t pid)
{
    const struct process_entry wanted = {.pid = pid};
    if (table->count == 0) return NULL;
    return bsearch(&wanted, table->entries, table->count, sizeof *table->entries, compare_pids);
}

void free_process_table(struct process_table *table)
{
    free(table->entries);
    *table = (struct process_table){0};
}

static bool is_same_process(const struct process_entry *entry)
{
    struct process_entry now;
    return read_process(entry->pid, &now) && is_alive(&now) && now.start_time == entry->start_time;
}

bool signal_process(const struct process_entry *entry, int signal)
{
    /* The descriptor pins the process, so that nobody else can have its pid between the look and the signal. */
    int process = (int)syscall(SYS_pidfd_open, entry->pid, 0);
    bool is_same = is_same_process(entry);
    bool sent = false;
    if (is_same && process >= 0) sent = syscall(SYS_pidfd_send_signal, process, signal, NULL, 0) == 0;
    /* Without pidfds, by a kernel before 5.3 or a seccomp profile, the look just now has to do. */
    if (is_same && !sent && (process < 0 || errno == ENOSYS)) sent = kill(entry->pid, signal) == 0;
    if (process >= 0) close(process);
    return sent;
}

char *read_process_file(pid_t pid, const char *name, size_t *size)
{
    int file = open_process_file(pid, name);
    if (file < 0) return NULL;
    size_t capacity = FIRST_FILE_SIZE;
    size_t length = 0;
    char *text = must_allocate(capacity);
    ssize_t got;
    while ((got = read(file, text + length, capacity - length - 1)) > 0) {
        length += (size_t)got;
        if (length < capacity - 1) continue;
        capacity *= 2;
        text = must_reallocate(text, capacity);
    }
    close(file);
    text[length] = '\0';
    *size = length;
    return text;
}
