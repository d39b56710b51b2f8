#include <stdlib.h>

#include "child-input.h"
#include "child-output.h"
#include "release.h"
#include "server.h"
#include "tree-kill.h"

void free_child(struct child *child)
{
    struct server *server = child->server;
    forget_sweeps(child);
    stop_sending(child);
    abandon_output(child);
    abandon_input(child);
    log_free(&child->log);
    if (!child->released) forget_id(&server->children, child);
    remove_child(&server->children, child);
    server->tag_in_use[child->tag_index] = false;
    free(child->cookie);
    free(child->label);
    free_later(server, child);
}

void release_child(struct child *child)
{
    if (child->state == CHILD_RUNNING) {
        /* Its id is free again; only its pid is still looked for. */
        forget_id(&child->server->children, child);
        child->released = true;
        stop_sending(child);
        forget_sweeps(child);
        abandon_output(child);
        abandon_input(child);
        log_free(&child->log);
    } else {
        free_child(child);
    }
}
