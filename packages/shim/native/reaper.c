#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child-input.h"
#include "child-output.h"
#include "memory.h"
#include "protocol.h"
#include "reaper.h"
#include "release.h"
#include "server.h"
#include "tree-kill.h"

/* The number of a group belongs to it for as long as it has a member. */
static bool has_group(const struct child *child)
{
    return kill(-child->pid, 0) == 0 || errno == EPERM;
}

static void kill_at_end(struct child *child)
{
    if (child->kill_at_end & SPAWN_KILL_TREE_AT_END)
        sweep_at_end(child, SCOPE_TREE);
    else if ((child->kill_at_end & SPAWN_KILL_GROUP_AT_END) && has_group(child))
        sweep_at_end(child, SCOPE_GROUP);
}

static void end_leader(struct child *child, int status, const struct rusage *usage)
{
    struct server *server = child->server;
    child->wait_status = status;
    child->usage = *usage;
    child->wall_ns = monotonic_ns() - child->started_ns;
    forget_leader(&server->children, child);
    end_input(child);
    drain_output(child);
    kill_at_end(child);
    if (child->released) free_child(child);
}

static void reap_all(struct server *server)
{
    for (;;) {
        int status;
        struct rusage usage;
        pid_t ended = wait4(-1, &status, WNOHANG, &usage);
        if (ended < 0 && errno == EINTR) continue;
        if (ended <= 0) return;
        struct child *child = find_leader(&server->children, ended);
        if (child != NULL)
            end_leader(child, status, &usage);
        else
            server->orphans_reaped++;
    }
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct signalfd_siginfo signals[16];
    (void)events;
    /* Signals of one kind are merged: what is read here says nothing of how many have ended. */
    ssize_t ignored = read(watch->fd, signals, sizeof signals);
    (void)ignored;
    reap_all(watch->owner);
}

void start_reaping(struct server *server)
{
    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    int fd = signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) fatal("signalfd");
    server->child_signal = (struct watch){.fd = fd, .owner = server, .ready = on_ready};
    if (loop_watch(server->loop, &server->child_signal, EPOLLIN) != 0) fatal("epoll_ctl");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) fatal("PR_SET_CHILD_SUBREAPER");
}
