#ifndef SHIM_PROCESS_ENVIRONMENT_H
#define SHIM_PROCESS_ENVIRONMENT_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The environment that a process was started with, strings that end with NUL, and a NUL behind the last one. What the
 * process has written there since counts. To be freed. NULL with errno when it cannot be read; allowed to who may trace
 * the process.
 */
char *read_environment(pid_t pid, size_t *size);

#endif
