#ifndef SHIM_PROGRAM_EXECUTION_H
#define SHIM_PROGRAM_EXECUTION_H

/*
 * Replaces this process by the program argv[0], as execvp(3) is documented: looked up in PATH when it has no slash, and
 * run by /bin/sh when it is a text without "#!". Not the C library's own, because musl's leaves the second part out.
 * Returns on failure only, with errno: ENOENT when nothing was found, anything else when what was found cannot be run.
 */
void execute_program(char **argv);

#endif
