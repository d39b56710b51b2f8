#include <string.h>

#include "body-writer.h"
#include "protocol.h"
#include "spawn-model.h"

enum {
    HEAD_FIELDS = 10,
    U32_SIZE = 4,
    LIMIT_SIZE = 20,
    /* file, root, cwd */
    FIXED_STRINGS = 3,
    MOST_GROUPS = 6,
    MOST_LIMITS = 5,
    MOST_STRINGS = 8,
    LONGEST_STRING = 40,
    LONGEST_LABEL = 80,
};

enum head_field { FIELD_FLAGS = 1, FIELD_GROUPS = 6, FIELD_LIMITS = 7, FIELD_ARGUMENTS = 8, FIELD_VARIABLES = 9 };

static void put_random_string(struct random_source *random, struct body_writer *writer, size_t longest)
{
    char text[LONGEST_STRING + 1] = {0};
    size_t length = random_below(random, longest + 1);
    for (size_t i = 0; i < length; i++) text[i] = (char)(1 + random_below(random, UINT8_MAX));
    put_string(writer, text);
}

size_t build_spawn_body(struct random_source *random, uint8_t *body)
{
    struct body_writer writer = {.bytes = body, .capacity = LARGEST_BUILT_BODY};
    uint32_t head[HEAD_FIELDS];
    for (int i = 0; i < HEAD_FIELDS; i++) head[i] = (uint32_t)random_number(random);
    head[FIELD_FLAGS] &= SPAWN_KNOWN_FLAGS;
    head[FIELD_GROUPS] = (uint32_t)random_below(random, MOST_GROUPS + 1);
    head[FIELD_LIMITS] = (uint32_t)random_below(random, MOST_LIMITS + 1);
    head[FIELD_ARGUMENTS] = (uint32_t)random_below(random, MOST_STRINGS + 1);
    head[FIELD_VARIABLES] = (uint32_t)random_below(random, MOST_STRINGS + 1);
    for (int i = 0; i < HEAD_FIELDS; i++) put_u32(&writer, head[i]);
    for (uint32_t i = 0; i < head[FIELD_GROUPS]; i++) put_u32(&writer, (uint32_t)random_number(random));
    for (uint32_t i = 0; i < head[FIELD_LIMITS]; i++) {
        put_u32(&writer, (uint32_t)random_number(random));
        put_u64(&writer, random_below(random, 2) == 0 ? UINT64_MAX : random_number(random));
        put_u64(&writer, random_number(random));
    }
    uint32_t strings = FIXED_STRINGS + head[FIELD_ARGUMENTS] + head[FIELD_VARIABLES];
    /* Counts are checked against what is left of the frame: often that is little. */
    bool is_short = random_below(random, 4) == 0;
    for (uint32_t i = 0; i < strings; i++) put_random_string(random, &writer, is_short ? 0 : LONGEST_STRING);
    uint8_t label[LONGEST_LABEL];
    size_t label_size = is_short ? 0 : random_below(random, LONGEST_LABEL + 1);
    random_bytes(random, label, label_size);
    put_u32(&writer, (uint32_t)label_size);
    put_bytes(&writer, label, label_size);
    return writer.size;
}

static uint64_t number_at(const uint8_t *body, uint64_t at)
{
    return body[at] + body[at + 1] * 0x100ull + body[at + 2] * 0x10000ull + body[at + 3] * 0x1000000ull;
}

bool is_spawn_body(const uint8_t *body, size_t size)
{
    uint64_t at = HEAD_FIELDS * U32_SIZE;
    if (size < at) return false;
    uint64_t arguments = number_at(body, FIELD_ARGUMENTS * U32_SIZE);
    uint64_t strings = FIXED_STRINGS + arguments + number_at(body, FIELD_VARIABLES * U32_SIZE);
    if (number_at(body, FIELD_FLAGS * U32_SIZE) > SPAWN_KNOWN_FLAGS || arguments == 0) return false;
    at += number_at(body, FIELD_GROUPS * U32_SIZE) * U32_SIZE;
    at += number_at(body, FIELD_LIMITS * U32_SIZE) * LIMIT_SIZE;
    for (uint64_t i = 0; i < strings; i++) {
        while (at < size && body[at] != '\0') at++;
        at++;
        if (at > size) return false;
    }
    return at + U32_SIZE <= size && at + U32_SIZE + number_at(body, at) == size;
}

static void put_strings(struct body_writer *writer, const char **strings)
{
    for (; *strings != NULL; strings++) put_string(writer, *strings);
}

static uint32_t count_strings(const char **strings)
{
    uint32_t count = 0;
    while (strings[count] != NULL) count++;
    return count;
}

size_t encode_spawn_request(const struct spawn_request *request, uint8_t *body, size_t capacity)
{
    struct body_writer writer = {.bytes = body, .capacity = capacity};
    const uint32_t head[HEAD_FIELDS] = {
        request->id,
        request->flags,
        request->uid,
        request->gid,
        (uint32_t)request->nice,
        (uint32_t)request->oom_score_adjustment,
        (uint32_t)request->group_count,
        (uint32_t)request->limit_count,
        count_strings(request->argv),
        count_strings(request->environment),
    };
    for (int i = 0; i < HEAD_FIELDS; i++) put_u32(&writer, head[i]);
    for (size_t i = 0; i < request->group_count; i++) put_u32(&writer, request->groups[i]);
    for (size_t i = 0; i < request->limit_count; i++) {
        put_u32(&writer, (uint32_t)request->limits[i].resource);
        put_u64(&writer, request->limits[i].limit.rlim_cur);
        put_u64(&writer, request->limits[i].limit.rlim_max);
    }
    put_string(&writer, request->file);
    put_string(&writer, request->root);
    put_string(&writer, request->cwd);
    put_strings(&writer, request->argv);
    put_strings(&writer, request->environment);
    put_u32(&writer, (uint32_t)request->label_size);
    put_bytes(&writer, request->label, request->label_size);
    return writer.size;
}
