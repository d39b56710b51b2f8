#ifndef BENCH_STREAM_MODE_H
#define BENCH_STREAM_MODE_H

#include "http-request.h"

struct stream_options {
    int port;
    long bytes_per_second;  /* 0: as fast as possible */
    double max_seconds;     /* closes the connection after this, which is not an error */
    double timeout_seconds; /* gives up after this */
};

/* Sends the request once, reads its body to the end and prints the measurements as one JSON line.
   Returns the exit status: 1 when the response was not a complete 200 (unless closed by `max_seconds`). */
int run_stream_mode(const struct http_request *request, const struct stream_options *options);

#endif
