#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "attachability.h"

/* The program that pods run as PID 1 and that every orphan of the pod ends up with. */
static bool is_pause(const struct process_status *status)
{
    return status->pid == 1 && strcmp(status->name, "pause") == 0;
}

/* A program of another word size has other system calls. False also when that cannot be read: it is looked again. */
static bool is_foreign_program(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    unsigned char head[EI_NIDENT] = {0};
    ssize_t size = read(file, head, sizeof head);
    close(file);
    return size == sizeof head && memcmp(head, ELFMAG, SELFMAG) == 0 && head[EI_CLASS] != ELFCLASS64;
}

/* What it is in /proc/PID/status: a process that may only read, write and exit. */
enum { SECCOMP_STRICT = 1 };

static bool is_in_fit_state(const struct process_status *status, struct failure *failure)
{
    if (status->state == 'Z' || status->state == 'X') return fail(failure, "target", ESRCH, "the process has ended");
    if (!status->has_memory) return fail(failure, "target", EINVAL, "this is a thread of the kernel");
    if (status->state == 'T') return fail(failure, "target", EBUSY, "the process is stopped");
    if (status->tracer != 0 || status->state == 't')
        return fail(failure, "target", EBUSY, "the process is being traced already");
    if (status->seccomp_mode != SECCOMP_STRICT) return true;
    return fail(failure, "target", EPERM, "the process would be killed for a system call");
}

/* Reading from address 0 fails with EFAULT behind the check that attaching makes, and with that check's error before. */
static int ask_for_access(pid_t pid)
{
    char byte;
    struct iovec here = {.iov_base = &byte, .iov_len = 1};
    struct iovec there = {.iov_base = NULL, .iov_len = 1};
    if (process_vm_readv(pid, &here, 1, &there, 1, 0) >= 0) return 0;
    return errno == EFAULT ? 0 : errno;
}

bool is_attachable(const struct process_status *status, const struct gvisor_signs *gvisor, struct failure *failure)
{
    if (is_gvisor(gvisor)) return fail(failure, "target", ENOTSUP, "gVisor does not survive an injection");
    if (status->pid == getpid()) return fail(failure, "target", EINVAL, "this is the injector itself");
    if (is_pause(status)) return fail(failure, "target", EINVAL, "this is the pod's own process");
    if (!is_in_fit_state(status, failure)) return false;
    if (is_foreign_program(status->pid)) return fail(failure, "target", ENOEXEC, "the program is not a 64-bit one");
    int error = ask_for_access(status->pid);
    return error == 0 || fail(failure, "access", error, NULL);
}
