#ifndef SHIM_RESTARTABLE_SEQUENCE_H
#define SHIM_RESTARTABLE_SEQUENCE_H

#include <stdbool.h>

#include "remote-process.h"

/*
 * Whether a process that was stopped in its own code is inside a restartable sequence (rseq(2)), which the kernel would
 * abort when the process goes on. False where kernels cannot tell, before Linux 5.13.
 */
bool is_in_restartable_sequence(const struct remote_process *process);

#endif
