#ifndef SHIM_CLOCK_H
#define SHIM_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t monotonic_ns(void);

/* Clock ticks after boot, as /proc/PID/stat counts the start of a process (proc(5), field 22). */
uint64_t boot_ticks(void);

#endif
