#include <string.h>

#include "frame-reader.h"
#include "reader-check.h"

enum { MOST_STEPS = 24, LARGEST_STEP = 32 };

enum step { STEP_U8, STEP_U32, STEP_U64, STEP_BYTES, STEP_STRING, STEP_KINDS };

static uint64_t little_endian(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = size; i > 0; i--) number = number * 256 + bytes[i - 1];
    return number;
}

static uint64_t read_number(struct frame_reader *reader, size_t size)
{
    if (size == 1) return read_u8(reader);
    return size == 4 ? read_u32(reader) : read_u64(reader);
}

static const char *check_number(struct frame_reader *reader, size_t size)
{
    struct frame_reader before = *reader;
    bool is_there = !before.failed && reader_rest(&before) >= size;
    uint64_t number = read_number(reader, size);
    if (reader->failed == is_there) return "a number is read exactly when it is there";
    if (!is_there) return number == 0 ? NULL : "a number that is missing is zero";
    if (reader->at != before.at + size) return "a number moves the reader by its size";
    return number == little_endian(before.at, size) ? NULL : "a number is little-endian";
}

static const char *check_bytes(struct frame_reader *reader, size_t size)
{
    struct frame_reader before = *reader;
    bool is_there = !before.failed && reader_rest(&before) >= size;
    const uint8_t *bytes = read_bytes(reader, size);
    if (reader->failed == is_there) return "bytes are read exactly when they are there";
    if (!is_there) return bytes == NULL ? NULL : "bytes that are missing are NULL";
    return bytes == before.at && reader->at == bytes + size ? NULL : "bytes are read in place";
}

static const char *check_string(struct frame_reader *reader)
{
    struct frame_reader before = *reader;
    size_t length = 0;
    while (length < reader_rest(&before) && before.at[length] != '\0') length++;
    bool is_there = !before.failed && length < reader_rest(&before);
    const char *text = read_string(reader);
    if (reader->failed == is_there) return "a string is read exactly when its NUL is there";
    if (!is_there) return text == NULL ? NULL : "a string that is missing is NULL";
    bool is_in_place = (const uint8_t *)text == before.at && reader->at == before.at + length + 1;
    return is_in_place ? NULL : "a string is read in place, with its NUL";
}

static const char *check_step(struct random_source *random, struct frame_reader *reader)
{
    switch ((enum step)random_below(random, STEP_KINDS)) {
    case STEP_U8:
        return check_number(reader, 1);
    case STEP_U32:
        return check_number(reader, 4);
    case STEP_U64:
        return check_number(reader, 8);
    case STEP_STRING:
        return check_string(reader);
    default:
        return check_bytes(reader, random_below(random, LARGEST_STEP));
    }
}

const char *check_reader(struct random_source *random, const uint8_t *bytes, size_t size)
{
    struct frame_reader reader = {.at = bytes, .end = bytes + size};
    for (int i = 0; i < MOST_STEPS; i++) {
        const char *broken = check_step(random, &reader);
        if (broken != NULL) return broken;
        bool is_complete = !reader.failed && reader.at == bytes + size;
        if (reader_is_complete(&reader) != is_complete) return "a reader is complete at the end and without failure";
        if (reader.failed && random_below(random, 4) == 0) break;
    }
    return NULL;
}
