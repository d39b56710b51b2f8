#include <signal.h>
#include <stdlib.h>

#include "frame-writer.h"
#include "memory.h"
#include "process-tree.h"
#include "server.h"
#include "tree-kill.h"

enum {
    /* A tree may grow while it is looked for: a kill looks again until nobody is new, this often at the most. */
    SEARCH_ROUNDS = 16,
    SWEEP_LOOK_MS = 5,
    SURE_AFTER_LOOKS = 3,
    NANOSECONDS_PER_MS = 1000 * 1000,
};

static const uint64_t SWEEP_LIMIT_NS = 1000ull * NANOSECONDS_PER_MS;

/* A kill whose victims are not all gone yet. */
struct sweep {
    struct sweep *next;
    struct child *child;
    /* Whose answer it is; at the child's end nobody's. */
    uint32_t request;
    bool is_at_end;
    enum signal_scope scope;
    uint32_t killed;
    uint64_t deadline_ns;
    uint64_t next_look_ns;
    /* Looks in a row that found nobody, while no orphan ended. */
    int empty_looks;
    uint64_t orphans_reaped;
};

/* Stops every member that is not stopped yet; returns how many that were. */
static size_t stop_new_members(struct process_table *table, const struct child *child)
{
    read_process_table(table);
    mark_tree(table, child);
    size_t stopped = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct process_entry *entry = &table->entries[i];
        if (!entry->is_marked || entry->state == 'T') continue;
        stopped += signal_process(entry, SIGSTOP);
    }
    return stopped;
}

static uint32_t kill_marked(const struct process_table *table)
{
    uint32_t killed = 0;
    for (size_t i = 0; i < table->count; i++)
        if (table->entries[i].is_marked) killed += signal_process(&table->entries[i], SIGKILL);
    return killed;
}

/* How many processes it killed. A stopped process neither forks nor leaves its group nor loses its parent. */
static uint32_t kill_tree(const struct child *child)
{
    struct process_table table = {0};
    for (int round = 0; round < SEARCH_ROUNDS; round++)
        if (stop_new_members(&table, child) == 0) break;
    uint32_t killed = kill_marked(&table);
    free_process_table(&table);
    return killed;
}

static size_t count_members(const struct child *child, enum signal_scope scope)
{
    struct process_table table = {0};
    read_process_table(&table);
    size_t left = scope == SCOPE_GROUP ? mark_group(&table, child) : mark_tree(&table, child);
    free_process_table(&table);
    return left;
}

/* A signal to a group reaches those too that are being forked. */
static uint32_t kill_group(const struct child *child)
{
    uint32_t members = (uint32_t)count_members(child, SCOPE_GROUP);
    if (members > 0) kill(-child->pid, SIGKILL);
    return members;
}

static uint32_t kill_members(const struct child *child, enum signal_scope scope)
{
    return scope == SCOPE_GROUP ? kill_group(child) : kill_tree(child);
}

static struct sweep *start_sweep(struct child *child, enum signal_scope scope)
{
    struct server *server = child->server;
    struct sweep *sweep = must_allocate(sizeof *sweep);
    uint64_t now = monotonic_ns();
    *sweep = (struct sweep){
        .next = server->sweeps,
        .child = child,
        .scope = scope,
        .killed = kill_members(child, scope),
        .deadline_ns = now + SWEEP_LIMIT_NS,
        .next_look_ns = now,
    };
    server->sweeps = sweep;
    return sweep;
}

void sweep_tree(struct child *child, uint32_t request)
{
    start_sweep(child, SCOPE_TREE)->request = request;
}

void sweep_at_end(struct child *child, enum signal_scope scope)
{
    struct sweep *sweep = start_sweep(child, scope);
    sweep->is_at_end = true;
    child->killed_at_end = sweep->killed;
    child->is_sweeping_at_end = true;
}

static void tell(const struct sweep *sweep, size_t left)
{
    struct connection *daemon = sweep->child->server->daemon;
    if (sweep->is_at_end) {
        sweep->child->is_sweeping_at_end = false;
        send_soon(sweep->child);
        return;
    }
    if (daemon == NULL) return;
    size_t begin = begin_frame(&daemon->outgoing, REPLY_SWEPT);
    write_u32(&daemon->outgoing, sweep->child->id);
    write_u32(&daemon->outgoing, sweep->request);
    write_u32(&daemon->outgoing, sweep->killed);
    write_u32(&daemon->outgoing, (uint32_t)left);
    end_frame(&daemon->outgoing, begin);
}

/*
 * Whether it is certain that nobody is left. A process that starts its successor and ends can slip past one look; it leaves
 * an orphan behind that is reaped.
 */
static bool is_gone(struct sweep *sweep, size_t left)
{
    uint64_t reaped = sweep->child->server->orphans_reaped;
    bool is_quiet = left == 0 && sweep->orphans_reaped == reaped;
    sweep->empty_looks = is_quiet ? sweep->empty_looks + 1 : 0;
    sweep->orphans_reaped = reaped;
    return sweep->empty_looks >= SURE_AFTER_LOOKS;
}

/* True when the sweep is over. */
static bool look(struct sweep *sweep, uint64_t now)
{
    if (now < sweep->next_look_ns) return false;
    size_t left = count_members(sweep->child, sweep->scope);
    if (!is_gone(sweep, left) && now < sweep->deadline_ns) {
        /* Counted once: most of these are dying already. */
        kill_members(sweep->child, sweep->scope);
        sweep->next_look_ns = now + SWEEP_LOOK_MS * NANOSECONDS_PER_MS;
        return false;
    }
    tell(sweep, left);
    return true;
}

int go_on_sweeping(struct server *server)
{
    uint64_t now = monotonic_ns();
    for (struct sweep **link = &server->sweeps; *link != NULL;) {
        struct sweep *sweep = *link;
        if (look(sweep, now)) {
            *link = sweep->next;
            free(sweep);
        } else {
            link = &sweep->next;
        }
    }
    return server->sweeps != NULL ? SWEEP_LOOK_MS : -1;
}

void forget_sweeps(struct child *child)
{
    for (struct sweep **link = &child->server->sweeps; *link != NULL;) {
        struct sweep *sweep = *link;
        if (sweep->child == child) {
            tell(sweep, count_members(child, sweep->scope));
            *link = sweep->next;
            free(sweep);
        } else {
            link = &sweep->next;
        }
    }
}
