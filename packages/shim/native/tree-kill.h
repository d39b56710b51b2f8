#ifndef SHIM_TREE_KILL_H
#define SHIM_TREE_KILL_H

#include <stdint.h>

#include "protocol.h"

struct child;
struct server;

/*
 * Kills everything that came from the child, and tells the daemon in answer to its request when nothing is left, or what is
 * left after 1 s.
 */
void sweep_tree(struct child *child, uint32_t request);

/* The same at the child's end, to its group or its tree. The ending is told when they are gone, with their number. */
void sweep_at_end(struct child *child, enum signal_scope scope);

/* Looks at the kills that are under way; called in each turn. Returns in how many ms it wants to look again, -1: never. */
int go_on_sweeping(struct server *server);

/* The child is about to be forgotten: requests that are under way are answered with what is left now. */
void forget_sweeps(struct child *child);

#endif
