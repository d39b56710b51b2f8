#include <stdlib.h>
#include <string.h>

#include "exec-image.h"
#include "memory.h"

/* Both arrays have a NULL at their end. */
static size_t pointer_count(const struct exec_image *image)
{
    return image->argument_count + 1 + image->variable_count + 1;
}

static size_t count_strings(char *const *strings, size_t *bytes)
{
    size_t count = 0;
    for (; strings[count] != NULL; count++) *bytes += strlen(strings[count]) + 1;
    return count;
}

/* Pointers are offsets for the time being. */
static size_t place_strings(struct exec_image *image, char *const *strings, size_t first_pointer, size_t offset)
{
    uint64_t *pointers = (uint64_t *)image->bytes;
    for (size_t i = 0; strings[i] != NULL; i++) {
        size_t length = strlen(strings[i]) + 1;
        memcpy(image->bytes + offset, strings[i], length);
        pointers[first_pointer + i] = offset;
        offset += length;
    }
    return offset;
}

void build_exec_image(struct exec_image *image, char *const *arguments, char *const *environment)
{
    size_t string_bytes = 0;
    *image = (struct exec_image){0};
    image->argument_count = count_strings(arguments, &string_bytes);
    image->variable_count = count_strings(environment, &string_bytes);
    size_t offset = pointer_count(image) * sizeof(uint64_t);
    image->size = offset + string_bytes;
    image->bytes = must_allocate(image->size);
    offset = place_strings(image, arguments, 0, offset);
    place_strings(image, environment, image->argument_count + 1, offset);
}

void free_exec_image(struct exec_image *image)
{
    free(image->bytes);
    *image = (struct exec_image){0};
}

void move_exec_image(struct exec_image *image, uint64_t address)
{
    uint64_t *pointers = (uint64_t *)image->bytes;
    for (size_t i = 0; i < pointer_count(image); i++)
        if (pointers[i] != 0) pointers[i] += address;
}

size_t argument_array_offset(const struct exec_image *image)
{
    (void)image;
    return 0;
}

size_t environment_array_offset(const struct exec_image *image)
{
    return (image->argument_count + 1) * sizeof(uint64_t);
}

size_t first_argument_offset(const struct exec_image *image)
{
    return pointer_count(image) * sizeof(uint64_t);
}

size_t empty_string_offset(const struct exec_image *image)
{
    return first_argument_offset(image) + strlen((const char *)image->bytes + first_argument_offset(image));
}
