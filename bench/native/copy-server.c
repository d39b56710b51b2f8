/*
 * The least that a server can do which copies: one file, read and written in pieces of 256 KiB, to one client after the
 * other. GET /ping answers 200. Usage: copy-server PORT FILE
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024, REQUEST_BYTES = 4096, BACKLOG = 16 };

static int listen_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, BACKLOG) != 0) {
    perror("copy-server: listen");
    exit(1);
  }
  return listener;
}

static bool write_all(int socket, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = send(socket, bytes, length, MSG_NOSIGNAL);
    if (written <= 0) return false;
    bytes += written;
    length -= (size_t)written;
  }
  return true;
}

static void send_file(int socket, const char *path, char *piece) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) return;
  char head[128];
  int length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", (long long)status.st_size);
  if (write_all(socket, head, (size_t)length)) {
    ssize_t count;
    while ((count = read(file, piece, PIECE_BYTES)) > 0 && write_all(socket, piece, (size_t)count)) {}
  }
  close(file);
}

/* One request on each connection: it comes in one piece, from our own client. */
static void answer(int socket, const char *path, char *piece) {
  static const char PONG[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  char request[REQUEST_BYTES];
  ssize_t length = read(socket, request, sizeof request - 1);
  if (length <= 0) return;
  request[length] = '\0';
  if (strncmp(request, "GET /ping", strlen("GET /ping")) == 0) write_all(socket, PONG, strlen(PONG));
  else send_file(socket, path, piece);
}

int main(int count, char **arguments) {
  char *piece = malloc(PIECE_BYTES);
  if (count != 3 || piece == NULL) {
    fprintf(stderr, "usage: copy-server PORT FILE\n");
    return 2;
  }
  int listener = listen_on(atoi(arguments[1]));
  for (;;) {
    int socket = accept(listener, NULL, NULL);
    if (socket < 0) continue;
    answer(socket, arguments[2], piece);
    close(socket);
  }
}
