#ifndef SHIM_REMOTE_CALL_H
#define SHIM_REMOTE_CALL_H

#include "remote-process.h"

/*
 * Has a stopped process make a system call. Returns errno when that could not be done: ESRCH when the process is gone,
 * ETIMEDOUT when the call did not return by itself; 0 when the call was made. `result` is what it returned, a negative
 * error number included. The process is stopped again behind it, or, when the call was an exec that worked, in the new
 * program, before its first instruction.
 */
int make_remote_call(struct remote_process *process, const struct remote_call *call, long *result);

/*
 * clone(2) without a signal at the child's end. The child is traced and stopped, with the same signals blocked, and dies
 * with the tracer. `number` is the pid that the parent knows it by.
 */
int make_remote_clone(struct remote_process *parent, unsigned long flags, struct remote_process *child, long *number);

/* Has the process end and waits for it. Its parent may reap it afterwards. Errno. */
int make_remote_exit(struct remote_process *process);

#endif
