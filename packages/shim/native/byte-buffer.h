#ifndef SHIM_BYTE_BUFFER_H
#define SHIM_BYTE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that are appended at the end and consumed from the start. All zero is an empty buffer. */
struct byte_buffer {
    uint8_t *memory;
    size_t capacity;
    size_t start;
    size_t end;
};

/* The unconsumed bytes; valid until the next call that changes the buffer. */
const uint8_t *buffer_bytes(const struct byte_buffer *buffer);
size_t buffer_length(const struct byte_buffer *buffer);

/* Room for `size` more bytes at the end. What is written there counts after buffer_added. */
uint8_t *buffer_reserve(struct byte_buffer *buffer, size_t size);
void buffer_added(struct byte_buffer *buffer, size_t size);

void buffer_append(struct byte_buffer *buffer, const void *bytes, size_t size);
void buffer_consume(struct byte_buffer *buffer, size_t size);

/* Forgets the bytes and gives the memory back. */
void buffer_free(struct byte_buffer *buffer);

#endif
