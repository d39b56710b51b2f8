#include <string.h>

#include "body-writer.h"

void put_bytes(struct body_writer *writer, const void *bytes, size_t size)
{
    size_t at = writer->size;
    writer->size += size;
    if (size > 0 && writer->size <= writer->capacity) memcpy(writer->bytes + at, bytes, size);
}

void put_u32(struct body_writer *writer, uint32_t number)
{
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(number >> (8 * i));
    put_bytes(writer, bytes, sizeof bytes);
}

void put_u64(struct body_writer *writer, uint64_t number)
{
    put_u32(writer, (uint32_t)number);
    put_u32(writer, (uint32_t)(number >> 32));
}

void put_string(struct body_writer *writer, const char *text)
{
    put_bytes(writer, text, strlen(text) + 1);
}
