#include <stdlib.h>

#include "memory.h"
#include "string-list.h"

static void reserve(struct string_list *list, size_t count)
{
    list->strings = must_reallocate(list->strings, (count + 1) * sizeof *list->strings);
    list->strings[list->count] = NULL;
}

void append_string(struct string_list *list, char *string)
{
    reserve(list, list->count + 1);
    list->strings[list->count++] = string;
    list->strings[list->count] = NULL;
}

void append_strings(struct string_list *list, char *const *strings)
{
    reserve(list, list->count);
    for (; *strings != NULL; strings++) append_string(list, *strings);
}

void free_string_list(struct string_list *list)
{
    free(list->strings);
    *list = (struct string_list){0};
}
