#include <stdlib.h>

#include "memory.h"
#include "string-list.h"

void append_string(struct string_list *list, char *string)
{
    list->strings = must_reallocate(list->strings, (list->count + 2) * sizeof *list->strings);
    list->strings[list->count++] = string;
    list->strings[list->count] = NULL;
}

void append_strings(struct string_list *list, char *const *strings)
{
    for (; *strings != NULL; strings++) append_string(list, *strings);
}

void free_string_list(struct string_list *list)
{
    free(list->strings);
    *list = (struct string_list){0};
}
