#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program-execution.h"

static const char DEFAULT_PATH[] = "/usr/local/bin:/usr/bin:/bin";
static const char SHELL[] = "/bin/sh";

/* How much of a file is looked at to tell a script from a program of another machine. */
enum { LOOK_BYTES = 128 };

static bool is_text(const char *file)
{
    char bytes[LOOK_BYTES];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t count = read(fd, bytes, sizeof bytes);
    close(fd);
    return count >= 0 && memchr(bytes, '\0', (size_t)count) == NULL;
}

static void execute_by_shell(char *file, char **argv)
{
    size_t count = 0;
    while (argv[count] != NULL) count++;
    char **shell_argv = calloc(count + 2, sizeof *shell_argv);
    if (shell_argv == NULL) return;
    shell_argv[0] = "sh";
    shell_argv[1] = file;
    for (size_t i = 1; i < count; i++) shell_argv[i + 1] = argv[i];
    execv(SHELL, shell_argv);
    free(shell_argv);
    errno = ENOEXEC;
}

static void execute_file(char *file, char **argv)
{
    execv(file, argv);
    if (errno != ENOEXEC) return;
    bool is_script = is_text(file);
    errno = ENOEXEC;
    if (is_script) execute_by_shell(file, argv);
}

/* Whether the error of one directory leaves the others to be tried. */
static bool is_missing(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ENAMETOOLONG;
}

static void search_and_execute(const char *path, char **argv)
{
    int error = ENOENT;
    for (const char *directory = path;; directory++) {
        int length = (int)strcspn(directory, ":");
        const char *separator = length > 0 ? "/" : "";
        char file[PATH_MAX];
        int needed = snprintf(file, sizeof file, "%.*s%s%s", length, directory, separator, argv[0]);
        if (needed < (int)sizeof file) {
            execute_file(file, argv);
            if (!is_missing(errno)) return;
            /* What may not be executed here may be found further on; if not, it is the better answer. */
            if (errno == EACCES) error = EACCES;
        }
        directory += length;
        if (*directory == '\0') break;
    }
    errno = error;
}

void execute_program(char **argv)
{
    if (strchr(argv[0], '/') != NULL) {
        execute_file(argv[0], argv);
        return;
    }
    if (argv[0][0] == '\0') {
        errno = ENOENT;
        return;
    }
    const char *path = getenv("PATH");
    search_and_execute(path != NULL ? path : DEFAULT_PATH, argv);
}
