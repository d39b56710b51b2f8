#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "clock.h"
#include "process-status.h"
#include "remote-call.h"

enum {
    FIRST_RESTART_ERROR = 512,
    LAST_RESTART_ERROR = 516,
};

/* What happened on the way through a call. */
struct passage {
    bool has_entered;
    bool has_left;
    bool has_executed;
    pid_t child;
};

static void note_event(struct remote_process *process, int event, struct passage *passage)
{
    unsigned long message = 0;
    if (event == PTRACE_EVENT_EXEC) passage->has_executed = true;
    if (event != PTRACE_EVENT_CLONE && event != PTRACE_EVENT_FORK && event != PTRACE_EVENT_VFORK) return;
    if (ptrace(PTRACE_GETEVENTMSG, process->pid, NULL, &message) == 0) passage->child = (pid_t)message;
}

static bool has_call_signal(const struct remote_process *process)
{
    struct process_status status;
    return read_process_status(process->pid, &status) && (status.pending_signals >> (SIGSYS - 1) & 1) != 0;
}

/* Each resumption ends at the entry of the call, at its exit, or at something in between. */
static int pass_through_call(struct remote_process *process, struct passage *passage)
{
    int signal = 0;
    while (!passage->has_left && !passage->has_executed) {
        int status;
        int error = resume_to_stop(process, PTRACE_SYSCALL, signal, &status);
        if (error != 0) return error;
        if (!process->is_stopped) return ESRCH;
        if (is_call_stop(status)) {
            passage->has_left = passage->has_entered;
            passage->has_entered = true;
        }
        note_event(process, stop_event(status), passage);
        signal = hold_signal(process, delivered_signal(status));
    }
    return 0;
}

/*
 * A seccomp filter may answer a call with SIGSYS, and then leaves its number where the result is. The program never made
 * that call, so it must not get the signal: it is taken off it here, on the way back, and not passed on later.
 */
static int take_refusal(struct remote_process *process, const struct remote_call *call, long *result)
{
    int status;
    if (*result != call->number || !has_call_signal(process)) return 0;
    *result = -EPERM;
    return resume_to_stop(process, PTRACE_SYSCALL, 0, &status);
}

static int try_call(struct remote_process *process, const struct remote_call *call, struct passage *passage,
                    long *result)
{
    struct registers registers = process->registers;
    prepare_call(&registers, process->call_address, call);
    int error = write_registers(process->pid, &registers);
    if (error == 0) error = pass_through_call(process, passage);
    if (error == 0 && !passage->has_executed) error = read_registers(process->pid, &registers);
    if (error != 0) return error;
    *result = passage->has_executed ? 0 : call_result(&registers);
    return take_refusal(process, call, result);
}

/* The kernel's own error numbers for a call that has done nothing yet because a signal waits, SIGSTOP for instance. */
static bool has_to_be_made_again(long result)
{
    return result <= -FIRST_RESTART_ERROR && result >= -LAST_RESTART_ERROR;
}

static int make_call(struct remote_process *process, const struct remote_call *call, long *result, pid_t *child)
{
    const uint64_t deadline = step_deadline();
    int error;
    struct passage passage;
    do {
        passage = (struct passage){.child = 0};
        error = try_call(process, call, &passage, result);
    } while (error == 0 && has_to_be_made_again(*result) && monotonic_ns() < deadline);
    *child = passage.child;
    return error == 0 && has_to_be_made_again(*result) ? ETIMEDOUT : error;
}

int make_remote_call(struct remote_process *process, const struct remote_call *call, long *result)
{
    pid_t child;
    return make_call(process, call, result, &child);
}

static int meet_child(const struct remote_process *parent, pid_t pid, struct remote_process *child)
{
    int status;
    *child = (struct remote_process){.pid = pid, .call_address = parent->call_address};
    int error = wait_for_change(pid, step_deadline(), &status);
    if (error != 0) return error;
    child->is_stopped = WIFSTOPPED(status);
    return child->is_stopped ? read_registers(pid, &child->registers) : ESRCH;
}

int make_remote_clone(struct remote_process *parent, unsigned long flags, struct remote_process *child, long *number)
{
    const struct remote_call call = {.number = SYS_clone, .arguments = {(long)flags}};
    pid_t pid = 0;
    int error = make_call(parent, &call, number, &pid);
    if (error != 0) return error;
    if (*number < 0) return (int)-*number;
    return pid > 0 ? meet_child(parent, pid, child) : ECHILD;
}

int make_remote_exit(struct remote_process *process)
{
    const struct remote_call call = {.number = SYS_exit_group};
    struct registers registers = process->registers;
    prepare_call(&registers, process->call_address, &call);
    int error = write_registers(process->pid, &registers);
    while (error == 0) {
        int status;
        error = resume_to_stop(process, PTRACE_CONT, 0, &status);
        if (error == 0 && !process->is_stopped) return 0;
    }
    return error;
}
