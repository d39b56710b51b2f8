#ifndef SHIM_RESTARTABLE_SEQUENCE_H
#define SHIM_RESTARTABLE_SEQUENCE_H

#include "remote-process.h"

/*
 * If a process that was stopped in its own code is inside a restartable sequence (rseq(2)), makes it continue where that
 * sequence is aborted, as the kernel does with whoever loses the processor in one. After a visit to other code, as a call
 * of ours is, the kernel would not know any more. Nothing happens where kernels do not tell, before Linux 5.13.
 */
void abort_restartable_sequence(struct remote_process *process);

#endif
