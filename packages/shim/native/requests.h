#ifndef SHIM_REQUESTS_H
#define SHIM_REQUESTS_H

#include <stdbool.h>

#include "connection.h"
#include "frame-reader.h"
#include "protocol.h"

/*
 * Does what one frame asks for; the reader holds its body. False when the frame breaks the protocol: the connection is to
 * be ended. It may be ended already when this returns true.
 */
bool take_request(struct connection *connection, enum request_type type, struct frame_reader *reader);

#endif
