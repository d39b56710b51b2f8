/*
 * Is in restartable sequences nearly all the time, and prints how many it completed and how many of these the kernel had
 * cut off without telling: then the sequence is not registered any more, but was not aborted either. x86-64 alone.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)

enum { SIGNATURE = 0x53053053 };

struct area {
    uint32_t processor_at_start;
    uint32_t processor;
    uint64_t sequence;
    uint32_t flags;
    uint32_t padding[3];
} __attribute__((aligned(32)));

static struct area area;
static volatile int is_over;

static void on_end(int signal_number)
{
    (void)signal_number;
    is_over = 1;
}

enum outcome { ABORTED, COMPLETED, CUT_OFF };

/* Counts down, and looks at the last moment whether the kernel still knows of the sequence. */
static enum outcome run_sequence(long rounds)
{
    uint64_t registered;
    int completed;
    __asm__ volatile(".pushsection .data\n"
                     ".balign 32\n"
                     "3: .long 0, 0\n"
                     "   .quad 1f, 2f - 1f, 4f\n"
                     ".popsection\n"
                     "   leaq 3b(%%rip), %%rax\n"
                     "   movq %%rax, %[sequence]\n"
                     "1: decq %[rounds]\n"
                     "   jnz 1b\n"
                     "   movl $1, %[completed]\n"
                     "   movq %[sequence], %[registered]\n"
                     "2: jmp 5f\n"
                     "   .long 0x53053053\n"
                     "4: movl $0, %[completed]\n"
                     "5:\n"
                     : [completed] "=&r"(completed), [registered] "=&r"(registered), [rounds] "+&r"(rounds), [sequence] "+m"(area.sequence)
                     :
                     : "rax", "memory", "cc");
    if (!completed) return ABORTED;
    return registered != 0 ? COMPLETED : CUT_OFF;
}

int main(void)
{
    unsigned long completed = 0;
    unsigned long cut_off = 0;
    if (syscall(SYS_rseq, &area, sizeof area, 0, SIGNATURE) != 0) return 77;
    signal(SIGTERM, on_end);
    puts("running");
    fflush(stdout);
    while (!is_over) {
        enum outcome outcome = run_sequence(200000);
        completed += outcome == COMPLETED;
        cut_off += outcome == CUT_OFF;
    }
    printf("completed %lu cut off %lu\n", completed, cut_off);
    return 0;
}

#else

int main(void)
{
    return 77;
}

#endif
