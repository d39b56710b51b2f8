/*
 * PID 1 of a container: starts one command, passes signals on to it, reaps every orphan, and ends with the command. All
 * signals stay blocked and are taken one by one, so there is no handler, nothing is lost between two looks, and while
 * nothing happens nothing runs. A fault of our own still ends us: the kernel forces it through a blocked mask.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job-terminal.h"
#include "modes.h"
#include "program-execution.h"

/* As env(1) and the shells have it. A command that a signal ended gives 128 and the signal's number. */
enum { EXIT_OWN_FAILURE = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127, EXIT_SIGNAL_BASE = 128 };

static const char USAGE[] =
    "usage: shim init [-g] [-s] [--] COMMAND [ARGUMENT...]\n"
    "\n"
    "Runs COMMAND, looked up in PATH, in a process group of its own and in the terminal's foreground if we were there.\n"
    "Signals are passed on to it, SIGTSTP and SIGCONT to its group; SIGTTIN and SIGTTOU are ours and dropped. Orphans are\n"
    "reaped. Ends when COMMAND ends and waits for nobody else.\n"
    "\n"
    "  -g      pass every signal on to the whole process group of COMMAND\n"
    "  -s      adopt orphans although we are not PID 1\n"
    "  --help  this text\n"
    "\n"
    "Exit status: COMMAND's own, 128 + N if signal N ended it, 127 if it was not found, 126 if it cannot be executed,\n"
    "125 if nothing could be started, 2 if the command line makes no sense.\n";

struct init_options {
    bool to_group;
    bool subreaper;
    char **command;
};

/* What we were started with and the command starts with in turn. */
struct signal_state {
    sigset_t mask;
    struct sigaction child_action;
};

struct command {
    pid_t pid; /* its process group, too */
    bool to_group;
    struct job_terminal terminal;
};

static bool read_options(int argc, char **argv, struct init_options *options)
{
    int option;
    opterr = 0;
    while ((option = getopt(argc, argv, "+gs")) != -1) {
        if (option == '?') {
            fprintf(stderr, "shim init: unknown option: -%c (see shim init --help)\n", optopt);
            return false;
        }
        options->to_group |= option == 'g';
        options->subreaper |= option == 's';
    }
    options->command = argv + optind;
    if (optind < argc) return true;
    fputs("shim init: no command (see shim init --help)\n", stderr);
    return false;
}

/*
 * What arrives from here on waits for the command, whatever PID 1 would otherwise do with it. SIGCHLD may have been
 * ignored by whoever started us; then the kernel would throw the command's status away.
 */
static struct signal_state hold_signals(void)
{
    struct signal_state before;
    sigset_t every;
    sigfillset(&every);
    sigprocmask(SIG_SETMASK, &every, &before.mask);
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &action, &before.child_action);
    return before;
}

/* In the new process. What arrived for it while signals were held takes effect with the old mask. */
static void become_command(char **argv, const struct job_terminal *terminal, const struct signal_state *before)
{
    setpgid(0, 0);
    enter_foreground(terminal);
    sigaction(SIGCHLD, &before->child_action, NULL);
    sigprocmask(SIG_SETMASK, &before->mask, NULL);
    execute_program(argv);
    int error = errno;
    dprintf(STDERR_FILENO, "shim init: %s: %s\n", argv[0], strerror(error));
    _exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static bool start_command(const struct init_options *options, const struct signal_state *before,
                          struct command *command)
{
    *command = (struct command){.to_group = options->to_group, .terminal = find_job_terminal()};
    command->pid = fork();
    if (command->pid == 0) become_command(options->command, &command->terminal, before);
    if (command->pid < 0) {
        fprintf(stderr, "shim init: fork: %s\n", strerror(errno));
        return false;
    }
    /* The command does this itself, but maybe after the first signal for its group. */
    setpgid(command->pid, command->pid);
    return true;
}

/* Before the command is reaped its number belongs to nobody else. A group that it left is empty: then it alone. */
static void pass_on(struct command *command, int signal)
{
    bool is_job_control = signal == SIGTSTP || signal == SIGCONT;
    if (signal == SIGCONT) lend_terminal(&command->terminal, command->pid);
    if ((command->to_group || is_job_control) && kill(-command->pid, signal) == 0) return;
    kill(command->pid, signal);
}

/* Reaps all that ended, the command at the most: then it is true, and `status` says how. */
static bool reap_until_command(struct command *command, int *status)
{
    pid_t pid;
    while ((pid = waitpid(-1, status, WNOHANG | WUNTRACED)) > 0) {
        if (pid != command->pid) continue;
        if (!WIFSTOPPED(*status)) return true;
        suspend_with_command(&command->terminal, command->pid, WSTOPSIG(*status));
    }
    return false;
}

static int watch(struct command *command)
{
    int status;
    sigset_t every;
    sigfillset(&every);
    for (;;) {
        int signal = sigwaitinfo(&every, NULL);
        if (signal == SIGCHLD && reap_until_command(command, &status)) break;
        /* Sent by the terminal to a process group in the background, of which we may be one: no word to the command. */
        if (signal <= 0 || signal == SIGCHLD || signal == SIGTTIN || signal == SIGTTOU) continue;
        pass_on(command, signal);
    }
    reclaim_terminal(&command->terminal);
    return WIFSIGNALED(status) ? EXIT_SIGNAL_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}

int init_mode(int argc, char **argv)
{
    struct init_options options = {0};
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(USAGE, stdout);
        return 0;
    }
    if (!read_options(argc, argv, &options)) return EXIT_USAGE;
    struct signal_state before = hold_signals();
    struct command command;
    if (options.subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        fprintf(stderr, "shim init: PR_SET_CHILD_SUBREAPER: %s\n", strerror(errno));
        return EXIT_OWN_FAILURE;
    }
    if (!start_command(&options, &before, &command)) return EXIT_OWN_FAILURE;
    return watch(&command);
}
