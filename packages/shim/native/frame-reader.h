#ifndef SHIM_FRAME_READER_H
#define SHIM_FRAME_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the body of one frame from its start to its end. A read beyond the end gives zeros or NULL and makes the reader
 * fail for good, so that a decoder may look once, at the end of its work.
 */
struct frame_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

uint8_t read_u8(struct frame_reader *reader);
uint32_t read_u32(struct frame_reader *reader);
uint64_t read_u64(struct frame_reader *reader);

/* The next `size` bytes, in place. */
const uint8_t *read_bytes(struct frame_reader *reader, size_t size);

/* The next NUL-terminated string, in place. */
const char *read_string(struct frame_reader *reader);

size_t reader_rest(const struct frame_reader *reader);

/* Whether every byte was read and none was missing. */
bool reader_is_complete(const struct frame_reader *reader);

#endif
