#ifndef BENCH_SEND_MODE_H
#define BENCH_SEND_MODE_H

#include <stddef.h>

struct send_options {
    int port;
    const char *method;
    const char *path;
    const char *content_type;
    const char *before;     /* the body begins with this text, */
    const char *file;       /* goes on with this file, */
    size_t times;           /* so many times over, */
    const char *after;      /* and ends with this text */
    double timeout_seconds; /* without progress */
};

/* Sends one request with sendfile(2), waits for the end of its response and prints one JSON line.
   Returns the exit status: 1 when the response was not a complete 2xx. */
int run_send_mode(const struct send_options *options);

#endif
