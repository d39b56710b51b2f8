#ifndef SHIM_RELEASE_H
#define SHIM_RELEASE_H

struct child;

/* The daemon is done with the child. Its record goes now, or when its leader has ended. */
void release_child(struct child *child);

/* Takes a child whose leader has ended out of the table and frees it at the end of the turn. */
void free_child(struct child *child);

#endif
