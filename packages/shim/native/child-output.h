#ifndef SHIM_CHILD_OUTPUT_H
#define SHIM_CHILD_OUTPUT_H

#include <stdint.h>

struct child;
struct server;

/* Takes over the read ends of the child's pipes; -1 for a stream that it does not have. Returns 0 or -1 with errno. */
int watch_output(struct child *child, int stdout_fd, int stderr_fd);

/* The leader has ended: what is readable now is read, then nothing more. */
void drain_output(struct child *child);

/* The daemon is done with so many bytes. */
void credit_output(struct child *child, uint32_t bytes);

/* The daemon has gone: output is read all the same, so that the child never waits. */
void output_without_daemon(struct child *child);

/* A daemon has come: what is kept is to be sent to it. */
void output_with_daemon(struct child *child);

/* Tells the daemon of the ending when all output is out; once. */
void report_exit(struct child *child);

/* The child is released: what descendants write from now on is read and dropped. */
void abandon_output(struct child *child);

#endif
