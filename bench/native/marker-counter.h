#ifndef BENCH_MARKER_COUNTER_H
#define BENCH_MARKER_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#define STDOUT_EVENT_MARKER "{\"type\":\"stdout\""
#define COMPLETE_EVENT_MARKER "{\"type\":\"execution_complete\""

/* Counts a marker in a byte stream that arrives in any portions.
   The marker's first character must occur nowhere else in the marker. */
struct marker_counter {
    const char *marker;
    size_t marker_length;
    size_t matched;
    uint64_t count;
};

void marker_begin(struct marker_counter *counter, const char *marker);
void marker_feed(struct marker_counter *counter, const char *bytes, size_t length);

#endif
