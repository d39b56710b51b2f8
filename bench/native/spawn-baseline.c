/* The cheapest way this machine can run a program and collect its output: vfork + exec, two pipes, waitpid. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monotonic-clock.h"
#include "numeric-option.h"
#include "percentile.h"

static const char USAGE[] =
    "usage: spawn-baseline [--rounds N] [--ballast-mb MB] [--] COMMAND [ARGUMENT...]\n"
    "\n"
    "Runs COMMAND N times, one after the other: vfork + exec with pipes for stdout and stderr, read both\n"
    "to their end, waitpid. Prints one JSON line: rounds, failures (exit status other than 0), p50_us,\n"
    "p95_us, p99_us, per_second.\n"
    "\n"
    "  --rounds N        runs, default 300\n"
    "  --ballast-mb MB   touched anonymous memory held meanwhile, default 0\n";

struct options {
    size_t rounds;
    size_t ballast_mb;
    char **command;
};

struct pipe_ends {
    int read_end;
    int write_end;
};

static void fail(const char *what)
{
    fprintf(stderr, "spawn-baseline: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void exit_with_usage(FILE *stream, int status)
{
    fputs(USAGE, stream);
    exit(status);
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"rounds", required_argument, NULL, 'r'},
        {"ballast-mb", required_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.rounds = 300};
    int found;
    while ((found = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        switch (found) {
        case 'r':
            options.rounds = (size_t)parse_integer("--rounds", optarg, 1, 10000000);
            break;
        case 'b':
            options.ballast_mb = (size_t)parse_integer("--ballast-mb", optarg, 0, 1000000);
            break;
        case 'h':
            exit_with_usage(stdout, 0);
            break;
        default:
            exit_with_usage(stderr, 2);
        }
    }
    options.command = argv + optind;
    if (options.command[0] == NULL) exit_with_usage(stderr, 2);
    return options;
}

/* Small pages, each touched: what makes a plain fork() of a large process slow. */
static void hold_ballast(size_t megabytes)
{
    if (megabytes == 0) return;
    size_t length = megabytes << 20;
    char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    if (madvise(memory, length, MADV_NOHUGEPAGE) != 0 && errno != EINVAL) fail("madvise");
    for (size_t offset = 0; offset < length; offset += 4096) memory[offset] = 1;
}

static struct pipe_ends open_pipe(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
    return (struct pipe_ends){.read_end = ends[0], .write_end = ends[1]};
}

static void close_checked(int fd)
{
    if (close(fd) != 0) fail("close");
}

/* The child runs on the parent's stack until exec: it may call nothing but async-signal-safe functions. */
static __attribute__((noinline)) pid_t spawn_child(char **command, int stdin_fd, int stdout_fd, int stderr_fd)
{
    pid_t pid = vfork();
    if (pid != 0) return pid;
    if (dup2(stdin_fd, STDIN_FILENO) < 0) _exit(126);
    if (dup2(stdout_fd, STDOUT_FILENO) < 0) _exit(126);
    if (dup2(stderr_fd, STDERR_FILENO) < 0) _exit(126);
    execvp(command[0], command);
    _exit(127);
}

/* True while the pipe may still deliver more. */
static bool discard_available(int fd)
{
    static char sink[65536];
    ssize_t got = read(fd, sink, sizeof sink);
    if (got < 0 && errno != EINTR) fail("read");
    return got != 0;
}

static void read_to_end(int stdout_fd, int stderr_fd)
{
    struct pollfd pipes[2] = {{.fd = stdout_fd, .events = POLLIN}, {.fd = stderr_fd, .events = POLLIN}};
    int open_pipes = 2;
    while (open_pipes > 0) {
        if (poll(pipes, 2, -1) < 0 && errno != EINTR) fail("poll");
        for (int i = 0; i < 2; i++) {
            if (pipes[i].fd < 0 || pipes[i].revents == 0) continue;
            if (discard_available(pipes[i].fd)) continue;
            pipes[i].fd = -1; /* poll skips negative descriptors */
            open_pipes--;
        }
    }
}

/* True when the command exited with status 0. */
static bool run_once(char **command, int null_fd)
{
    struct pipe_ends out = open_pipe();
    struct pipe_ends err = open_pipe();
    pid_t pid = spawn_child(command, null_fd, out.write_end, err.write_end);
    if (pid < 0) fail("vfork");
    close_checked(out.write_end);
    close_checked(err.write_end);
    read_to_end(out.read_end, err.read_end);
    close_checked(out.read_end);
    close_checked(err.read_end);

    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) fail("waitpid");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    hold_ballast(options.ballast_mb);
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0) fail("/dev/null");
    double *elapsed_us = malloc(options.rounds * sizeof *elapsed_us);
    if (elapsed_us == NULL) fail("malloc");

    size_t failures = 0;
    double started_us = monotonic_us();
    for (size_t round = 0; round < options.rounds; round++) {
        double round_started_us = monotonic_us();
        if (!run_once(options.command, null_fd)) failures++;
        elapsed_us[round] = monotonic_us() - round_started_us;
    }
    double total_us = monotonic_us() - started_us;

    printf("{\"rounds\":%zu,\"failures\":%zu,\"p50_us\":%.1f,\"p95_us\":%.1f,\"p99_us\":%.1f,\"per_second\":%.1f}\n",
           options.rounds, failures, percentile(elapsed_us, options.rounds, 0.50),
           percentile(elapsed_us, options.rounds, 0.95), percentile(elapsed_us, options.rounds, 0.99),
           (double)options.rounds / total_us * 1e6);
    free(elapsed_us);
    return 0;
}
