#ifndef SHIM_OUTPUT_LOG_H
#define SHIM_OUTPUT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct output_block;

/*
 * What a child wrote, in the order in which it was read and as the frames that the daemon gets: bytes go from the pipe
 * into a block and from there to the socket, without a copy in between. The newest MiB is kept for a daemon to come.
 */
struct output_log {
    uint32_t id;
    struct output_block *first;
    struct output_block *last;
    /* The block that holds the next byte to send, and its place there; NULL when everything was sent. */
    struct output_block *sending;
    size_t sending_at;
    /* Bytes of output that are kept, and of memory that they take. */
    size_t kept;
    size_t memory;
    uint64_t dropped[STREAM_COUNT];
};

/* Room for the bytes of one read, at least 4 KiB; its size goes to `size`. */
uint8_t *log_reserve(struct output_log *log, size_t *size);

/* Makes a frame of the first `size` bytes of the room that was reserved last. Drops what is too old and was sent. */
void log_append(struct output_log *log, enum output_stream stream, size_t size);

/* The next bytes to send, whole frames; NULL when there are none. */
const uint8_t *log_unsent(const struct output_log *log, size_t *size);

/* The first `size` of these bytes are out of our hands. Drops what is too old. */
void log_sent(struct output_log *log, size_t size);

/* How far the frame that holds byte `offset` of the unsent bytes reaches. */
size_t log_frame_end(const struct output_log *log, size_t offset);

/* Everything that is kept is to be sent again, to another daemon. Returns how many bytes of output that is. */
size_t log_rewind(struct output_log *log);

/* Nobody is there to send to: what is kept counts as sent. */
void log_skip(struct output_log *log);

void log_free(struct output_log *log);

#endif
