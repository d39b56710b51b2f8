/* shim: the one native program of the agent. It does what a system call does; policy is in the daemons. */
#include <stdio.h>
#include <string.h>

#include "modes.h"

#ifndef SHIM_VERSION
#define SHIM_VERSION "unknown"
#endif

struct mode {
    const char *name;
    const char *arguments;
    const char *purpose;
    int (*run)(int argc, char **argv);
};

static const struct mode MODES[] = {
    {"serve", "[--listen SOCKET] [--fd N]", "start and watch children for a daemon (PROTOCOL.md)", serve_mode},
    {"init", "[-g] [-s] [--] COMMAND [ARGUMENT...]", "run a command as PID 1 of a container", init_mode},
    {"probe", "PID", "say as JSON what could be done to a process, without touching it", probe_mode},
    {"inject", "PID --listen SOCKET --token-fd N", "put a serve into another container", inject_mode},
    {"resident", "...", "what inject starts", resident_mode},
};

enum { MODE_COUNT = sizeof MODES / sizeof MODES[0] };

static void print_usage(FILE *stream)
{
    fputs("usage: shim MODE [ARGUMENT...]\n\n", stream);
    for (int i = 0; i < MODE_COUNT; i++)
        fprintf(stream, "  shim %s %s\n        %s\n", MODES[i].name, MODES[i].arguments, MODES[i].purpose);
    fputs("\n  --help     this text\n  --version  the version\n", stream);
}

int main(int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : "";
    if (strcmp(wanted, "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(wanted, "--version") == 0) {
        puts("shim " SHIM_VERSION);
        return 0;
    }
    for (int i = 0; i < MODE_COUNT; i++)
        if (strcmp(wanted, MODES[i].name) == 0) return MODES[i].run(argc - 1, argv + 1);
    if (argc > 1) fprintf(stderr, "shim: unknown mode: %s\n", wanted);
    print_usage(stderr);
    return EXIT_USAGE;
}
