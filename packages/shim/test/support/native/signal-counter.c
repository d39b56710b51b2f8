/*
 * signal-counter receive: takes numbered signals until SIGTERM, then prints how many came and how many of them were out
 * of turn. signal-counter send PID COUNT: sends them.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* The kernel queues so many; then it has to be asked again. */
static int send_all(pid_t pid, int count)
{
    for (int i = 0; i < count; i++) {
        const union sigval number = {.sival_int = i};
        while (sigqueue(pid, SIGRTMIN, number) != 0) {
            if (errno != EAGAIN) return 1;
            sched_yield();
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "receive") == 0) receive();
    if (argc == 4 && strcmp(argv[1], "send") == 0) return send_all((pid_t)atoi(argv[2]), atoi(argv[3]));
    return 2;
}
