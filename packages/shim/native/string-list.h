#ifndef SHIM_STRING_LIST_H
#define SHIM_STRING_LIST_H

#include <stddef.h>

/* Strings that belong to somebody else, with NULL behind the last one once anything was appended, be it nothing. */
struct string_list {
    char **strings;
    size_t count;
};

void append_string(struct string_list *list, char *string);
void append_strings(struct string_list *list, char *const *strings);

/* Frees the list, not the strings. */
void free_string_list(struct string_list *list);

#endif
