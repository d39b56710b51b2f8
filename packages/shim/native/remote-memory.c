#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "process-table.h"
#include "remote-memory.h"

enum { PIECE_SIZE = 64 * 1024 };

/* A line of /proc/PID/maps. */
struct mapping {
    uint64_t start;
    uint64_t end;
    char permissions[5];
    char name[64];
};

static bool parse_mapping(const char *line, struct mapping *mapping)
{
    mapping->name[0] = '\0';
    return sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s%*[ ]%63[^\n]", &mapping->start, &mapping->end,
                  mapping->permissions, mapping->name) >= 3;
}

/* Emulated by the kernel, which never lets a program run there. */
static bool is_usable_code(const struct mapping *mapping)
{
    return mapping->permissions[0] == 'r' && mapping->permissions[2] == 'x' && strcmp(mapping->name, "[vsyscall]") != 0;
}

static uint64_t find_instruction(int memory, const struct mapping *mapping)
{
    static unsigned char piece[PIECE_SIZE];
    /* Pieces overlap, so that an instruction between two of them is in one. */
    const size_t advance = PIECE_SIZE - 8;
    for (uint64_t start = mapping->start; start < mapping->end; start += advance) {
        size_t wanted = mapping->end - start < PIECE_SIZE ? (size_t)(mapping->end - start) : PIECE_SIZE;
        ssize_t size = pread(memory, piece, wanted, (off_t)start);
        for (ssize_t at = 0; at + (ssize_t)CALL_INSTRUCTION_SIZE <= size; at += (ssize_t)CALL_INSTRUCTION_STEP)
            if (memcmp(piece + at, CALL_INSTRUCTION, CALL_INSTRUCTION_SIZE) == 0) return start + (uint64_t)at;
    }
    return 0;
}

static uint64_t find_call_address(int memory, const char *mappings, bool only_vdso)
{
    for (const char *line = mappings; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        struct mapping mapping;
        if (*line == '\n') line++;
        if (!parse_mapping(line, &mapping) || !is_usable_code(&mapping)) continue;
        if (only_vdso && strcmp(mapping.name, "[vdso]") != 0) continue;
        uint64_t address = find_instruction(memory, &mapping);
        if (address != 0) return address;
    }
    return 0;
}

bool open_memory(struct remote_process *process, struct failure *failure)
{
    char path[64];
    size_t size;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)process->pid);
    process->memory = open(path, O_RDWR | O_CLOEXEC);
    if (process->memory < 0) return fail(failure, "memory", errno, NULL);
    char *mappings = read_process_file(process->pid, "maps", &size);
    if (mappings != NULL) process->call_address = find_call_address(process->memory, mappings, true);
    if (mappings != NULL && process->call_address == 0)
        process->call_address = find_call_address(process->memory, mappings, false);
    free(mappings);
    if (process->call_address != 0) return true;
    close_memory(process);
    return fail(failure, "memory", ENOEXEC, "no instruction was found that enters the kernel");
}

void close_memory(struct remote_process *process)
{
    if (process->memory >= 0) close(process->memory);
    process->memory = -1;
}

bool confirm_call_address(const struct remote_process *process, struct failure *failure)
{
    unsigned char instruction[8];
    ssize_t size = pread(process->memory, instruction, CALL_INSTRUCTION_SIZE, (off_t)process->call_address);
    bool is_there = size == (ssize_t)CALL_INSTRUCTION_SIZE &&
                    memcmp(instruction, CALL_INSTRUCTION, CALL_INSTRUCTION_SIZE) == 0;
    return is_there || fail(failure, "memory", ESRCH, "the process executed another program meanwhile");
}

int write_memory(const struct remote_process *process, uint64_t address, const void *bytes, size_t size)
{
    ssize_t written = pwrite(process->memory, bytes, size, (off_t)address);
    if (written < 0) return errno;
    return (size_t)written == size ? 0 : EIO;
}
