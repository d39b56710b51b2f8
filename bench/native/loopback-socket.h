#ifndef BENCH_LOOPBACK_SOCKET_H
#define BENCH_LOOPBACK_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

/* A connected TCP socket to 127.0.0.1 without Nagle's delay, or -1 with errno set. */
int connect_loopback(int port);

/* Lets a blocking send or receive fail with EAGAIN after so many seconds without progress; false with errno set. */
bool limit_waiting(int fd, double seconds);

/* Sends everything, waiting as long as it takes; false when the peer is gone. */
bool send_all(int fd, const char *bytes, size_t length);

#endif
