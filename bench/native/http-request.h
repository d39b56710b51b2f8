#ifndef BENCH_HTTP_REQUEST_H
#define BENCH_HTTP_REQUEST_H

#include <stddef.h>
#include <stdint.h>

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
struct http_request build_get_request(const char *path);
struct http_request build_request(const char *method, const char *path, struct request_body body);
struct request_body read_body_file(const char *file_path);

/* What precedes a body of `content_length` bytes that is sent separately. */
struct http_request build_request_head(const char *method, const char *path, const char *content_type,
                                       uint64_t content_length);

#endif
