#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "process-environment.h"
#include "process-table.h"
#include "remote-memory.h"

enum {
    /* The fields of /proc/PID/stat (proc(5)), counted behind the name, which is the second one. */
    ENVIRONMENT_START = 50 - 2,
    ENVIRONMENT_END = 51 - 2,
};

/* Numbers are separated by one space each. */
static uint64_t field(const char *fields, int number)
{
    for (int i = 0; i < number && fields != NULL; i++) {
        fields = strchr(fields, ' ');
        if (fields != NULL) fields++;
    }
    return fields != NULL ? strtoull(fields, NULL, 10) : 0;
}

/* Shown as 0 to who may not trace the process. */
static bool find_environment(pid_t pid, uint64_t *start, uint64_t *end)
{
    size_t size;
    char *text = read_process_file(pid, "stat", &size);
    const char *fields = text != NULL ? strrchr(text, ')') : NULL;
    *start = fields != NULL ? field(fields, ENVIRONMENT_START) : 0;
    *end = fields != NULL ? field(fields, ENVIRONMENT_END) : 0;
    free(text);
    return *start != 0 && *end >= *start;
}

char *read_environment(pid_t pid, size_t *size)
{
    uint64_t start;
    uint64_t end;
    if (!find_environment(pid, &start, &end)) {
        errno = EPERM;
        return NULL;
    }
    *size = (size_t)(end - start);
    char *environment = must_allocate(*size + 1);
    if (*size == 0 || read_memory(pid, start, environment, *size)) return environment;
    free(environment);
    return NULL;
}
