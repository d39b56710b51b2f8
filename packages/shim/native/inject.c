/* inject: puts a resident into another container of the pod, by stopping one of its processes for a moment. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <time.h>
#include <unistd.h>

#include "attachability.h"
#include "clock.h"
#include "donor.h"
#include "inject-options.h"
#include "injection.h"
#include "json-writer.h"
#include "listening-socket.h"
#include "modes.h"
#include "process-environment.h"
#include "process-table.h"
#include "string-list.h"

enum {
    /* A fork copies some 0.1 ms worth of page tables for each MiB; sharing costs three more calls, and a longer one. */
    LARGE_BYTES = 16 * 1024 * 1024,
    READY_MS = 5000,
    LOOK_NS = 2 * 1000 * 1000,
    NANOSECONDS_PER_MS = 1000 * 1000,
    NANOSECONDS_PER_MICROSECOND = 1000,
    PATH_BYTES = 4096,
};

/* What all attempts have in common. */
struct preparation {
    struct process_status target;
    struct process_status donors[MOST_DONORS];
    size_t donor_count;
    struct program_copy resident;
    struct program_copy program;
    char *environment_text;
    struct string_list environment;
    char directory[PATH_BYTES];
    char umask_text[16];
    char flags_text[16];
};

/* The one that was asked for counts, unless it is only unfit at the moment and another one may take its place. */
static bool choose_donors(struct preparation *preparation, const struct inject_options *options,
                          struct failure *failure)
{
    const struct gvisor_signs gvisor = look_for_gvisor();
    struct failure unfit = {0};
    bool is_fit = is_attachable(&preparation->target, &gvisor, &unfit);
    if (!options->target_is_donor && (is_fit || unfit.error == EBUSY))
        preparation->donor_count = find_donors(&preparation->target, &gvisor, preparation->donors);
    if (preparation->donor_count > 0) return true;
    if (!is_fit) return fail(failure, unfit.step, unfit.error, unfit.explanation);
    preparation->donors[0] = preparation->target;
    preparation->donor_count = 1;
    return true;
}

/* What has no equals sign is no variable: programs that show a title of their own write it over their environment. */
static bool list_environment(struct preparation *preparation, struct failure *failure)
{
    size_t size;
    preparation->environment_text = read_environment(preparation->target.pid, &size);
    if (preparation->environment_text == NULL) return fail(failure, "environment", errno, NULL);
    const char *end = preparation->environment_text + size;
    append_strings(&preparation->environment, (char *const[]){NULL});
    for (char *variable = preparation->environment_text; variable < end; variable += strlen(variable) + 1)
        if (strchr(variable, '=') != NULL) append_string(&preparation->environment, variable);
    return true;
}

static void read_directory(struct preparation *preparation)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cwd", (int)preparation->target.pid);
    ssize_t length = readlink(path, preparation->directory, sizeof preparation->directory - 1);
    preparation->directory[length > 0 ? length : 0] = '\0';
}

static bool is_address_free(const struct inject_options *options, struct failure *failure)
{
    if (options->listen_address == NULL) return true;
    if (options->listen_address[0] == '@' && !shares_network(getpid(), options->target))
        return fail(failure, "listen", EXDEV, "the target is in another network");
    if (!is_listening(options->target, options->listen_address)) return true;
    return fail(failure, "listen", EADDRINUSE, NULL);
}

static bool prepare(struct preparation *preparation, const struct inject_options *options, struct failure *failure)
{
    if (!read_process_status(options->target, &preparation->target)) return fail(failure, "target", ESRCH, NULL);
    if (!choose_donors(preparation, options, failure) || !is_address_free(options, failure)) return false;
    if (!list_environment(preparation, failure)) return false;
    read_directory(preparation);
    if (!read_program(&preparation->resident, "/proc/self/exe", failure)) return false;
    return options->program == NULL || read_program(&preparation->program, options->program, failure);
}

static void clean_up(struct preparation *preparation)
{
    free_program(&preparation->resident);
    free_program(&preparation->program);
    free_string_list(&preparation->environment);
    free(preparation->environment_text);
}

/* `shim resident [OPTION...] serve ...`, or the program in place of serve. A donor may be in another directory. */
static void list_arguments(struct string_list *list, struct preparation *preparation,
                           const struct inject_options *options, const struct process_status *donor)
{
    snprintf(preparation->umask_text, sizeof preparation->umask_text, "%04o", (unsigned)preparation->target.umask);
    append_strings(list, (char *const[]){"shim", "resident", "--umask", preparation->umask_text, NULL});
    if (donor->pid != preparation->target.pid && preparation->directory[0] != '\0')
        append_strings(list, (char *const[]){"--directory", preparation->directory, NULL});
    if (options->program != NULL) {
        snprintf(preparation->flags_text, sizeof preparation->flags_text, "%u", preparation->program.flags);
        append_strings(list, (char *const[]){"--program", preparation->flags_text, (char *)options->program, NULL});
    } else {
        append_strings(list, (char *const[]){"serve", "--listen", (char *)options->listen_address, "--token-fd", "3",
                                             NULL});
    }
    append_strings(list, options->rest);
}

static enum injection_method choose_method(const struct inject_options *options, const struct process_status *donor)
{
    if (options->method == USE_FORK) return METHOD_FORK;
    if (options->method == USE_CLONE_VM) return METHOD_CLONE_VM;
    return donor->anonymous_bytes > LARGE_BYTES ? METHOD_CLONE_VM : METHOD_FORK;
}

static bool attempt(struct preparation *preparation, const struct inject_options *options,
                    const struct process_status *donor, struct injection *injection, struct failure *failure)
{
    struct string_list arguments = {0};
    struct injection_plan plan = {
        .donor = donor->pid,
        .donor_start_time = donor->start_time,
        .method = choose_method(options, donor),
        .resident = preparation->resident,
        .program = options->program != NULL ? &preparation->program : NULL,
        .token = options->has_token ? options->token : NULL,
    };
    list_arguments(&arguments, preparation, options, donor);
    build_exec_image(&plan.image, arguments.strings, preparation->environment.strings);
    bool worked = inject_resident(&plan, injection, failure);
    free_exec_image(&plan.image);
    free_string_list(&arguments);
    return worked;
}

/* Somebody else may have ended, or been attached to, since it was looked at: then the next one is tried. */
static bool is_worth_another(const struct failure *failure)
{
    return strcmp(failure->step, "attach") == 0 || failure->error == ESRCH || failure->error == EBUSY;
}

static const struct process_status *inject_beside_any(struct preparation *preparation,
                                                      const struct inject_options *options,
                                                      struct injection *injection, struct failure *failure)
{
    for (size_t i = 0; i < preparation->donor_count; i++) {
        const struct process_status *donor = &preparation->donors[i];
        *failure = (struct failure){0};
        if (attempt(preparation, options, donor, injection, failure)) return donor;
        if (!is_worth_another(failure)) return NULL;
    }
    return NULL;
}

static bool is_resident_alive(const struct injection *injection)
{
    struct process_entry entry;
    return read_process(injection->resident, &entry) && is_alive(&entry) &&
           entry.start_time == injection->resident_start_time;
}

/* It reads the token shortly before it listens, so there is no use in looking earlier. */
static bool wait_until_it_listens(const struct injection *injection, const char *address, struct failure *failure)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    uint64_t deadline = monotonic_ns() + (uint64_t)READY_MS * NANOSECONDS_PER_MS;
    struct pollfd token = {.fd = injection->token_pipe};
    poll(&token, 1, READY_MS);
    while (!is_listening(injection->resident, address)) {
        if (!is_resident_alive(injection)) return fail(failure, "listen", ECHILD, "the resident has ended");
        if (monotonic_ns() >= deadline) return fail(failure, "listen", ETIMEDOUT, NULL);
        nanosleep(&pause, NULL);
    }
    return true;
}

/* Without the right to send it signals, it is made to die with us. */
static void kill_resident(const struct injection *injection)
{
    const struct process_entry entry = {.pid = injection->resident, .start_time = injection->resident_start_time};
    if (signal_process(&entry, SIGKILL) || !is_resident_alive(injection)) return;
    ptrace(PTRACE_SEIZE, injection->resident, NULL, (void *)PTRACE_O_EXITKILL);
}

static void write_success(const struct inject_options *options, const struct injection *injection,
                          const struct process_status *donor)
{
    struct json_writer json = {.stream = stdout};
    json_begin(&json, NULL);
    json_integer(&json, "pid", injection->resident);
    json_integer(&json, "startTime", (int64_t)injection->resident_start_time);
    json_integer(&json, "donorPid", donor->pid);
    json_integer(&json, "targetStoppedMicroseconds", (int64_t)(injection->stopped_ns / NANOSECONDS_PER_MICROSECOND));
    json_text(&json, "method", choose_method(options, donor) == METHOD_FORK ? "fork" : "clone_vm");
    json_text(&json, "listen", options->listen_address);
    json_end(&json);
    fputc('\n', stdout);
}

static void write_failure(const struct failure *failure)
{
    struct json_writer json = {.stream = stdout};
    json_begin(&json, NULL);
    json_text(&json, "step", failure->step);
    json_integer(&json, "errno", failure->error);
    json_text(&json, "message", failure_message(failure));
    json_end(&json);
    fputc('\n', stdout);
}

int inject_mode(int argc, char **argv)
{
    struct inject_options options;
    struct preparation preparation = {0};
    struct injection injection = {.token_pipe = -1};
    struct failure failure = {0};
    const struct process_status *donor = NULL;
    if (!parse_inject_options(argc, argv, &options)) return EXIT_USAGE;
    if (prepare(&preparation, &options, &failure))
        donor = inject_beside_any(&preparation, &options, &injection, &failure);
    bool worked = donor != NULL;
    if (worked && options.listen_address != NULL)
        worked = wait_until_it_listens(&injection, options.listen_address, &failure);
    if (worked)
        write_success(&options, &injection, donor);
    else if (donor != NULL)
        kill_resident(&injection);
    if (!worked) write_failure(&failure);
    if (injection.token_pipe >= 0) close(injection.token_pipe);
    clean_up(&preparation);
    return worked ? 0 : 1;
}
