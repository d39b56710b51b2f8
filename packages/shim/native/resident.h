#ifndef SHIM_RESIDENT_H
#define SHIM_RESIDENT_H

/*
 * What injector and resident agree on. The resident stops itself when it has these open, and the injector fills them; it
 * goes on when the injector lets it.
 */
enum {
    /* The read end of the pipe through which the token comes, and its write end until the resident goes on. */
    RESIDENT_TOKEN_FD = 3,
    RESIDENT_TOKEN_WRITE_FD = 4,
    /* An empty memory file for another program than this one, if it was asked for. */
    RESIDENT_PROGRAM_FD = 5,
};

#endif
