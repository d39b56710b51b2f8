#ifndef SHIM_JOB_TERMINAL_H
#define SHIM_JOB_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The controlling terminal, as far as a process is concerned that runs one command in a process group of its own: who
 * reads from it and gets its Ctrl-C. All of it needs SIGTTOU blocked, does nothing without a terminal, and ignores a
 * terminal that went away.
 */
struct job_terminal {
    int fd;    /* One of the standard streams; -1 when none is the controlling terminal. */
    bool lent; /* The command's group is in the foreground in our place. */
};

/* For the caller that will start a command next: a terminal that it has in the foreground counts as lent from now on. */
struct job_terminal find_job_terminal(void);

/* For the command itself, once it has its group and before it reads: takes the foreground if it is lent. */
void enter_foreground(const struct job_terminal *terminal);

/* Puts the group into the foreground if the caller's own one is there. */
void lend_terminal(struct job_terminal *terminal, pid_t group);

/* Takes the foreground back for whoever started us: without it, a script's next read would fail. */
void reclaim_terminal(struct job_terminal *terminal);

/*
 * Tells the shell above that the command was stopped by `stop_signal`, by stopping as well; the shell then takes the
 * terminal. Returns when it sent SIGCONT, which stays pending for the caller to pass on. Where nobody could send one (we
 * are PID 1, or our group is orphaned) nothing stops here, and a command that Ctrl-Z stopped is continued, as the kernel
 * would not have stopped it without us above it.
 */
void suspend_with_command(struct job_terminal *terminal, pid_t group, int stop_signal);

#endif
