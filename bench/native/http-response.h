#ifndef BENCH_HTTP_RESPONSE_H
#define BENCH_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum response_stage {
    STAGE_STATUS_LINE,
    STAGE_HEADER,
    STAGE_FIXED_BODY,
    STAGE_CHUNK_SIZE,
    STAGE_CHUNK_BODY,
    STAGE_CHUNK_END,
    STAGE_TRAILER,
    STAGE_COMPLETE,
    STAGE_MALFORMED,
};

/* Receives the body without its framing, in order, in pieces of one byte or more. */
typedef void (*body_sink)(void *context, const char *bytes, size_t length);

/* Reads one HTTP/1.1 response (chunked or of fixed length) from bytes that arrive in any portions. */
struct http_response {
    enum response_stage stage;
    int status;
    bool is_chunked;
    bool closes_connection;
    uint64_t remaining;
    size_t line_length;
    char line[2048];
    body_sink sink;
    void *sink_context;
};

void response_begin(struct http_response *response, body_sink sink, void *sink_context);

/* Afterwards `stage` tells whether the response is complete, malformed or wants more bytes.
   Bytes behind a complete response make it malformed, since nothing was asked for ahead of time. */
void response_feed(struct http_response *response, const char *bytes, size_t length);

#endif
