#ifndef SHIM_NUMERIC_ARGUMENT_H
#define SHIM_NUMERIC_ARGUMENT_H

#include <stdbool.h>

/* The kernel's own limit (PID_MAX_LIMIT). */
enum { HIGHEST_PID = 4 * 1024 * 1024 };

/* A whole decimal number within bounds, both included. False for anything else; `number` is then not to be used. */
bool parse_number(const char *text, long lowest, long highest, long *number);

#endif
