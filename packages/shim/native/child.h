#ifndef SHIM_CHILD_H
#define SHIM_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "byte-buffer.h"
#include "event-loop.h"
#include "output-log.h"
#include "protocol.h"

struct server;

enum child_state {
    CHILD_RUNNING,
    /* The leader has ended; output that was readable then is still on its way to the log. */
    CHILD_DRAINING,
    /* Everything is in the log. */
    CHILD_ENDED,
};

/* One of the child's output pipes. */
struct child_output {
    struct watch watch;
    struct child *child;
    enum output_stream stream;
    /* How much is still to be read after the leader's end, bytes. */
    size_t left;
};

/* What the daemon wrote for the child's stdin. */
struct child_input {
    struct watch watch;
    struct byte_buffer pending;
    /* How many of these bytes come from an earlier daemon: nobody is told of their delivery. */
    size_t inherited;
    bool closing;
};

/* One process that the daemon asked for, until it is released. */
struct child {
    struct server *server;
    uint32_t id;
    pid_t pid;
    /* Nothing that came from the child is older, clock ticks after boot as in /proc/PID/stat. */
    uint64_t earliest_start;
    uint64_t started_ns;
    enum child_state state;
    uint32_t kill_at_end;
    /* The value of OPENSANDBOX_EXEC_ID; NULL for none. */
    char *cookie;
    /* The soft RLIMIT_SIGPENDING of everything that comes from the child; 0 for none. */
    uint64_t tag;
    uint8_t *label;
    size_t label_size;

    struct child_output outputs[STREAM_COUNT];
    struct child_input input;
    struct output_log log;
    /* Output that was read and not credited yet, bytes. */
    size_t open_credit;
    bool paused;

    int wait_status;
    struct rusage usage;
    uint64_t wall_ns;
    uint32_t killed_at_end;
    /* What is left at the end is being killed: the ending is told when it is gone. */
    bool is_sweeping_at_end;
    bool exit_reported;
    bool released;

    /* The leader was reaped: its pid may belong to somebody else. */
    bool is_reaped;
    /* It does: what bears its number as group or session came from that one. */
    bool is_pid_reused;
    /* Index of its tag; 0 for none. */
    uint32_t tag_index;
    struct child *next_with_id;
    struct child *next_with_pid;
    /* In the list of those that have something to send. */
    bool is_sending;
    struct child *next_sending;
};

/* The children by id and by pid. All zero is an empty table. */
enum { CHILD_BUCKETS = 1024 };

struct child_table {
    struct child *by_id[CHILD_BUCKETS];
    struct child *by_pid[CHILD_BUCKETS];
    size_t count;
    /* Leaders that have not ended. */
    size_t running;
};

/* What tells the executions apart: the n-th has a soft RLIMIT_SIGPENDING that is lower by n. */
enum { TAGS = 4096 };

struct child *find_child(const struct child_table *table, uint32_t id);
/* The child whose leader has that pid and has not been reaped. */
struct child *find_leader(const struct child_table *table, pid_t pid);

void add_child(struct child_table *table, struct child *child);
/* The leader was reaped. */
void forget_leader(struct child_table *table, struct child *child);
/* Its id is free. */
void forget_id(struct child_table *table, struct child *child);
/* Behind forget_leader and forget_id: nothing in the table refers to the child any more. */
void remove_child(struct child_table *table, struct child *child);

/* Calls back for each child; the callback may remove that one. */
void for_each_child(struct child_table *table, void (*visit)(struct child *child, void *context), void *context);

#endif
