#define _GNU_SOURCE
#include "latency-mode.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http-response.h"
#include "loopback-socket.h"
#include "marker-counter.h"
#include "monotonic-clock.h"
#include "percentile.h"

#define READ_BUFFER_BYTES (64 * 1024)
#define EVENTS_PER_WAIT 64

struct connection {
    int fd; /* -1 when closed */
    bool is_busy;
    double sent_us;
    double first_byte_us; /* 0 until the body begins */
    double last_read_us;
    struct http_response response;
    struct marker_counter complete_events;
};

struct latency_run {
    const struct http_request *request;
    const struct latency_options *options;
    int epoll_fd;
    struct connection *connections;
    size_t issued;
    size_t in_flight;
    size_t errors;
    char first_error[128];
    size_t completed; /* filled entries of the two arrays below, in order of completion */
    double *first_byte_us;
    double *end_us;
    double stop_issuing_us;
    double give_up_us;
};

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        perror("http-client");
        exit(1);
    }
    return memory;
}

/* One descriptor per connection: more than the usual soft limit for a thousand of them. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) perror("http-client: RLIMIT_NOFILE");
}

static void on_body(void *context, const char *bytes, size_t length)
{
    struct connection *connection = context;
    if (connection->first_byte_us == 0) connection->first_byte_us = connection->last_read_us;
    marker_feed(&connection->complete_events, bytes, length);
}

static void record_error(struct latency_run *run, const char *reason)
{
    if (run->errors == 0) snprintf(run->first_error, sizeof run->first_error, "%s", reason);
    run->errors++;
}

static bool open_connection(struct latency_run *run, struct connection *connection)
{
    connection->fd = connect_loopback(run->options->port);
    if (connection->fd < 0) return false;
    struct epoll_event readable = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, connection->fd, &readable) == 0) return true;
    perror("http-client: epoll_ctl");
    exit(1);
}

static void close_connection(struct connection *connection)
{
    if (connection->fd >= 0 && close(connection->fd) != 0) perror("http-client: close");
    connection->fd = -1;
}

static bool may_issue(const struct latency_run *run)
{
    return run->issued < run->options->requests && monotonic_us() < run->stop_issuing_us;
}

/* Puts the next request on the wire; what cannot be sent is an error, and the one after it is tried. */
static void issue_next(struct latency_run *run, struct connection *connection)
{
    while (may_issue(run)) {
        run->issued++;
        if (connection->fd < 0 && !open_connection(run, connection)) {
            record_error(run, "could not connect");
            continue;
        }
        response_begin(&connection->response, on_body, connection);
        marker_begin(&connection->complete_events, COMPLETE_EVENT_MARKER);
        connection->first_byte_us = 0;
        connection->sent_us = monotonic_us();
        if (send_all(connection->fd, run->request->bytes, run->request->length)) {
            connection->is_busy = true;
            run->in_flight++;
            return;
        }
        record_error(run, "could not send");
        close_connection(connection);
    }
    close_connection(connection);
}

static void fail_request(struct latency_run *run, struct connection *connection, const char *reason)
{
    connection->is_busy = false;
    run->in_flight--;
    record_error(run, reason);
    close_connection(connection);
    issue_next(run, connection);
}

static void finish_request(struct latency_run *run, struct connection *connection)
{
    if (connection->response.status != 200) {
        char reason[32];
        snprintf(reason, sizeof reason, "HTTP status %d", connection->response.status);
        fail_request(run, connection, reason);
        return;
    }
    if (connection->complete_events.count == 0) {
        fail_request(run, connection, "no execution_complete event");
        return;
    }
    run->first_byte_us[run->completed] = connection->first_byte_us - connection->sent_us;
    run->end_us[run->completed] = connection->last_read_us - connection->sent_us;
    run->completed++;
    connection->is_busy = false;
    run->in_flight--;
    if (connection->response.closes_connection) close_connection(connection);
    issue_next(run, connection);
}

static void read_connection(struct latency_run *run, struct connection *connection)
{
    static char buffer[READ_BUFFER_BYTES];
    ssize_t got = recv(connection->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    connection->last_read_us = monotonic_us();
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (!connection->is_busy) {
        close_connection(connection);
        return;
    }
    if (got <= 0) {
        fail_request(run, connection, got == 0 ? "connection closed early" : strerror(errno));
        return;
    }
    response_feed(&connection->response, buffer, (size_t)got);
    if (connection->response.stage == STAGE_COMPLETE) {
        finish_request(run, connection);
    } else if (connection->response.stage == STAGE_MALFORMED) {
        fail_request(run, connection, "malformed HTTP response");
    }
}

static void await_responses(struct latency_run *run)
{
    struct epoll_event ready[EVENTS_PER_WAIT];
    while (run->in_flight > 0) {
        double left_ms = (run->give_up_us - monotonic_us()) / 1e3;
        int count = left_ms > 0 ? epoll_wait(run->epoll_fd, ready, EVENTS_PER_WAIT, (int)ceil(left_ms)) : 0;
        if (count < 0 && errno != EINTR) {
            perror("http-client: epoll_wait");
            exit(1);
        }
        if (count == 0) {
            record_error(run, "timed out");
            run->errors += run->in_flight - 1;
            return;
        }
        for (int i = 0; i < count; i++) read_connection(run, ready[i].data.ptr);
    }
}

static void print_distribution(const char *name, const double *values, size_t count)
{
    printf("\"%s\":{\"p50\":%.1f,\"p95\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, percentile(values, count, 0.50),
           percentile(values, count, 0.95), percentile(values, count, 0.99), percentile(values, count, 1));
}

static void print_measurements(const struct latency_run *run, double seconds)
{
    size_t tenth = run->completed / 10;
    printf("{\"requests\":%zu,\"errors\":%zu,\"first_error\":\"%s\",\"seconds\":%.6f,\"per_second\":%.1f,", run->issued,
           run->errors, run->first_error, seconds, (double)run->completed / seconds);
    print_distribution("first_byte_us", run->first_byte_us, run->completed);
    printf(",");
    print_distribution("end_us", run->end_us, run->completed);
    printf(",\"first_tenth_end_p50_us\":%.1f,\"last_tenth_end_p50_us\":%.1f}\n", percentile(run->end_us, tenth, 0.50),
           percentile(run->end_us + run->completed - tenth, tenth, 0.50));
}

/* All connections exist before the clock starts. */
static bool open_connections(struct latency_run *run)
{
    for (size_t i = 0; i < run->options->connections; i++) {
        if (!open_connection(run, &run->connections[i])) return false;
    }
    return true;
}

int run_latency_mode(const struct http_request *request, const struct latency_options *options)
{
    raise_descriptor_limit();
    struct latency_run run = {
        .request = request,
        .options = options,
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
        .connections = allocate(options->connections, sizeof(struct connection)),
        .first_byte_us = allocate(options->requests, sizeof(double)),
        .end_us = allocate(options->requests, sizeof(double)),
    };
    if (run.epoll_fd < 0 || !open_connections(&run)) {
        perror("http-client: connect");
        return 1;
    }

    double started_us = monotonic_us();
    run.stop_issuing_us = started_us + options->max_seconds * 1e6;
    run.give_up_us = started_us + options->timeout_seconds * 1e6;
    for (size_t i = 0; i < options->connections; i++) issue_next(&run, &run.connections[i]);
    await_responses(&run);
    print_measurements(&run, (monotonic_us() - started_us) / 1e6);
    return 0;
}
