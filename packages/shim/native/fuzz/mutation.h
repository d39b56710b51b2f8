#ifndef SHIM_FUZZ_MUTATION_H
#define SHIM_FUZZ_MUTATION_H

#include <stddef.h>
#include <stdint.h>

#include "random-source.h"

/* Changes the bytes in one way, at random; returns how many they are then, at most `capacity`. */
size_t mutate(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity);

#endif
