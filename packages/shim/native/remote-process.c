#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "process-status.h"
#include "remote-memory.h"
#include "remote-process.h"
#include "restartable-sequence.h"

enum {
    CALL_STOP_SIGNAL = SIGTRAP | 0x80,
    /* Newer than some C libraries. */
    EVENT_STOP = 128,
    KERNEL_MASK_SIZE = 8,
};

static const long OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                            PTRACE_O_TRACEEXEC;

static const uint64_t STEP_NS = 2000ull * 1000 * 1000;
static const uint64_t NANOSECONDS_PER_SECOND = 1000ull * 1000 * 1000;
static const uint64_t LONGEST_WAIT_NS = 500ull * 1000 * 1000;

static uint64_t signal_bit(int signal)
{
    return 1ull << (signal - 1);
}

uint64_t step_deadline(void)
{
    return monotonic_ns() + STEP_NS;
}

bool is_call_stop(int status)
{
    return WIFSTOPPED(status) && WSTOPSIG(status) == CALL_STOP_SIGNAL;
}

int stop_event(int status)
{
    return WIFSTOPPED(status) ? status >> 16 : 0;
}

int delivered_signal(int status)
{
    if (!WIFSTOPPED(status) || stop_event(status) != 0 || is_call_stop(status)) return 0;
    return WSTOPSIG(status);
}

/*
 * The kernel raises SIGCHLD for each change; it is blocked and so waits for us, however early it comes. Only of a process
 * that another thread of it takes over by exec nothing is heard: that is found out by looking.
 */
static void wait_for_news(uint64_t nanoseconds)
{
    if (nanoseconds > LONGEST_WAIT_NS) nanoseconds = LONGEST_WAIT_NS;
    const struct timespec limit = {
        .tv_sec = (time_t)(nanoseconds / NANOSECONDS_PER_SECOND),
        .tv_nsec = (long)(nanoseconds % NANOSECONDS_PER_SECOND),
    };
    sigset_t news;
    sigemptyset(&news);
    sigaddset(&news, SIGCHLD);
    sigtimedwait(&news, NULL, &limit);
}

int wait_for_change(pid_t pid, uint64_t deadline_ns, int *status)
{
    for (;;) {
        pid_t found = waitpid(pid, status, __WALL | WNOHANG);
        if (found == pid) return 0;
        if (found < 0 && errno != EINTR) return errno;
        uint64_t now = monotonic_ns();
        if (now >= deadline_ns) return ETIMEDOUT;
        wait_for_news(deadline_ns - now);
    }
}

static int wait_for_stop(struct remote_process *process, uint64_t deadline_ns, int *status)
{
    int error = wait_for_change(process->pid, deadline_ns, status);
    process->is_stopped = error == 0 && WIFSTOPPED(*status);
    return error;
}

static int resume(struct remote_process *process, int request, int signal)
{
    if (ptrace(request, process->pid, NULL, (void *)(long)signal) != 0) return errno;
    process->is_stopped = false;
    return 0;
}

int resume_to_stop(struct remote_process *process, int request, int signal, int *status)
{
    int error = resume(process, request, signal);
    if (error == 0) error = wait_for_stop(process, step_deadline(), status);
    if (error != ETIMEDOUT || !process->is_borrowed) return error;
    /* Its call returns now, unless the whole process is frozen; to leave it in the middle would not help it either. */
    if (ptrace(PTRACE_INTERRUPT, process->pid, NULL, NULL) != 0) return errno;
    return wait_for_stop(process, NO_DEADLINE, status);
}

/* SIGSTOP cannot wait: the kernel then stops the other threads at once, and this one when it is let go. */
int hold_signal(struct remote_process *process, int signal)
{
    if (signal == 0 || signal == SIGSTOP) return signal;
    process->held_signals |= signal_bit(signal);
    return 0;
}

bool attach_process(struct remote_process *process, uint64_t start_time, struct failure *failure)
{
    struct process_status status;
    if (ptrace(PTRACE_SEIZE, process->pid, NULL, (void *)OPTIONS) != 0) return fail(failure, "attach", errno, NULL);
    /* Nobody else can have its pid now: it is not given away before its tracer has taken note of the end. */
    if (read_process_status(process->pid, &status) && status.start_time == start_time) return true;
    ptrace(PTRACE_DETACH, process->pid, NULL, NULL);
    return fail(failure, "attach", ESRCH, NULL);
}

/* Job control has stopped it in the meantime: its threads wait for SIGCONT. */
static bool is_group_stop(int status)
{
    return stop_event(status) == EVENT_STOP && WSTOPSIG(status) != SIGTRAP;
}

/* It still has its own registers, so a signal that comes first is delivered as if we were not here. */
static bool interrupt(struct remote_process *process, struct failure *failure)
{
    int status;
    if (ptrace(PTRACE_INTERRUPT, process->pid, NULL, NULL) != 0) return fail(failure, "stop", errno, NULL);
    int error = wait_for_stop(process, step_deadline(), &status);
    while (error == 0 && process->is_stopped && stop_event(status) != EVENT_STOP)
        error = resume_to_stop(process, PTRACE_CONT, delivered_signal(status), &status);
    if (error != 0) return fail(failure, "stop", error, NULL);
    if (!process->is_stopped) return fail(failure, "stop", ESRCH, NULL);
    if (is_group_stop(status)) return fail(failure, "stop", EBUSY, "the process is stopped");
    return true;
}

static bool take_down_registers(struct remote_process *process, struct failure *failure)
{
    int error = read_registers(process->pid, &process->registers);
    if (error != 0) return fail(failure, "registers", error, NULL);
    if (is_in_user_code(&process->registers)) abort_restartable_sequence(process);
    return true;
}

/*
 * Signals wait in the kernel's queue, as they are, until the mask is put back. Those by which the kernel tells of an
 * error stay: blocked, they would make it throw the handler away.
 */
static bool block_signals(struct remote_process *process, struct failure *failure)
{
    uint64_t all = ~(signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGFPE) |
                     signal_bit(SIGTRAP) | signal_bit(SIGSYS));
    void *size = (void *)(long)KERNEL_MASK_SIZE;
    if (ptrace(PTRACE_GETSIGMASK, process->pid, size, &process->signal_mask) != 0 ||
        ptrace(PTRACE_SETSIGMASK, process->pid, size, &all) != 0)
        return fail(failure, "signals", errno, NULL);
    return true;
}

/* A call that is taken back is entered again when the process goes on, in the way in which the kernel would do it. */
static bool take_back_interrupted_call(struct remote_process *process, struct failure *failure)
{
    int status;
    if (!stands_before_call(process)) return true;
    int error = resume_to_stop(process, PTRACE_SYSCALL, 0, &status);
    while (error == 0 && process->is_stopped && !is_call_stop(status))
        error = resume_to_stop(process, PTRACE_SYSCALL, hold_signal(process, delivered_signal(status)), &status);
    if (error == 0 && process->is_stopped) error = read_registers(process->pid, &process->registers);
    if (error == 0 && process->is_stopped) error = take_back_call(process->pid, &process->registers);
    if (error == 0 && process->is_stopped) error = resume_to_stop(process, PTRACE_SYSCALL, 0, &status);
    if (error == 0 && !process->is_stopped) error = ESRCH;
    return error == 0 || fail(failure, "stop", error, NULL);
}

static bool kill_with_tracer(struct remote_process *process, struct failure *failure)
{
    if (ptrace(PTRACE_SETOPTIONS, process->pid, NULL, (void *)(OPTIONS | PTRACE_O_EXITKILL)) == 0) return true;
    return fail(failure, "options", errno, NULL);
}

bool stop_process(struct remote_process *process, struct failure *failure)
{
    if (!interrupt(process, failure) || !take_down_registers(process, failure) ||
        !kill_with_tracer(process, failure) || !block_signals(process, failure)) {
        if (process->is_stopped) ptrace(PTRACE_DETACH, process->pid, NULL, NULL);
        return false;
    }
    process->is_borrowed = true;
    if (!rewinds_interrupted_calls())
        restart_call(&process->registers);
    else if (!take_back_interrupted_call(process, failure)) {
        release_process(process);
        return false;
    }
    return true;
}

static void send_held_signals(const struct remote_process *process)
{
    for (int signal = 1; signal < NSIG && signal <= 64; signal++)
        if (process->held_signals & signal_bit(signal)) syscall(SYS_tgkill, process->pid, process->pid, signal);
}

/*
 * Only from a stop on the way to a signal's delivery does the kernel look whether a call has to be started again. An
 * interrupt makes one. A process that works on a call of ours is interrupted, too, and stops when the call returns.
 */
static bool stop_before_delivery(struct remote_process *process)
{
    int status = 0;
    if (ptrace(PTRACE_INTERRUPT, process->pid, NULL, NULL) != 0) return false;
    do {
        int signal = hold_signal(process, delivered_signal(status));
        if (process->is_stopped && resume(process, PTRACE_CONT, signal) != 0) return false;
        if (wait_for_stop(process, NO_DEADLINE, &status) != 0) return false;
    } while (process->is_stopped && stop_event(status) != EVENT_STOP);
    return process->is_stopped;
}

void release_process(struct remote_process *process)
{
    if (!stop_before_delivery(process)) return;
    /* The order counts if we die in the middle: it is killed until it is complete. */
    if (write_registers(process->pid, &process->registers) != 0) return;
    ptrace(PTRACE_SETSIGMASK, process->pid, (void *)(long)KERNEL_MASK_SIZE, &process->signal_mask);
    ptrace(PTRACE_SETOPTIONS, process->pid, NULL, (void *)OPTIONS);
    ptrace(PTRACE_DETACH, process->pid, NULL, NULL);
    process->is_stopped = false;
    process->is_borrowed = false;
    send_held_signals(process);
}

void kill_process(struct remote_process *process)
{
    int status;
    if (kill(process->pid, SIGKILL) != 0) return;
    while (wait_for_change(process->pid, step_deadline(), &status) == 0 && WIFSTOPPED(status)) continue;
    process->is_stopped = false;
}
