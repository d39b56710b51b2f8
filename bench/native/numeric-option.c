#include "numeric-option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const double LONGEST_SECONDS = 86400;

long parse_integer(const char *option, const char *text, long lowest, long highest)
{
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < lowest || value > highest) {
        fprintf(stderr, "%s: expected a number from %ld to %ld, got \"%s\"\n", option, lowest, highest, text);
        exit(2);
    }
    return value;
}

double parse_seconds(const char *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(value > 0 && value <= LONGEST_SECONDS)) {
        fprintf(stderr, "%s: expected seconds above 0, got \"%s\"\n", option, text);
        exit(2);
    }
    return value;
}
