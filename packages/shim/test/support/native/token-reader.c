/*
 * A resident of its own kind: token-reader FILE. Reads what comes through descriptor 3, writes it to the file, and waits
 * without end. With `hold` in place of the file it does not even read.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char token[64];
    if (argc != 2) return 2;
    if (strcmp(argv[1], "hold") != 0) {
        ssize_t size = read(3, token, sizeof token);
        int file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (size < 0 || file < 0 || write(file, token, (size_t)size) != size) return 1;
        close(file);
        close(3);
    }
    for (;;) pause();
}
