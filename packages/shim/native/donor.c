#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attachability.h"
#include "confinement.h"
#include "donor.h"
#include "process-table.h"
#include "ptrace-arch.h"

/* The lower, the better; compared in this order. */
struct rank {
    int is_target;
    int notices;
    int is_busy;
    uint64_t bytes;
};

struct candidate {
    struct process_status status;
    struct rank rank;
};

/* From /proc/PID/syscall: "NUMBER ARGUMENT...", or "running". */
static bool would_notice(pid_t pid)
{
    size_t size;
    char *text = read_process_file(pid, "syscall", &size);
    if (text == NULL) return true;
    struct remote_call call = {.number = -1};
    long *arguments = call.arguments;
    sscanf(text, "%ld %lx %lx %lx %lx %lx %lx", &call.number, (unsigned long *)&arguments[0],
           (unsigned long *)&arguments[1], (unsigned long *)&arguments[2], (unsigned long *)&arguments[3],
           (unsigned long *)&arguments[4], (unsigned long *)&arguments[5]);
    free(text);
    return returns_early(&call);
}

static struct candidate judge(const struct process_status *status, pid_t target)
{
    return (struct candidate){
        .status = *status,
        .rank = {
            .is_target = status->pid == target,
            .notices = would_notice(status->pid),
            .is_busy = status->state != 'S',
            .bytes = status->anonymous_bytes,
        },
    };
}

static int compare(const struct rank *one, const struct rank *other)
{
    if (one->is_target != other->is_target) return one->is_target - other->is_target;
    if (one->notices != other->notices) return one->notices - other->notices;
    if (one->is_busy != other->is_busy) return one->is_busy - other->is_busy;
    return (one->bytes > other->bytes) - (one->bytes < other->bytes);
}

/* One that waits for a disk cannot be stopped before it is done. */
static bool may_donate(const struct process_status *status, const struct gvisor_signs *gvisor, const char *confinement)
{
    struct failure ignored = {0};
    if (status->state != 'S' && status->state != 'R') return false;
    if (!is_attachable(status, gvisor, &ignored)) return false;
    char *own = describe_confinement(status->pid);
    bool is_same = own != NULL && strcmp(own, confinement) == 0;
    free(own);
    return is_same;
}

/* Keeps the best ones, in order. */
static size_t insert(struct candidate *best, size_t count, const struct candidate *candidate)
{
    size_t at = count;
    while (at > 0 && compare(&candidate->rank, &best[at - 1].rank) < 0) at--;
    if (at == MOST_DONORS) return count;
    size_t kept = count < MOST_DONORS ? count : MOST_DONORS - 1;
    memmove(&best[at + 1], &best[at], (kept - at) * sizeof *best);
    best[at] = *candidate;
    return kept + 1;
}

size_t find_donors(const struct process_status *target, const struct gvisor_signs *gvisor,
                   struct process_status donors[MOST_DONORS])
{
    struct candidate best[MOST_DONORS];
    struct process_table table = {0};
    size_t count = 0;
    char *confinement = describe_confinement(target->pid);
    if (confinement != NULL) read_process_table(&table);
    for (size_t i = 0; i < table.count; i++) {
        struct process_status status;
        if (!read_process_status(table.entries[i].pid, &status)) continue;
        if (!may_donate(&status, gvisor, confinement)) continue;
        struct candidate candidate = judge(&status, target->pid);
        count = insert(best, count, &candidate);
    }
    free_process_table(&table);
    free(confinement);
    for (size_t i = 0; i < count; i++) donors[i] = best[i].status;
    return count;
}
