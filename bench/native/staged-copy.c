/*
 * The least that an atomic upload of many small files can cost: for each one a look at the target, a temporary file
 * beside it, a write and a rename, as five system calls. Usage: staged-copy DIRECTORY FILES BYTES
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monotonic-clock.h"

static bool stage(const char *directory, long number, const char *bytes, size_t length) {
  char temporary[PATH_MAX];
  snprintf(temporary, sizeof temporary, "%s/.staged-%ld", directory, number);
  int file = open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0777);
  if (file < 0) return false;
  bool is_written = write(file, bytes, length) == (ssize_t)length;
  return close(file) == 0 && is_written;
}

static bool place(const char *directory, long number) {
  char temporary[PATH_MAX];
  char target[PATH_MAX];
  snprintf(temporary, sizeof temporary, "%s/.staged-%ld", directory, number);
  snprintf(target, sizeof target, "%s/file-%ld", directory, number);
  return rename(temporary, target) == 0;
}

static bool is_free(const char *directory, long number) {
  char target[PATH_MAX];
  struct stat status;
  snprintf(target, sizeof target, "%s/file-%ld", directory, number);
  return lstat(target, &status) != 0;
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: staged-copy DIRECTORY FILES BYTES\n");
    return 2;
  }
  const char *directory = arguments[1];
  long files = atol(arguments[2]);
  size_t length = (size_t)atol(arguments[3]);
  char *bytes = calloc(1, length);
  bool is_good = bytes != NULL;
  double started = monotonic_us();
  for (long number = 0; number < files && is_good; number += 1) {
    is_good = is_free(directory, number) && stage(directory, number, bytes, length);
  }
  for (long number = 0; number < files && is_good; number += 1) is_good = place(directory, number);
  if (!is_good) {
    perror("staged-copy");
    return 1;
  }
  printf("{\"seconds\":%f}\n", (monotonic_us() - started) / 1e6);
  return 0;
}
