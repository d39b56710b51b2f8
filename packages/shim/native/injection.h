#ifndef SHIM_INJECTION_H
#define SHIM_INJECTION_H

#include <stddef.h>
#include <stdint.h>

#include "exec-image.h"
#include "failure.h"
#include "process-status.h"
#include "sealed-copy.h"

enum { TOKEN_BYTES = 32 };

/* How the process is copied. */
enum injection_method {
    /* With a memory of its own: it can do nothing to the one that it is a copy of. */
    METHOD_FORK,
    /* With the same memory, while that one stands still: takes no longer however large it is. */
    METHOD_CLONE_VM,
};

/* Everything that is needed once somebody has been stopped, made before. */
struct injection_plan {
    /* Who is stopped, and when it started. */
    pid_t donor;
    uint64_t donor_start_time;
    enum injection_method method;
    /* This program, as `shim resident`, with its arguments and environment. */
    struct program_copy resident;
    struct exec_image image;
    /* The program that the resident becomes; NULL when it stays what it is. */
    const struct program_copy *program;
    /* TOKEN_BYTES for the resident to read from descriptor 3, NULL for none. */
    const uint8_t *token;
};

struct injection {
    pid_t resident;
    uint64_t resident_start_time;
    /* How long the donor stood still, in ns. */
    uint64_t stopped_ns;
    /* Has no reader any more when the resident has closed its descriptor 3. To be closed. */
    int token_pipe;
};

/*
 * Puts a resident beside the donor: in the same container, as confined, but an orphan, and lets it go. All signals are
 * blocked meanwhile. The plan's image is used up.
 *
 * False when it did not work; then the donor is as before and no resident is left. When the tracer is killed between
 * stop and release, some milliseconds, the donor is killed, too: anything else would let it run with wrong registers.
 */
bool inject_resident(struct injection_plan *plan, struct injection *injection, struct failure *failure);

#endif
