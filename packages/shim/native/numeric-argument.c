#include <errno.h>
#include <stdlib.h>

#include "numeric-argument.h"

bool parse_number(const char *text, long lowest, long highest, long *number)
{
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *number >= lowest && *number <= highest;
}
