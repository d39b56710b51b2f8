#include <inttypes.h>
#include <string.h>

#include "json-writer.h"

static const char REPLACEMENT[] = "\\ufffd";

/* The length of the UTF-8 sequence that starts here, 0 when there is none (RFC 3629: not overlong, no surrogate). */
static size_t sequence_length(const unsigned char *bytes)
{
    if (bytes[0] < 0x80) return 1;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4) return 0;
    size_t length = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    /* A NUL in between ends the comparison before it is passed. */
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    if (bytes[0] == 0xe0 && bytes[1] < 0xa0) return 0;
    if (bytes[0] == 0xed && bytes[1] > 0x9f) return 0;
    if (bytes[0] == 0xf0 && bytes[1] < 0x90) return 0;
    if (bytes[0] == 0xf4 && bytes[1] > 0x8f) return 0;
    return length;
}

static void write_ascii(FILE *stream, unsigned char byte)
{
    if (byte == '"' || byte == '\\')
        fprintf(stream, "\\%c", byte);
    else if (byte < 0x20 || byte == 0x7f)
        fprintf(stream, "\\u%04x", byte);
    else
        fputc(byte, stream);
}

static void write_string(FILE *stream, const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    fputc('"', stream);
    while (*bytes != '\0') {
        size_t length = sequence_length(bytes);
        if (length == 1) write_ascii(stream, *bytes);
        if (length > 1) fwrite(bytes, 1, length, stream);
        if (length == 0) fputs(REPLACEMENT, stream);
        bytes += length > 0 ? length : 1;
    }
    fputc('"', stream);
}

static void write_name(struct json_writer *json, const char *name)
{
    if (json->has_member) fputc(',', json->stream);
    json->has_member = true;
    if (name == NULL) return;
    write_string(json->stream, name);
    fputc(':', json->stream);
}

void json_begin(struct json_writer *json, const char *name)
{
    write_name(json, name);
    fputc('{', json->stream);
    json->has_member = false;
}

void json_end(struct json_writer *json)
{
    fputc('}', json->stream);
    json->has_member = true;
}

void json_text(struct json_writer *json, const char *name, const char *text)
{
    if (text == NULL) {
        json_null(json, name);
        return;
    }
    write_name(json, name);
    write_string(json->stream, text);
}

void json_integer(struct json_writer *json, const char *name, int64_t value)
{
    write_name(json, name);
    fprintf(json->stream, "%" PRId64, value);
}

void json_boolean(struct json_writer *json, const char *name, bool value)
{
    write_name(json, name);
    fputs(value ? "true" : "false", json->stream);
}

void json_null(struct json_writer *json, const char *name)
{
    write_name(json, name);
    fputs("null", json->stream);
}

void json_bit_set(struct json_writer *json, const char *name, uint64_t value)
{
    write_name(json, name);
    fprintf(json->stream, "\"%016" PRIx64 "\"", value);
}
