#ifndef SHIM_CONFINEMENT_H
#define SHIM_CONFINEMENT_H

#include <sys/types.h>

/*
 * What a process may do and where it is, as text: namespaces, root, cgroups, identity, capabilities, seccomp, limits,
 * priority, security label. Two processes with the same text are in the same container and as confined as each other:
 * a child of one could as well be a child of the other. To be freed. NULL when the process cannot be looked at.
 */
char *describe_confinement(pid_t pid);

#endif
