#ifndef BENCH_LATENCY_MODE_H
#define BENCH_LATENCY_MODE_H

#include <stddef.h>

#include "http-request.h"

struct latency_options {
    int port;
    size_t requests;
    size_t connections;
    double max_seconds;     /* no new request is sent after this */
    double timeout_seconds; /* requests still open after this are errors */
};

/* Sends the request `requests` times over `connections` keep-alive connections, one at a time on each,
   and prints the measurements as one JSON line. Returns the exit status: 1 when it could not measure. */
int run_latency_mode(const struct http_request *request, const struct latency_options *options);

#endif
