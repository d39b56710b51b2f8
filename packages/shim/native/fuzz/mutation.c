#include <string.h>

#include "mutation.h"

/* The largest piece that is taken out or doubled. */
enum { PIECE_SIZE = 64, NUMBER_SIZE = 4 };

typedef size_t mutator(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity);

static size_t flip_bit(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    (void)capacity;
    if (size > 0) bytes[random_below(random, size)] ^= (uint8_t)(1u << random_below(random, 8));
    return size;
}

static size_t set_byte(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    (void)capacity;
    if (size > 0) bytes[random_below(random, size)] = (uint8_t)random_number(random);
    return size;
}

static size_t clear_byte(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    (void)capacity;
    if (size > 0) bytes[random_below(random, size)] = 0;
    return size;
}

/* At the edges of what a count or a length may be. */
static uint32_t edge_number(struct random_source *random, size_t size)
{
    const uint32_t edges[] = {
        0,           1,           2,          (uint32_t)size, (uint32_t)size / 4, (uint32_t)size / 20,
        INT32_MAX,   UINT32_MAX,  0x80000000, 0x40000000,     UINT32_MAX - 1,     UINT32_MAX / 4 + 1,
        UINT32_MAX / 8 + 1, UINT32_MAX / 20 + 1,
    };
    return edges[random_below(random, sizeof edges / sizeof edges[0])];
}

/* Most fields of a frame are numbers, and most numbers stand at its beginning. */
static size_t set_number(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    (void)capacity;
    if (size < NUMBER_SIZE) return size;
    size_t range = random_below(random, 2) == 0 && size > PIECE_SIZE ? PIECE_SIZE : size;
    size_t at = random_below(random, range - NUMBER_SIZE + 1);
    if (random_below(random, 4) != 0) at -= at % NUMBER_SIZE;
    uint32_t number = edge_number(random, size);
    for (int i = 0; i < NUMBER_SIZE; i++) bytes[at + (size_t)i] = (uint8_t)(number >> (8 * i));
    return size;
}

static size_t step_number(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    (void)capacity;
    if (size > 0) bytes[random_below(random, size)] += random_below(random, 2) == 0 ? 1 : UINT8_MAX;
    return size;
}

static size_t cut_off(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    (void)bytes;
    (void)capacity;
    return random_below(random, size + 1);
}

static size_t cut_off_a_little(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    (void)bytes;
    (void)capacity;
    size_t less = 1 + random_below(random, NUMBER_SIZE);
    return size > less ? size - less : 0;
}

static size_t append(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    size_t more = 1 + random_below(random, PIECE_SIZE);
    if (more > capacity - size) more = capacity - size;
    random_bytes(random, bytes + size, more);
    return size + more;
}

static size_t take_out_piece(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    (void)capacity;
    size_t at = random_below(random, size + 1);
    size_t piece = random_below(random, PIECE_SIZE + 1);
    if (piece > size - at) piece = size - at;
    memmove(bytes + at, bytes + at + piece, size - at - piece);
    return size - piece;
}

static size_t double_piece(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    size_t at = random_below(random, size + 1);
    size_t piece = random_below(random, PIECE_SIZE + 1);
    if (piece > size - at) piece = size - at;
    if (piece > capacity - size) piece = capacity - size;
    memmove(bytes + at + piece, bytes + at, size - at);
    return size + piece;
}

static mutator *const MUTATORS[] = {
    flip_bit, set_byte, clear_byte, set_number, set_number, step_number, cut_off, cut_off_a_little, append,
    take_out_piece, double_piece,
};

size_t mutate(struct random_source *random, uint8_t *bytes, size_t size, size_t capacity)
{
    size_t which = random_below(random, sizeof MUTATORS / sizeof MUTATORS[0]);
    return MUTATORS[which](random, bytes, size, capacity);
}
