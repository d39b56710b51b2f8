#ifndef SHIM_LISTENING_SOCKET_H
#define SHIM_LISTENING_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether somebody listens on this Unix socket, @NAME for an abstract one, in the network namespace of this process. Found
 * out by looking, not by connecting. False when the process is gone.
 */
bool is_listening(pid_t pid, const char *address);

/* Whether the two processes are in the same network namespace, where abstract sockets have their names. */
bool shares_network(pid_t one, pid_t other);

#endif
