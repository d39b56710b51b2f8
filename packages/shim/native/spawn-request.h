#ifndef SHIM_SPAWN_REQUEST_H
#define SHIM_SPAWN_REQUEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "frame-reader.h"

struct spawn_limit {
    int resource;
    struct rlimit limit;
};

/* What a `spawn` frame asks for. Strings and label lie in the frame; the arrays belong to the request. */
struct spawn_request {
    uint32_t id;
    uint32_t flags;
    uid_t uid;
    gid_t gid;
    int nice;
    int oom_score_adjustment;
    gid_t *groups;
    size_t group_count;
    struct spawn_limit *limits;
    size_t limit_count;
    const char *file;
    /* Empty: unchanged. */
    const char *root;
    const char *cwd;
    /* NULL-terminated. */
    const char **argv;
    const char **environment;
    const uint8_t *label;
    size_t label_size;
};

enum decoding {
    DECODED,
    /* Not a frame of this protocol. */
    DECODING_MALFORMED,
    /* A frame, but larger than the memory that there is. */
    DECODING_OUT_OF_MEMORY,
};

/*
 * Decodes the body of a `spawn` frame. The request refers to the bytes of the reader, and is to be freed whatever the
 * result is.
 */
enum decoding decode_spawn_request(struct frame_reader *reader, struct spawn_request *request);

void free_spawn_request(struct spawn_request *request);

/* The value of a variable in the request's environment; NULL when it has none of that name. */
const char *requested_variable(const struct spawn_request *request, const char *name);

#endif
