#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawn.h"

/*
 * Everything down to start_program runs in the child between vfork and exec, on the memory of the parent: only system
 * calls, and nothing but the result is written. Identities are changed by plain system calls, since the C library's
 * functions would change those of all threads.
 */

static bool fails(volatile struct spawn_result *result, enum spawn_step step, long returned)
{
    if (returned >= 0) return false;
    result->failed_step = step;
    result->error = errno;
    return true;
}

/* Decimal digits of any number, of which the kernel takes -1000 to 1000; returns how many characters. */
static size_t format_adjustment(int value, char *text)
{
    size_t length = 0;
    unsigned int rest = value < 0 ? 0u - (unsigned int)value : (unsigned int)value;
    if (value < 0) text[length++] = '-';
    unsigned int divisor = 1;
    while (rest / divisor >= 10) divisor *= 10;
    for (; divisor > 0; divisor /= 10) text[length++] = (char)('0' + rest / divisor % 10);
    return length;
}

static long set_oom_score_adjustment(int value)
{
    char text[16];
    size_t length = format_adjustment(value, text);
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t written = write(file, text, length);
    int error = errno;
    close(file);
    errno = error;
    return written;
}

/* -1 is also a valid priority of getpriority, but not a success of setpriority. */
static long set_nice(int value)
{
    return setpriority(PRIO_PROCESS, 0, value);
}

static bool take_descriptors(const struct spawn_surroundings *surroundings, volatile struct spawn_result *result)
{
    return !fails(result, STEP_DESCRIPTORS, dup2(surroundings->stdin_fd, STDIN_FILENO)) &&
           !fails(result, STEP_DESCRIPTORS, dup2(surroundings->stdout_fd, STDOUT_FILENO)) &&
           !fails(result, STEP_DESCRIPTORS, dup2(surroundings->stderr_fd, STDERR_FILENO));
}

static bool take_limits(const struct spawn_request *request, const struct spawn_surroundings *surroundings,
                        volatile struct spawn_result *result)
{
    /* Lowering a soft limit cannot fail; where the tag cannot be set, the cookie and the session have to do. */
    setrlimit(RLIMIT_NOFILE, &surroundings->open_files);
    setrlimit(RLIMIT_SIGPENDING, &surroundings->pending_signals);
    for (size_t i = 0; i < request->limit_count; i++) {
        const struct spawn_limit *limit = &request->limits[i];
        result->detail = limit->resource;
        if (fails(result, STEP_LIMIT, setrlimit(limit->resource, &limit->limit))) return false;
    }
    result->detail = 0;
    return true;
}

static bool take_identity(const struct spawn_request *request, volatile struct spawn_result *result)
{
    if ((request->flags & SPAWN_GROUPS) &&
        fails(result, STEP_GROUPS, syscall(SYS_setgroups, request->group_count, request->groups)))
        return false;
    if ((request->flags & SPAWN_IDENTITY) == 0) return true;
    /* Not setresuid, for which -1 means to change nothing: setuid refuses it. */
    return !fails(result, STEP_GID, syscall(SYS_setgid, request->gid)) &&
           !fails(result, STEP_UID, syscall(SYS_setuid, request->uid));
}

static bool take_surroundings(const struct spawn_request *request, const struct spawn_surroundings *surroundings,
                              volatile struct spawn_result *result)
{
    if (fails(result, STEP_SESSION, setsid())) return false;
    if (!take_descriptors(surroundings, result)) return false;
    if ((request->flags & SPAWN_OOM_SCORE_ADJUSTMENT) &&
        fails(result, STEP_OOM_SCORE_ADJUSTMENT, set_oom_score_adjustment(request->oom_score_adjustment)))
        return false;
    if ((request->flags & SPAWN_NICE) && fails(result, STEP_NICE, set_nice(request->nice))) return false;
    if (!take_limits(request, surroundings, result)) return false;
    if (request->root[0] != '\0' && fails(result, STEP_ROOT, chroot(request->root))) return false;
    /* Out of the old tree: a working directory outside of the root would be a way back. */
    if (request->root[0] != '\0' && fails(result, STEP_ROOT, chdir("/"))) return false;
    if (!take_identity(request, result)) return false;
    if ((request->flags & SPAWN_NO_NEW_PRIVILEGES) &&
        fails(result, STEP_NO_NEW_PRIVILEGES, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))
        return false;
    return request->cwd[0] == '\0' || !fails(result, STEP_CWD, chdir(request->cwd));
}

static _Noreturn void become_program(const struct spawn_request *request,
                                     const struct spawn_surroundings *surroundings, volatile struct spawn_result *result)
{
    if (take_surroundings(request, surroundings, result)) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execve(request->file, (char *const *)request->argv, (char *const *)request->environment);
        fails(result, STEP_EXEC, -1);
    }
    _exit(127);
}

/* Not inlined: the child must not run on with variables that the compiler keeps for the parent. */
static __attribute__((noinline)) pid_t start_program(const struct spawn_request *request,
                                                     const struct spawn_surroundings *surroundings,
                                                     volatile struct spawn_result *result)
{
    pid_t pid = vfork();
    if (pid == 0) become_program(request, surroundings, result);
    return pid;
}

struct spawn_result spawn_child(const struct spawn_request *request, const struct spawn_surroundings *surroundings)
{
    /* Volatile: the compiler sees nobody who could read what the child writes. */
    volatile struct spawn_result shared = {0};
    pid_t pid = start_program(request, surroundings, &shared);
    struct spawn_result result = shared;
    result.pid = pid;
    if (result.pid < 0) {
        result.failed_step = STEP_FORK;
        result.error = errno;
    } else if (result.failed_step != STEP_NONE) {
        while (waitpid(result.pid, NULL, 0) < 0 && errno == EINTR) continue;
        result.pid = -1;
    }
    return result;
}
