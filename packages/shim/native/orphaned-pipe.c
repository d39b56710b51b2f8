#include <errno.h>
#include <sys/epoll.h>
#include <poll.h>
#include <unistd.h>

#include "memory.h"
#include "orphaned-pipe.h"
#include "server.h"

struct orphaned_pipe {
    struct watch watch;
    struct server *server;
    struct orphaned_pipe *next;
    /* What refers to this one. */
    struct orphaned_pipe **link;
};

static void drop_pipe(struct orphaned_pipe *pipe)
{
    *pipe->link = pipe->next;
    if (pipe->next != NULL) pipe->next->link = pipe->link;
    loop_close(pipe->server->loop, &pipe->watch);
    free_later(pipe->server, pipe);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    static char dropped[64 * 1024];
    struct orphaned_pipe *pipe = watch->owner;
    (void)events;
    ssize_t got = read(watch->fd, dropped, sizeof dropped);
    if (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN))) return;
    drop_pipe(pipe);
}

/* Whether somebody may still write: poll(2) tells of the end without waiting. */
static bool has_writer(int fd)
{
    struct pollfd state = {.fd = fd, .events = POLLIN};
    return poll(&state, 1, 0) <= 0 || (state.revents & POLLHUP) == 0;
}

void adopt_pipe(struct server *server, int fd)
{
    if (!has_writer(fd)) {
        close(fd);
        return;
    }
    struct orphaned_pipe *pipe = must_allocate(sizeof *pipe);
    *pipe = (struct orphaned_pipe){
        .watch = {.fd = fd, .owner = pipe, .ready = on_ready},
        .server = server,
        .next = server->orphaned_pipes,
        .link = &server->orphaned_pipes,
    };
    if (pipe->next != NULL) pipe->next->link = &pipe->next;
    server->orphaned_pipes = pipe;
    if (loop_watch(server->loop, &pipe->watch, EPOLLIN) != 0) drop_pipe(pipe);
}

void drop_pipes(struct server *server)
{
    while (server->orphaned_pipes != NULL) drop_pipe(server->orphaned_pipes);
}
