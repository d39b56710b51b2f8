#ifndef SHIM_PROCESS_TABLE_H
#define SHIM_PROCESS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One process as /proc/PID/stat shows it (proc(5)). */
struct process_entry {
    pid_t pid;
    pid_t parent;
    pid_t group;
    pid_t session;
    char state;
    /* Clock ticks after boot: with the pid it names a process for good. */
    uint64_t start_time;
    /* For whoever goes through a table. */
    bool is_marked;
};

struct process_table {
    struct process_entry *entries;
    size_t count;
    size_t capacity;
};

/* False when the process is gone. */
bool read_process(pid_t pid, struct process_entry *entry);

/* Whether it still runs: neither gone nor a zombie. */
bool is_alive(const struct process_entry *entry);

/* All processes that are alive, by pid. Reuses the table's memory. */
void read_process_table(struct process_table *table);
const struct process_entry *find_process(const struct process_table *table, pid_t pid);
void free_process_table(struct process_table *table);

/* Sends a signal to this very process, not to one that has its pid now. False when it is gone or may not be signalled. */
bool signal_process(const struct process_entry *entry, int signal);

/* The whole of a file in /proc, NUL-terminated; NULL when it cannot be read. To be freed. */
char *read_process_file(pid_t pid, const char *name, size_t *size);

#endif
