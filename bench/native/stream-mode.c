#define _GNU_SOURCE
#include "stream-mode.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http-response.h"
#include "loopback-socket.h"
#include "marker-counter.h"
#include "monotonic-clock.h"

#define READ_BUFFER_BYTES (256 * 1024)
#define THROTTLE_SLICES_PER_SECOND 100
#define THROTTLE_SMALLEST_READ 1024

enum stream_end { STREAM_COMPLETE, STREAM_CLOSED_BY_US, STREAM_FAILED };

struct stream_run {
    const struct stream_options *options;
    int fd;
    double started_us;
    double ended_us;
    double first_byte_us;
    double last_read_us;
    uint64_t wire_bytes;
    uint64_t body_bytes;
    struct http_response response;
    struct marker_counter stdout_events;
    struct marker_counter complete_events;
    const char *failure;
};

static void on_body(void *context, const char *bytes, size_t length)
{
    struct stream_run *run = context;
    if (run->body_bytes == 0) run->first_byte_us = run->last_read_us;
    run->body_bytes += length;
    marker_feed(&run->stdout_events, bytes, length);
    marker_feed(&run->complete_events, bytes, length);
}

static size_t read_size(const struct stream_options *options)
{
    if (options->bytes_per_second == 0) return READ_BUFFER_BYTES;
    size_t slice = (size_t)(options->bytes_per_second / THROTTLE_SLICES_PER_SECOND);
    if (slice < THROTTLE_SMALLEST_READ) return THROTTLE_SMALLEST_READ;
    return slice < READ_BUFFER_BYTES ? slice : READ_BUFFER_BYTES;
}

static void sleep_until(double wake_us)
{
    struct timespec wake = {
        .tv_sec = (time_t)(wake_us / 1e6),
        .tv_nsec = (long)(fmod(wake_us, 1e6) * 1e3),
    };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL) == EINTR) continue;
}

/* Holds the average rate since the request was sent, header and framing bytes included. */
static void keep_to_rate(const struct stream_run *run)
{
    if (run->options->bytes_per_second == 0) return;
    double due_seconds = (double)run->wire_bytes / (double)run->options->bytes_per_second;
    sleep_until(run->started_us + due_seconds * 1e6);
}

/* Returns when something can be read or the deadline has come, whichever is first. */
static void wait_readable(int fd, double deadline_us)
{
    double left_ms = (deadline_us - monotonic_us()) / 1e3;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    if (left_ms <= 0 || poll(&readable, 1, (int)ceil(left_ms)) >= 0 || errno == EINTR) return;
    perror("http-client: poll");
    exit(1);
}

static enum stream_end fail(struct stream_run *run, const char *reason)
{
    run->failure = reason;
    return STREAM_FAILED;
}

static void take_bytes(struct stream_run *run, const char *bytes, size_t length)
{
    run->last_read_us = monotonic_us();
    run->wire_bytes += length;
    response_feed(&run->response, bytes, length);
    if (run->response.stage != STAGE_COMPLETE) keep_to_rate(run);
}

static enum stream_end read_response(struct stream_run *run)
{
    static char buffer[READ_BUFFER_BYTES];
    size_t wanted = read_size(run->options);
    double close_us = run->started_us + run->options->max_seconds * 1e6;
    double give_up_us = run->started_us + run->options->timeout_seconds * 1e6;
    double deadline_us = fmin(close_us, give_up_us);

    while (run->response.stage != STAGE_COMPLETE) {
        if (run->response.stage == STAGE_MALFORMED) return fail(run, "malformed HTTP response");
        if (monotonic_us() >= deadline_us) {
            return close_us <= give_up_us ? STREAM_CLOSED_BY_US : fail(run, "timed out");
        }
        ssize_t got = recv(run->fd, buffer, wanted, MSG_DONTWAIT);
        if (got > 0) {
            take_bytes(run, buffer, (size_t)got);
        } else if (got == 0) {
            return fail(run, "connection closed before the end of the body");
        } else if (errno == EAGAIN) {
            wait_readable(run->fd, deadline_us);
        } else if (errno != EINTR) {
            return fail(run, strerror(errno));
        }
    }
    return run->response.status == 200 ? STREAM_COMPLETE : fail(run, "status is not 200");
}

static void print_measurements(const struct stream_run *run, enum stream_end end)
{
    double first_byte_us = run->body_bytes > 0 ? run->first_byte_us - run->started_us : 0;
    printf("{\"seconds\":%.6f,\"wire_bytes\":%" PRIu64 ",\"body_bytes\":%" PRIu64 ",\"events\":%" PRIu64
           ",\"complete_events\":%" PRIu64 ",\"first_byte_us\":%.1f,\"reached_end\":%s}\n",
           (run->ended_us - run->started_us) / 1e6, run->wire_bytes, run->body_bytes, run->stdout_events.count,
           run->complete_events.count, first_byte_us, end == STREAM_COMPLETE ? "true" : "false");
}

int run_stream_mode(const struct http_request *request, const struct stream_options *options)
{
    struct stream_run run = {.options = options};
    response_begin(&run.response, on_body, &run);
    marker_begin(&run.stdout_events, STDOUT_EVENT_MARKER);
    marker_begin(&run.complete_events, COMPLETE_EVENT_MARKER);
    run.fd = connect_loopback(options->port);
    if (run.fd < 0) {
        perror("http-client: connect");
        return 1;
    }

    run.started_us = monotonic_us();
    enum stream_end end =
        send_all(run.fd, request->bytes, request->length) ? read_response(&run) : fail(&run, "could not send");
    run.ended_us = monotonic_us();
    if (close(run.fd) != 0) perror("http-client: close");

    if (end == STREAM_FAILED) {
        fprintf(stderr, "http-client: %s (HTTP status %d)\n", run.failure, run.response.status);
        return 1;
    }
    print_measurements(&run, end);
    return 0;
}
