#ifndef BENCH_HTTP_REQUEST_H
#define BENCH_HTTP_REQUEST_H

#include <stddef.h>

/* The exact bytes of one HTTP/1.1 request, sent unchanged as often as needed. */
struct http_request {
    char *bytes;
    size_t length;
};

struct request_body {
    const char *bytes;
    size_t length;
};

/* These exit 1 with a message when memory or the file is not available; the result lives until exit. */
struct http_request build_request(const char *method, const char *path, struct request_body body);
struct request_body read_body_file(const char *file_path);

#endif
