#define _GNU_SOURCE
#include "loopback-socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static bool connect_without_delay(int fd, int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int enabled = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof enabled) != 0) return false;
    return connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
}

int connect_loopback(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (connect_without_delay(fd, port)) return fd;
    int connect_errno = errno;
    close(fd); /* the reason to report is the failed connect */
    errno = connect_errno;
    return -1;
}

bool limit_waiting(int fd, double seconds)
{
    struct timeval limit = {
        .tv_sec = (time_t)seconds,
        .tv_usec = (suseconds_t)(fmod(seconds, 1) * 1e6),
    };
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) return false;
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0;
}

bool send_all(int fd, const char *bytes, size_t length)
{
    size_t sent = 0;
    while (sent < length) {
        ssize_t written = send(fd, bytes + sent, length - sent, MSG_NOSIGNAL);
        if (written >= 0) {
            sent += (size_t)written;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}
