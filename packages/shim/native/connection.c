#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child-output.h"
#include "connection.h"
#include "memory.h"
#include "requests.h"
#include "server.h"

enum {
    READ_SIZE = 64 * 1024,
    /* Output up to this size is copied to the other frames: one write for all of them. */
    COPIED_OUTPUT = 16 * 1024,
    /* Beyond it the frames go out first. */
    FULL_OUTGOING = 256 * 1024,
};

static void on_ready(struct watch *watch, uint32_t events);

struct connection *connection_accept(struct server *server, int socket)
{
    struct connection *connection = must_allocate(sizeof *connection);
    connection->server = server;
    connection->watch = (struct watch){.fd = socket, .owner = connection, .ready = on_ready};
    if (loop_watch(server->loop, &connection->watch, EPOLLIN) == 0) return connection;
    close(socket);
    free(connection);
    return NULL;
}

static void on_child_without_daemon(struct child *child, void *context)
{
    (void)context;
    stop_sending(child);
    output_without_daemon(child);
}

void connection_end(struct connection *connection)
{
    struct server *server = connection->server;
    if (connection->watch.fd < 0) return;
    loop_close(server->loop, &connection->watch);
    buffer_free(&connection->incoming);
    buffer_free(&connection->outgoing);
    if (server->candidate == connection) server->candidate = NULL;
    if (server->daemon == connection) {
        server->daemon = NULL;
        for_each_child(&server->children, on_child_without_daemon, NULL);
    }
    free_later(server, connection);
}

/* Who has not said who it is may send nothing but that. */
static bool is_frame_length(const struct connection *connection, uint32_t length)
{
    return length > 0 && length <= (uint32_t)(connection->is_open ? MAX_FRAME_LENGTH : OPEN_FRAME_LENGTH);
}

/* Frames that are complete are taken; false when one of them ended the connection. */
static bool take_frames(struct connection *connection)
{
    struct byte_buffer *incoming = &connection->incoming;
    while (connection->watch.fd >= 0 && buffer_length(incoming) >= FRAME_HEAD_SIZE) {
        struct frame_reader reader = {.at = buffer_bytes(incoming), .end = buffer_bytes(incoming) + FRAME_HEAD_SIZE};
        uint32_t length = read_u32(&reader);
        if (!is_frame_length(connection, length)) return false;
        size_t size = FRAME_LENGTH_SIZE + (size_t)length;
        if (buffer_length(incoming) < size) return true;
        reader.end = buffer_bytes(incoming) + size;
        enum request_type type = read_u8(&reader);
        if (!take_request(connection, type, &reader)) return false;
        if (connection->watch.fd >= 0) buffer_consume(incoming, size);
    }
    return true;
}

/* How much more the frame that has begun needs, so that a large one is read in few calls. */
static size_t wanted_size(const struct byte_buffer *incoming)
{
    if (buffer_length(incoming) < FRAME_HEAD_SIZE) return READ_SIZE;
    struct frame_reader reader = {.at = buffer_bytes(incoming), .end = buffer_bytes(incoming) + FRAME_HEAD_SIZE};
    size_t size = FRAME_LENGTH_SIZE + (size_t)read_u32(&reader);
    size_t missing = size > buffer_length(incoming) ? size - buffer_length(incoming) : 0;
    return missing > READ_SIZE ? missing : READ_SIZE;
}

/* False when there is nothing to receive, or the connection is over. */
static bool receive(struct connection *connection)
{
    struct byte_buffer *incoming = &connection->incoming;
    size_t wanted = wanted_size(incoming);
    uint8_t *room = buffer_reserve(incoming, wanted);
    ssize_t got = recv(connection->watch.fd, room, wanted, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
        connection_end(connection);
        return false;
    }
    buffer_added(incoming, (size_t)got);
    if (!take_frames(connection)) connection_end(connection);
    return connection->watch.fd >= 0;
}

/* The other end has gone. What it said last counts, a farewell above all. */
static void take_last_words(struct connection *connection)
{
    while (receive(connection)) continue;
    connection_end(connection);
}

static void wait_for_room(struct connection *connection, bool wait)
{
    if (connection->waits_for_room == wait) return;
    connection->waits_for_room = wait;
    loop_unwatch(connection->server->loop, &connection->watch);
    uint32_t events = EPOLLIN | (wait ? EPOLLOUT : 0);
    if (loop_watch(connection->server->loop, &connection->watch, events) != 0) connection_end(connection);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct connection *connection = watch->owner;
    /* Room is used at the end of the turn. */
    if (events & EPOLLOUT) wait_for_room(connection, false);
    if (watch->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) receive(connection);
}

/* How many bytes the socket took; 0 when it is full, -1 when it is broken. */
static ssize_t write_now(struct connection *connection, const uint8_t *bytes, size_t size)
{
    for (;;) {
        ssize_t written = send(connection->watch.fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (written >= 0) return written;
        if (errno == EAGAIN) return 0;
        if (errno != EINTR) return -1;
    }
}

/* True when everything is out. */
static bool flush_frames(struct connection *connection)
{
    struct byte_buffer *outgoing = &connection->outgoing;
    while (buffer_length(outgoing) > 0) {
        ssize_t written = write_now(connection, buffer_bytes(outgoing), buffer_length(outgoing));
        if (written < 0) {
            take_last_words(connection);
            return false;
        }
        if (written == 0) {
            wait_for_room(connection, true);
            return false;
        }
        buffer_consume(outgoing, (size_t)written);
    }
    return true;
}

/*
 * Sends a run of whole frames. Of a frame that the socket takes in part, the rest goes to the outgoing buffer, which is
 * empty here: frames of others can never come between.
 */
static void send_straight(struct connection *connection, struct output_log *log, const uint8_t *bytes, size_t size)
{
    ssize_t written = write_now(connection, bytes, size);
    if (written < 0) {
        take_last_words(connection);
        return;
    }
    if (written == 0) {
        wait_for_room(connection, true);
        return;
    }
    size_t end = (size_t)written;
    if (end < size) end = log_frame_end(log, end - 1);
    buffer_append(&connection->outgoing, bytes + written, end - (size_t)written);
    log_sent(log, end);
}

/* One run of output of one child. */
static void send_output(struct connection *connection, struct child *child)
{
    size_t size = 0;
    const uint8_t *bytes = log_unsent(&child->log, &size);
    if (bytes == NULL) return;
    if (size <= COPIED_OUTPUT && buffer_length(&connection->outgoing) < FULL_OUTGOING) {
        buffer_append(&connection->outgoing, bytes, size);
        log_sent(&child->log, size);
    } else if (flush_frames(connection)) {
        send_straight(connection, &child->log, bytes, size);
    }
}

static bool has_unsent(const struct child *child)
{
    size_t size = 0;
    return log_unsent(&child->log, &size) != NULL;
}

void connection_flush(struct connection *connection)
{
    struct server *server = connection->server;
    /* Each child gets one run, then the next has its turn. */
    while (connection->watch.fd >= 0 && !connection->waits_for_room && server->first_sending != NULL) {
        struct child *child = server->first_sending;
        stop_sending(child);
        send_output(connection, child);
        if (connection->watch.fd < 0) return;
        if (has_unsent(child))
            send_soon(child);
        else
            report_exit(child);
    }
    if (connection->watch.fd >= 0 && !connection->waits_for_room) flush_frames(connection);
}

void send_soon(struct child *child)
{
    struct server *server = child->server;
    if (child->is_sending || server->daemon == NULL) return;
    child->is_sending = true;
    child->next_sending = NULL;
    if (server->last_sending != NULL)
        server->last_sending->next_sending = child;
    else
        server->first_sending = child;
    server->last_sending = child;
}

void stop_sending(struct child *child)
{
    if (!child->is_sending) return;
    struct server *server = child->server;
    struct child *before = NULL;
    for (struct child *other = server->first_sending; other != child; other = other->next_sending) before = other;
    if (before != NULL)
        before->next_sending = child->next_sending;
    else
        server->first_sending = child->next_sending;
    if (server->last_sending == child) server->last_sending = before;
    child->is_sending = false;
}
