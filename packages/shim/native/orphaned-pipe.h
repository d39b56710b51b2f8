#ifndef SHIM_ORPHANED_PIPE_H
#define SHIM_ORPHANED_PIPE_H

struct server;

/*
 * Takes over the read end of a pipe whose owner is not interested any more. What descendants write is read and dropped,
 * so that they neither wait nor get SIGPIPE, until the last of them closes it.
 */
void adopt_pipe(struct server *server, int fd);

/* Closes all of them. */
void drop_pipes(struct server *server);

#endif
