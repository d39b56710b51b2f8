#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "process-table.h"
#include "remote-memory.h"

enum {
    PIECE_SIZE = 64 * 1024,
    LONGEST_INSTRUCTION = 8,
};

/* A line of /proc/PID/maps. */
struct mapping {
    uint64_t start;
    uint64_t end;
    char permissions[5];
    char name[64];
};

/* /proc/PID/mem would take the rights to another user's files on top of those to trace. */
static ssize_t read_some(pid_t pid, uint64_t address, void *bytes, size_t size)
{
    const struct iovec here = {.iov_base = bytes, .iov_len = size};
    const struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    return process_vm_readv(pid, &here, 1, &there, 1, 0);
}

bool read_memory(pid_t pid, uint64_t address, void *bytes, size_t size)
{
    return read_some(pid, address, bytes, size) == (ssize_t)size;
}

int write_memory(pid_t pid, uint64_t address, const void *bytes, size_t size)
{
    const struct iovec here = {.iov_base = (void *)bytes, .iov_len = size};
    const struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    ssize_t written = process_vm_writev(pid, &here, 1, &there, 1, 0);
    if (written < 0) return errno;
    return (size_t)written == size ? 0 : EIO;
}

static bool is_call_at(pid_t pid, uint64_t address)
{
    unsigned char instruction[LONGEST_INSTRUCTION];
    if (!read_memory(pid, address, instruction, CALL_INSTRUCTION_SIZE)) return false;
    return memcmp(instruction, CALL_INSTRUCTION, CALL_INSTRUCTION_SIZE) == 0;
}

static bool parse_mapping(const char *line, struct mapping *mapping)
{
    mapping->name[0] = '\0';
    return sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s%*[ ]%63[^\n]", &mapping->start, &mapping->end,
                  mapping->permissions, mapping->name) >= 3;
}

/* [vsyscall] is emulated by the kernel, which never lets a program run there. */
static bool is_usable_code(const struct mapping *mapping)
{
    return mapping->permissions[0] == 'r' && mapping->permissions[2] == 'x' && strcmp(mapping->name, "[vsyscall]") != 0;
}

static uint64_t find_instruction(pid_t pid, const struct mapping *mapping)
{
    static unsigned char piece[PIECE_SIZE];
    /* Pieces overlap, so that an instruction between two of them is in one. */
    const size_t advance = PIECE_SIZE - LONGEST_INSTRUCTION;
    for (uint64_t start = mapping->start; start < mapping->end; start += advance) {
        size_t wanted = mapping->end - start < PIECE_SIZE ? (size_t)(mapping->end - start) : PIECE_SIZE;
        ssize_t size = read_some(pid, start, piece, wanted);
        for (ssize_t at = 0; at + (ssize_t)CALL_INSTRUCTION_SIZE <= size; at += (ssize_t)CALL_INSTRUCTION_STEP)
            if (memcmp(piece + at, CALL_INSTRUCTION, CALL_INSTRUCTION_SIZE) == 0) return start + (uint64_t)at;
    }
    return 0;
}

static uint64_t find_in_mappings(pid_t pid, const char *mappings, bool only_vdso)
{
    for (const char *line = mappings; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        struct mapping mapping;
        if (*line == '\n') line++;
        if (!parse_mapping(line, &mapping) || !is_usable_code(&mapping)) continue;
        if (only_vdso && strcmp(mapping.name, "[vdso]") != 0) continue;
        uint64_t address = find_instruction(pid, &mapping);
        if (address != 0) return address;
    }
    return 0;
}

bool find_call_address(struct remote_process *process, struct failure *failure)
{
    size_t size;
    char *mappings = read_process_file(process->pid, "maps", &size);
    if (mappings == NULL) return fail(failure, "memory", errno, NULL);
    process->call_address = find_in_mappings(process->pid, mappings, true);
    if (process->call_address == 0) process->call_address = find_in_mappings(process->pid, mappings, false);
    free(mappings);
    if (process->call_address != 0) return true;
    return fail(failure, "memory", ENOEXEC, "no instruction was found that enters the kernel");
}

bool confirm_call_address(const struct remote_process *process, struct failure *failure)
{
    if (is_call_at(process->pid, process->call_address)) return true;
    return fail(failure, "memory", ESRCH, "the process executed another program meanwhile");
}

bool stands_before_call(const struct remote_process *process)
{
    return is_call_at(process->pid, program_counter(&process->registers));
}
