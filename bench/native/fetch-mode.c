#define _GNU_SOURCE
#include "fetch-mode.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http-exchange.h"
#include "http-request.h"
#include "loopback-socket.h"
#include "monotonic-clock.h"

struct request_list {
    struct http_request *requests;
    size_t count;
    size_t capacity;
};

static void exit_with_errno(const char *what)
{
    perror(what);
    exit(1);
}

static void append_request(struct request_list *list, const char *path)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 1 : list->capacity * 2;
        list->requests = realloc(list->requests, list->capacity * sizeof *list->requests);
        if (list->requests == NULL) exit_with_errno("file-client: requests");
    }
    list->requests[list->count++] = build_get_request(path);
}

static void append_listed_paths(struct request_list *list, const char *paths_file)
{
    FILE *file = fopen(paths_file, "r");
    if (file == NULL) exit_with_errno(paths_file);
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        append_request(list, line);
    }
    if (ferror(file)) exit_with_errno(paths_file);
    free(line);
    fclose(file); /* was only read */
}

/* All requests exist before the clock starts. */
static struct request_list build_requests(const struct fetch_options *options)
{
    struct request_list list = {0};
    if (options->paths_file != NULL) {
        append_listed_paths(&list, options->paths_file);
    } else {
        append_request(&list, options->path);
    }
    return list;
}

static bool has_expected_length(const struct http_exchange *exchange, int64_t expected)
{
    if (expected < 0 || exchange->body_bytes == (uint64_t)expected) return true;
    fprintf(stderr, "file-client: a body of %" PRIu64 " bytes, expected %" PRId64 "\n", exchange->body_bytes,
            expected);
    return false;
}

static bool fetch(struct http_exchange *exchange, const struct http_request *request, int64_t expected_bytes)
{
    if (!send_all(exchange->fd, request->bytes, request->length)) {
        perror("file-client: send");
        return false;
    }
    return receive_response(exchange) && has_expected_length(exchange, expected_bytes);
}

int run_fetch_mode(const struct fetch_options *options)
{
    struct request_list list = build_requests(options);
    struct http_exchange exchange;
    if (!open_exchange(&exchange, options->port, options->timeout_seconds)) {
        perror("file-client: connect");
        return 1;
    }
    uint64_t body_bytes = 0;
    double started_us = monotonic_us();
    for (size_t i = 0; i < list.count; i++) {
        if (!fetch(&exchange, &list.requests[i], options->body_bytes)) return 1;
        body_bytes += exchange.body_bytes;
    }
    double seconds = (monotonic_us() - started_us) / 1e6;
    printf("{\"seconds\":%.6f,\"requests\":%zu,\"body_bytes\":%" PRIu64 "}\n", seconds, list.count, body_bytes);
    return 0;
}
