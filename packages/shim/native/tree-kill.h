#ifndef SHIM_TREE_KILL_H
#define SHIM_TREE_KILL_H

#include <stdint.h>

struct child;
struct server;

/* Kills everything that came from the child; returns how many processes that were. Some may take a moment to be gone. */
uint32_t kill_tree(const struct child *child);

/* The same, and tells the daemon in answer to its request when nothing is left, or what is left after 1 s. */
void sweep_tree(struct child *child, uint32_t request);

/* Looks at the kills that are under way; called in each turn. Returns in how many ms it wants to look again, -1: never. */
int go_on_sweeping(struct server *server);

/* The child is about to be forgotten: requests that are under way are answered with what is left now. */
void forget_sweeps(struct child *child);

#endif
