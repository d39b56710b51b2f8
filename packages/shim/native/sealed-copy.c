#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "borrowed-descriptor.h"
#include "memory.h"
#include "sealed-copy.h"

/* Newer than some C libraries. */
enum {
    EXECUTABLE_FLAG = 0x10,    /* MFD_EXEC, since Linux 6.3 */
    EXECUTABLE_SEAL = 0x20,    /* F_SEAL_EXEC, since Linux 6.3 */
    ADD_SEALS = 1024 + 9,      /* F_ADD_SEALS */
    CONTENT_SEALS = 0x01 | 0x02 | 0x04 | 0x08, /* F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE */
};

static bool read_all(int file, unsigned char *bytes, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t piece = read(file, bytes + got, size - got);
        if (piece < 0 && errno == EINTR) continue;
        if (piece == 0) errno = EIO;
        if (piece <= 0) return false;
        got += (size_t)piece;
    }
    return true;
}

/* A kernel may make memory files that cannot be executed unless it is asked; older ones do not know the question. */
static unsigned memory_file_flags(void)
{
    int file = memfd_create("shim", MFD_CLOEXEC | MFD_ALLOW_SEALING | EXECUTABLE_FLAG);
    if (file >= 0) close(file);
    return MFD_ALLOW_SEALING | (file >= 0 || errno != EINVAL ? EXECUTABLE_FLAG : 0);
}

bool read_program(struct program_copy *program, const char *path, struct failure *failure)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail(failure, "program", errno, NULL);
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(file);
        return fail(failure, "program", EINVAL, "the program is not a file");
    }
    *program = (struct program_copy){.size = (size_t)status.st_size, .flags = memory_file_flags()};
    program->bytes = must_allocate(program->size);
    bool is_read = read_all(file, program->bytes, program->size);
    int error = errno;
    close(file);
    if (is_read) return true;
    free_program(program);
    return fail(failure, "program", error, NULL);
}

void free_program(struct program_copy *program)
{
    free(program->bytes);
    *program = (struct program_copy){0};
}

static int write_all(int file, const struct program_copy *program)
{
    size_t written = 0;
    while (written < program->size) {
        ssize_t piece = pwrite(file, program->bytes + written, program->size - written, (off_t)written);
        if (piece < 0 && errno == EINTR) continue;
        if (piece <= 0) return piece < 0 ? errno : EIO;
        written += (size_t)piece;
    }
    return 0;
}

/* Seals can only be put on a memory file, and only on one that allows it, so this tells what it is. */
static int seal(int file)
{
    fcntl(file, ADD_SEALS, EXECUTABLE_SEAL); /* where the kernel knows it */
    return fcntl(file, ADD_SEALS, CONTENT_SEALS) == 0 ? 0 : errno;
}

/* While somebody has it open for writing it cannot be executed, so it is closed again. */
int fill_and_seal(pid_t pid, int fd, const struct program_copy *program)
{
    struct stat status;
    int file = borrow_descriptor(pid, fd);
    if (file < 0) return errno;
    int error = EINVAL;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0) error = write_all(file, program);
    if (error == 0) error = seal(file);
    close(file);
    return error;
}
