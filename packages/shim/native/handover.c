#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "child-input.h"
#include "child-output.h"
#include "frame-writer.h"
#include "handover.h"
#include "process-table.h"
#include "server.h"

/* Root may be anybody's daemon, but nobody else than we ourselves and root. */
static bool is_allowed(int socket)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == geteuid();
}

/* Its end may be reported after the connection of its successor: the order of events says nothing. */
static void notice_end_of_daemon(struct server *server)
{
    if (server->daemon == NULL) return;
    struct pollfd state = {.fd = server->daemon->watch.fd, .events = POLLRDHUP};
    if (poll(&state, 1, 0) > 0) connection_end(server->daemon);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct server *server = watch->owner;
    (void)events;
    int socket = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC);
    if (socket < 0) return;
    notice_end_of_daemon(server);
    if (server->daemon != NULL || !is_allowed(socket)) {
        close(socket);
        return;
    }
    /* Who does not say who it is must not keep the others out. */
    if (server->candidate != NULL) connection_end(server->candidate);
    server->candidate = connection_accept(server, socket);
}

static bool parse_address(const char *text, struct sockaddr_un *address, socklen_t *size)
{
    size_t length = strlen(text);
    bool is_abstract = text[0] == '@';
    if (length == 0 || length >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, text, length);
    if (is_abstract) address->sun_path[0] = '\0';
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (is_abstract ? 0 : 1));
    return true;
}

int start_listening(struct server *server, const char *text)
{
    struct sockaddr_un address;
    socklen_t size;
    if (!parse_address(text, &address, &size)) return -1;
    int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_fd < 0) return -1;
    if (bind(socket_fd, (struct sockaddr *)&address, size) != 0 || listen(socket_fd, 8) != 0) {
        int error = errno;
        close(socket_fd);
        errno = error;
        return -1;
    }
    server->listener = (struct watch){.fd = socket_fd, .owner = server, .ready = on_ready};
    return loop_watch(server->loop, &server->listener, EPOLLIN);
}

/* In a time that does not tell how much of it is right. */
static bool is_same_token(const uint8_t *one, const uint8_t *other)
{
    uint8_t difference = 0;
    for (int i = 0; i < TOKEN_SIZE; i++) difference |= one[i] ^ other[i];
    return difference == 0;
}

static void tell_hello(struct server *server)
{
    struct byte_buffer *out = &server->daemon->outgoing;
    size_t begin = begin_frame(out, REPLY_HELLO);
    write_u32(out, PROTOCOL_VERSION);
    write_u32(out, (uint32_t)getpid());
    write_u32(out, (uint32_t)server->children.count);
    end_frame(out, begin);
}

/* 0 for a leader that has ended. */
static uint64_t start_time_of(const struct child *child)
{
    struct process_entry entry;
    return child->state == CHILD_RUNNING && read_process(child->pid, &entry) ? entry.start_time : 0;
}

static void tell_adopted(struct child *child, void *context)
{
    struct byte_buffer *out = context;
    size_t begin = begin_frame(out, REPLY_ADOPTED);
    write_u32(out, child->id);
    write_u32(out, (uint32_t)child->pid);
    write_u64(out, start_time_of(child));
    for (int stream = 0; stream < STREAM_COUNT; stream++) write_u64(out, child->log.dropped[stream]);
    write_u8(out, child->input.watch.fd >= 0 && !child->input.closing);
    write_u32(out, (uint32_t)child->label_size);
    buffer_append(out, child->label, child->label_size);
    end_frame(out, begin);
}

static void hand_over(struct child *child, void *context)
{
    (void)context;
    inherit_input(child);
    output_with_daemon(child);
}

bool open_protocol(struct connection *connection, uint32_t version, const uint8_t *token)
{
    struct server *server = connection->server;
    if (version != PROTOCOL_VERSION || server->daemon != NULL) return false;
    if (server->has_token && !is_same_token(server->token, token)) return false;
    memcpy(server->token, token, TOKEN_SIZE);
    server->has_token = true;
    server->candidate = NULL;
    server->daemon = connection;
    server->is_leaving = false;
    connection->is_open = true;
    tell_hello(server);
    for_each_child(&server->children, tell_adopted, &connection->outgoing);
    for_each_child(&server->children, hand_over, NULL);
    return true;
}
