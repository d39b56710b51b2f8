#define _GNU_SOURCE
#include "http-response.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void response_begin(struct http_response *response, body_sink sink, void *sink_context)
{
    response->stage = STAGE_STATUS_LINE;
    response->status = 0;
    response->is_chunked = false;
    response->closes_connection = false;
    response->remaining = 0;
    response->line_length = 0;
    response->sink = sink;
    response->sink_context = sink_context;
}

static bool parse_number(const char *text, int base, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    unsigned long long parsed = strtoull(text, &end, base);
    if (errno != 0 || end == text) return false;
    *value = parsed;
    return true;
}

static enum response_stage read_status_line(struct http_response *response)
{
    static const char version[] = "HTTP/1.1 ";
    uint64_t status = 0;
    if (strncmp(response->line, version, strlen(version)) != 0) return STAGE_MALFORMED;
    if (!parse_number(response->line + strlen(version), 10, &status)) return STAGE_MALFORMED;
    response->status = (int)status;
    return STAGE_HEADER;
}

static enum response_stage begin_body(const struct http_response *response)
{
    if (response->is_chunked) return STAGE_CHUNK_SIZE;
    return response->remaining > 0 ? STAGE_FIXED_BODY : STAGE_COMPLETE;
}

static enum response_stage read_header_line(struct http_response *response)
{
    if (response->line_length == 0) return begin_body(response);
    char *colon = strchr(response->line, ':');
    if (colon == NULL) return STAGE_MALFORMED;
    *colon = '\0';
    const char *name = response->line;
    const char *value = colon + 1 + strspn(colon + 1, " \t");

    if (strcasecmp(name, "transfer-encoding") == 0) {
        response->is_chunked = strcasecmp(value, "chunked") == 0;
    } else if (strcasecmp(name, "connection") == 0) {
        response->closes_connection = strcasecmp(value, "close") == 0;
    } else if (strcasecmp(name, "content-length") == 0) {
        if (!parse_number(value, 10, &response->remaining)) return STAGE_MALFORMED;
    }
    return STAGE_HEADER;
}

static enum response_stage read_chunk_size_line(struct http_response *response)
{
    if (!parse_number(response->line, 16, &response->remaining)) return STAGE_MALFORMED;
    return response->remaining > 0 ? STAGE_CHUNK_BODY : STAGE_TRAILER;
}

static enum response_stage read_line(struct http_response *response)
{
    switch (response->stage) {
    case STAGE_STATUS_LINE:
        return read_status_line(response);
    case STAGE_HEADER:
        return read_header_line(response);
    case STAGE_CHUNK_SIZE:
        return read_chunk_size_line(response);
    case STAGE_CHUNK_END:
        return response->line_length == 0 ? STAGE_CHUNK_SIZE : STAGE_MALFORMED;
    case STAGE_TRAILER:
        return response->line_length == 0 ? STAGE_COMPLETE : STAGE_TRAILER;
    default:
        return STAGE_MALFORMED;
    }
}

/* Takes bytes up to the end of the line, if it is there, and returns how many it took. */
static size_t feed_line(struct http_response *response, const char *bytes, size_t length)
{
    const char *newline = memchr(bytes, '\n', length);
    size_t taken = newline == NULL ? length : (size_t)(newline - bytes) + 1;
    if (response->line_length + taken >= sizeof response->line) {
        response->stage = STAGE_MALFORMED;
        return taken;
    }
    memcpy(response->line + response->line_length, bytes, taken);
    response->line_length += taken;
    if (newline == NULL) return taken;

    response->line_length--;
    if (response->line_length > 0 && response->line[response->line_length - 1] == '\r') response->line_length--;
    response->line[response->line_length] = '\0';
    response->stage = read_line(response);
    response->line_length = 0;
    return taken;
}

static size_t feed_body(struct http_response *response, const char *bytes, size_t length)
{
    size_t taken = response->remaining < length ? (size_t)response->remaining : length;
    response->sink(response->sink_context, bytes, taken);
    response->remaining -= taken;
    if (response->remaining > 0) return taken;
    response->stage = response->stage == STAGE_CHUNK_BODY ? STAGE_CHUNK_END : STAGE_COMPLETE;
    return taken;
}

void response_feed(struct http_response *response, const char *bytes, size_t length)
{
    size_t offset = 0;
    while (offset < length && response->stage != STAGE_MALFORMED) {
        bool in_body = response->stage == STAGE_CHUNK_BODY || response->stage == STAGE_FIXED_BODY;
        if (response->stage == STAGE_COMPLETE) {
            response->stage = STAGE_MALFORMED;
        } else if (in_body) {
            offset += feed_body(response, bytes + offset, length - offset);
        } else {
            offset += feed_line(response, bytes + offset, length - offset);
        }
    }
}
