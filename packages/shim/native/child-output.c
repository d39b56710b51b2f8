#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child-output.h"
#include "frame-writer.h"
#include "memory.h"
#include "orphaned-pipe.h"
#include "server.h"

static void on_ready(struct watch *watch, uint32_t events);

int watch_output(struct child *child, int stdout_fd, int stderr_fd)
{
    const int descriptors[STREAM_COUNT] = {stdout_fd, stderr_fd};
    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        struct child_output *output = &child->outputs[stream];
        output->child = child;
        output->stream = (enum output_stream)stream;
        output->watch = (struct watch){.fd = descriptors[stream], .owner = output, .ready = on_ready};
        if (output->watch.fd >= 0) fcntl(output->watch.fd, F_SETFL, O_NONBLOCK);
        if (output->watch.fd >= 0 && loop_watch(child->server->loop, &output->watch, EPOLLIN) != 0) return -1;
    }
    return 0;
}

/* Not by an empty set of events: epoll tells of hang-ups always. */
static void pause_reading(struct child *child)
{
    if (child->paused) return;
    child->paused = true;
    for (int stream = 0; stream < STREAM_COUNT; stream++)
        if (child->outputs[stream].watch.fd >= 0) loop_unwatch(child->server->loop, &child->outputs[stream].watch);
}

static void resume_reading(struct child *child)
{
    if (!child->paused) return;
    child->paused = false;
    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        struct watch *watch = &child->outputs[stream].watch;
        if (watch->fd >= 0 && loop_watch(child->server->loop, watch, EPOLLIN) != 0) loop_close(child->server->loop, watch);
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* One read of at most `limit` bytes from a pipe that is ready. False at its end, and when somebody has emptied it. */
static bool read_once(struct child_output *output, size_t limit)
{
    struct child *child = output->child;
    bool has_daemon = child->server->daemon != NULL;
    size_t room = 0;
    uint8_t *memory = log_reserve(&child->log, &room);
    room = smaller(room, limit);
    if (has_daemon) room = smaller(room, CREDIT_HIGH - child->open_credit);
    errno = 0;
    ssize_t got = read(output->watch.fd, memory, room);
    if (got <= 0) return false;
    log_append(&child->log, output->stream, (size_t)got);
    output->left = output->left > (size_t)got ? output->left - (size_t)got : 0;
    if (!has_daemon) {
        log_skip(&child->log);
        return true;
    }
    child->open_credit += (size_t)got;
    if (child->open_credit >= CREDIT_HIGH) pause_reading(child);
    send_soon(child);
    return true;
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct child_output *output = watch->owner;
    (void)events;
    if (output->child->paused || output->child->state != CHILD_RUNNING) return;
    /* The child can open its own end of the pipe for reading, and take out what was there a moment ago. */
    if (!read_once(output, SIZE_MAX) && errno != EAGAIN && errno != EINTR)
        loop_close(output->child->server->loop, watch);
}

/* Who has inherited the pipe may go on writing. */
static void let_go(struct child_output *output)
{
    if (output->watch.fd < 0) return;
    loop_unwatch(output->child->server->loop, &output->watch);
    adopt_pipe(output->child->server, output->watch.fd);
    output->watch.fd = -1;
}

static void end_output(struct child *child)
{
    for (int stream = 0; stream < STREAM_COUNT; stream++) let_go(&child->outputs[stream]);
    child->state = CHILD_ENDED;
    send_soon(child);
}

/* Reads what was readable at the leader's end, as far as the credit goes. */
static void read_rest(struct child *child)
{
    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        struct child_output *output = &child->outputs[stream];
        while (output->left > 0) {
            if (child->paused) return;
            if (!read_once(output, output->left)) output->left = 0;
        }
    }
    end_output(child);
}

void drain_output(struct child *child)
{
    child->state = CHILD_DRAINING;
    for (int stream = 0; stream < STREAM_COUNT; stream++) {
        struct child_output *output = &child->outputs[stream];
        int readable = 0;
        if (output->watch.fd >= 0 && ioctl(output->watch.fd, FIONREAD, &readable) == 0 && readable > 0)
            output->left = (size_t)readable;
    }
    read_rest(child);
}

/* Reading goes on where it stopped. */
static void go_on(struct child *child)
{
    if (!child->paused) return;
    resume_reading(child);
    if (child->state == CHILD_DRAINING) read_rest(child);
}

void credit_output(struct child *child, uint32_t bytes)
{
    child->open_credit -= smaller(bytes, child->open_credit);
    if (child->open_credit < CREDIT_LOW) go_on(child);
}

void output_without_daemon(struct child *child)
{
    child->open_credit = 0;
    log_skip(&child->log);
    go_on(child);
}

void output_with_daemon(struct child *child)
{
    child->open_credit = log_rewind(&child->log);
    child->exit_reported = false;
    if (child->open_credit >= CREDIT_HIGH && child->state != CHILD_ENDED) pause_reading(child);
    send_soon(child);
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void report_exit(struct child *child)
{
    struct connection *daemon = child->server->daemon;
    if (child->state != CHILD_ENDED || child->is_sweeping_at_end || child->exit_reported || daemon == NULL) return;
    child->exit_reported = true;
    int status = child->wait_status;
    bool by_signal = WIFSIGNALED(status);
    struct byte_buffer *out = &daemon->outgoing;
    size_t begin = begin_frame(out, REPLY_EXITED);
    write_u32(out, child->id);
    write_u8(out, by_signal);
    write_u8(out, by_signal && WCOREDUMP(status));
    write_u16(out, (uint16_t)(by_signal ? WTERMSIG(status) : WEXITSTATUS(status)));
    write_u64(out, microseconds(child->usage.ru_utime));
    write_u64(out, microseconds(child->usage.ru_stime));
    write_u64(out, (uint64_t)child->usage.ru_maxrss * 1024);
    write_u64(out, child->wall_ns / 1000);
    write_u32(out, child->killed_at_end);
    end_frame(out, begin);
}

void abandon_output(struct child *child)
{
    for (int stream = 0; stream < STREAM_COUNT; stream++) let_go(&child->outputs[stream]);
}
