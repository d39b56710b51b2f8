#ifndef SHIM_ATTACHABILITY_H
#define SHIM_ATTACHABILITY_H

#include <stdbool.h>

#include "failure.h"
#include "gvisor.h"
#include "process-status.h"

/*
 * Whether inject would attach to this process, found out without touching it. False with the failure's step "target"
 * when it must not be attached to, and "access" when the system does not allow it.
 */
bool is_attachable(const struct process_status *status, const struct gvisor_signs *gvisor, struct failure *failure);

#endif
