#ifndef SHIM_EXEC_IMAGE_H
#define SHIM_EXEC_IMAGE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The arguments of an execve as they lie in memory: both arrays of pointers, then the strings. It is made before anybody
 * knows where it is going to lie, and moved there once.
 */
struct exec_image {
    unsigned char *bytes;
    size_t size;
    size_t argument_count;
    size_t variable_count;
};

/* Both end with NULL; `arguments` has at least one. Freed with free_exec_image. */
void build_exec_image(struct exec_image *image, char *const *arguments, char *const *environment);
void free_exec_image(struct exec_image *image);

/* Makes every pointer right for this address, page-aligned or not. Only once. */
void move_exec_image(struct exec_image *image, uint64_t address);

/* Where in the image things begin. */
size_t argument_array_offset(const struct exec_image *image);
size_t environment_array_offset(const struct exec_image *image);
/* The first argument, and the empty string that is its end. */
size_t first_argument_offset(const struct exec_image *image);
size_t empty_string_offset(const struct exec_image *image);

#endif
