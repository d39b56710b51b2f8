#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handover.h"
#include "memory.h"
#include "modes.h"
#include "numeric-argument.h"
#include "orphaned-pipe.h"
#include "reaper.h"
#include "release.h"
#include "server.h"
#include "tree-kill.h"

enum {
    DEFAULT_IDLE_SECONDS = 60,
    LONGEST_IDLE_SECONDS = 1000 * 1000,
    NANOSECONDS_PER_MS = 1000 * 1000,
};

struct serve_options {
    int socket_fd;
    int token_fd;
    const char *listen_address;
    long idle_seconds;
};

struct garbage {
    struct garbage *next;
    void *memory;
};

void free_later(struct server *server, void *memory)
{
    struct garbage *garbage = must_allocate(sizeof *garbage);
    *garbage = (struct garbage){.next = server->garbage, .memory = memory};
    server->garbage = garbage;
}

static void collect_garbage(struct server *server)
{
    while (server->garbage != NULL) {
        struct garbage *garbage = server->garbage;
        server->garbage = garbage->next;
        free(garbage->memory);
        free(garbage);
    }
}

static bool parse_descriptor(const char *text, int *fd)
{
    long number;
    if (!parse_number(text, 0, 1 << 20, &number) || fcntl((int)number, F_GETFD) < 0) return false;
    *fd = (int)number;
    return true;
}

static bool parse_options(int argc, char **argv, struct serve_options *options)
{
    static const struct option known[] = {
        {"fd", required_argument, NULL, 'f'},
        {"listen", required_argument, NULL, 'l'},
        {"token-fd", required_argument, NULL, 't'},
        {"idle-seconds", required_argument, NULL, 'i'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct serve_options){.socket_fd = -1, .token_fd = -1, .idle_seconds = DEFAULT_IDLE_SECONDS};
    bool valid = true;
    int found;
    while ((found = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (found == 'f') valid = valid && parse_descriptor(optarg, &options->socket_fd);
        if (found == 't') valid = valid && parse_descriptor(optarg, &options->token_fd);
        if (found == 'i') valid = valid && parse_number(optarg, 0, LONGEST_IDLE_SECONDS, &options->idle_seconds);
        if (found == 'l') options->listen_address = optarg;
        if (found == '?') valid = false;
    }
    bool has_token = options->socket_fd >= 0 || (options->listen_address != NULL && options->token_fd >= 0);
    return valid && optind == argc && has_token;
}

/* Signals are for the children, not for who keeps them: nothing but SIGKILL ends the shim. */
static void settle_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    /* What is ignored stays ignored across exec. By system call: the C library keeps some signals to itself. */
    const struct {
        unsigned long handler, flags, restorer, mask;
    } defaults = {0};
    for (int signal_number = 1; signal_number <= HIGHEST_SIGNAL; signal_number++)
        syscall(SYS_rt_sigaction, signal_number, &defaults, NULL, sizeof defaults.mask);
}

/* Three descriptors for every child, whatever the shim was started with, and none of ours. */
static void settle_descriptors(void)
{
    int null_fd;
    do null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (null_fd >= 0 && null_fd <= STDERR_FILENO);
    if (null_fd < 0) fatal("/dev/null");
    close(null_fd);
    DIR *descriptors = opendir("/proc/self/fd");
    if (descriptors == NULL) return;
    for (struct dirent *name = readdir(descriptors); name != NULL; name = readdir(descriptors)) {
        int fd = atoi(name->d_name);
        if (fd > STDERR_FILENO) fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    closedir(descriptors);
}

/* Each child takes up to three descriptors of ours. */
static void raise_open_files(struct server *server)
{
    if (getrlimit(RLIMIT_NOFILE, &server->open_files) != 0) fatal("RLIMIT_NOFILE");
    struct rlimit raised = server->open_files;
    raised.rlim_cur = raised.rlim_max;
    setrlimit(RLIMIT_NOFILE, &raised);
    if (getrlimit(RLIMIT_SIGPENDING, &server->pending_signals) != 0) fatal("RLIMIT_SIGPENDING");
}

static void read_token(struct server *server, int fd)
{
    size_t size = 0;
    while (size < TOKEN_SIZE) {
        ssize_t got = read(fd, server->token + size, TOKEN_SIZE - size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) fatal("the token is incomplete");
        size += (size_t)got;
    }
    close(fd);
    server->has_token = true;
}

static void set_up(struct server *server, const struct serve_options *options)
{
    settle_signals();
    settle_descriptors();
    raise_open_files(server);
    server->loop = loop_open();
    server->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (server->null_fd < 0) fatal("/dev/null");
    server->listener.fd = -1;
    server->idle_ns = (uint64_t)options->idle_seconds * 1000 * NANOSECONDS_PER_MS;
    start_reaping(server);
    if (options->token_fd >= 0) read_token(server, options->token_fd);
    if (options->listen_address != NULL && start_listening(server, options->listen_address) != 0)
        fatal(options->listen_address);
    if (options->socket_fd >= 0) server->candidate = connection_accept(server, options->socket_fd);
}

/* Ms until the shim ends for want of work, -1 for never, 0 for now. */
static int time_to_idle_end(struct server *server)
{
    if (server->children.running > 0) {
        server->idle_since_ns = 0;
        return -1;
    }
    bool can_be_found = server->listener.fd >= 0 || server->daemon != NULL || server->candidate != NULL;
    if (server->is_leaving || !can_be_found) return 0;
    bool is_needed = server->daemon != NULL || server->idle_ns == 0;
    uint64_t now = monotonic_ns();
    if (is_needed) server->idle_since_ns = 0;
    if (is_needed) return -1;
    if (server->idle_since_ns == 0) server->idle_since_ns = now;
    uint64_t end = server->idle_since_ns + server->idle_ns;
    return end > now ? (int)((end - now) / NANOSECONDS_PER_MS) + 1 : 0;
}

static int sooner(int one_ms, int other_ms)
{
    if (one_ms < 0) return other_ms;
    return other_ms >= 0 && other_ms < one_ms ? other_ms : one_ms;
}

static void serve(struct server *server)
{
    for (;;) {
        int sweep_ms = go_on_sweeping(server);
        if (server->daemon != NULL) connection_flush(server->daemon);
        collect_garbage(server);
        int idle_ms = time_to_idle_end(server);
        if (idle_ms == 0) return;
        loop_turn(server->loop, sooner(sweep_ms, idle_ms));
    }
}

static void free_one(struct child *child, void *context)
{
    (void)context;
    free_child(child);
}

static void tear_down(struct server *server, const char *listen_address)
{
    if (listen_address != NULL && listen_address[0] != '@') unlink(listen_address);
    for_each_child(&server->children, free_one, NULL);
    drop_pipes(server);
    if (server->daemon != NULL) connection_end(server->daemon);
    if (server->candidate != NULL) connection_end(server->candidate);
    collect_garbage(server);
    free(server);
}

int serve_mode(int argc, char **argv)
{
    struct serve_options options;
    if (!parse_options(argc, argv, &options)) {
        fputs("usage: shim serve [--fd N] [--listen PATH|@NAME] [--token-fd N] [--idle-seconds S]\n"
              "\n"
              "  --fd N            the connected socket of the first daemon, which decides on the token\n"
              "  --listen PATH     where later daemons connect; @NAME for an abstract socket\n"
              "  --token-fd N      where the 32 bytes of the token are read from; needed without --fd\n"
              "  --idle-seconds S  ends when nothing ran and nobody was connected for so long, default 60, 0 for never\n",
              stderr);
        return EXIT_USAGE;
    }
    struct server *server = must_allocate(sizeof *server);
    set_up(server, &options);
    serve(server);
    tear_down(server, options.listen_address);
    return 0;
}
