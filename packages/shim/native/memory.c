#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

void fatal(const char *what)
{
    fprintf(stderr, "shim: %s: %s\n", what, strerror(errno));
    exit(1);
}

void *must_allocate(size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);
    if (memory == NULL) fatal("out of memory");
    return memory;
}

void *must_reallocate(void *memory, size_t size)
{
    void *moved = realloc(memory, size > 0 ? size : 1);
    if (moved == NULL) fatal("out of memory");
    return moved;
}
