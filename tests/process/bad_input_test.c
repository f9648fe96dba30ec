/* Strangers send rubbish to every port of a node while clients work: the clients notice nothing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/process/load.h"
#include "tests/test.h"

#define RUBBISH_MAX 4096
#define HELD_MAX    48 /* connections that stay open, silent in the middle of something */

struct rubbish {
    const char *name;
    uint8_t bytes[RUBBISH_MAX];
    size_t size;
};

static int dial(const char *address)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    char host[64];
    snprintf(host, sizeof host, "%s", address);
    char *colon = strrchr(host, ':');
    assert_non_null(colon);
    *colon = '\0';
    a.sin_port = htons((uint16_t)atoi(colon + 1));
    assert_int_equal(inet_pton(AF_INET, host, &a.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval limit = {.tv_usec = 200000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    fail_msg("%s does not accept a connection: %s", address, strerror(errno));
    return -1;
}

/* xorshift64: the same rubbish every time. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void add(struct rubbish *r, const void *bytes, size_t size)
{
    assert_true(r->size + size <= RUBBISH_MAX);
    memcpy(r->bytes + r->size, bytes, size);
    r->size += size;
}

static void add_u32_big(struct rubbish *r, uint32_t value)
{
    value = htonl(value);
    add(r, &value, 4);
}

/* A whole start-up packet, so that what follows meets the state behind it. */
static void add_startup(struct rubbish *r)
{
    static const char text[] =
        "user\0postgres\0database\0postgres\0"; /* and the NUL of the literal ends it */
    add_u32_big(r, (uint32_t)(8 + sizeof text));
    add_u32_big(r, 196608);
    add(r, text, sizeof text);
}

static void make_random(struct rubbish *r, uint64_t *state)
{
    r->name = "random bytes";
    r->size = next_random(state) % RUBBISH_MAX;
    for (size_t i = 0; i < r->size; i++)
        r->bytes[i] = (uint8_t)next_random(state);
}

static void make_sql(struct rubbish *r, int kind, uint64_t *state)
{
    static const uint32_t lengths[] = {0, 3, 7, 0x7fffffff, 0x80000000u, 0xffffffffu};
    r->name = "SQL rubbish";
    if (kind % 4 == 0) { /* a start-up packet of a wrong length */
        add_u32_big(r, lengths[next_random(state) % 6]);
        add_u32_big(r, 196608);
    } else if (kind % 4 == 1) { /* half of one */
        add_startup(r);
        r->size = 1 + next_random(state) % (r->size - 1);
    } else if (kind % 4 == 2) { /* a message of a wrong length behind a good one */
        add_startup(r);
        uint8_t type = (uint8_t) "QPBEDSdcfXpHC"[next_random(state) % 13];
        add(r, &type, 1);
        add_u32_big(r, lengths[next_random(state) % 6]);
        add(r, "SELECT 1", 9);
    } else { /* random bytes behind a good one */
        add_startup(r);
        for (int i = 0; i < 100; i++) {
            uint64_t bytes = next_random(state);
            add(r, &bytes, 8);
        }
    }
}

static void make_http(struct rubbish *r, int kind)
{
    r->name = "HTTP rubbish";
    if (kind % 4 == 0)
        add(r, "GET /sta", 8);
    else if (kind % 4 == 1)
        add(r, "POST /status HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 62);
    else if (kind % 4 == 2) {
        add(r, "GET /", 5);
        memset(r->bytes + 5, 'a', RUBBISH_MAX - 5); /* a line that does not end */
        r->size = RUBBISH_MAX;
    } else {
        add(r, "GET /../../etc/passwd HTTP/1.1\r\nHost\r\n\0\r\n\r\n", 43);
    }
}

static void make_peer(struct rubbish *r, int kind, uint64_t *state)
{
    uint32_t size = kind % 3 == 0 ? 0xffffffffu : kind % 3 == 1 ? (1u << 20) - 24 : 13;
    r->name = "peer rubbish";
    add(r, "OSTK", 4);
    add(r, &size, 4);
    for (int i = 0; i < 2 + kind % 5; i++) {
        uint64_t bytes = next_random(state);
        add(r, &bytes, 8);
    }
}

static void make_rubbish(struct rubbish *r, int port, int round, uint64_t *state)
{
    r->size = 0;
    if (round % 5 == 4)
        make_random(r, state);
    else if (port == 0)
        make_sql(r, round % 5, state);
    else if (port == 1)
        make_http(r, round % 5);
    else
        make_peer(r, round, state);
}

/* Sends it; then leaves at once, resets, listens for a moment, or stays. */
static void throw_rubbish(const char *address, const struct rubbish *r, uint64_t how, int *held,
                          int *held_count)
{
    uint8_t answer[1024];
    int fd = dial(address);
    (void)send(fd, r->bytes, r->size, MSG_NOSIGNAL);
    if (how % 4 == 0 && *held_count < HELD_MAX) {
        held[(*held_count)++] = fd;
        return;
    }
    struct linger reset = {.l_onoff = 1};
    if (how % 4 == 1) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (how % 4 == 2) (void)recv(fd, answer, sizeof answer, 0);
    close(fd);
}

static void throw_everywhere(const struct cluster *c, int node)
{
    const char *ports[] = {c->nodes[node].sql, c->nodes[node].http, c->nodes[node].peer};
    uint64_t state = 0x9e3779b97f4a7c15u;
    int held[HELD_MAX], held_count = 0, rounds = test_is_full() ? 3000 : 150;
    for (int round = 0; round < rounds; round++) {
        for (int port = 0; port < 3; port++) {
            struct rubbish r = {.size = 0};
            make_rubbish(&r, port, round, &state);
            throw_rubbish(ports[port], &r, next_random(&state), held, &held_count);
        }
    }
    printf("%d rounds of rubbish, %d connections held\n", rounds, held_count);
    pause_ms(1000);
    for (int i = 0; i < held_count; i++)
        close(held[i]);
}

static void run(bool leader)
{
    static struct cluster c;
    static struct load l;
    cluster_start(&c, "auto");
    load_start(&l, &c);
    load_wait_rows(&l, 300);
    int node = cluster_leader(&c);
    if (!leader) node = (node + 1) % c.node_count;
    throw_everywhere(&c, node);
    load_mark(&l);
    (void)load_wait_writes(&l);
    load_wait_rows(&l, 300);
    load_stop(&l);
    for (int i = 0; i < LOAD_WORKERS; i++) {
        assert_int_equal(l.workers[i].counts[CLIENT_REFUSED], 0);
        assert_int_equal(l.workers[i].counts[CLIENT_UNKNOWN], 0);
    }
    for (int i = 0; i < c.node_count; i++) {
        assert_true(cluster_node_runs(&c, i));
        load_verify(&l, i);
    }
    cluster_stop(&c);
    load_free(&l);
}

TEST(bad_input, to_leader_is_not_noticed_by_clients)
{
    run(true);
}

TEST(bad_input, to_follower_is_not_noticed_by_clients)
{
    run(false);
}
