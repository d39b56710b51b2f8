#ifndef SHIM_INJECT_OPTIONS_H
#define SHIM_INJECT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "injection.h"

enum method_choice { CHOOSE_METHOD, USE_FORK, USE_CLONE_VM };

/* The command line of `shim inject`. */
struct inject_options {
    pid_t target;
    /* Where the resident is going to listen; NULL when nobody waits for that. */
    const char *listen_address;
    /* A program in place of this one; NULL for `shim serve`. */
    const char *program;
    bool target_is_donor;
    enum method_choice method;
    bool has_token;
    uint8_t token[TOKEN_BYTES];
    /* For the program, ended by NULL. */
    char **rest;
};

/* Reads the token, too. False after a usage text on stderr. */
bool parse_inject_options(int argc, char **argv, struct inject_options *options);

#endif
