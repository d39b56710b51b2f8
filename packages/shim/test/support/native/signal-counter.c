/*
 * signal-counter receive: takes numbered signals until SIGTERM, then prints how many came and how many of them were out
 * of turn. signal-counter send PID: sends them until SIGTERM, then prints what should have come.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile int received;
static volatile int out_of_turn;

static void on_number(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)context;
    out_of_turn += info->si_value.sival_int != received;
    received++;
}

static void on_end(int signal_number)
{
    (void)signal_number;
    printf("received %d out of turn %d\n", received, out_of_turn);
    fflush(stdout);
    _exit(0);
}

static _Noreturn void receive(void)
{
    struct sigaction take = {.sa_sigaction = on_number, .sa_flags = SA_SIGINFO};
    sigaddset(&take.sa_mask, SIGTERM);
    sigaction(SIGRTMIN, &take, NULL);
    signal(SIGTERM, on_end);
    for (;;) pause();
}

static volatile sig_atomic_t is_over;

static void on_enough(int signal_number)
{
    (void)signal_number;
    is_over = 1;
}

/* The kernel queues so many; then it has to be asked again. */
static int send_for_ever(pid_t pid)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000};
    union sigval number = {0};
    signal(SIGTERM, on_enough);
    while (!is_over) {
        if (sigqueue(pid, SIGRTMIN, number) == 0)
            number.sival_int++;
        else if (errno != EAGAIN)
            return 1;
        nanosleep(&pause, NULL);
    }
    printf("received %d out of turn 0\n", number.sival_int);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "receive") == 0) receive();
    if (argc == 3 && strcmp(argv[1], "send") == 0) return send_for_ever((pid_t)atoi(argv[2]));
    return 2;
}
