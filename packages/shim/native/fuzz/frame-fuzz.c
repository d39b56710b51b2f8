/*
 * Feeds the decoder of client frames with bodies that are right, changed and made up. What is right is known twice: from
 * a plain second reading of the protocol, and because a request that was decoded gives the same bytes again.
 * Deterministic: an iteration depends on its number and the seed alone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame-reader.h"
#include "mutation.h"
#include "random-source.h"
#include "reader-check.h"
#include "spawn-model.h"
#include "spawn-request.h"

enum { CAPACITY = 2 * LARGEST_BUILT_BODY, MOST_MUTATIONS = 4, EXIT_BAD_USAGE = 2 };

/* A frame's body in memory of exactly its size, so that a read beyond it is noticed. */
struct body {
    uint8_t *bytes;
    size_t size;
};

struct totals {
    uint64_t decoded;
    uint64_t refused;
};

static struct body make_body(struct random_source *random)
{
    uint8_t bytes[CAPACITY];
    size_t size;
    if (random_below(random, 16) == 0) {
        size = random_below(random, LARGEST_BUILT_BODY);
        random_bytes(random, bytes, size);
    } else {
        size = build_spawn_body(random, bytes);
        size_t mutations = random_below(random, MOST_MUTATIONS + 1);
        for (size_t i = 0; i < mutations; i++) size = mutate(random, bytes, size, CAPACITY);
    }
    struct body body = {.bytes = malloc(size), .size = size};
    if (size > 0) memcpy(body.bytes, bytes, size);
    return body;
}

static const char *check_round_trip(const struct spawn_request *request, const struct body *body)
{
    uint8_t again[CAPACITY];
    size_t size = encode_spawn_request(request, again, sizeof again);
    bool is_same = size == body->size && memcmp(again, body->bytes, size) == 0;
    return is_same ? NULL : "a request that was decoded gives the same bytes again";
}

static const char *check_variables(const struct spawn_request *request)
{
    for (const char **variable = request->environment; *variable != NULL; variable++) {
        const char *sign = strchr(*variable, '=');
        if (sign == NULL) continue;
        char name[CAPACITY] = {0};
        memcpy(name, *variable, (size_t)(sign - *variable));
        const char *value = requested_variable(request, name);
        if (value == NULL || value[-1] != '=') return "a variable that is set is found";
    }
    return NULL;
}

static const char *check_decoding(const struct body *body, struct totals *totals)
{
    struct frame_reader reader = {.at = body->bytes, .end = body->bytes + body->size};
    struct spawn_request request;
    enum decoding decoding = decode_spawn_request(&reader, &request);
    const char *broken = NULL;
    if (decoding == DECODING_OUT_OF_MEMORY) broken = "a small frame needs little memory";
    else if ((decoding == DECODED) != is_spawn_body(body->bytes, body->size)) broken = "exactly what is right is decoded";
    else if (decoding == DECODED) broken = check_round_trip(&request, body);
    if (decoding == DECODED && broken == NULL) broken = check_variables(&request);
    *(decoding == DECODED ? &totals->decoded : &totals->refused) += 1;
    free_spawn_request(&request);
    return broken;
}

static const char *run_iteration(uint64_t seed, uint64_t iteration, struct totals *totals)
{
    struct random_source random = random_at(seed, iteration);
    struct body body = make_body(&random);
    const char *broken = check_decoding(&body, totals);
    if (broken == NULL) broken = check_reader(&random, body.bytes, body.size);
    free(body.bytes);
    return broken;
}

static uint64_t number_from(const char *text)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        fprintf(stderr, "frame-fuzz: not a number: %s\n", text);
        exit(EXIT_BAD_USAGE);
    }
    return number;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fputs("usage: frame-fuzz SEED ITERATIONS [FIRST]\n", stderr);
        return EXIT_BAD_USAGE;
    }
    uint64_t seed = number_from(argv[1]);
    uint64_t first = argc > 3 ? number_from(argv[3]) : 0;
    uint64_t end = first + number_from(argv[2]);
    struct totals totals = {0};
    for (uint64_t iteration = first; iteration < end; iteration++) {
        const char *broken = run_iteration(seed, iteration, &totals);
        if (broken == NULL) continue;
        fprintf(stderr, "frame-fuzz: seed %" PRIu64 ", iteration %" PRIu64 ": does not hold: %s\n", seed, iteration,
                broken);
        return EXIT_FAILURE;
    }
    printf("%" PRIu64 " decoded, %" PRIu64 " refused\n", totals.decoded, totals.refused);
    return EXIT_SUCCESS;
}
