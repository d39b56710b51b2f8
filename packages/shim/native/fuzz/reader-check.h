#ifndef SHIM_FUZZ_READER_CHECK_H
#define SHIM_FUZZ_READER_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "random-source.h"

/* Reads the bytes with a frame reader in random steps. NULL when it keeps its promises, otherwise the one it broke. */
const char *check_reader(struct random_source *random, const uint8_t *bytes, size_t size);

#endif
