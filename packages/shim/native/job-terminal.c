#include <signal.h>
#include <unistd.h>

#include "job-terminal.h"

struct job_terminal find_job_terminal(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        pid_t foreground = tcgetpgrp(fd);
        if (foreground >= 0) return (struct job_terminal){.fd = fd, .lent = foreground == getpgrp()};
    }
    return (struct job_terminal){.fd = -1};
}

void enter_foreground(const struct job_terminal *terminal)
{
    if (terminal->lent) tcsetpgrp(terminal->fd, getpgrp());
}

void lend_terminal(struct job_terminal *terminal, pid_t group)
{
    if (terminal->fd < 0 || tcgetpgrp(terminal->fd) != getpgrp()) return;
    terminal->lent = tcsetpgrp(terminal->fd, group) == 0;
}

void reclaim_terminal(struct job_terminal *terminal)
{
    if (terminal->lent) tcsetpgrp(terminal->fd, getpgrp());
    terminal->lent = false;
}

static bool is_continue_pending(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGCONT) == 1;
}

/* SIGTSTP rather than SIGSTOP: of this one the kernel knows when nobody could undo it, and drops it. */
static void stop_ourselves(void)
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    kill(getpid(), SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL); /* here it takes effect */
    sigprocmask(SIG_BLOCK, &stop, NULL);
}

void suspend_with_command(struct job_terminal *terminal, pid_t group, int stop_signal)
{
    /* A stop signal erases a SIGCONT that is pending: the one that came first would be lost. */
    if (terminal->fd < 0 || is_continue_pending()) return;
    reclaim_terminal(terminal);
    stop_ourselves();
    if (is_continue_pending()) return;
    lend_terminal(terminal, group);
    if (stop_signal == SIGTSTP) kill(-group, SIGCONT);
}
