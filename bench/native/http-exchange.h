#ifndef BENCH_HTTP_EXCHANGE_H
#define BENCH_HTTP_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "http-response.h"

/* One response at a time on a blocking keep-alive connection. Only the body's length is kept, and the beginning of it
   for messages. */
struct http_exchange {
    int fd;
    struct http_response response;
    uint64_t body_bytes;
    char excerpt[200];
};

/* Connects to 127.0.0.1:PORT; false with errno set. */
bool open_exchange(struct http_exchange *exchange, int port, double timeout_seconds);

/* Reads the whole response. Otherwise, or when its status is not 2xx, says so on stderr and returns false. */
bool receive_response(struct http_exchange *exchange);

#endif
