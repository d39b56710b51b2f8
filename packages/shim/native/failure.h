#ifndef SHIM_FAILURE_H
#define SHIM_FAILURE_H

#include <stdbool.h>
#include <stddef.h>

/* Why something was not done. All zero is no failure. */
struct failure {
    /* What was being done. */
    const char *step;
    /* The system's error number. */
    int error;
    /* What the number does not say; NULL when it says all. */
    const char *explanation;
};

/* Notes a failure and returns false. The first one stands: what goes wrong afterwards is its consequence. */
bool fail(struct failure *failure, const char *step, int error, const char *explanation);

/* The explanation, or else what the system says of the error number. */
const char *failure_message(const struct failure *failure);

#endif
