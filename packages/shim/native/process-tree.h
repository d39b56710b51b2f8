#ifndef SHIM_PROCESS_TREE_H
#define SHIM_PROCESS_TREE_H

#include <stddef.h>

#include "child.h"
#include "process-table.h"

/* The variable that names the execution to everything that comes from it. */
#define EXECUTION_COOKIE "OPENSANDBOX_EXEC_ID"

/* Marks in the table whatever came from the child and is alive; returns how many that are. The shim is never among them. */
size_t mark_tree(struct process_table *table, const struct child *child);

/* The same for the members of the child's process group. */
size_t mark_group(struct process_table *table, const struct child *child);

/* Sends a signal to the whole tree or group; returns how many it reached. */
size_t signal_tree(const struct child *child, int signal);
size_t signal_group(const struct child *child, int signal);

#endif
