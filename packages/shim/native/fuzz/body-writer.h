#ifndef SHIM_FUZZ_BODY_WRITER_H
#define SHIM_FUZZ_BODY_WRITER_H

#include <stddef.h>
#include <stdint.h>

/* Writes the fields of a frame's body. What does not fit is left out, and counts. */
struct body_writer {
    uint8_t *bytes;
    size_t capacity;
    size_t size;
};

void put_bytes(struct body_writer *writer, const void *bytes, size_t size);
void put_u32(struct body_writer *writer, uint32_t number);
void put_u64(struct body_writer *writer, uint64_t number);

/* With its NUL. */
void put_string(struct body_writer *writer, const char *text);

#endif
