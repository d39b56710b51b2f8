#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "spawn-request.h"

enum {
    GROUP_SIZE = 4,
    LIMIT_SIZE = 20,
    SMALLEST_STRING_SIZE = 1,
};

/* A decoding under way: what is missing, bytes or memory, ends it. */
struct decoder {
    struct frame_reader *reader;
    bool out_of_memory;
};

/* Memory for `count` elements and one of zeros, of which each takes `wire_size` bytes of the frame at least. */
static void *allocate_elements(struct decoder *decoder, size_t count, size_t wire_size, size_t size)
{
    struct frame_reader *reader = decoder->reader;
    if (count > reader_rest(reader) / wire_size) reader->failed = true;
    if (reader->failed) return NULL;
    void *elements = calloc(count + 1, size);
    if (elements == NULL) {
        decoder->out_of_memory = true;
        reader->failed = true;
    }
    return elements;
}

static void read_groups(struct decoder *decoder, struct spawn_request *request)
{
    request->groups = allocate_elements(decoder, request->group_count, GROUP_SIZE, sizeof *request->groups);
    if (request->groups == NULL) return;
    for (size_t i = 0; i < request->group_count; i++) request->groups[i] = read_u32(decoder->reader);
}

static rlim_t limit_value(uint64_t value)
{
    return value == UINT64_MAX ? RLIM_INFINITY : (rlim_t)value;
}

static void read_limits(struct decoder *decoder, struct spawn_request *request)
{
    request->limits = allocate_elements(decoder, request->limit_count, LIMIT_SIZE, sizeof *request->limits);
    if (request->limits == NULL) return;
    for (size_t i = 0; i < request->limit_count; i++) {
        struct spawn_limit *limit = &request->limits[i];
        limit->resource = (int)read_u32(decoder->reader);
        limit->limit.rlim_cur = limit_value(read_u64(decoder->reader));
        limit->limit.rlim_max = limit_value(read_u64(decoder->reader));
    }
}

static const char **read_strings(struct decoder *decoder, size_t count)
{
    const char **strings = allocate_elements(decoder, count, SMALLEST_STRING_SIZE, sizeof *strings);
    if (strings == NULL) return NULL;
    for (size_t i = 0; i < count; i++) strings[i] = read_string(decoder->reader);
    return strings;
}

enum decoding decode_spawn_request(struct frame_reader *reader, struct spawn_request *request)
{
    struct decoder decoder = {.reader = reader};
    *request = (struct spawn_request){0};
    request->id = read_u32(reader);
    request->flags = read_u32(reader);
    request->uid = read_u32(reader);
    request->gid = read_u32(reader);
    request->nice = (int)read_u32(reader);
    request->oom_score_adjustment = (int)read_u32(reader);
    request->group_count = read_u32(reader);
    request->limit_count = read_u32(reader);
    size_t argument_count = read_u32(reader);
    size_t variable_count = read_u32(reader);
    read_groups(&decoder, request);
    read_limits(&decoder, request);
    request->file = read_string(reader);
    request->root = read_string(reader);
    request->cwd = read_string(reader);
    request->argv = read_strings(&decoder, argument_count);
    request->environment = read_strings(&decoder, variable_count);
    request->label_size = read_u32(reader);
    request->label = read_bytes(reader, request->label_size);
    if (decoder.out_of_memory) return DECODING_OUT_OF_MEMORY;
    if (!reader_is_complete(reader) || argument_count == 0) return DECODING_MALFORMED;
    return (request->flags & ~(uint32_t)SPAWN_KNOWN_FLAGS) == 0 ? DECODED : DECODING_MALFORMED;
}

void free_spawn_request(struct spawn_request *request)
{
    free(request->groups);
    free(request->limits);
    free(request->argv);
    free(request->environment);
    *request = (struct spawn_request){0};
}

const char *requested_variable(const struct spawn_request *request, const char *name)
{
    size_t length = strlen(name);
    for (const char **variable = request->environment; *variable != NULL; variable++)
        if (strncmp(*variable, name, length) == 0 && (*variable)[length] == '=') return *variable + length + 1;
    return NULL;
}
