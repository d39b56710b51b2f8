#ifndef SHIM_HANDOVER_H
#define SHIM_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"

struct server;

/*
 * Listens where the next daemon looks for the shim: a path, or with a leading `@` an abstract name. Returns 0, or -1 with
 * errno.
 */
int start_listening(struct server *server, const char *address);

/*
 * Somebody names itself on a connection. The first one decides on the token, unless the command line did; later ones have
 * to know it. Answers with hello and everything that an earlier daemon left. False when it is refused.
 */
bool open_protocol(struct connection *connection, uint32_t version, const uint8_t *token);

#endif
