#ifndef SHIM_JSON_WRITER_H
#define SHIM_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Writes one JSON object, member by member, as it goes. Start with {.stream = ...}; nothing is buffered here. */
struct json_writer {
    FILE *stream;
    /* The object that is open has a member already. */
    bool has_member;
};

/* An object as a member, or with the name NULL the outermost one. Each begin has its end. */
void json_begin(struct json_writer *json, const char *name);
void json_end(struct json_writer *json);

/*
 * Any bytes but NUL make a valid JSON string: what is no UTF-8 becomes the replacement character, byte by byte. NULL
 * becomes null.
 */
void json_text(struct json_writer *json, const char *name, const char *text);
void json_integer(struct json_writer *json, const char *name, int64_t value);
void json_boolean(struct json_writer *json, const char *name, bool value);
void json_null(struct json_writer *json, const char *name);

/* 16 lower-case hexadecimal digits, as /proc shows sets of capabilities. */
void json_bit_set(struct json_writer *json, const char *name, uint64_t value);

#endif
