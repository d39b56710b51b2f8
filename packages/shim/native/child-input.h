#ifndef SHIM_CHILD_INPUT_H
#define SHIM_CHILD_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct child;

/* Takes over the write end of the child's stdin; -1 for a child without. */
void open_input(struct child *child, int fd);

/* Delivers the bytes as the child takes them. False when more is waiting than the protocol allows. */
bool write_input(struct child *child, const uint8_t *bytes, size_t size);

/* Closes stdin behind what is waiting. */
void close_input(struct child *child);

/* Another daemon has come: what is waiting is not its own. */
void inherit_input(struct child *child);

/* The leader has ended: nobody will read what is waiting. */
void end_input(struct child *child);

/* The daemon has released the child, and is told nothing any more: the child reads end of file. */
void abandon_input(struct child *child);

#endif
