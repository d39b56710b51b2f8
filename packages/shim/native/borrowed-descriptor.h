#ifndef SHIM_BORROWED_DESCRIPTOR_H
#define SHIM_BORROWED_DESCRIPTOR_H

#include <sys/types.h>

/*
 * What a process that we trace has open as `fd`, open for writing here, too. To be closed. -1 with errno when it cannot
 * be had: pidfd_getfd(2) needs Linux 5.6, /proc/PID/fd the rights to another user's files.
 */
int borrow_descriptor(pid_t pid, int fd);

#endif
