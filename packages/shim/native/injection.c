#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "borrowed-descriptor.h"
#include "clock.h"
#include "injection.h"
#include "remote-call.h"
#include "remote-memory.h"
#include "resident.h"

/* The donor, the copy of it that only makes another copy, and that one, which becomes the resident. */
struct cast {
    struct remote_process donor;
    struct remote_process messenger;
    struct remote_process resident;
    /* The messenger's pid as the donor knows it, for as long as the donor has it as a child; otherwise 0. */
    long messenger_number;
    /* Where the arguments of exec lie, in the memory of whoever asked for it; 0 for nowhere. */
    uint64_t scratch;
};

/* A call that has to work. */
static bool call(struct remote_process *process, const char *step, const struct remote_call *remote_call, long *result,
                 struct failure *failure)
{
    int error = make_remote_call(process, remote_call, result);
    if (error == 0 && *result < 0) error = (int)-*result;
    return error == 0 || fail(failure, step, error, NULL);
}

static bool map_scratch(struct cast *cast, struct remote_process *process, size_t size, struct failure *failure)
{
    const struct remote_call map = {
        .number = SYS_mmap,
        .arguments = {0, (long)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
    };
    long address;
    if (!call(process, "mmap", &map, &address, failure)) return false;
    cast->scratch = (uint64_t)address;
    return true;
}

static bool unmap_scratch(struct cast *cast, size_t size, struct failure *failure)
{
    const struct remote_call unmap = {.number = SYS_munmap, .arguments = {(long)cast->scratch, (long)size}};
    long result;
    if (!call(&cast->donor, "munmap", &unmap, &result, failure)) return false;
    cast->scratch = 0;
    return true;
}

/* It has ended. The donor, which never knew that it had a child, must not keep a zombie. */
static bool reap_messenger(struct cast *cast, struct failure *failure)
{
    const struct remote_call reap = {.number = SYS_wait4, .arguments = {cast->messenger_number, 0, __WALL | WNOHANG}};
    long result;
    if (!call(&cast->donor, "wait4", &reap, &result, failure)) return false;
    cast->messenger_number = 0;
    return true;
}

/*
 * The resident's parent ends at once, so that it is the pod's orphan and not the donor's child. It shares the
 * messenger's memory in any case: both stand still in it.
 */
static bool make_orphan(struct cast *cast, enum injection_method method, struct failure *failure)
{
    long ignored;
    unsigned long flags = method == METHOD_CLONE_VM ? CLONE_VM : 0;
    int error = make_remote_clone(&cast->donor, flags, &cast->messenger, &cast->messenger_number);
    if (error == 0) error = make_remote_clone(&cast->messenger, CLONE_VM, &cast->resident, &ignored);
    if (error == 0) error = make_remote_exit(&cast->messenger);
    if (error != 0) return fail(failure, "clone", error, NULL);
    cast->messenger.pid = 0;
    return reap_messenger(cast, failure);
}

static bool write_image(struct cast *cast, struct exec_image *image, struct failure *failure)
{
    move_exec_image(image, cast->scratch);
    int error = write_memory(cast->resident.pid, cast->scratch, image->bytes, image->size);
    return error == 0 || fail(failure, "memory", error, NULL);
}

/* The program is where no file system of the container has a say, and where the container cannot write. */
static bool execute_resident(struct cast *cast, struct injection_plan *plan, struct failure *failure)
{
    const struct exec_image *image = &plan->image;
    const uint64_t scratch = cast->scratch;
    const struct remote_call create = {
        .number = SYS_memfd_create,
        .arguments = {(long)(scratch + first_argument_offset(image)), (long)plan->resident.flags},
    };
    long fd;
    if (!write_image(cast, &plan->image, failure)) return false;
    if (!call(&cast->resident, "memfd_create", &create, &fd, failure)) return false;
    int error = fill_and_seal(cast->resident.pid, (int)fd, &plan->resident);
    if (error != 0) return fail(failure, "copy", error, NULL);
    const struct remote_call execute = {
        .number = SYS_execveat,
        .arguments = {fd, (long)(scratch + empty_string_offset(image)), (long)(scratch + argument_array_offset(image)),
                      (long)(scratch + environment_array_offset(image)), AT_EMPTY_PATH},
    };
    return call(&cast->resident, "execveat", &execute, &fd, failure);
}

static bool start_resident(struct cast *cast, struct injection_plan *plan, struct failure *failure)
{
    bool has_scratch = cast->scratch != 0 || map_scratch(cast, &cast->resident, plan->image.size, failure);
    return has_scratch && execute_resident(cast, plan, failure);
}

/* It makes itself at home and then stops; an end on the way has an errno as its exit status. */
static bool wait_for_resident(struct remote_process *resident, struct failure *failure)
{
    int status;
    int error = resume_to_stop(resident, PTRACE_CONT, 0, &status);
    while (error == 0 && resident->is_stopped && delivered_signal(status) != SIGSTOP)
        error = resume_to_stop(resident, PTRACE_CONT, delivered_signal(status), &status);
    if (error == 0 && !resident->is_stopped) error = WIFEXITED(status) ? WEXITSTATUS(status) : ESRCH;
    return (error == 0 && resident->is_stopped) || fail(failure, "resident", error, NULL);
}

static bool give_token(struct remote_process *resident, const uint8_t *token, int *token_pipe, struct failure *failure)
{
    struct stat status;
    *token_pipe = borrow_descriptor(resident->pid, RESIDENT_TOKEN_WRITE_FD);
    if (*token_pipe < 0 || fstat(*token_pipe, &status) != 0) return fail(failure, "token", errno, NULL);
    if (!S_ISFIFO(status.st_mode)) return fail(failure, "token", EINVAL, NULL);
    if (token == NULL || write(*token_pipe, token, TOKEN_BYTES) == TOKEN_BYTES) return true;
    return fail(failure, "token", errno, NULL);
}

static bool equip_resident(struct cast *cast, const struct injection_plan *plan, struct injection *injection,
                           struct failure *failure)
{
    struct remote_process *resident = &cast->resident;
    if (!wait_for_resident(resident, failure)) return false;
    if (!give_token(resident, plan->token, &injection->token_pipe, failure)) return false;
    if (plan->program != NULL) {
        int error = fill_and_seal(resident->pid, RESIDENT_PROGRAM_FD, plan->program);
        if (error != 0) return fail(failure, "copy", error, NULL);
    }
    struct process_status status;
    if (!read_process_status(resident->pid, &status)) return fail(failure, "resident", ESRCH, NULL);
    injection->resident = resident->pid;
    injection->resident_start_time = status.start_time;
    if (ptrace(PTRACE_DETACH, resident->pid, NULL, NULL) == 0) return true;
    return fail(failure, "resident", errno, NULL);
}

/* While two processes share a memory, only the new one does anything; a copy goes its own way at once. */
static bool work_on_donor(struct cast *cast, struct injection_plan *plan, struct failure *failure)
{
    const size_t size = plan->image.size;
    if (!confirm_call_address(&cast->donor, failure)) return false;
    if (plan->method == METHOD_FORK) return make_orphan(cast, plan->method, failure);
    return map_scratch(cast, &cast->donor, size, failure) && make_orphan(cast, plan->method, failure) &&
           start_resident(cast, plan, failure) && unmap_scratch(cast, size, failure);
}

/* After a failure: the donor gets rid of what it has of ours. */
static void tidy_up(struct cast *cast, const struct injection_plan *plan, struct failure *failure)
{
    if (cast->messenger.pid > 0) kill_process(&cast->messenger);
    if (cast->resident.pid > 0) kill_process(&cast->resident);
    cast->resident.pid = 0;
    if (!cast->donor.is_stopped) return;
    if (cast->messenger_number > 0) reap_messenger(cast, failure);
    if (cast->scratch != 0) unmap_scratch(cast, plan->image.size, failure);
}

static bool inject(struct cast *cast, struct injection_plan *plan, struct injection *injection, struct failure *failure)
{
    uint64_t stopped_at = monotonic_ns();
    if (!stop_process(&cast->donor, failure)) return false;
    bool worked = work_on_donor(cast, plan, failure);
    if (!worked) tidy_up(cast, plan, failure);
    release_process(&cast->donor);
    injection->stopped_ns = monotonic_ns() - stopped_at;
    if (worked && plan->method == METHOD_FORK) worked = start_resident(cast, plan, failure);
    worked = worked && equip_resident(cast, plan, injection, failure);
    if (!worked && cast->resident.pid > 0) kill_process(&cast->resident);
    return worked;
}

bool inject_resident(struct injection_plan *plan, struct injection *injection, struct failure *failure)
{
    struct cast cast = {.donor = {.pid = plan->donor}};
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    signal(SIGCHLD, SIG_DFL);
    *injection = (struct injection){.token_pipe = -1};
    bool worked = find_call_address(&cast.donor, failure) &&
                  attach_process(&cast.donor, plan->donor_start_time, failure) &&
                  inject(&cast, plan, injection, failure);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return worked;
}
