#ifndef SHIM_EVENT_LOOP_H
#define SHIM_EVENT_LOOP_H

#include <stdint.h>

/*
 * A descriptor and who is told when it is ready. It lies inside its owner, which must stay allocated until the end of the
 * turn in which it was unwatched.
 */
struct watch {
    int fd;
    void *owner;
    /* `events` as in epoll_ctl(2). */
    void (*ready)(struct watch *watch, uint32_t events);
};

/* Opens the loop; returns its descriptor. Ends the program when that fails. */
int loop_open(void);

/* Tells the watch when its descriptor is ready for `events`. Returns 0 or -1 with errno. */
int loop_watch(int loop, struct watch *watch, uint32_t events);

/* Stops telling. The descriptor stays open. */
void loop_unwatch(int loop, struct watch *watch);

/* Stops telling and closes the descriptor; nothing happens when it is closed already. */
void loop_close(int loop, struct watch *watch);

/* Waits at most `timeout_ms` (-1: for ever) and tells every watch that is ready. */
void loop_turn(int loop, int timeout_ms);

#endif
