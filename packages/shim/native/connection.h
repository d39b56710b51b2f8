#ifndef SHIM_CONNECTION_H
#define SHIM_CONNECTION_H

#include <stdbool.h>

#include "byte-buffer.h"
#include "event-loop.h"

struct server;
struct child;

/* A socket with a daemon at the other end. */
struct connection {
    struct server *server;
    struct watch watch;
    struct byte_buffer incoming;
    /* Frames that are complete; output goes to the socket straight from its log. */
    struct byte_buffer outgoing;
    bool is_open;
    bool waits_for_room;
};

/* Takes over a connected socket. NULL when it cannot be watched; the socket is closed then. */
struct connection *connection_accept(struct server *server, int socket);

/* Closes it. When it was the daemon's, the children go on without one. */
void connection_end(struct connection *connection);

/* Writes what can be written now: frames, and output of the children that are sending. */
void connection_flush(struct connection *connection);

/* The child has output or an ending for the daemon, which goes out at the end of the turn. */
void send_soon(struct child *child);

/* Takes the child off the list again. */
void stop_sending(struct child *child);

#endif
