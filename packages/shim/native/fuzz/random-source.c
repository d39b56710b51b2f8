#include "random-source.h"

/* The constants of SplitMix64. */
static const uint64_t STEP = 0x9e3779b97f4a7c15u;
static const uint64_t FIRST_FACTOR = 0xbf58476d1ce4e5b9u;
static const uint64_t SECOND_FACTOR = 0x94d049bb133111ebu;

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * FIRST_FACTOR;
    value = (value ^ (value >> 27)) * SECOND_FACTOR;
    return value ^ (value >> 31);
}

struct random_source random_at(uint64_t seed, uint64_t iteration)
{
    return (struct random_source){.state = mix(mix(seed) + iteration)};
}

uint64_t random_number(struct random_source *random)
{
    random->state += STEP;
    return mix(random->state);
}

size_t random_below(struct random_source *random, size_t bound)
{
    return (size_t)(random_number(random) % bound);
}

void random_bytes(struct random_source *random, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)random_number(random);
}
