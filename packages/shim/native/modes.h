#ifndef SHIM_MODES_H
#define SHIM_MODES_H

/* The exit status for a command line that makes no sense. */
enum { EXIT_USAGE = 2 };

/* Each mode gets its own name as argv[0] and returns the exit status of the program. */
int serve_mode(int argc, char **argv);
int init_mode(int argc, char **argv);
int probe_mode(int argc, char **argv);
int inject_mode(int argc, char **argv);
int resident_mode(int argc, char **argv);

#endif
