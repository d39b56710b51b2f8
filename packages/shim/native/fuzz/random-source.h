#ifndef SHIM_FUZZ_RANDOM_SOURCE_H
#define SHIM_FUZZ_RANDOM_SOURCE_H

#include <stddef.h>
#include <stdint.h>

/* Numbers that look random and depend on nothing but seed and iteration. */
struct random_source {
    uint64_t state;
};

struct random_source random_at(uint64_t seed, uint64_t iteration);

uint64_t random_number(struct random_source *random);

/* From 0 to `bound` - 1; `bound` is at least 1. */
size_t random_below(struct random_source *random, size_t bound);

void random_bytes(struct random_source *random, uint8_t *bytes, size_t size);

#endif
