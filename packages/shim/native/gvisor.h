#ifndef SHIM_GVISOR_H
#define SHIM_GVISOR_H

#include <stdbool.h>

/* What tells that the kernel below us is gVisor's. Each of them alone is enough: old versions lack one or the other. */
struct gvisor_signs {
    /* The kernel's log says that it started. */
    bool kernel_log;
    /* The version that it pretends to be. */
    bool kernel_version;
    /* A process without mount namespace. */
    bool no_mount_namespace;
};

struct gvisor_signs look_for_gvisor(void);
bool is_gvisor(const struct gvisor_signs *signs);

#endif
