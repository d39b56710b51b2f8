#define _GNU_SOURCE
#include "send-mode.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "http-exchange.h"
#include "http-request.h"
#include "loopback-socket.h"
#include "monotonic-clock.h"

struct source_file {
    int fd;
    uint64_t length;
};

static struct source_file open_source(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        perror(path);
        exit(1);
    }
    return (struct source_file){.fd = fd, .length = (uint64_t)status.st_size};
}

static uint64_t body_length(const struct send_options *options, struct source_file source)
{
    return strlen(options->before) + source.length * options->times + strlen(options->after);
}

static bool send_file(int socket_fd, struct source_file source)
{
    off_t offset = 0;
    while ((uint64_t)offset < source.length) {
        ssize_t sent = sendfile(socket_fd, source.fd, &offset, source.length - (uint64_t)offset);
        if (sent > 0) continue;
        if (sent == 0) errno = EIO; /* the file has become shorter */
        if (errno != EINTR) return false;
    }
    return true;
}

static bool send_body(int socket_fd, const struct send_options *options, struct source_file source)
{
    if (!send_all(socket_fd, options->before, strlen(options->before))) return false;
    for (size_t i = 0; i < options->times; i++) {
        if (!send_file(socket_fd, source)) return false;
    }
    return send_all(socket_fd, options->after, strlen(options->after));
}

int run_send_mode(const struct send_options *options)
{
    signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
    struct source_file source = open_source(options->file);
    uint64_t length = body_length(options, source);
    struct http_request head = build_request_head(options->method, options->path, options->content_type, length);
    struct http_exchange exchange;
    if (!open_exchange(&exchange, options->port, options->timeout_seconds)) {
        perror("file-client: connect");
        return 1;
    }

    double started_us = monotonic_us();
    bool is_sent = send_all(exchange.fd, head.bytes, head.length) && send_body(exchange.fd, options, source);
    /* A server may refuse before it has read everything, and then its answer tells more than the failed send. */
    if (!is_sent) perror("file-client: send");
    if (!receive_response(&exchange) || !is_sent) return 1;
    double seconds = (monotonic_us() - started_us) / 1e6;
    printf("{\"seconds\":%.6f,\"body_bytes\":%" PRIu64 "}\n", seconds, length);
    return 0;
}
