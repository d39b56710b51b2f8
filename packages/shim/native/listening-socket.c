#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "listening-socket.h"
#include "process-table.h"

/* __SO_ACCEPTCON in the column of flags. */
static const unsigned long LISTENING = 0x10000;

/* "ADDRESS: COUNT PROTOCOL FLAGS TYPE STATE INODE NAME" */
static bool is_wanted(const char *line, const char *address)
{
    unsigned long flags = 0;
    int name = 0;
    if (sscanf(line, "%*s %*s %*s %lx %*s %*s %*s %n", &flags, &name) != 1 || name == 0) return false;
    return (flags & LISTENING) != 0 && strcmp(line + name, address) == 0;
}

bool is_listening(pid_t pid, const char *address)
{
    size_t size;
    bool found = false;
    char *text = read_process_file(pid, "net/unix", &size);
    char *rest = text;
    while (!found && rest != NULL) found = is_wanted(strsep(&rest, "\n"), address);
    free(text);
    return found;
}

static bool find_network(pid_t pid, struct stat *network)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    return stat(path, network) == 0;
}

bool shares_network(pid_t one, pid_t other)
{
    struct stat first;
    struct stat second;
    if (!find_network(one, &first) || !find_network(other, &second)) return false;
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}
