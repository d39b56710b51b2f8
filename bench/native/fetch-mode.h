#ifndef BENCH_FETCH_MODE_H
#define BENCH_FETCH_MODE_H

#include <stdint.h>

struct fetch_options {
    int port;
    const char *path;        /* the one thing to ask for, unless there is a list */
    const char *paths_file;  /* a path per line */
    int64_t body_bytes;      /* what each body must have; -1: any length */
    double timeout_seconds;  /* without progress */
};

/* Sends a GET for each path, one after the other over one connection, throws the bodies away and prints one JSON
   line. Returns the exit status: 1 when any response was not as expected. */
int run_fetch_mode(const struct fetch_options *options);

#endif
