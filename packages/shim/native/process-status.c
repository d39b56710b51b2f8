#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process-status.h"
#include "process-table.h"

enum { BYTES_PER_KIB = 1024 };

/* What stands behind "NAME:" at the start of a line; NULL when there is no such line. */
static const char *find_value(const char *text, const char *name)
{
    const size_t length = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, name, length) == 0 && line[length] == ':') return line + length + 1;
    }
    return NULL;
}

static long long number_of(const char *text, const char *name, long long otherwise)
{
    const char *value = find_value(text, name);
    return value != NULL ? strtoll(value, NULL, 10) : otherwise;
}

static uint64_t bit_set(const char *text, const char *name)
{
    const char *value = find_value(text, name);
    return value != NULL ? strtoull(value, NULL, 16) : 0;
}

/* "Uid: REAL EFFECTIVE SAVED FILE-SYSTEM" */
static unsigned effective_id(const char *text, const char *name)
{
    unsigned effective = 0;
    const char *value = find_value(text, name);
    if (value != NULL) sscanf(value, "%*u %u", &effective);
    return effective;
}

static void read_lines(const char *text, struct process_status *status)
{
    const char *umask = find_value(text, "Umask");
    status->tracer = (pid_t)number_of(text, "TracerPid", 0);
    status->uid = effective_id(text, "Uid");
    status->gid = effective_id(text, "Gid");
    status->capabilities = bit_set(text, "CapEff");
    status->pending_signals = bit_set(text, "SigPnd");
    status->umask = umask != NULL ? (mode_t)strtoul(umask, NULL, 8) : 022;
    status->no_new_privileges = number_of(text, "NoNewPrivs", 0) != 0;
    status->seccomp_mode = (int)number_of(text, "Seccomp", 0);
    status->seccomp_filters = (int)number_of(text, "Seccomp_filters", UNKNOWN_COUNT);
    status->has_memory = find_value(text, "VmRSS") != NULL;
    status->resident_bytes = (uint64_t)number_of(text, "VmRSS", 0) * BYTES_PER_KIB;
    /* Told apart since Linux 4.5. */
    status->anonymous_bytes = (uint64_t)number_of(text, "RssAnon", number_of(text, "VmRSS", 0)) * BYTES_PER_KIB;
}

/* From /proc/PID/stat, "PID (NAME) STATE ...": there it stands as it is, in /proc/PID/status it is escaped. */
static bool read_name(pid_t pid, char *name)
{
    size_t size;
    char *text = read_process_file(pid, "stat", &size);
    if (text == NULL) return false;
    const char *begin = strchr(text, '(');
    const char *end = strrchr(text, ')');
    bool found = begin != NULL && end != NULL && end > begin;
    size_t length = found ? (size_t)(end - begin - 1) : 0;
    if (length >= PROCESS_NAME_SIZE) length = PROCESS_NAME_SIZE - 1;
    if (found) memcpy(name, begin + 1, length);
    name[length] = '\0';
    free(text);
    return found;
}

bool read_process_status(pid_t pid, struct process_status *status)
{
    struct process_entry entry;
    *status = (struct process_status){.pid = pid};
    if (!read_process(pid, &entry) || !read_name(pid, status->name)) return false;
    status->state = entry.state;
    status->start_time = entry.start_time;
    size_t size;
    char *text = read_process_file(pid, "status", &size);
    if (text == NULL) return false;
    read_lines(text, status);
    free(text);
    return size > 0;
}

bool has_capability(const struct process_status *status, int capability)
{
    return (status->capabilities >> capability & 1) != 0;
}
