#define _GNU_SOURCE
#include "http-exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "loopback-socket.h"

#define READ_BUFFER_BYTES (1024 * 1024)

bool open_exchange(struct http_exchange *exchange, int port, double timeout_seconds)
{
    exchange->fd = connect_loopback(port);
    return exchange->fd >= 0 && limit_waiting(exchange->fd, timeout_seconds);
}

static void on_body(void *context, const char *bytes, size_t length)
{
    struct http_exchange *exchange = context;
    size_t room = sizeof exchange->excerpt - 1;
    if (exchange->body_bytes < room) {
        size_t kept = (size_t)exchange->body_bytes;
        size_t taken = length < room - kept ? length : room - kept;
        memcpy(exchange->excerpt + kept, bytes, taken);
        exchange->excerpt[kept + taken] = '\0';
    }
    exchange->body_bytes += length;
}

static bool complain(const char *reason)
{
    fprintf(stderr, "file-client: %s\n", reason);
    return false;
}

static bool has_succeeded(const struct http_exchange *exchange)
{
    int status = exchange->response.status;
    if (status >= 200 && status < 300) return true;
    fprintf(stderr, "file-client: status %d: %s\n", status, exchange->excerpt);
    return false;
}

bool receive_response(struct http_exchange *exchange)
{
    static char buffer[READ_BUFFER_BYTES]; /* one for all: it stays in the processor's cache */
    exchange->body_bytes = 0;
    exchange->excerpt[0] = '\0';
    response_begin(&exchange->response, on_body, exchange);
    while (exchange->response.stage != STAGE_COMPLETE) {
        ssize_t got = recv(exchange->fd, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return complain(errno == EAGAIN ? "timed out" : strerror(errno));
        if (got == 0) return complain("connection closed before the end of the response");
        response_feed(&exchange->response, buffer, (size_t)got);
        if (exchange->response.stage == STAGE_MALFORMED) return complain("malformed HTTP response");
    }
    return has_succeeded(exchange);
}
