#ifndef SHIM_DONOR_H
#define SHIM_DONOR_H

#include <stddef.h>
#include <sys/types.h>

#include "gvisor.h"
#include "process-status.h"

enum { MOST_DONORS = 3 };

/*
 * The processes that could be stopped for a moment in place of the target, best first: as confined as the target,
 * attachable, in a call that does not notice, asleep rather than running, and small. The target itself comes last, if
 * there is room. Returns how many there are.
 */
size_t find_donors(const struct process_status *target, const struct gvisor_signs *gvisor,
                   struct process_status donors[MOST_DONORS]);

#endif
