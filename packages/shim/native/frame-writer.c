#include "frame-writer.h"

static void store_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

size_t begin_frame(struct byte_buffer *buffer, enum reply_type type)
{
    size_t begin = buffer_length(buffer);
    write_u32(buffer, 0);
    write_u8(buffer, (uint8_t)type);
    return begin;
}

void end_frame(struct byte_buffer *buffer, size_t begin)
{
    size_t length = buffer_length(buffer) - begin - FRAME_LENGTH_SIZE;
    store_u32(buffer->memory + buffer->start + begin, (uint32_t)length);
}

void write_u8(struct byte_buffer *buffer, uint8_t value)
{
    buffer_append(buffer, &value, 1);
}

void write_u16(struct byte_buffer *buffer, uint16_t value)
{
    write_u8(buffer, (uint8_t)value);
    write_u8(buffer, (uint8_t)(value >> 8));
}

void write_u32(struct byte_buffer *buffer, uint32_t value)
{
    uint8_t bytes[4];
    store_u32(bytes, value);
    buffer_append(buffer, bytes, sizeof bytes);
}

void write_u64(struct byte_buffer *buffer, uint64_t value)
{
    write_u32(buffer, (uint32_t)value);
    write_u32(buffer, (uint32_t)(value >> 32));
}

void write_output_head(uint8_t *head, uint32_t id, enum output_stream stream, size_t size)
{
    store_u32(head, (uint32_t)(OUTPUT_HEAD_SIZE - FRAME_LENGTH_SIZE + size));
    head[4] = REPLY_OUTPUT;
    store_u32(head + 5, id);
    head[9] = (uint8_t)stream;
}

size_t frame_size_at(const uint8_t *frame)
{
    uint32_t length = (uint32_t)frame[0] | (uint32_t)frame[1] << 8 | (uint32_t)frame[2] << 16 | (uint32_t)frame[3] << 24;
    return FRAME_LENGTH_SIZE + length;
}
