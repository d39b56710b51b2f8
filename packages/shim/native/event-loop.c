#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "event-loop.h"
#include "memory.h"

enum { EVENTS_PER_TURN = 64 };

int loop_open(void)
{
    int loop = epoll_create1(EPOLL_CLOEXEC);
    if (loop < 0) fatal("epoll_create1");
    return loop;
}

int loop_watch(int loop, struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(loop, EPOLL_CTL_ADD, watch->fd, &event);
}

void loop_unwatch(int loop, struct watch *watch)
{
    /* ENOENT: it was not watched, which is what was wanted. */
    epoll_ctl(loop, EPOLL_CTL_DEL, watch->fd, NULL);
}

void loop_close(int loop, struct watch *watch)
{
    if (watch->fd < 0) return;
    /* Not left to close(2): a child between vfork and exec holds a copy, which would keep the events coming. */
    loop_unwatch(loop, watch);
    close(watch->fd);
    watch->fd = -1;
}

void loop_turn(int loop, int timeout_ms)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int count = epoll_wait(loop, events, EVENTS_PER_TURN, timeout_ms);
    if (count < 0 && errno != EINTR) fatal("epoll_wait");
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        /* Closed by an earlier event of this turn. */
        if (watch->fd < 0) continue;
        watch->ready(watch, events[i].events);
    }
}
