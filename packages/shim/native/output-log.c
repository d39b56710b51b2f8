#include <stdlib.h>

#include "frame-writer.h"
#include "memory.h"
#include "output-log.h"

enum {
    /* The first block is small: a thousand quiet children must not take 64 MiB. */
    FIRST_BLOCK_SIZE = 5 * 1024,
    BLOCK_SIZE = 64 * 1024 + OUTPUT_HEAD_SIZE,
    SMALLEST_READ = 4 * 1024,
    /* Small pieces have a head each: they must not make a MiB into ten. */
    MOST_MEMORY = 4 * RETAINED_OUTPUT,
};

/* Whole output frames, one behind the other. */
struct output_block {
    struct output_block *next;
    size_t capacity;
    size_t used;
    /* Bytes of each stream, without the heads of the frames. */
    size_t content[STREAM_COUNT];
    uint8_t frames[];
};

static struct output_block *add_block(struct output_log *log)
{
    size_t capacity = log->first == NULL ? FIRST_BLOCK_SIZE : BLOCK_SIZE;
    struct output_block *block = must_reallocate(NULL, sizeof *block + capacity);
    *block = (struct output_block){.capacity = capacity};
    log->memory += capacity;
    if (log->last != NULL)
        log->last->next = block;
    else
        log->first = block;
    log->last = block;
    return block;
}

uint8_t *log_reserve(struct output_log *log, size_t *size)
{
    struct output_block *block = log->last;
    if (block == NULL || block->capacity - block->used < OUTPUT_HEAD_SIZE + SMALLEST_READ) block = add_block(log);
    *size = block->capacity - block->used - OUTPUT_HEAD_SIZE;
    return block->frames + block->used + OUTPUT_HEAD_SIZE;
}

/* A block goes when the newer ones make up what is to be kept, and nobody is to get it any more. */
static void drop_old(struct output_log *log)
{
    while (log->first != log->last && log->first != log->sending) {
        struct output_block *oldest = log->first;
        size_t content = oldest->content[STREAM_STDOUT] + oldest->content[STREAM_STDERR];
        if (log->kept - content < RETAINED_OUTPUT && log->memory <= MOST_MEMORY) return;
        for (int stream = 0; stream < STREAM_COUNT; stream++) log->dropped[stream] += oldest->content[stream];
        log->kept -= content;
        log->memory -= oldest->capacity;
        log->first = oldest->next;
        free(oldest);
    }
}

void log_append(struct output_log *log, enum output_stream stream, size_t size)
{
    struct output_block *block = log->last;
    write_output_head(block->frames + block->used, log->id, stream, size);
    if (log->sending == NULL) {
        log->sending = block;
        log->sending_at = block->used;
    }
    block->used += OUTPUT_HEAD_SIZE + size;
    block->content[stream] += size;
    log->kept += size;
    drop_old(log);
}

const uint8_t *log_unsent(const struct output_log *log, size_t *size)
{
    if (log->sending == NULL) return NULL;
    *size = log->sending->used - log->sending_at;
    return log->sending->frames + log->sending_at;
}

void log_sent(struct output_log *log, size_t size)
{
    log->sending_at += size;
    if (log->sending_at < log->sending->used) return;
    log->sending = log->sending->next;
    log->sending_at = 0;
    /* A block that was reserved but has no frame yet. */
    if (log->sending != NULL && log->sending->used == 0) log->sending = NULL;
    drop_old(log);
}

size_t log_frame_end(const struct output_log *log, size_t offset)
{
    const uint8_t *frames = log->sending->frames + log->sending_at;
    size_t end = 0;
    while (end <= offset) end += frame_size_at(frames + end);
    return end;
}

size_t log_rewind(struct output_log *log)
{
    size_t content = 0;
    for (struct output_block *block = log->first; block != NULL; block = block->next)
        for (int stream = 0; stream < STREAM_COUNT; stream++) content += block->content[stream];
    log->sending = content > 0 ? log->first : NULL;
    log->sending_at = 0;
    return content;
}

void log_skip(struct output_log *log)
{
    log->sending = NULL;
    drop_old(log);
}

void log_free(struct output_log *log)
{
    while (log->first != NULL) {
        struct output_block *block = log->first;
        log->first = block->next;
        free(block);
    }
    log->last = NULL;
    log->sending = NULL;
    log->kept = 0;
    log->memory = 0;
}
