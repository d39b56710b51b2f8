#ifndef BENCH_MONOTONIC_CLOCK_H
#define BENCH_MONOTONIC_CLOCK_H

#include <time.h>

/* Microseconds since an arbitrary start, never going backwards. */
static inline double monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with a valid clock and pointer */
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

#endif
