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
};

static void on_ready(struct watch *watch, uint32_t events)
{
    static char dropped[64 * 1024];
    struct orphaned_pipe *pipe = watch->owner;
    (void)events;
    ssize_t got = read(watch->fd, dropped, sizeof dropped);
    if (got > 0 || (got < 0 && errno == EINTR)) return;
    loop_close(pipe->server->loop, watch);
    free_later(pipe->server, pipe);
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
    pipe->server = server;
    pipe->watch = (struct watch){.fd = fd, .owner = pipe, .ready = on_ready};
    if (loop_watch(server->loop, &pipe->watch, EPOLLIN) == 0) return;
    close(fd);
    free_later(server, pipe);
}
