#include <stdlib.h>
#include <string.h>

#include "byte-buffer.h"
#include "memory.h"

enum {
    FIRST_CAPACITY = 4 * 1024,
    /* An emptied buffer above this size gives its memory back: one huge frame must not be kept for ever. */
    KEPT_CAPACITY = 256 * 1024,
};

const uint8_t *buffer_bytes(const struct byte_buffer *buffer)
{
    return buffer->memory + buffer->start;
}

size_t buffer_length(const struct byte_buffer *buffer)
{
    return buffer->end - buffer->start;
}

static void move_to_front(struct byte_buffer *buffer)
{
    if (buffer->start == 0) return;
    memmove(buffer->memory, buffer->memory + buffer->start, buffer_length(buffer));
    buffer->end -= buffer->start;
    buffer->start = 0;
}

uint8_t *buffer_reserve(struct byte_buffer *buffer, size_t size)
{
    if (buffer->capacity - buffer->end >= size) return buffer->memory + buffer->end;
    move_to_front(buffer);
    size_t needed = buffer->end + size;
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < needed) capacity *= 2;
    if (capacity != buffer->capacity) {
        buffer->memory = must_reallocate(buffer->memory, capacity);
        buffer->capacity = capacity;
    }
    return buffer->memory + buffer->end;
}

void buffer_added(struct byte_buffer *buffer, size_t size)
{
    buffer->end += size;
}

void buffer_append(struct byte_buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0) return;
    memcpy(buffer_reserve(buffer, size), bytes, size);
    buffer_added(buffer, size);
}

void buffer_consume(struct byte_buffer *buffer, size_t size)
{
    buffer->start += size;
    if (buffer->start < buffer->end) return;
    buffer->start = 0;
    buffer->end = 0;
    if (buffer->capacity > KEPT_CAPACITY) buffer_free(buffer);
}

void buffer_free(struct byte_buffer *buffer)
{
    free(buffer->memory);
    *buffer = (struct byte_buffer){0};
}
