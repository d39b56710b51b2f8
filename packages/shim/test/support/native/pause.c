/* What a pod runs as PID 1: waits, and reaps the orphans of all containers. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_end(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

static void on_child(int signal_number)
{
    (void)signal_number;
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}

int main(void)
{
    signal(SIGTERM, on_end);
    signal(SIGCHLD, on_child);
    for (;;) pause();
}
