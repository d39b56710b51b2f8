#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confinement.h"
#include "memory.h"
#include "process-table.h"

static const char *const NAMESPACES[] = {"mnt", "pid", "net", "user", "ipc", "uts", "cgroup", "time"};
static const char *const STATUS_LINES[] = {"Uid:",    "Gid:",    "Groups:", "CapInh:",     "CapPrm:",  "CapEff:",
                                           "CapBnd:", "CapAmb:", "NoNew",   "Seccomp:",    "Seccomp_filters:"};
static const char *const WHOLE_FILES[] = {"cgroup", "limits", "oom_score_adj", "attr/current"};

enum {
    NAMESPACE_COUNT = sizeof NAMESPACES / sizeof NAMESPACES[0],
    STATUS_LINE_COUNT = sizeof STATUS_LINES / sizeof STATUS_LINES[0],
    WHOLE_FILE_COUNT = sizeof WHOLE_FILES / sizeof WHOLE_FILES[0],
};

/* Kernels differ in the namespaces that they have. False when the process may not be looked at. */
static bool describe_namespaces(FILE *out, pid_t pid)
{
    for (int i = 0; i < NAMESPACE_COUNT; i++) {
        char path[64];
        char name[64] = "";
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, NAMESPACES[i]);
        if (readlink(path, name, sizeof name - 1) < 0 && errno != ENOENT) return false;
        fprintf(out, "%s\n", name);
    }
    return true;
}

/* A process may be in a chroot of its own. */
static bool describe_root(FILE *out, pid_t pid)
{
    char path[64];
    struct stat root;
    snprintf(path, sizeof path, "/proc/%d/root/.", (int)pid);
    if (stat(path, &root) != 0) return false;
    fprintf(out, "%llx %llx\n", (unsigned long long)root.st_dev, (unsigned long long)root.st_ino);
    return true;
}

static bool is_wanted(const char *line)
{
    for (int i = 0; i < STATUS_LINE_COUNT; i++)
        if (strncmp(line, STATUS_LINES[i], strlen(STATUS_LINES[i])) == 0) return true;
    return false;
}

static bool describe_privileges(FILE *out, pid_t pid)
{
    size_t size;
    char *text = read_process_file(pid, "status", &size);
    if (text == NULL) return false;
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
        if (is_wanted(line)) fprintf(out, "%s\n", line);
    free(text);
    return true;
}

/* A file that is not there, like the label without a security module, says nothing. */
static void describe_files(FILE *out, pid_t pid)
{
    for (int i = 0; i < WHOLE_FILE_COUNT; i++) {
        size_t size;
        char *text = read_process_file(pid, WHOLE_FILES[i], &size);
        if (text != NULL) fprintf(out, "%s\n", text);
        free(text);
    }
}

char *describe_confinement(pid_t pid)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) fatal("out of memory");
    bool is_visible = describe_namespaces(out, pid) && describe_root(out, pid) && describe_privileges(out, pid);
    if (is_visible) describe_files(out, pid);
    fprintf(out, "%d\n", getpriority(PRIO_PROCESS, (id_t)pid));
    if (fclose(out) != 0) fatal("out of memory");
    if (is_visible) return text;
    free(text);
    return NULL;
}
