#define _GNU_SOURCE
#include "http-request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

struct http_request build_request(const char *method, const char *path, struct request_body body)
{
    char *head = NULL;
    int head_length = asprintf(&head,
                               "%s %s HTTP/1.1\r\n"
                               "Host: 127.0.0.1\r\n"
                               "Content-Type: application/json\r\n"
                               "Content-Length: %zu\r\n"
                               "\r\n",
                               method, path, body.length);
    if (head_length < 0) fail("request head");
    size_t length = (size_t)head_length + body.length;
    char *bytes = realloc(head, length);
    if (bytes == NULL) fail("request");
    if (body.length > 0) memcpy(bytes + head_length, body.bytes, body.length);
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
