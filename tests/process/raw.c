#include "tests/process/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/process/cluster.h"
#include "tests/test.h"

#define PROTOCOL_3     196608u
#define CANCEL_REQUEST 80877102u

struct raw raw_dial(const char *address)
{
    struct raw r = {.fd = -1};
    struct sockaddr_in a = {.sin_family = AF_INET};
    char host[64];
    snprintf(host, sizeof host, "%s", address);
    char *colon = strrchr(host, ':');
    assert_non_null(colon);
    *colon = '\0';
    a.sin_port = htons((uint16_t)atoi(colon + 1));
    assert_int_equal(inet_pton(AF_INET, host, &a.sin_addr), 1);
    r.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(r.fd >= 0);
    struct timeval limit = {.tv_sec = CLUSTER_BOUND_MS / 1000};
    setsockopt(r.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(r.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(r.fd, (struct sockaddr *)&a, sizeof a) != 0)
        fail_msg("%s does not accept a connection: %s", address, strerror(errno));
    return r;
}

void raw_close(struct raw *r)
{
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
}

void raw_send(struct raw *r, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t sent = send(r->fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return; /* the reader will see why */
        if (sent <= 0) fail_msg("cannot send: %s", strerror(errno));
        at += sent;
        size -= (size_t)sent;
    }
}

void raw_message(struct raw *r, char type, const void *body, size_t size)
{
    char head[5] = {type};
    uint32_t length = htonl((uint32_t)size + 4);
    memcpy(head + 1, &length, 4);
    raw_send(r, type != 0 ? head : head + 1, type != 0 ? 5 : 4);
    raw_send(r, body, size);
}

void raw_query(struct raw *r, const char *text)
{
    raw_message(r, 'Q', text, strlen(text) + 1);
}

static void note_error(struct raw *r, const char *body, size_t size)
{
    for (const char *at = body; at < body + size && *at != '\0'; at += strlen(at) + 1) {
        if (*at == 'C') snprintf(r->sqlstate, sizeof r->sqlstate, "%.5s", at + 1);
        if (*at == 'M') snprintf(r->message, sizeof r->message, "%s", at + 1);
        if (*at == 'D') snprintf(r->detail, sizeof r->detail, "%s", at + 1);
    }
}

static bool read_whole(struct raw *r, void *to, size_t size)
{
    for (char *at = to; size > 0;) {
        ssize_t got = recv(r->fd, at, size, 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) fail_msg("no answer");
        if (got <= 0) return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* The first value of a DataRow. */
static void note_value(const char *body, size_t size, char *text, size_t text_size)
{
    uint32_t length;
    if (size < 6) return;
    memcpy(&length, body + 2, 4);
    length = ntohl(length);
    if (length > size - 6 || length >= text_size) return;
    memcpy(text, body + 6, length);
    text[length] = '\0';
}

static char read_to(struct raw *r, const char *types, char *text, size_t text_size)
{
    for (;;) {
        char type;
        uint32_t length;
        if (!read_whole(r, &type, 1) || !read_whole(r, &length, 4)) return 0;
        size_t size = ntohl(length) - 4;
        assert_true(size < (64u << 20));
        char *body = calloc(1, size + 1);
        assert_non_null(body);
        bool whole = read_whole(r, body, size);
        if (whole && type == 'E') note_error(r, body, size);
        if (whole && type == 'K') {
            memcpy(&r->pid, body, 4);
            memcpy(&r->key, body + 4, 4);
        }
        if (whole && type == 'D' && text != NULL) {
            note_value(body, size, text, text_size);
            text = NULL;
        }
        free(body);
        if (!whole) return 0;
        if (strchr(types, type) != NULL) return type;
    }
}

char raw_read_to(struct raw *r, const char *types)
{
    return read_to(r, types, NULL, 0);
}

char raw_read_row(struct raw *r, char *text, size_t size)
{
    return read_to(r, "Z", text, size);
}

bool raw_start(struct raw *r)
{
    static const char text[] = "\0\003\0\0user\0postgres\0database\0postgres\0";
    raw_message(r, 0, text, sizeof text);
    return raw_read_to(r, "ZE") == 'Z';
}

void raw_cancel(const char *address, uint32_t pid, uint32_t key)
{
    struct raw r = raw_dial(address);
    uint32_t body[3] = {htonl(CANCEL_REQUEST), pid, key}; /* pid and key as they came */
    raw_message(&r, 0, body, sizeof body);
    assert_int_equal(raw_read_to(&r, "Z"), 0);
    raw_close(&r);
}
