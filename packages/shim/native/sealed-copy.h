#ifndef SHIM_SEALED_COPY_H
#define SHIM_SEALED_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "failure.h"

/*
 * A program that is executed out of memory: read-only and noexec file systems do not matter to it, and nobody who can
 * see it in /proc can write to it, let alone to the file that it was read from.
 */
struct program_copy {
    unsigned char *bytes;
    size_t size;
    /* For memfd_create, here or in another process: what this kernel knows of MFD_ALLOW_SEALING and MFD_EXEC. */
    unsigned flags;
};

/* False with nothing left to free. */
bool read_program(struct program_copy *program, const char *path, struct failure *failure);
void free_program(struct program_copy *program);

/*
 * Fills the memory file that another process has open as `fd`, and seals it. It can be executed afterwards, by that
 * process or one that inherits it. Errno, EINVAL when what it has open is no empty memory file.
 */
int fill_and_seal(pid_t pid, int fd, const struct program_copy *program);

#endif
