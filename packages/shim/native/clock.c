#include <time.h>

#include "clock.h"

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

uint64_t monotonic_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t boot_ticks(void)
{
    /* USER_HZ, which is 100 on every architecture that we run on. */
    const uint64_t nanoseconds_per_tick = 10 * 1000 * 1000;
    return read_ns(CLOCK_BOOTTIME) / nanoseconds_per_tick;
}
