#include <sys/ptrace.h>

#include "remote-memory.h"
#include "restartable-sequence.h"

/* PTRACE_GET_RSEQ_CONFIGURATION; newer than some C libraries, as are these structures. */
static const int GET_CONFIGURATION = 0x420f;

struct rseq_configuration {
    uint64_t area;
    uint32_t size;
    uint32_t signature;
    uint32_t flags;
    uint32_t padding;
};

/* The area that the process shares with the kernel. */
struct rseq_area {
    uint32_t processor_at_start;
    uint32_t processor;
    uint64_t sequence;
};

struct rseq_sequence {
    uint32_t version;
    uint32_t flags;
    uint64_t start;
    uint64_t length;
    uint64_t abort_handler;
};

void abort_restartable_sequence(struct remote_process *process)
{
    struct rseq_configuration configuration = {0};
    struct rseq_area area;
    struct rseq_sequence sequence;
    void *size = (void *)sizeof configuration;
    if (ptrace(GET_CONFIGURATION, process->pid, size, &configuration) < 0 || configuration.area == 0) return;
    if (!read_memory(process->pid, configuration.area, &area, sizeof area) || area.sequence == 0) return;
    if (!read_memory(process->pid, area.sequence, &sequence, sizeof sequence)) return;
    if (program_counter(&process->registers) - sequence.start >= sequence.length) return;
    set_program_counter(&process->registers, sequence.abort_handler);
}
