#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inject-options.h"
#include "numeric-argument.h"

enum { HIGHEST_DESCRIPTOR = 1 << 20 };

static const char USAGE[] =
    "usage: shim inject PID --listen PATH|@NAME --token-fd N [OPTION...] [-- ARGUMENT...]\n"
    "       shim inject PID --program FILE [OPTION...] [-- ARGUMENT...]\n"
    "\n"
    "Puts `shim serve` into the container of PID, where it listens and is as confined as PID. Prints one JSON object.\n"
    "\n"
    "  --listen PATH|@NAME           where the resident listens; inject waits for that\n"
    "  --token-fd N                  where the 32 bytes of the token are read from; the resident reads them from 3\n"
    "  --program FILE                another program, static, that gets the arguments\n"
    "  --donor auto|self             who is stopped for it: the process of the container that suits best, or PID;\n"
    "                                default auto\n"
    "  --method auto|fork|clone_vm   copy the memory of who is stopped, or share it; default auto: by its size\n"
    "  ARGUMENT...                   more arguments for serve or the program\n";

static bool read_token(const char *text, struct inject_options *options)
{
    long fd;
    size_t size = 0;
    if (!parse_number(text, 0, HIGHEST_DESCRIPTOR, &fd)) return false;
    while (size < TOKEN_BYTES) {
        ssize_t got = read((int)fd, options->token + size, TOKEN_BYTES - size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            fputs("shim: the token is incomplete\n", stderr);
            return false;
        }
        size += (size_t)got;
    }
    options->has_token = true;
    return true;
}

static bool parse_donor(const char *text, struct inject_options *options)
{
    options->target_is_donor = strcmp(text, "self") == 0;
    return options->target_is_donor || strcmp(text, "auto") == 0;
}

static bool parse_method(const char *text, struct inject_options *options)
{
    static const char *const NAMES[] = {[CHOOSE_METHOD] = "auto", [USE_FORK] = "fork", [USE_CLONE_VM] = "clone_vm"};
    for (enum method_choice method = CHOOSE_METHOD; method <= USE_CLONE_VM; method++) {
        if (strcmp(text, NAMES[method]) != 0) continue;
        options->method = method;
        return true;
    }
    return false;
}

static bool apply(int option, struct inject_options *options)
{
    switch (option) {
    case 'l':
        options->listen_address = optarg;
        return optarg[0] != '\0';
    case 't':
        return read_token(optarg, options);
    case 'p':
        options->program = optarg;
        return true;
    case 'd':
        return parse_donor(optarg, options);
    case 'm':
        return parse_method(optarg, options);
    default:
        return false;
    }
}

static bool parse(int argc, char **argv, struct inject_options *options)
{
    static const struct option known[] = {
        {"listen", required_argument, NULL, 'l'}, {"token-fd", required_argument, NULL, 't'},
        {"program", required_argument, NULL, 'p'}, {"donor", required_argument, NULL, 'd'},
        {"method", required_argument, NULL, 'm'}, {NULL, 0, NULL, 0},
    };
    long pid;
    if (argc < 2 || !parse_number(argv[1], 1, HIGHEST_PID, &pid)) return false;
    *options = (struct inject_options){.target = (pid_t)pid};
    /* The pid takes the place of the name of a program. */
    argc--;
    argv++;
    int option;
    while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1)
        if (!apply(option, options)) return false;
    bool has_separator = strcmp(argv[optind - 1], "--") == 0;
    options->rest = argv + optind;
    if (optind < argc && !has_separator) return false;
    return options->program != NULL || (options->listen_address != NULL && options->has_token);
}

bool parse_inject_options(int argc, char **argv, struct inject_options *options)
{
    if (parse(argc, argv, options)) return true;
    fputs(USAGE, stderr);
    return false;
}
