#ifndef SHIM_FUZZ_SPAWN_MODEL_H
#define SHIM_FUZZ_SPAWN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random-source.h"
#include "spawn-request.h"

/* The body of a `spawn` frame as PROTOCOL.md has it, written a second time and for nothing but plainness. */

/* No body that is built here is larger. */
enum { LARGEST_BUILT_BODY = 2048 };

/* Writes a body with all that its counts announce; returns its size. It is right if there is an argument. */
size_t build_spawn_body(struct random_source *random, uint8_t *body);

bool is_spawn_body(const uint8_t *body, size_t size);

/* Writes what was decoded, up to `capacity` bytes; returns its size. */
size_t encode_spawn_request(const struct spawn_request *request, uint8_t *body, size_t capacity);

#endif
