/*
 * blocked-call NAME: makes one system call that waits for what never comes, and prints what it returned if it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONG_SECONDS = 1000, LONG_MS = LONG_SECONDS * 1000, WAIT_ON_FUTEX = 0, KERNEL_MASK_SIZE = 8 };

static const struct timespec LONG_TIME = {.tv_sec = LONG_SECONDS};

static int empty_pipe(void)
{
    int ends[2];
    return pipe(ends) == 0 ? ends[0] : -1;
}

static int full_pipe(void)
{
    static char bytes[1 << 16];
    int ends[2];
    if (pipe(ends) != 0) return -1;
    return write(ends[1], bytes, sizeof bytes) > 0 ? ends[1] : -1;
}

static int watched(void)
{
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, empty_pipe(), &event) == 0 ? epoll : -1;
}

static int listener(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr address = {.sa_family = AF_UNIX};
    if (bind(fd, &address, sizeof address.sa_family) != 0) return -1;
    return listen(fd, 1) == 0 ? fd : -1;
}

static int silent_socket(void)
{
    int ends[2];
    const struct timeval limit = {.tv_sec = LONG_SECONDS};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return -1;
    return setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 ? ends[0] : -1;
}

static sigset_t one_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return set;
}

/* The C library may hide that it was interrupted. */
static long wait_for_signal(const struct timespec *limit)
{
    sigset_t set = one_signal();
    return syscall(SYS_rt_sigtimedwait, &set, NULL, limit, KERNEL_MASK_SIZE);
}

static int semaphore(void)
{
    return semget(IPC_PRIVATE, 1, 0600);
}

static long call_poll(void)
{
    struct pollfd wanted = {.fd = empty_pipe(), .events = POLLIN};
    return poll(&wanted, 1, LONG_MS);
}

static long call_select(void)
{
    fd_set set;
    int fd = empty_pipe();
    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, NULL);
}

static long call_futex(void)
{
    static int word;
    return syscall(SYS_futex, &word, WAIT_ON_FUTEX, 0, &LONG_TIME, NULL, 0);
}

static long call_nanosleep(void)
{
    return nanosleep(&LONG_TIME, NULL);
}

static long call_sleep_until(void)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += LONG_SECONDS;
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

static long call_read(void)
{
    char byte;
    return read(empty_pipe(), &byte, 1);
}

static long call_write(void)
{
    return write(full_pipe(), "x", 1);
}

static long call_accept(void)
{
    return accept(listener(), NULL, NULL);
}

static long call_waitpid(void)
{
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) pause();
    }
    return waitpid(-1, NULL, 0);
}

static long call_pause(void)
{
    return pause();
}

static long call_sigsuspend(void)
{
    sigset_t none;
    one_signal();
    sigemptyset(&none);
    return sigsuspend(&none);
}

static long call_inotify(void)
{
    char event[512];
    return read(inotify_init1(0), event, sizeof event);
}

static long call_eventfd(void)
{
    eventfd_t value;
    return eventfd_read(eventfd(0, 0), &value);
}

static long call_msgrcv(void)
{
    char message[64];
    return msgrcv(msgget(IPC_PRIVATE, 0600), message, sizeof message - sizeof(long), 0, 0);
}

static long call_flock(void)
{
    int locked = memfd_create("locked", 0);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", locked);
    flock(locked, LOCK_EX);
    return flock(open(path, O_RDWR), LOCK_EX);
}

static long call_epoll(void)
{
    struct epoll_event event;
    return epoll_wait(watched(), &event, 1, -1);
}

static long call_sigwaitinfo(void)
{
    return wait_for_signal(NULL);
}

static long call_semop(void)
{
    struct sembuf take = {.sem_op = -1};
    return semop(semaphore(), &take, 1);
}

static long call_epoll_limited(void)
{
    struct epoll_event event;
    return epoll_wait(watched(), &event, 1, LONG_MS);
}

static long call_recv_limited(void)
{
    char byte;
    return recv(silent_socket(), &byte, 1, 0);
}

static long call_sigtimedwait_limited(void)
{
    return wait_for_signal(&LONG_TIME);
}

static long call_semop_limited(void)
{
    struct sembuf take = {.sem_op = -1};
    return semtimedop(semaphore(), &take, 1, &LONG_TIME);
}

struct named_call {
    const char *name;
    long (*call)(void);
};

static const struct named_call CALLS[] = {
    {"poll", call_poll},
    {"select", call_select},
    {"futex", call_futex},
    {"nanosleep", call_nanosleep},
    {"sleep-until", call_sleep_until},
    {"read", call_read},
    {"write", call_write},
    {"accept", call_accept},
    {"waitpid", call_waitpid},
    {"pause", call_pause},
    {"sigsuspend", call_sigsuspend},
    {"inotify", call_inotify},
    {"eventfd", call_eventfd},
    {"msgrcv", call_msgrcv},
    {"flock", call_flock},
    {"epoll", call_epoll},
    {"sigwaitinfo", call_sigwaitinfo},
    {"semop", call_semop},
    {"epoll-limited", call_epoll_limited},
    {"recv-limited", call_recv_limited},
    {"sigtimedwait-limited", call_sigtimedwait_limited},
    {"semop-limited", call_semop_limited},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof CALLS / sizeof CALLS[0]; i++) {
        if (strcmp(argv[1], CALLS[i].name) != 0) continue;
        long result = CALLS[i].call();
        printf("returned %ld errno %d\n", result, result < 0 ? errno : 0);
        return 0;
    }
    return 2;
}
