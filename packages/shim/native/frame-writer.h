#ifndef SHIM_FRAME_WRITER_H
#define SHIM_FRAME_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "byte-buffer.h"
#include "protocol.h"

/*
 * Frames to the daemon. One that is built in pieces starts with begin_frame and ends with end_frame, which fills in its
 * length; nothing else may be appended to the buffer between.
 */
size_t begin_frame(struct byte_buffer *buffer, enum reply_type type);
void end_frame(struct byte_buffer *buffer, size_t begin);

void write_u8(struct byte_buffer *buffer, uint8_t value);
void write_u16(struct byte_buffer *buffer, uint16_t value);
void write_u32(struct byte_buffer *buffer, uint32_t value);
void write_u64(struct byte_buffer *buffer, uint64_t value);

/* The OUTPUT_HEAD_SIZE bytes before `size` bytes of output. */
void write_output_head(uint8_t *head, uint32_t id, enum output_stream stream, size_t size);

/* The size of the complete frame that starts there, its length included. */
size_t frame_size_at(const uint8_t *frame);

#endif
