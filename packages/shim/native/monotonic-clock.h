#ifndef SHIM_MONOTONIC_CLOCK_H
#define SHIM_MONOTONIC_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t monotonic_ns(void);

#endif
