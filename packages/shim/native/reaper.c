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

/* The leader is a zombie, so its pid and with it its group still belong to the child. */
static void kill_at_end(struct child *child)
{
    if (child->kill_at_end & SPAWN_KILL_GROUP_AT_END) kill(-child->pid, SIGKILL);
    if (child->kill_at_end & SPAWN_KILL_TREE_AT_END) sweep_at_end(child);
}

static void end_leader(struct child *child)
{
    struct server *server = child->server;
    kill_at_end(child);
    while (wait4(child->pid, &child->wait_status, 0, &child->usage) < 0 && errno == EINTR) continue;
    child->wall_ns = monotonic_ns() - child->started_ns;
    forget_leader(&server->children, child);
    end_input(child);
    drain_output(child);
    if (child->released) free_child(child);
}

/* Looks before it reaps: what is to be done at the end needs the pid. */
static void reap_all(struct server *server)
{
    for (;;) {
        siginfo_t ended = {0};
        int found = waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT);
        if (found < 0 && errno == EINTR) continue;
        if (found < 0 || ended.si_pid == 0) return;
        struct child *child = find_leader(&server->children, ended.si_pid);
        if (child != NULL)
            end_leader(child);
        else
            waitpid(ended.si_pid, NULL, WNOHANG);
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
