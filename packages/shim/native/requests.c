#include <errno.h>
#include <signal.h>
#include <string.h>

#include "child-input.h"
#include "child-output.h"
#include "frame-writer.h"
#include "handover.h"
#include "process-tree.h"
#include "release.h"
#include "requests.h"
#include "server.h"
#include "spawn-request.h"
#include "start-child.h"
#include "tree-kill.h"

static bool take_open(struct connection *connection, struct frame_reader *reader)
{
    uint32_t version = read_u32(reader);
    const uint8_t *token = read_bytes(reader, TOKEN_SIZE);
    return reader_is_complete(reader) && open_protocol(connection, version, token);
}

static void tell_out_of_memory(struct server *server, uint32_t id)
{
    struct byte_buffer *out = &server->daemon->outgoing;
    size_t begin = begin_frame(out, REPLY_FAILED);
    write_u32(out, id);
    write_u32(out, ENOMEM);
    write_u8(out, STEP_FORK);
    write_u32(out, 0);
    end_frame(out, begin);
}

static bool take_spawn(struct server *server, struct frame_reader *reader)
{
    struct spawn_request request;
    enum decoding decoding = decode_spawn_request(reader, &request);
    bool is_valid = decoding != DECODING_MALFORMED && find_child(&server->children, request.id) == NULL;
    if (is_valid && decoding == DECODED) start_child(server, &request);
    if (is_valid && decoding == DECODING_OUT_OF_MEMORY) tell_out_of_memory(server, request.id);
    free_spawn_request(&request);
    return is_valid;
}

static bool take_write(struct server *server, struct frame_reader *reader)
{
    struct child *child = find_child(&server->children, read_u32(reader));
    size_t size = reader_rest(reader);
    const uint8_t *bytes = read_bytes(reader, size);
    if (!reader_is_complete(reader)) return false;
    return child == NULL || write_input(child, bytes, size);
}

static bool take_close_stdin(struct server *server, struct frame_reader *reader)
{
    struct child *child = find_child(&server->children, read_u32(reader));
    if (!reader_is_complete(reader)) return false;
    if (child != NULL) close_input(child);
    return true;
}

static void tell_signaled(struct server *server, uint32_t id, uint32_t request, size_t reached)
{
    struct byte_buffer *out = &server->daemon->outgoing;
    size_t begin = begin_frame(out, REPLY_SIGNALED);
    write_u32(out, id);
    write_u32(out, request);
    write_u32(out, (uint32_t)reached);
    end_frame(out, begin);
}

/* A leader that was not reaped pins its pid, and with it the number of its group. */
static size_t send_signal(const struct child *child, int signal, enum signal_scope scope)
{
    bool has_leader = child->state == CHILD_RUNNING;
    if (scope == SCOPE_TREE) return signal_tree(child, signal);
    if (has_leader) return kill(scope == SCOPE_GROUP ? -child->pid : child->pid, signal) == 0;
    return scope == SCOPE_GROUP ? signal_group(child, signal) : 0;
}

static bool take_signal(struct server *server, struct frame_reader *reader)
{
    uint32_t id = read_u32(reader);
    uint32_t request = read_u32(reader);
    int signal = read_u8(reader);
    uint8_t scope = read_u8(reader);
    if (!reader_is_complete(reader) || signal > HIGHEST_SIGNAL || scope > SCOPE_TREE) return false;
    struct child *child = find_child(&server->children, id);
    if (child == NULL)
        tell_signaled(server, id, request, 0);
    else if (scope == SCOPE_TREE && signal == SIGKILL)
        sweep_tree(child, request);
    else
        tell_signaled(server, id, request, send_signal(child, signal, (enum signal_scope)scope));
    return true;
}

static bool take_credit(struct server *server, struct frame_reader *reader)
{
    struct child *child = find_child(&server->children, read_u32(reader));
    uint32_t bytes = read_u32(reader);
    if (!reader_is_complete(reader)) return false;
    if (child != NULL) credit_output(child, bytes);
    return true;
}

static bool take_release(struct server *server, struct frame_reader *reader)
{
    struct child *child = find_child(&server->children, read_u32(reader));
    if (!reader_is_complete(reader)) return false;
    if (child != NULL) release_child(child);
    return true;
}

static bool take_farewell(struct server *server, struct frame_reader *reader)
{
    if (!reader_is_complete(reader)) return false;
    server->is_leaving = true;
    return true;
}

bool take_request(struct connection *connection, enum request_type type, struct frame_reader *reader)
{
    struct server *server = connection->server;
    if (!connection->is_open) return type == REQUEST_OPEN && take_open(connection, reader);
    switch (type) {
    case REQUEST_SPAWN:
        return take_spawn(server, reader);
    case REQUEST_WRITE:
        return take_write(server, reader);
    case REQUEST_CLOSE_STDIN:
        return take_close_stdin(server, reader);
    case REQUEST_SIGNAL:
        return take_signal(server, reader);
    case REQUEST_CREDIT:
        return take_credit(server, reader);
    case REQUEST_RELEASE:
        return take_release(server, reader);
    case REQUEST_FAREWELL:
        return take_farewell(server, reader);
    default:
        return false;
    }
}
