#ifndef SHIM_REMOTE_MEMORY_H
#define SHIM_REMOTE_MEMORY_H

#include "remote-process.h"

/*
 * Opens the memory of a process that may be traced and finds an instruction in it that enters the kernel, in the vdso or
 * else in any code. Before the stop: neither needs it. False with nothing left open.
 */
bool open_memory(struct remote_process *process, struct failure *failure);
void close_memory(struct remote_process *process);

/* Of a stopped process: whether the instruction is still there. It is not when another program was executed meanwhile. */
bool confirm_call_address(const struct remote_process *process, struct failure *failure);

/* Writes all of it. Errno, EIO when only a part could be written. */
int write_memory(const struct remote_process *process, uint64_t address, const void *bytes, size_t size);

#endif
