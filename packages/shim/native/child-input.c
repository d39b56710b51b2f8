#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "child-input.h"
#include "frame-writer.h"
#include "server.h"

static void on_ready(struct watch *watch, uint32_t events);

static void tell(struct child *child, size_t delivered, bool closed, int error)
{
    struct connection *daemon = child->server->daemon;
    if (daemon == NULL) return;
    struct byte_buffer *out = &daemon->outgoing;
    size_t begin = begin_frame(out, REPLY_STDIN);
    write_u32(out, child->id);
    write_u32(out, (uint32_t)delivered);
    write_u8(out, closed);
    write_u32(out, (uint32_t)error);
    end_frame(out, begin);
}

static void shut(struct child *child, int error)
{
    struct child_input *input = &child->input;
    if (input->watch.fd < 0) return;
    loop_close(child->server->loop, &input->watch);
    buffer_free(&input->pending);
    tell(child, 0, true, error);
}

void open_input(struct child *child, int fd)
{
    struct child_input *input = &child->input;
    input->watch = (struct watch){.fd = fd, .owner = child, .ready = on_ready};
    if (fd >= 0) fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void tell_delivered(struct child *child, size_t delivered)
{
    struct child_input *input = &child->input;
    size_t inherited = delivered < input->inherited ? delivered : input->inherited;
    input->inherited -= inherited;
    if (delivered > inherited) tell(child, delivered - inherited, false, 0);
}

/* Delivers what the pipe takes now; waits for room when something is left. */
static void deliver(struct child *child)
{
    struct child_input *input = &child->input;
    size_t delivered = 0;
    while (buffer_length(&input->pending) > 0) {
        ssize_t written = write(input->watch.fd, buffer_bytes(&input->pending), buffer_length(&input->pending));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) break;
        if (written < 0) {
            int error = errno;
            tell_delivered(child, delivered);
            shut(child, error);
            return;
        }
        delivered += (size_t)written;
        buffer_consume(&input->pending, (size_t)written);
    }
    tell_delivered(child, delivered);
    if (buffer_length(&input->pending) == 0 && input->closing) shut(child, 0);
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct child *child = watch->owner;
    (void)events;
    deliver(child);
    if (watch->fd >= 0 && buffer_length(&child->input.pending) == 0) loop_unwatch(child->server->loop, watch);
}

static void deliver_or_wait(struct child *child)
{
    struct child_input *input = &child->input;
    deliver(child);
    if (input->watch.fd < 0 || buffer_length(&input->pending) == 0) return;
    /* EEXIST: it waits already. */
    if (loop_watch(child->server->loop, &input->watch, EPOLLOUT) != 0 && errno != EEXIST) shut(child, errno);
}

bool write_input(struct child *child, const uint8_t *bytes, size_t size)
{
    struct child_input *input = &child->input;
    if (input->watch.fd < 0 || input->closing) {
        tell(child, 0, true, EPIPE);
        return true;
    }
    size_t unanswered = buffer_length(&input->pending) - input->inherited;
    if (size > MAX_WRITE_SIZE || unanswered + size > MAX_UNANSWERED_WRITES) return false;
    buffer_append(&input->pending, bytes, size);
    deliver_or_wait(child);
    return true;
}

void close_input(struct child *child)
{
    child->input.closing = true;
    if (buffer_length(&child->input.pending) == 0) shut(child, 0);
}

void inherit_input(struct child *child)
{
    child->input.inherited = buffer_length(&child->input.pending);
}

void end_input(struct child *child)
{
    shut(child, EPIPE);
}

void abandon_input(struct child *child)
{
    loop_close(child->server->loop, &child->input.watch);
    buffer_free(&child->input.pending);
}
