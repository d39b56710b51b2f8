#ifndef SHIM_REMOTE_MEMORY_H
#define SHIM_REMOTE_MEMORY_H

#include "remote-process.h"

/*
 * Finds an instruction in the memory of a process that enters the kernel, in the vdso or else in any code. Before the
 * stop: that is not needed for it.
 */
bool find_call_address(struct remote_process *process, struct failure *failure);

/* Of a stopped process: whether the instruction is there still, or another program was executed meanwhile. */
bool confirm_call_address(const struct remote_process *process, struct failure *failure);

/* Whether the next instruction of a stopped process enters the kernel. */
bool stands_before_call(const struct remote_process *process);

/* All of it or, when not all of it is mapped, nothing that counts. Allowed to who may trace the process. */
bool read_memory(pid_t pid, uint64_t address, void *bytes, size_t size);
/* The same, with errno as the result. Only what the process itself may write to can be written. */
int write_memory(pid_t pid, uint64_t address, const void *bytes, size_t size);

#endif
