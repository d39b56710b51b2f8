#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child-input.h"
#include "child-output.h"
#include "frame-writer.h"
#include "memory.h"
#include "process-tree.h"
#include "server.h"
#include "spawn-request.h"
#include "spawn.h"
#include "start-child.h"

/* With fewer signals to spare there are no tags. */
enum { SPARE_SIGNALS = 2 * TAGS };

/* Both ends of a pipe; -1 for none. */
struct pipe_ends {
    int read_end;
    int write_end;
};

/* The descriptors of a child to be: its stdin, stdout and stderr, and ours. */
struct child_pipes {
    struct pipe_ends input;
    struct pipe_ends output[STREAM_COUNT];
};

static void close_end(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void close_pipes(struct child_pipes *pipes)
{
    struct pipe_ends *all[] = {&pipes->input, &pipes->output[STREAM_STDOUT], &pipes->output[STREAM_STDERR]};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        close_end(&all[i]->read_end);
        close_end(&all[i]->write_end);
    }
}

/* To open /dev/stdout by name the child's user has to own the pipe. Without CAP_CHOWN the descriptors have to do. */
static bool open_pipe(struct pipe_ends *ends, const struct spawn_request *request)
{
    int descriptors[2];
    if (pipe2(descriptors, O_CLOEXEC) != 0) return false;
    *ends = (struct pipe_ends){.read_end = descriptors[0], .write_end = descriptors[1]};
    if (request->flags & SPAWN_IDENTITY) {
        int ignored = fchown(ends->write_end, request->uid, request->gid);
        (void)ignored;
    }
    return true;
}

static bool open_pipes(struct child_pipes *pipes, const struct spawn_request *request)
{
    *pipes = (struct child_pipes){{-1, -1}, {{-1, -1}, {-1, -1}}};
    if (request->flags & SPAWN_STDIN_PIPE) {
        if (!open_pipe(&pipes->input, request)) return false;
    }
    if (!open_pipe(&pipes->output[STREAM_STDOUT], request)) return false;
    return (request->flags & SPAWN_MERGE_OUTPUT) || open_pipe(&pipes->output[STREAM_STDERR], request);
}

/* The index of a tag that no child has and that none had lately; 0 when there is none. */
static uint32_t next_tag_index(struct server *server)
{
    if (server->pending_signals.rlim_cur < SPARE_SIGNALS) return 0;
    for (int tried = 0; tried < TAGS; tried++) {
        server->last_tag = server->last_tag % TAGS + 1;
        if (!server->tag_in_use[server->last_tag]) return server->last_tag;
    }
    return 0;
}

/* The soft limit of pending signals that belongs to a tag; 0 for none. */
static uint64_t tag_value(const struct server *server, uint32_t index)
{
    uint64_t own = server->pending_signals.rlim_cur;
    if (index == 0) return 0;
    return (own > INT32_MAX ? INT32_MAX : own) - index;
}

static struct spawn_result spawn_with_pipes(const struct server *server, const struct spawn_request *request,
                                            const struct child_pipes *pipes, uint64_t tag)
{
    struct spawn_surroundings surroundings = {
        .stdin_fd = pipes->input.read_end >= 0 ? pipes->input.read_end : server->null_fd,
        .stdout_fd = pipes->output[STREAM_STDOUT].write_end,
        .stderr_fd = pipes->output[STREAM_STDERR].write_end,
        .open_files = server->open_files,
        .pending_signals = server->pending_signals,
    };
    if (surroundings.stderr_fd < 0) surroundings.stderr_fd = surroundings.stdout_fd;
    if (tag != 0) surroundings.pending_signals.rlim_cur = tag;
    return spawn_child(request, &surroundings);
}

static void tell_failed(struct server *server, uint32_t id, const struct spawn_result *result)
{
    struct byte_buffer *out = &server->daemon->outgoing;
    size_t begin = begin_frame(out, REPLY_FAILED);
    write_u32(out, id);
    write_u32(out, (uint32_t)result->error);
    write_u8(out, (uint8_t)result->failed_step);
    write_u32(out, (uint32_t)result->detail);
    end_frame(out, begin);
}

static void tell_started(const struct child *child)
{
    struct byte_buffer *out = &child->server->daemon->outgoing;
    size_t begin = begin_frame(out, REPLY_STARTED);
    write_u32(out, child->id);
    write_u32(out, (uint32_t)child->pid);
    end_frame(out, begin);
}

static void *copy_bytes(const void *bytes, size_t size)
{
    void *copy = must_allocate(size);
    memcpy(copy, bytes, size);
    return copy;
}

static struct child *new_child(struct server *server, const struct spawn_request *request, pid_t pid,
                               uint64_t earliest_start)
{
    struct child *child = must_allocate(sizeof *child);
    child->server = server;
    child->id = request->id;
    child->pid = pid;
    child->earliest_start = earliest_start;
    child->started_ns = monotonic_ns();
    child->kill_at_end = request->flags & (SPAWN_KILL_GROUP_AT_END | SPAWN_KILL_TREE_AT_END);
    const char *cookie = requested_variable(request, EXECUTION_COOKIE);
    if (cookie != NULL) child->cookie = copy_bytes(cookie, strlen(cookie) + 1);
    child->label = copy_bytes(request->label, request->label_size);
    child->label_size = request->label_size;
    child->log.id = request->id;
    add_child(&server->children, child);
    return child;
}

void start_child(struct server *server, const struct spawn_request *request)
{
    struct child_pipes pipes;
    struct spawn_result result = {.pid = -1, .failed_step = STEP_PIPE};
    uint32_t tag_index = next_tag_index(server);
    uint64_t tag = tag_value(server, tag_index);
    uint64_t before = boot_ticks();
    if (open_pipes(&pipes, request))
        result = spawn_with_pipes(server, request, &pipes, tag);
    else
        result.error = errno;
    if (result.pid < 0) {
        close_pipes(&pipes);
        tell_failed(server, request->id, &result);
        return;
    }
    struct child *child = new_child(server, request, result.pid, before);
    child->tag = tag;
    child->tag_index = tag_index;
    server->tag_in_use[tag_index] = true;
    open_input(child, pipes.input.write_end);
    /* A stream that cannot be watched has no output; epoll refuses only when the system has no memory. */
    watch_output(child, pipes.output[STREAM_STDOUT].read_end, pipes.output[STREAM_STDERR].read_end);
    close_end(&pipes.input.read_end);
    close_end(&pipes.output[STREAM_STDOUT].write_end);
    close_end(&pipes.output[STREAM_STDERR].write_end);
    tell_started(child);
}
