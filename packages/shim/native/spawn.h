#ifndef SHIM_SPAWN_H
#define SHIM_SPAWN_H

#include <sys/resource.h>
#include <sys/types.h>

#include "protocol.h"
#include "spawn-request.h"

/* What a child gets beside what was asked for. */
struct spawn_surroundings {
    int stdin_fd;
    int stdout_fd;
    int stderr_fd;
    /* What the shim was started with: it raises its own. */
    struct rlimit open_files;
    /* The limit by which the child and what comes from it can be told from others. */
    struct rlimit pending_signals;
};

/* The pid of a child that has become its program, or why there is none. */
struct spawn_result {
    pid_t pid;
    enum spawn_step failed_step;
    /* At STEP_LIMIT the resource. */
    int detail;
    int error;
};

/*
 * Starts a program by vfork(2) and execve(2): the caller stands still until the program is loaded, some 50 µs whatever the
 * size of the daemon is. Nothing is left behind by a start that failed.
 */
struct spawn_result spawn_child(const struct spawn_request *request, const struct spawn_surroundings *surroundings);

#endif
