#include "modes.h"

int serve_mode(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return EXIT_USAGE;
}
