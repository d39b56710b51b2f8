#ifndef SHIM_START_CHILD_H
#define SHIM_START_CHILD_H

struct server;
struct spawn_request;

/* Starts a child as requested and answers `started` or `failed`. A start that failed leaves nothing behind. */
void start_child(struct server *server, const struct spawn_request *request);

#endif
