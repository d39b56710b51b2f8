#define _GNU_SOURCE
#include "http-request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

struct http_request build_get_request(const char *path)
{
    char *bytes = NULL;
    int length = asprintf(&bytes,
                          "GET %s HTTP/1.1\r\n"
                          "Host: 127.0.0.1\r\n"
                          "\r\n",
                          path);
    if (length < 0) fail("request");
    return (struct http_request){.bytes = bytes, .length = (size_t)length};
}

struct http_request build_request_head(const char *method, const char *path, const char *content_type,
                                       uint64_t content_length)
{
    char *head = NULL;
    int length = asprintf(&head,
                          "%s %s HTTP/1.1\r\n"
                          "Host: 127.0.0.1\r\n"
                          "Content-Type: %s\r\n"
                          "Content-Length: %" PRIu64 "\r\n"
                          "\r\n",
                          method, path, content_type, content_length);
    if (length < 0) fail("request head");
    return (struct http_request){.bytes = head, .length = (size_t)length};
}

struct http_request build_request(const char *method, const char *path, struct request_body body)
{
    struct http_request head = build_request_head(method, path, "application/json", body.length);
    size_t length = head.length + body.length;
    char *bytes = realloc(head.bytes, length);
    if (bytes == NULL) fail("request");
    if (body.length > 0) memcpy(bytes + head.length, body.bytes, body.length);
    return (struct http_request){.bytes = bytes, .length = length};
}

struct request_body read_body_file(const char *file_path)
{
    FILE *file = fopen(file_path, "rb");
    if (file == NULL) fail(file_path);
    char *bytes = NULL;
    size_t length = 0;
    size_t capacity = 0;
    while (!feof(file)) {
        if (length == capacity) {
            capacity = capacity == 0 ? 65536 : capacity * 2;
            bytes = realloc(bytes, capacity);
            if (bytes == NULL) fail("request body");
        }
        length += fread(bytes + length, 1, capacity - length, file);
        if (ferror(file)) fail(file_path);
    }
    if (fclose(file) != 0) fail(file_path);
    return (struct request_body){.bytes = bytes, .length = length};
}
