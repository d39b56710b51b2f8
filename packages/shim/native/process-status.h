#ifndef SHIM_PROCESS_STATUS_H
#define SHIM_PROCESS_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Capabilities by number (capabilities(7)). */
enum {
    CAPABILITY_SYS_CHROOT = 18,
    CAPABILITY_SYS_ADMIN = 21,
};

enum {
    /* Programs have 15 bytes; the kernel's own threads may have more. */
    PROCESS_NAME_SIZE = 64,
    UNKNOWN_COUNT = -1,
};

/* What /proc/PID/status and /proc/PID/stat show of a process (proc(5)). */
struct process_status {
    pid_t pid;
    /* Any bytes but NUL. */
    char name[PROCESS_NAME_SIZE];
    char state;
    /* Clock ticks after boot. */
    uint64_t start_time;
    /* 0 for nobody. */
    pid_t tracer;
    /* Effective ones. */
    uid_t uid;
    gid_t gid;
    uint64_t capabilities;
    mode_t umask;
    /* Waiting for this very thread; bit 0 is signal 1. */
    uint64_t pending_signals;
    bool no_new_privileges;
    /* 0 none, 1 strict, 2 filters. */
    int seccomp_mode;
    /* UNKNOWN_COUNT before Linux 5.9. */
    int seccomp_filters;
    /* Kernel threads and zombies have none. */
    bool has_memory;
    uint64_t resident_bytes;
    /* The part of it that is neither a file's nor shared: what a fork copies the page tables of. */
    uint64_t anonymous_bytes;
};

/* False when there is no such process. */
bool read_process_status(pid_t pid, struct process_status *status);

bool has_capability(const struct process_status *status, int capability);

#endif
