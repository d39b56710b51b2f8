#include "child.h"

static size_t bucket_of_id(uint32_t id)
{
    return id % CHILD_BUCKETS;
}

static size_t bucket_of_pid(pid_t pid)
{
    return (size_t)pid % CHILD_BUCKETS;
}

struct child *find_child(const struct child_table *table, uint32_t id)
{
    struct child *child = table->by_id[bucket_of_id(id)];
    while (child != NULL && child->id != id) child = child->next_with_id;
    return child;
}

struct child *find_leader(const struct child_table *table, pid_t pid)
{
    struct child *child = table->by_pid[bucket_of_pid(pid)];
    while (child != NULL && (child->pid != pid || child->is_reaped)) child = child->next_with_pid;
    return child;
}

/* A pid is free when nobody bears it, as group or session neither: whoever had it before has nobody left there. */
static void take_pid(struct child_table *table, pid_t pid)
{
    for (struct child *child = table->by_pid[bucket_of_pid(pid)]; child != NULL; child = child->next_with_pid)
        if (child->pid == pid) child->is_pid_reused = true;
}

void add_child(struct child_table *table, struct child *child)
{
    struct child **id_bucket = &table->by_id[bucket_of_id(child->id)];
    child->next_with_id = *id_bucket;
    *id_bucket = child;
    take_pid(table, child->pid);
    struct child **pid_bucket = &table->by_pid[bucket_of_pid(child->pid)];
    child->next_with_pid = *pid_bucket;
    *pid_bucket = child;
    table->count++;
    table->running++;
}

void forget_leader(struct child_table *table, struct child *child)
{
    child->is_reaped = true;
    table->running--;
}

void forget_id(struct child_table *table, struct child *child)
{
    struct child **link = &table->by_id[bucket_of_id(child->id)];
    while (*link != child) link = &(*link)->next_with_id;
    *link = child->next_with_id;
    table->count--;
}

void remove_child(struct child_table *table, struct child *child)
{
    struct child **link = &table->by_pid[bucket_of_pid(child->pid)];
    while (*link != child) link = &(*link)->next_with_pid;
    *link = child->next_with_pid;
}

void for_each_child(struct child_table *table, void (*visit)(struct child *child, void *context), void *context)
{
    for (size_t bucket = 0; bucket < CHILD_BUCKETS; bucket++) {
        struct child *next;
        for (struct child *child = table->by_id[bucket]; child != NULL; child = next) {
            next = child->next_with_id;
            visit(child, context);
        }
    }
}
