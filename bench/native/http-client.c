/* A precise HTTP/1.1 client for one server on 127.0.0.1: command line only, the two modes have their own files. */
#define _GNU_SOURCE
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http-request.h"
#include "latency-mode.h"
#include "numeric-option.h"
#include "stream-mode.h"

static const char USAGE[] =
    "usage: http-client latency|stream --port PORT [OPTION...]\n"
    "\n"
    "Both modes send one fixed request to 127.0.0.1:PORT and print one JSON line.\n"
    "  --method NAME         default POST\n"
    "  --path PATH           default /command\n"
    "  --body TEXT           request body, default empty\n"
    "  --body-file FILE      request body from a file\n"
    "  --max-seconds S       latency: send no more requests after S; stream: close after S\n"
    "  --timeout-seconds S   give up after S, default 120\n"
    "\n"
    "latency: time from sending a request to the first byte and to the end of its body. A request is an\n"
    "error unless it ends with status 200 and an execution_complete event.\n"
    "  --requests N          default 100\n"
    "  --connections C       keep-alive connections, one request at a time on each, default 1\n"
    "\n"
    "stream: reads one body as fast as possible and counts its stdout events.\n"
    "  --bytes-per-second B  read no faster than this\n";

struct options {
    int port;
    const char *method;
    const char *path;
    struct request_body body;
    size_t requests;
    size_t connections;
    long bytes_per_second;
    double max_seconds;
    double timeout_seconds;
};

static void exit_with_usage(FILE *stream, int status)
{
    fputs(USAGE, stream);
    exit(status);
}

static void apply_option(struct options *options, int option, const char *value)
{
    switch (option) {
    case 'p':
        options->port = (int)parse_integer("--port", value, 1, 65535);
        break;
    case 'm':
        options->method = value;
        break;
    case 'u':
        options->path = value;
        break;
    case 'b':
        options->body = (struct request_body){.bytes = value, .length = strlen(value)};
        break;
    case 'f':
        options->body = read_body_file(value);
        break;
    case 'n':
        options->requests = (size_t)parse_integer("--requests", value, 1, 100000000);
        break;
    case 'c':
        options->connections = (size_t)parse_integer("--connections", value, 1, 100000);
        break;
    case 'r':
        options->bytes_per_second = parse_integer("--bytes-per-second", value, 1, LONG_MAX);
        break;
    case 's':
        options->max_seconds = parse_seconds("--max-seconds", value);
        break;
    case 't':
        options->timeout_seconds = parse_seconds("--timeout-seconds", value);
        break;
    case 'h':
        exit_with_usage(stdout, 0);
        break;
    default:
        exit_with_usage(stderr, 2);
    }
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},
        {"method", required_argument, NULL, 'm'},
        {"path", required_argument, NULL, 'u'},
        {"body", required_argument, NULL, 'b'},
        {"body-file", required_argument, NULL, 'f'},
        {"requests", required_argument, NULL, 'n'},
        {"connections", required_argument, NULL, 'c'},
        {"bytes-per-second", required_argument, NULL, 'r'},
        {"max-seconds", required_argument, NULL, 's'},
        {"timeout-seconds", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {
        .method = "POST",
        .path = "/command",
        .requests = 100,
        .connections = 1,
        .max_seconds = 3600,
        .timeout_seconds = 120,
    };
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) apply_option(&options, option, optarg);
    if (options.port == 0 || argc - optind != 1) exit_with_usage(stderr, 2);
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    const char *mode = argv[optind];
    struct http_request request = build_request(options.method, options.path, options.body);
    if (strcmp(mode, "latency") == 0) {
        struct latency_options latency = {
            .port = options.port,
            .requests = options.requests,
            .connections = options.connections,
            .max_seconds = options.max_seconds,
            .timeout_seconds = options.timeout_seconds,
        };
        return run_latency_mode(&request, &latency);
    }
    if (strcmp(mode, "stream") == 0) {
        struct stream_options stream = {
            .port = options.port,
            .bytes_per_second = options.bytes_per_second,
            .max_seconds = options.max_seconds,
            .timeout_seconds = options.timeout_seconds,
        };
        return run_stream_mode(&request, &stream);
    }
    exit_with_usage(stderr, 2);
}
