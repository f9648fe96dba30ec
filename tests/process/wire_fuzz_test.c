/* Conversations of the wire protocol that are cut, mixed up and broken (scenario 79; slow readers and floods of cancel
 * requests are in session_test.c, rubbish from strangers in bad_input_test.c): what is right is answered however it
 * arrives, what is wrong is refused, the connection ends or goes on in step, and nothing stays behind. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/prng.h"
#include "tests/process/cluster.h"
#include "tests/process/raw.h"
#include "tests/test.h"

#define BYTES_MAX (1u << 20)

static struct cluster cluster;

/* ---- conversations ---- */

static void add(struct buf *b, char type, const void *body, size_t size)
{
    uint32_t length = htonl((uint32_t)size + 4);
    if (type != 0) buf_append_byte(b, (uint8_t)type);
    buf_append(b, &length, 4);
    buf_append(b, body, size);
    assert_false(b->failed);
}
#define ADD(b, type, literal) add(b, type, literal, sizeof literal - 1)

static void add_start(struct buf *b)
{
    ADD(b, 0, "\0\003\0\0user\0postgres\0database\0postgres\0\0");
}

/* Something of everything that is allowed; ends the session. */
static void make_conversation(struct buf *b)
{
    add_start(b);
    ADD(b, 'Q', "SELECT k, v FROM wire ORDER BY k\0");
    ADD(b, 'Q', "SELECT 1; SELECT nothing; SELECT 2\0");
    ADD(b, 'P', "s\0SELECT v FROM wire WHERE k = $1\0\0\1\0\0\0\27");
    ADD(b, 'B', "p\0s\0\0\1\0\1\0\1\0\0\0\4\0\0\0\1\0\0");
    ADD(b, 'D', "Pp\0");
    ADD(b, 'E', "p\0\0\0\0\1");
    ADD(b, 'H', "");
    ADD(b, 'S', "");
    ADD(b, 'E', "p\0\0\0\0\1");
    ADD(b, 'B', "passed over");
    ADD(b, 'S', "");
    ADD(b, 'Q', "BEGIN; DELETE FROM wire; COPY wire FROM STDIN\0");
    ADD(b, 'd', "7\tsev");
    ADD(b, 'd', "en\n8\teight\n");
    ADD(b, 'c', "");
    ADD(b, 'Q', "SELECT * FROM wire ORDER BY k\0");
    ADD(b, 'Q', "ROLLBACK\0");
    ADD(b, 'Q', "COPY wire FROM STDIN\0");
    ADD(b, 'f', "given up\0");
    ADD(b, 'F', "\0\0\0\1\0\0\0\0\0\0");
    ADD(b, 'Q', "\0");
    ADD(b, 'X', "");
}

/* ---- answers ---- */

/* Everything to the end of the connection. False: it did not end, or was reset with bytes of ours unread. */
static bool read_all(struct raw *r, struct buf *answer)
{
    for (;;) {
        uint8_t *at = buf_reserve(answer, 4096);
        assert_non_null(at);
        ssize_t got = recv(r->fd, at, 4096, 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) fail_msg("neither an answer nor an end");
        if (got < 0) return false;
        if (got == 0) return true;
        answer->size += (size_t)got;
    }
}

/* The types of the messages, "RSSKZTDDCZ"; fails when they are no messages. BackendKeyData, which is another each
 * time, is made the same. */
static void check_answer(struct buf *answer, char *types, size_t types_size)
{
    size_t count = 0;
    for (size_t at = 0; at < answer->size;) {
        uint32_t length;
        uint8_t type = answer->data[at];
        if (strchr("RSKZTDCIEN123tnsGv", type) == NULL) fail_msg("a message of type %d", type);
        if (answer->size - at < 5) fail_msg("half a message");
        memcpy(&length, answer->data + at + 1, 4);
        length = ntohl(length);
        if (length < 4 || length > answer->size - at - 1) fail_msg("a message of type %c and length %u", type, length);
        if (type == 'K') memset(answer->data + at + 5, 0, length - 4);
        if (count + 1 < types_size) types[count++] = (char)type;
        at += 1 + length;
    }
    types[count] = '\0';
}

static void converse(struct bytes said, size_t cut, struct buf *answer)
{
    struct raw r = raw_dial(cluster.nodes[0].sql);
    buf_reset(answer);
    raw_send(&r, said.data, cut);
    if (cut < said.size) pause_ms(1);
    raw_send(&r, said.data + cut, said.size - cut);
    read_all(&r, answer);
    raw_close(&r);
}

/* ---- right ones, however they arrive ---- */

static void split_anywhere(struct bytes said, const struct buf *whole)
{
    struct buf answer;
    char types[512];
    buf_init(&answer, BYTES_MAX);
    for (size_t cut = 1; cut < said.size; cut += test_is_full() ? 1 : 3) {
        converse(said, cut, &answer);
        check_answer(&answer, types, sizeof types);
        if (!bytes_equal(buf_view(&answer), buf_view(whole))) fail_msg("cut at %zu it is answered by %s", cut, types);
    }
    buf_deinit(&answer);
}

static void byte_by_byte(struct bytes said, const struct buf *whole)
{
    struct raw r = raw_dial(cluster.nodes[0].sql);
    struct buf answer;
    char types[512];
    buf_init(&answer, BYTES_MAX);
    for (size_t i = 0; i < said.size; i++) {
        raw_send(&r, said.data + i, 1);
        if (i % 8 == 0) pause_ms(1);
    }
    read_all(&r, &answer);
    check_answer(&answer, types, sizeof types);
    assert_true(bytes_equal(buf_view(&answer), buf_view(whole)));
    raw_close(&r);
    buf_deinit(&answer);
}

/* For a client that closes its side it is over (sql/README.md): what it gets before is whole, and nothing hangs. */
static void half_closed(void)
{
    struct buf said, answer;
    char types[512];
    buf_init(&said, BYTES_MAX);
    buf_init(&answer, BYTES_MAX);
    add_start(&said);
    ADD(&said, 'Q', "SELECT v FROM wire WHERE k = 1\0");
    ADD(&said, 'Q', "INSERT INTO wire VALUES (100, 'half closed')\0");
    buf_append(&said, "Q\0\0", 3);
    struct raw r = raw_dial(cluster.nodes[0].sql);
    raw_send(&r, said.data, said.size);
    assert_int_equal(shutdown(r.fd, SHUT_WR), 0);
    if (read_all(&r, &answer)) check_answer(&answer, types, sizeof types);
    raw_close(&r);
    buf_deinit(&said);
    buf_deinit(&answer);
}

/* ---- wrong ones ---- */

/* Messages that are each allowed somewhere, or nowhere. */
static void add_any(struct buf *b, struct prng *p)
{
    switch (prng_below(p, 24)) {
    case 0: ADD(b, 'Q', "SELECT k FROM wire\0"); return;
    case 1: ADD(b, 'Q', "BEGIN\0"); return;
    case 2: ADD(b, 'Q', "COMMIT\0"); return;
    case 3: ADD(b, 'Q', "SELECT 1/0\0"); return;
    case 4: ADD(b, 'Q', "COPY wire FROM STDIN\0"); return;
    case 5: ADD(b, 'P', "\0SELECT v FROM wire WHERE k > $1\0\0\0"); return;
    case 6: ADD(b, 'P', "s\0INSERT INTO wire (k) VALUES ($1)\0\0\0"); return;
    case 7: ADD(b, 'P', "\0COPY wire FROM STDIN\0\0\0"); return;
    case 8: ADD(b, 'B', "\0\0\0\0\0\1\0\0\0\1" "1\0\0"); return;
    case 9: ADD(b, 'B', "p\0s\0\0\0\0\1\0\0\0\2" "55\0\0"); return;
    case 10: ADD(b, 'B', "p\0\0\0\0\0\0\0\0"); return;
    case 11: ADD(b, 'D', "S\0"); return;
    case 12: ADD(b, 'D', "Pp\0"); return;
    case 13: ADD(b, 'E', "\0\0\0\0\1"); return;
    case 14: ADD(b, 'E', "p\0\0\0\0\0"); return;
    case 15: ADD(b, 'C', "Ss\0"); return;
    case 16: ADD(b, 'C', "Pp\0"); return;
    case 17: ADD(b, 'H', ""); return;
    case 18: ADD(b, 'S', ""); return;
    case 19: ADD(b, 'd', "1000\tx\n"); return;
    case 20: ADD(b, 'c', ""); return;
    case 21: ADD(b, 'f', "no\0"); return;
    case 22: ADD(b, 'F', "\0\0\0\1"); return;
    default: ADD(b, 'Q', "ROLLBACK; SELECT 'rolled back'\0"); return;
    }
}

/* Whatever came before: once no COPY waits and the Sync is through, a question gets its answer. */
static void mixed_up(struct prng *p)
{
    struct buf said, answer;
    char types[2048];
    buf_init(&said, BYTES_MAX);
    buf_init(&answer, BYTES_MAX);
    add_start(&said);
    for (uint64_t i = 0, count = prng_between(p, 1, 40); i < count; i++) add_any(&said, p);
    ADD(&said, 'f', "the end\0"); /* of a COPY */
    ADD(&said, 'S', "");
    ADD(&said, 'f', "the end\0"); /* of one in a pipeline, if the Sync was read as its */
    ADD(&said, 'S', "");
    ADD(&said, 'Q', "ROLLBACK\0");
    ADD(&said, 'Q', "SELECT 'still in step'\0");
    ADD(&said, 'X', "");
    converse(buf_view(&said), said.size, &answer);
    check_answer(&answer, types, sizeof types);
    if (memmem(answer.data, answer.size, "still in step", 13) == NULL) fail_msg("out of step: %s", types);
    buf_deinit(&said);
    buf_deinit(&answer);
}

/* Some bytes of a right one are others: answers are messages all the same, or there are none. */
static void broken(struct bytes right, struct prng *p)
{
    struct buf said, answer;
    char types[2048];
    buf_init(&said, BYTES_MAX);
    buf_init(&answer, BYTES_MAX);
    buf_append_bytes(&said, right);
    size_t from = prng_chance(p, 1, 8) ? 0 : 40; /* behind the start-up packet, mostly */
    for (uint64_t i = 0, count = prng_between(p, 1, 6); i < count; i++) {
        size_t at = from + prng_below(p, said.size - from);
        said.data[at] = prng_chance(p, 1, 2) ? (uint8_t)prng_next(p) : (uint8_t)(said.data[at] + 1);
    }
    struct raw r = raw_dial(cluster.nodes[0].sql);
    raw_send(&r, said.data, said.size);
    shutdown(r.fd, SHUT_WR); /* a length that grew waits for more */
    if (read_all(&r, &answer)) check_answer(&answer, types, sizeof types);
    raw_close(&r);
    buf_deinit(&said);
    buf_deinit(&answer);
}

static void lengths_that_are_none(void)
{
    static const uint32_t lengths[] = {0, 1, 3, 5, 0x7fffffff, 0x80000000u, 0xffffffffu};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (const char *type = "QPBDECSHXdcfFp~"; *type != '\0'; type++) {
            struct raw r = raw_dial(cluster.nodes[0].sql);
            struct buf answer;
            char types[512];
            uint32_t length = htonl(lengths[i]);
            assert_true(raw_start(&r));
            raw_send(&r, type, 1);
            raw_send(&r, &length, 4);
            shutdown(r.fd, SHUT_WR);
            buf_init(&answer, BYTES_MAX);
            if (read_all(&r, &answer)) check_answer(&answer, types, sizeof types);
            buf_deinit(&answer);
            raw_close(&r);
        }
}

/* ---- all of it ---- */

static void prepare(void)
{
    struct raw r = raw_dial(cluster.nodes[0].sql);
    assert_true(raw_start(&r));
    raw_query(&r, "CREATE TABLE wire (k int PRIMARY KEY, v text)");
    assert_int_equal(raw_read_to(&r, "Z"), 'Z');
    raw_query(&r, "INSERT INTO wire VALUES (1, 'one'), (2, NULL), (3, 'three')");
    assert_int_equal(raw_read_to(&r, "Z"), 'Z');
    assert_string_equal(r.sqlstate, "");
    raw_close(&r);
}

TEST(wire_fuzz, conversations_stay_in_step_or_end_and_leave_nothing)
{
    struct buf said, whole;
    struct prng p;
    char types[512];
    int times = test_is_full() ? 5000 : 300;
    prng_init(&p, 79);
    cluster_start(&cluster, "auto");
    prepare();
    buf_init(&said, BYTES_MAX);
    buf_init(&whole, BYTES_MAX);
    make_conversation(&said);
    converse(buf_view(&said), said.size, &whole);
    check_answer(&whole, types, sizeof types);
    if (strstr(types, "KZTDDDCZTDCEZ12TDsZEZ") == NULL) fail_msg("%s", types);
    uint64_t bytes = cluster_node_bytes(&cluster, 0);
    split_anywhere(buf_view(&said), &whole);
    byte_by_byte(buf_view(&said), &whole);
    half_closed();
    for (int i = 0; i < times; i++) mixed_up(&p);
    for (int i = 0; i < times; i++) broken(buf_view(&said), &p);
    lengths_that_are_none();
    for (int i = 0; i < cluster.node_count; i++) assert_true(cluster_node_runs(&cluster, i));
    cluster_wait_metric(&cluster, 0, "sql_sessions", 0);
    cluster_wait_metric(&cluster, 0, "sql_connections", 0);
    cluster_wait_metric(&cluster, 0, "sql_buffered_bytes", 0);
    uint64_t grown = cluster_node_bytes(&cluster, 0) - bytes;
    printf("%zu bytes of conversation, %s; the node grew by %lld KiB\n", said.size, types, (long long)grown / 1024);
    assert_true((int64_t)grown < (64 << 20));
    buf_deinit(&said);
    buf_deinit(&whole);
    cluster_stop(&cluster);
}
