#ifndef SHIM_MEMORY_H
#define SHIM_MEMORY_H

#include <stddef.h>

/*
 * Memory that the program cannot go on without. Each returns memory that the caller frees with free(); when there is
 * none, the program ends with a message: its children live on without it.
 */
void *must_allocate(size_t size);
void *must_reallocate(void *memory, size_t size);

/* Prints "shim: WHAT: REASON OF errno" and ends with status 1. */
_Noreturn void fatal(const char *what);

#endif
