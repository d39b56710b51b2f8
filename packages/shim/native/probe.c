/* probe: what could be done to a process, found out without doing any of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attachability.h"
#include "json-writer.h"
#include "modes.h"
#include "numeric-argument.h"
#include "process-status.h"

/* Whether this file of the target can be opened, which is what the kernel would do. */
static int try_to_open(pid_t pid, const char *name, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int file = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (file < 0) return errno;
    close(file);
    return 0;
}

static bool is_setns_possible(const struct process_status *self, pid_t pid, struct failure *failure)
{
    if (!has_capability(self, CAPABILITY_SYS_ADMIN)) return fail(failure, "capability", EPERM, "no CAP_SYS_ADMIN");
    int error = try_to_open(pid, "ns/mnt", 0);
    return error == 0 || fail(failure, "ns/mnt", error, NULL);
}

static bool is_chroot_possible(const struct process_status *self, pid_t pid, struct failure *failure)
{
    if (!has_capability(self, CAPABILITY_SYS_CHROOT)) return fail(failure, "capability", EPERM, "no CAP_SYS_CHROOT");
    int error = try_to_open(pid, "root", O_DIRECTORY);
    return error == 0 || fail(failure, "root", error, NULL);
}

static void write_possibility(struct json_writer *json, const char *name, const struct failure *failure)
{
    json_begin(json, name);
    json_boolean(json, "possible", failure->step == NULL);
    if (failure->step != NULL) {
        json_text(json, "step", failure->step);
        json_integer(json, "errno", failure->error);
        json_text(json, "reason", failure_message(failure));
    }
    json_end(json);
}

static void write_process(struct json_writer *json, const char *name, const struct process_status *status)
{
    const char state[] = {status->state, '\0'};
    json_begin(json, name);
    json_integer(json, "pid", status->pid);
    json_text(json, "comm", status->name);
    json_text(json, "state", state);
    json_integer(json, "startTime", (int64_t)status->start_time);
    json_integer(json, "tracerPid", status->tracer);
    json_integer(json, "uid", status->uid);
    json_integer(json, "gid", status->gid);
    json_bit_set(json, "capEff", status->capabilities);
    json_boolean(json, "noNewPrivs", status->no_new_privileges);
    json_integer(json, "seccomp", status->seccomp_mode);
    json_integer(json, "rssBytes", (int64_t)status->resident_bytes);
    json_end(json);
}

static void write_gvisor(struct json_writer *json, const struct gvisor_signs *signs)
{
    json_begin(json, "gvisor");
    json_boolean(json, "detected", is_gvisor(signs));
    json_boolean(json, "kernelLog", signs->kernel_log);
    json_boolean(json, "kernelVersion", signs->kernel_version);
    json_boolean(json, "noMountNamespace", signs->no_mount_namespace);
    json_end(json);
}

/* Kernels without yama do not have the file. */
static void write_yama(struct json_writer *json)
{
    int scope;
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    if (file != NULL && fscanf(file, "%d", &scope) == 1)
        json_integer(json, "yamaPtraceScope", scope);
    else
        json_null(json, "yamaPtraceScope");
    if (file != NULL) fclose(file);
}

static void write_report(struct json_writer *json, const struct process_status *self,
                         const struct process_status *target)
{
    const struct gvisor_signs gvisor = look_for_gvisor();
    struct failure attach = {0};
    struct failure setns = {0};
    struct failure chroot = {0};
    is_attachable(target, &gvisor, &attach);
    is_setns_possible(self, target->pid, &setns);
    is_chroot_possible(self, target->pid, &chroot);
    json_begin(json, NULL);
    write_process(json, "target", target);
    write_process(json, "self", self);
    write_possibility(json, "attach", &attach);
    write_possibility(json, "setns", &setns);
    write_possibility(json, "chroot", &chroot);
    write_gvisor(json, &gvisor);
    write_yama(json);
    json_end(json);
    fputc('\n', json->stream);
}

static void write_error(struct json_writer *json, const char *message)
{
    json_begin(json, NULL);
    json_text(json, "error", message);
    json_end(json);
    fputc('\n', json->stream);
}

int probe_mode(int argc, char **argv)
{
    long pid;
    if (argc != 2 || !parse_number(argv[1], 1, HIGHEST_PID, &pid)) {
        fputs("usage: shim probe PID\n", stderr);
        return EXIT_USAGE;
    }
    struct json_writer json = {.stream = stdout};
    struct process_status self;
    struct process_status target;
    bool is_there = read_process_status(getpid(), &self) && read_process_status((pid_t)pid, &target);
    if (is_there)
        write_report(&json, &self, &target);
    else
        write_error(&json, "no such process");
    return is_there ? 0 : 1;
}
