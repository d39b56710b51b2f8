/*
 * resident: what a program that was injected does first. Started as a copy of somebody else, it becomes a process of its
 * own; then it is a mode of this program, or another program.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "modes.h"
#include "numeric-argument.h"
#include "process-status.h"
#include "resident.h"

/* Newer than some C libraries. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

struct resident_options {
    const char *directory;
    long mask;
    /* Flags for memfd_create when another program is to come, -1 otherwise. */
    long program_flags;
};

/* The injector takes the exit status for the reason. */
static _Noreturn void give_up(void)
{
    _exit(errno > 0 && errno < 256 ? errno : EIO);
}

/* Whatever the process had that it is a copy of. Kernels before 5.9 and old seccomp profiles lack the call. */
static void close_inherited(void)
{
    const unsigned first = STDERR_FILENO + 1;
    if (syscall(SYS_close_range, first, ~0u, 0) == 0) return;
    DIR *descriptors = opendir("/proc/self/fd");
    if (descriptors == NULL) give_up();
    for (struct dirent *entry = readdir(descriptors); entry != NULL; entry = readdir(descriptors)) {
        int fd = atoi(entry->d_name);
        if (fd > STDERR_FILENO && fd != dirfd(descriptors)) close(fd);
    }
    closedir(descriptors);
}

static void open_descriptors(const struct resident_options *options)
{
    close_inherited();
    int null_fd = open("/dev/null", O_RDWR);
    if (null_fd < 0) give_up();
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (null_fd != fd && dup2(null_fd, fd) < 0) give_up();
    if (null_fd > STDERR_FILENO) close(null_fd);
    int ends[2];
    if (pipe(ends) != 0) give_up();
    if (ends[0] != RESIDENT_TOKEN_FD || ends[1] != RESIDENT_TOKEN_WRITE_FD) give_up();
    if (options->program_flags < 0) return;
    if (memfd_create("program", (unsigned)options->program_flags) != RESIDENT_PROGRAM_FD) give_up();
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become_own_process(const struct resident_options *options)
{
    setsid();
    umask((mode_t)options->mask);
    /* The directory may be gone; where it was started is as good as any then. */
    if (options->directory != NULL && chdir(options->directory) != 0 && chdir("/") != 0) give_up();
    prctl(PR_SET_NAME, "shim", 0, 0, 0);
    open_descriptors(options);
    reset_signals();
}

/* Only somebody who traces us sees this stop, and only our injector does. */
static void wait_for_injector(void)
{
    raise(SIGSTOP);
    close(RESIDENT_TOKEN_WRITE_FD);
}

static bool is_injected(void)
{
    struct process_status self;
    return read_process_status(getpid(), &self) && self.tracer != 0;
}

static bool parse_options(int argc, char **argv, struct resident_options *options)
{
    static const struct option known[] = {
        {"directory", required_argument, NULL, 'd'},
        {"umask", required_argument, NULL, 'u'},
        {"program", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct resident_options){.mask = 022, .program_flags = -1};
    bool valid = true;
    int found;
    while ((found = getopt_long(argc, argv, "+", known, NULL)) != -1) {
        if (found == 'd') options->directory = optarg;
        if (found == 'u') options->mask = strtol(optarg, NULL, 8);
        if (found == 'p') valid = valid && parse_number(optarg, 0, 0xffff, &options->program_flags);
        if (found == '?') valid = false;
    }
    return valid && optind < argc;
}

static int execute_program(char **argv)
{
    if (fcntl(RESIDENT_PROGRAM_FD, F_SETFD, FD_CLOEXEC) != 0) give_up();
    syscall(SYS_execveat, RESIDENT_PROGRAM_FD, "", argv, environ, AT_EMPTY_PATH);
    give_up();
}

int resident_mode(int argc, char **argv)
{
    struct resident_options options;
    if (!parse_options(argc, argv, &options) || !is_injected()) {
        fputs("usage: shim inject PID ...; it starts residents\n", stderr);
        return EXIT_USAGE;
    }
    char **rest = argv + optind;
    int count = argc - optind;
    become_own_process(&options);
    wait_for_injector();
    if (options.program_flags >= 0) return execute_program(rest);
    optind = 1;
    return serve_mode(count, rest);
}
