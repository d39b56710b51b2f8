#include <elf.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "ptrace-arch.h"

/* The same numbers on x86-64 and arm64; older C libraries do not name it. */
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

static int read_register_set(pid_t pid, struct registers *registers)
{
    struct iovec area = {.iov_base = registers->words, .iov_len = sizeof registers->words};
    if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &area) != 0) return errno;
    registers->size = area.iov_len;
    return 0;
}

int write_registers(pid_t pid, const struct registers *registers)
{
    struct iovec area = {.iov_base = (void *)registers->words, .iov_len = registers->size};
    return ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &area) == 0 ? 0 : errno;
}

/* How a call says how long it waits: a pointer that is NULL or milliseconds that are negative stand for ever. */
enum time_limit { LIMIT_POINTER, LIMIT_MILLISECONDS, LIMIT_NEVER, LIMIT_UNKNOWN };

/* A call that a stop ends, and which of its arguments is the limit. */
struct early_call {
    long number;
    int limit_argument;
    enum time_limit limit;
};

static const struct early_call EARLY_CALLS[] = {
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, 3, LIMIT_MILLISECONDS},
#endif
    {SYS_epoll_pwait, 3, LIMIT_MILLISECONDS},
    {SYS_epoll_pwait2, 3, LIMIT_POINTER},
    {SYS_semop, 0, LIMIT_NEVER},
    {SYS_semtimedop, 3, LIMIT_POINTER},
    {SYS_rt_sigtimedwait, 2, LIMIT_POINTER},
    {SYS_io_getevents, 0, LIMIT_UNKNOWN},
    {SYS_io_uring_enter, 0, LIMIT_UNKNOWN},
};

enum { EARLY_CALL_COUNT = sizeof EARLY_CALLS / sizeof EARLY_CALLS[0] };

static const struct early_call *find_early_call(long number)
{
    for (int i = 0; i < EARLY_CALL_COUNT; i++)
        if (EARLY_CALLS[i].number == number) return &EARLY_CALLS[i];
    return NULL;
}

#if defined(__x86_64__)

/* struct user_regs_struct of the kernel, in words. */
enum {
    R15, R14, R13, R12, RBP, RBX, R11, R10, R9, R8, RAX, RCX, RDX, RSI, RDI, ORIG_RAX, RIP, CS, EFLAGS, RSP, SS,
    FS_BASE, GS_BASE, DS, ES, FS, GS, WORDS,
    CODE_SEGMENT_64 = 0x33,
};

/* What the kernel's signal code takes for "start the call again unless a handler is run". */
enum { ERESTARTNOHAND = 514 };

const unsigned char CALL_INSTRUCTION[] = {0x0f, 0x05}; /* syscall */
const size_t CALL_INSTRUCTION_SIZE = sizeof CALL_INSTRUCTION;
const size_t CALL_INSTRUCTION_STEP = 1;

int read_registers(pid_t pid, struct registers *registers)
{
    int error = read_register_set(pid, registers);
    if (error != 0) return error;
    bool is_64_bit = registers->size == WORDS * sizeof registers->words[0] && registers->words[CS] == CODE_SEGMENT_64;
    return is_64_bit ? 0 : ENOEXEC;
}

void prepare_call(struct registers *registers, uint64_t address, const struct remote_call *call)
{
    static const int ARGUMENTS[CALL_ARGUMENTS] = {RDI, RSI, RDX, R10, R8, R9};
    registers->words[RIP] = address;
    registers->words[RAX] = (uint64_t)call->number;
    /* In no call: nothing for the kernel to restart. */
    registers->words[ORIG_RAX] = UINT64_MAX;
    for (int i = 0; i < CALL_ARGUMENTS; i++) registers->words[ARGUMENTS[i]] = (uint64_t)call->arguments[i];
}

long call_result(const struct registers *registers)
{
    return (long)registers->words[RAX];
}

uint64_t program_counter(const struct registers *registers)
{
    return registers->words[RIP];
}

void set_program_counter(struct registers *registers, uint64_t address)
{
    registers->words[RIP] = address;
}

bool is_in_user_code(const struct registers *registers)
{
    return (int64_t)registers->words[ORIG_RAX] < 0;
}

/* Here it decides when the program goes on, from the registers as they are then. */
bool rewinds_interrupted_calls(void)
{
    return false;
}

int take_back_call(pid_t pid, struct registers *registers)
{
    (void)pid;
    (void)registers;
    return ENOTSUP;
}

static bool can_start_again(const struct early_call *early, const long *arguments)
{
    long limit = arguments[early->limit_argument];
    if (early->limit == LIMIT_MILLISECONDS) return (int)limit < 0;
    if (early->limit == LIMIT_POINTER) return limit == 0;
    return early->limit == LIMIT_NEVER;
}

bool returns_early(const struct remote_call *call)
{
    const struct early_call *early = find_early_call(call->number);
    return early != NULL && !can_start_again(early, call->arguments);
}

void restart_call(struct registers *registers)
{
    const uint64_t *words = registers->words;
    const struct remote_call call = {
        .number = (long)words[ORIG_RAX],
        .arguments = {(long)words[RDI], (long)words[RSI], (long)words[RDX], (long)words[R10], (long)words[R8],
                      (long)words[R9]},
    };
    const struct early_call *early = find_early_call(call.number);
    if (early == NULL || (int64_t)words[RAX] != -EINTR || !can_start_again(early, call.arguments)) return;
    registers->words[RAX] = (uint64_t)-ERESTARTNOHAND;
}

#elif defined(__aarch64__)

/* struct user_pt_regs of the kernel, in words: x0 to x30 and these. */
enum {
    X0 = 0,
    X8 = 8,
    SP = 31,
    PC = 32,
    PSTATE = 33,
    WORDS = 34,
    CALL_NUMBER_SET = 0x404, /* NT_ARM_SYSTEM_CALL */
    NO_CALL = -1,
};

/* Set behind an indirect branch: any but a landing instruction would fault then. */
static const uint64_t BRANCH_TYPE_BITS = 3u << 10;

const unsigned char CALL_INSTRUCTION[] = {0x01, 0x00, 0x00, 0xd4}; /* svc #0 */
const size_t CALL_INSTRUCTION_SIZE = sizeof CALL_INSTRUCTION;
const size_t CALL_INSTRUCTION_STEP = sizeof CALL_INSTRUCTION;

int read_registers(pid_t pid, struct registers *registers)
{
    int error = read_register_set(pid, registers);
    if (error != 0) return error;
    return registers->size == WORDS * sizeof registers->words[0] ? 0 : ENOEXEC;
}

void prepare_call(struct registers *registers, uint64_t address, const struct remote_call *call)
{
    registers->words[PC] = address;
    registers->words[PSTATE] &= ~BRANCH_TYPE_BITS;
    registers->words[X8] = (uint64_t)call->number;
    for (int i = 0; i < CALL_ARGUMENTS; i++) registers->words[X0 + i] = (uint64_t)call->arguments[i];
}

long call_result(const struct registers *registers)
{
    return (long)registers->words[X0];
}

uint64_t program_counter(const struct registers *registers)
{
    return registers->words[PC];
}

void set_program_counter(struct registers *registers, uint64_t address)
{
    registers->words[PC] = address;
}

/* The registers do not tell. */
bool is_in_user_code(const struct registers *registers)
{
    (void)registers;
    return true;
}

bool rewinds_interrupted_calls(void)
{
    return true;
}

int take_back_call(pid_t pid, struct registers *registers)
{
    int number = NO_CALL;
    struct iovec area = {.iov_base = &number, .iov_len = sizeof number};
    if (ptrace(PTRACE_SETREGSET, pid, (void *)CALL_NUMBER_SET, &area) != 0) return errno;
    registers->words[PC] -= CALL_INSTRUCTION_SIZE;
    return 0;
}

/* The kernel overwrites the first argument with EINTR, so that none of them can be made again. */
bool returns_early(const struct remote_call *call)
{
    return find_early_call(call->number) != NULL;
}

void restart_call(struct registers *registers)
{
    (void)registers;
}

#else
#error "the shim knows x86-64 and arm64"
#endif
