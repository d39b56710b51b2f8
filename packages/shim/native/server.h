#ifndef SHIM_SERVER_H
#define SHIM_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "child.h"
#include "clock.h"
#include "connection.h"
#include "protocol.h"

struct sweep;

/* Everything that `shim serve` has. One thread, one loop: nothing here is shared. */
struct server {
    int loop;
    struct watch child_signal;
    struct watch listener;
    uint8_t token[TOKEN_SIZE];
    bool has_token;
    /* The daemon that opened the protocol; NULL when there is none. */
    struct connection *daemon;
    /* Somebody who connected and has not said who it is. */
    struct connection *candidate;
    struct child_table children;
    /* Those that have output or an ending to send, first come first served. */
    struct child *first_sending;
    struct child *last_sending;
    struct sweep *sweeps;
    /* Read, dropped and closed when the last descendant lets go. */
    struct orphaned_pipe *orphaned_pipes;
    /* Freed at the end of the turn: later events of the same turn may still refer to them. */
    struct garbage *garbage;
    /* What a child reads that has no stdin. */
    int null_fd;
    struct rlimit open_files;
    struct rlimit pending_signals;
    uint32_t last_tag;
    /* By index; 0 stands for children without a tag. */
    bool tag_in_use[TAGS + 1];
    bool is_leaving;
    /* So far. */
    uint64_t orphans_reaped;
    uint64_t idle_ns;
    /* Since when nobody needs the shim, monotonic; 0 while somebody does. */
    uint64_t idle_since_ns;
};

/* Frees the memory at the end of the turn. */
void free_later(struct server *server, void *memory);

#endif
