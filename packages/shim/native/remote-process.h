#ifndef SHIM_REMOTE_PROCESS_H
#define SHIM_REMOTE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "failure.h"
#include "ptrace-arch.h"

/* For wait_for_change: never gives up. */
#define NO_DEADLINE UINT64_MAX

/* A process that is being traced. Whoever traces has every signal blocked and SIGCHLD at its default. */
struct remote_process {
    pid_t pid;
    /* Where an instruction stands that enters the kernel. */
    uint64_t call_address;
    /* It waits for us in a ptrace stop. Otherwise it runs, and no request but an interrupt reaches it. */
    bool is_stopped;
    /* It has a life of its own, to which it goes back: what it does for us is seen through, however long it takes. */
    bool is_borrowed;
    /* As it was when it was first stopped. */
    struct registers registers;
    uint64_t signal_mask;
    /* Signals that reached it while it worked for us and have to be sent again; bit 0 is signal 1. */
    uint64_t held_signals;
};

/*
 * Attaches without stopping. False, and nothing has changed, when the system refuses or the process is not the one that
 * started at `start_time`.
 */
bool attach_process(struct remote_process *process, uint64_t start_time, struct failure *failure);

/*
 * Stops it and takes down its state. From here until release_process no signal but SIGKILL and SIGSTOP interferes, the
 * others wait; and if the tracer dies, the process is killed rather than let go with registers that are not its own.
 * False when it must not be stopped, and it was let go; or with ETIMEDOUT when it does not stop, and only the end of the
 * tracer lets it go, unchanged.
 */
bool stop_process(struct remote_process *process, struct failure *failure);

/*
 * Puts everything back as it was when it was stopped and lets it go: a call that was interrupted goes on, signals that
 * came in between arrive. Waits as long as it takes.
 */
void release_process(struct remote_process *process);

/*
 * Kills it and takes its end, so that nothing is left but what its parent has to reap. Without the right to send it
 * signals it dies with the tracer, as all copies do.
 */
void kill_process(struct remote_process *process);

/*
 * Lets it go on until the next stop, which may be its end. Request as for ptrace. Errno, ETIMEDOUT included. A borrowed
 * process is interrupted after that time and waited for until it stops.
 */
int resume_to_stop(struct remote_process *process, int request, int signal, int *status);

/* Waits until a traced process stops or ends. Errno, ETIMEDOUT included; ECHILD when there is no such process. */
int wait_for_change(pid_t pid, uint64_t deadline_ns, int *status);

/* Monotonic time at which a step has to be over. */
uint64_t step_deadline(void);

/* What a wait status says. */
bool is_call_stop(int status);
int stop_event(int status);
/* The signal that is about to be delivered; 0 when the stop has another reason. */
int delivered_signal(int status);

/* Keeps a signal for later when that is possible. Returns what has to be delivered at once. */
int hold_signal(struct remote_process *process, int signal);

#endif
