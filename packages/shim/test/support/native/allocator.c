/*
 * A busy program: allocator MIB THREADS. Holds so much memory, allocates and frees on all threads, and prints once in a
 * while how often it did and how many SIGCHLD it saw.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCKS = 64, LOOK_NS = 10 * 1000 * 1000 };

static atomic_ulong rounds;
static atomic_int children;
static char *volatile held;

static void on_child(int signal_number)
{
    (void)signal_number;
    children++;
}

static void allocate_round(void)
{
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(16u << (i % 12));
        memset(blocks[i], i, 16u << (i % 12));
    }
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
    rounds++;
}

static void *allocate_for_ever(void *unused)
{
    (void)unused;
    for (;;) allocate_round();
    return NULL;
}

static void *report_for_ever(void *unused)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    (void)unused;
    for (;;) {
        printf("rounds %lu children %d\n", rounds, children);
        fflush(stdout);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    size_t bytes = strtoul(argv[1], NULL, 10) << 20;
    held = malloc(bytes + 1);
    memset(held, 1, bytes);
    signal(SIGCHLD, on_child);
    pthread_t thread;
    pthread_create(&thread, NULL, report_for_ever, NULL);
    for (int i = atoi(argv[2]); i > 1; i--) pthread_create(&thread, NULL, allocate_for_ever, NULL);
    allocate_for_ever(NULL);
}
