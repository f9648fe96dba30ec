/* A blocking HTTP GET for the command line: one connection, one answer, bounded in time and size. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"

#define ANSWER_BYTES_MAX (16u << 20)

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool wait_for(int fd, short events, uint64_t end_ns)
{
    uint64_t now = now_ns();
    if (now >= end_ns) return false;
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, (int)((end_ns - now) / 1000000u) + 1) == 1;
}

static int dial(const char *host_port, uint64_t end_ns)
{
    char host[256];
    const char *colon = strrchr(host_port, ':');
    if (colon == NULL || (size_t)(colon - host_port) >= sizeof host) return -1;
    snprintf(host, sizeof host, "%.*s", (int)(colon - host_port), host_port);
    char *name = host;
    if (name[0] == '[' && strlen(name) > 2) { /* [::1] */
        name++;
        name[strlen(name) - 1] = '\0';
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    if (getaddrinfo(name, colon + 1, &hints, &list) != 0) return -1;
    int fd = -1;
    for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) continue;
        int error = connect(fd, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
        socklen_t size = sizeof error;
        if (error == EINPROGRESS && wait_for(fd, POLLOUT, end_ns))
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

static bool read_all(int fd, struct buf *b, uint64_t end_ns)
{
    while (wait_for(fd, POLLIN, end_ns)) {
        uint8_t *room = buf_reserve(b, 65536);
        if (room == NULL) return false;
        ssize_t got = read(fd, room, 65536);
        if (got == 0) return true;
        if (got < 0 && errno != EINTR && errno != EAGAIN) return false;
        if (got > 0) b->size += (size_t)got;
    }
    return false;
}

static int split(struct buf *b, char **body_out)
{
    buf_append_byte(b, 0);
    if (b->failed) return -1;
    char *text = (char *)b->data, *head_end = strstr(text, "\r\n\r\n");
    int status;
    if (head_end == NULL || sscanf(text, "HTTP/1.%*d %d", &status) != 1) return -1;
    *body_out = strdup(head_end + 4);
    return *body_out == NULL ? -1 : status;
}

int cli_http_get(const char *host_port, const char *path, uint64_t timeout_ns, char **body_out)
{
    uint64_t end_ns = now_ns() + timeout_ns;
    int fd = dial(host_port, end_ns);
    if (fd < 0) return -1;
    char request[512];
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: ostraka\r\nConnection: close\r\n\r\n",
                        path);
    struct buf b;
    buf_init(&b, ANSWER_BYTES_MAX);
    int status = -1;
    if (wait_for(fd, POLLOUT, end_ns) && write(fd, request, (size_t)size) == size &&
        read_all(fd, &b, end_ns))
        status = split(&b, body_out);
    buf_deinit(&b);
    close(fd);
    return status;
}
