#ifndef SHIM_PTRACE_ARCH_H
#define SHIM_PTRACE_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All that ptrace needs to know of a processor, for processes that are stopped. What returns int returns errno or 0. */

enum { REGISTER_WORDS = 34, CALL_ARGUMENTS = 6 };

/* The general-purpose registers as the kernel lays them out. Floating-point state is never touched. */
struct registers {
    uint64_t words[REGISTER_WORDS];
    size_t size;
};

/* A system call by number. */
struct remote_call {
    long number;
    long arguments[CALL_ARGUMENTS];
};

/* The instruction that enters the kernel. It may stand at any multiple of the step. */
extern const unsigned char CALL_INSTRUCTION[];
extern const size_t CALL_INSTRUCTION_SIZE;
extern const size_t CALL_INSTRUCTION_STEP;

/* ENOEXEC when the process runs in another word size. */
int read_registers(pid_t pid, struct registers *registers);
int write_registers(pid_t pid, const struct registers *registers);

/* Sets the registers up so that the process next executes the call instruction at `address`. */
void prepare_call(struct registers *registers, uint64_t address, const struct remote_call *call);
/* What the call left: a result, or a negative error number. */
long call_result(const struct registers *registers);

uint64_t program_counter(const struct registers *registers);
void set_program_counter(struct registers *registers, uint64_t address);

/* Whether the stop came between two instructions of the program, not in a system call. */
bool is_in_user_code(const struct registers *registers);

/*
 * Whether the kernel has moved the program back in front of the call that the stop interrupted, and would decide how to
 * go on only after this very stop. Then the call has to be entered once more to see what the kernel would do.
 */
bool rewinds_interrupted_calls(void);
/* To be used at the entry of a call: it is not made, and the program is moved back in front of it. */
int take_back_call(pid_t pid, struct registers *registers);

/*
 * Whether a stop makes this call return EINTR instead of going on (signal(7)), and nothing can be done about it. Of some
 * that wait without a limit on time something can: see restart_call.
 */
bool returns_early(const struct remote_call *call);
/* Makes a call that the stop ended with EINTR start again, unless a signal that has a handler waits. */
void restart_call(struct registers *registers);

#endif
