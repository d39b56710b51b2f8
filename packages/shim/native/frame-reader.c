#include <string.h>

#include "frame-reader.h"

size_t reader_rest(const struct frame_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

const uint8_t *read_bytes(struct frame_reader *reader, size_t size)
{
    if (reader->failed || reader_rest(reader) < size) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += size;
    return bytes;
}

uint8_t read_u8(struct frame_reader *reader)
{
    const uint8_t *bytes = read_bytes(reader, 1);
    return bytes != NULL ? bytes[0] : 0;
}

uint32_t read_u32(struct frame_reader *reader)
{
    const uint8_t *bytes = read_bytes(reader, 4);
    if (bytes == NULL) return 0;
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

uint64_t read_u64(struct frame_reader *reader)
{
    uint64_t low = read_u32(reader);
    uint64_t high = read_u32(reader);
    return reader->failed ? 0 : low | high << 32;
}

const char *read_string(struct frame_reader *reader)
{
    if (reader->failed) return NULL;
    const uint8_t *terminator = memchr(reader->at, '\0', reader_rest(reader));
    if (terminator == NULL) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *text = reader->at;
    reader->at = terminator + 1;
    return (const char *)text;
}

bool reader_is_complete(const struct frame_reader *reader)
{
    return !reader->failed && reader->at == reader->end;
}
