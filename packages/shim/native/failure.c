#include <string.h>

#include "failure.h"

bool fail(struct failure *failure, const char *step, int error, const char *explanation)
{
    if (failure->step != NULL) return false;
    *failure = (struct failure){.step = step, .error = error, .explanation = explanation};
    return false;
}

const char *failure_message(const struct failure *failure)
{
    return failure->explanation != NULL ? failure->explanation : strerror(failure->error);
}
