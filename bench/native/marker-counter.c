#include "marker-counter.h"

#include <string.h>

void marker_begin(struct marker_counter *counter, const char *marker)
{
    counter->marker = marker;
    counter->marker_length = strlen(marker);
    counter->matched = 0;
    counter->count = 0;
}

/* Extends the current match as far as the bytes agree; returns the first byte that was not used. */
static const char *extend_match(struct marker_counter *counter, const char *at, const char *end)
{
    while (at < end && *at == counter->marker[counter->matched]) {
        at++;
        counter->matched++;
        if (counter->matched == counter->marker_length) {
            counter->count++;
            counter->matched = 0;
            return at;
        }
    }
    /* A mismatch cannot hide the start of another match, because the first character is unique. */
    if (at < end) counter->matched = 0;
    return at;
}

void marker_feed(struct marker_counter *counter, const char *bytes, size_t length)
{
    const char *at = bytes;
    const char *end = bytes + length;
    while (at < end) {
        if (counter->matched == 0) {
            at = memchr(at, counter->marker[0], (size_t)(end - at));
            if (at == NULL) return;
        }
        at = extend_match(counter, at, end);
    }
}
