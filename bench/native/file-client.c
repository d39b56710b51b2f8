/* Moves files over HTTP/1.1 to or from one server on 127.0.0.1: command line only; each mode has its own file. */
#define _GNU_SOURCE
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch-mode.h"
#include "numeric-option.h"
#include "send-mode.h"

static const char USAGE[] =
    "usage: file-client fetch|send --port PORT [OPTION...]\n"
    "\n"
    "Both modes use one connection to 127.0.0.1:PORT, fail unless each response is a complete 2xx, and print one\n"
    "JSON line. Paths are sent as they are: percent-encode them.\n"
    "  --timeout-seconds S   give up after S without progress, default 120\n"
    "\n"
    "fetch: sends GETs one after the other and throws the bodies away.\n"
    "  --path PATH           ask for this\n"
    "  --paths-file FILE     or for each line of a file\n"
    "  --body-bytes N        fail unless each body has this length\n"
    "\n"
    "send: sends one request whose body is TEXT, a file, TEXT.\n"
    "  --path PATH           to this\n"
    "  --file FILE           the file\n"
    "  --times N             send the file N times over, default 1\n"
    "  --before TEXT         in front of the file, default empty\n"
    "  --after TEXT          behind the file, default empty\n"
    "  --method NAME         default POST\n"
    "  --content-type TYPE   default application/octet-stream\n";

struct options {
    struct fetch_options fetch;
    struct send_options send;
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
        options->fetch.port = options->send.port = (int)parse_integer("--port", value, 1, 65535);
        break;
    case 't':
        options->fetch.timeout_seconds = options->send.timeout_seconds = parse_seconds("--timeout-seconds", value);
        break;
    case 'u':
        options->fetch.path = options->send.path = value;
        break;
    case 'l':
        options->fetch.paths_file = value;
        break;
    case 'n':
        options->fetch.body_bytes = parse_integer("--body-bytes", value, 0, LONG_MAX);
        break;
    case 'f':
        options->send.file = value;
        break;
    case 'r':
        options->send.times = (size_t)parse_integer("--times", value, 1, 1000000);
        break;
    case 'b':
        options->send.before = value;
        break;
    case 'a':
        options->send.after = value;
        break;
    case 'm':
        options->send.method = value;
        break;
    case 'c':
        options->send.content_type = value;
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
        {"timeout-seconds", required_argument, NULL, 't'},
        {"path", required_argument, NULL, 'u'},
        {"paths-file", required_argument, NULL, 'l'},
        {"body-bytes", required_argument, NULL, 'n'},
        {"file", required_argument, NULL, 'f'},
        {"times", required_argument, NULL, 'r'},
        {"before", required_argument, NULL, 'b'},
        {"after", required_argument, NULL, 'a'},
        {"method", required_argument, NULL, 'm'},
        {"content-type", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {
        .fetch = {.body_bytes = -1, .timeout_seconds = 120},
        .send = {
            .method = "POST",
            .content_type = "application/octet-stream",
            .before = "",
            .times = 1,
            .after = "",
            .timeout_seconds = 120,
        },
    };
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) apply_option(&options, option, optarg);
    if (options.fetch.port == 0 || argc - optind != 1) exit_with_usage(stderr, 2);
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    const char *mode = argv[optind];
    if (strcmp(mode, "fetch") == 0) {
        if (options.fetch.path == NULL && options.fetch.paths_file == NULL) exit_with_usage(stderr, 2);
        return run_fetch_mode(&options.fetch);
    }
    if (strcmp(mode, "send") == 0) {
        if (options.send.path == NULL || options.send.file == NULL) exit_with_usage(stderr, 2);
        return run_send_mode(&options.send);
    }
    exit_with_usage(stderr, 2);
}
