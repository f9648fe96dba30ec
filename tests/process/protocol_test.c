/* The extended query protocol as libpq speaks it, and byte by byte where libpq does not go. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/process/client.h"
#include "tests/process/cluster.h"
#include "tests/test.h"

static struct cluster cluster;
static PGconn *connection;

static void start(void)
{
    cluster_start(&cluster, "uring");
    char info[256];
    char host[64];
    snprintf(host, sizeof host, "%s", cluster.nodes[0].sql);
    char *colon = strrchr(host, ':');
    *colon = '\0';
    snprintf(info, sizeof info, "host=%s port=%s user=postgres dbname=postgres connect_timeout=10", host, colon + 1);
    connection = PQconnectdb(info);
    assert_int_equal(PQstatus(connection), CONNECTION_OK);
    PGresult *r = PQexec(connection, "create table t (k int primary key, v text, n numeric(10,2), b bytea)");
    assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
    PQclear(r);
}

static void stop(void)
{
    PQfinish(connection);
    cluster_stop(&cluster);
}

static void expect_status(PGresult *r, ExecStatusType status)
{
    if (PQresultStatus(r) != status)
        fail_msg("%s: %s", PQresStatus(PQresultStatus(r)), PQresultErrorMessage(r));
    PQclear(r);
}

static void expect_state(PGresult *r, const char *sqlstate)
{
    assert_int_equal(PQresultStatus(r), PGRES_FATAL_ERROR);
    assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), sqlstate);
    PQclear(r);
}

static void values_travel_as_text_and_binary(void)
{
    uint32_t key = htonl(7);
    const char *values[] = {(const char *)&key, "seven", "7.125", "\0\1\2"};
    int lengths[] = {4, 5, 5, 3}, formats[] = {1, 0, 0, 1};
    expect_status(PQexecParams(connection, "insert into t values ($1, $2, $3, $4)", 4, NULL, values, lengths, formats, 0),
                  PGRES_COMMAND_OK);
    for (int binary = 0; binary < 2; binary++) {
        PGresult *r = PQexecParams(connection, "select k, v, n, b from t where k = $1", 1, NULL, values, lengths,
                                   formats, binary);
        assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
        assert_int_equal(PQntuples(r), 1);
        assert_int_equal(PQfformat(r, 0), binary);
        if (binary) assert_memory_equal(PQgetvalue(r, 0, 0), &key, 4);
        else assert_string_equal(PQgetvalue(r, 0, 0), "7");
        assert_string_equal(PQgetvalue(r, 0, 1), "seven");
        if (binary) assert_memory_equal(PQgetvalue(r, 0, 3), "\0\1\2", 3);
        else assert_string_equal(PQgetvalue(r, 0, 2), "7.13");
        PQclear(r);
    }
}

static void use_decides_the_types_of_parameters(void)
{
    expect_status(PQprepare(connection, "typed", "select v || $1, n + $2, $3::date, coalesce($4, false) from t where k = $5 "
                                                 "order by k limit $6", 0, NULL), PGRES_COMMAND_OK);
    PGresult *r = PQdescribePrepared(connection, "typed");
    static const Oid types[] = {25, 1700, 1082, 16, 23, 20};
    assert_int_equal(PQnparams(r), 6);
    for (int i = 0; i < 6; i++) assert_int_equal(PQparamtype(r, i), types[i]);
    assert_int_equal(PQnfields(r), 4);
    assert_int_equal(PQftype(r, 1), 1700);
    PQclear(r);
    expect_state(PQprepare(connection, "", "select $1 + $2", 0, NULL), "42725");
    expect_state(PQprepare(connection, "", "select k from t where $1 is null", 0, NULL), "42P18");
    expect_state(PQprepare(connection, "typed", "select 1", 0, NULL), "42P05");
    expect_state(PQprepare(connection, "", "select 1; select 2", 0, NULL), "42601");
    expect_state(PQexecPrepared(connection, "missing", 0, NULL, NULL, NULL, 0), "26000");
    const char *one[] = {"x"};
    expect_state(PQexecPrepared(connection, "typed", 1, one, NULL, NULL, 0), "08P01");
    const char *bad[] = {"a", "1", "2026-01-01", "true", "seven", "1"};
    expect_state(PQexecPrepared(connection, "typed", 6, bad, NULL, NULL, 0), "22P02");
}

/* As PostgreSQL, 55.2.3: a simple query takes it away, too. */
static void the_unnamed_statement_lasts_until_the_next(void)
{
    expect_status(PQprepare(connection, "", "select 1", 0, NULL), PGRES_COMMAND_OK);
    expect_status(PQexecPrepared(connection, "", 0, NULL, NULL, NULL, 0), PGRES_TUPLES_OK);
    expect_state(PQprepare(connection, "", "selec", 0, NULL), "42601");
    expect_state(PQexecPrepared(connection, "", 0, NULL, NULL, NULL, 0), "26000");
    expect_status(PQprepare(connection, "", "select 1", 0, NULL), PGRES_COMMAND_OK);
    expect_status(PQexec(connection, "select 2"), PGRES_TUPLES_OK);
    expect_state(PQexecPrepared(connection, "", 0, NULL, NULL, NULL, 0), "26000");
}

static void what_else_is_wrong_is_said_before_a_name_is_taken(void)
{
    expect_state(PQprepare(connection, "typed", "selec", 0, NULL), "42601");
    expect_status(PQexec(connection, "begin"), PGRES_COMMAND_OK);
    expect_state(PQexec(connection, "select 1/0"), "22012");
    expect_state(PQprepare(connection, "typed", "select 1", 0, NULL), "25P02");
    expect_status(PQexec(connection, "rollback"), PGRES_COMMAND_OK);
    expect_state(PQprepare(connection, "typed", "select 1", 0, NULL), "42P05");
}

static void a_statement_outlives_changes_it_does_not_see(void)
{
    expect_status(PQexec(connection, "create table changing (k int primary key, v text)"), PGRES_COMMAND_OK);
    expect_status(PQprepare(connection, "all", "select * from changing", 0, NULL), PGRES_COMMAND_OK);
    expect_status(PQexecPrepared(connection, "all", 0, NULL, NULL, NULL, 0), PGRES_TUPLES_OK);
    expect_status(PQexec(connection, "drop table changing"), PGRES_COMMAND_OK);
    expect_state(PQexecPrepared(connection, "all", 0, NULL, NULL, NULL, 0), "42P01");
    expect_status(PQexec(connection, "create table changing (k int primary key, w numeric)"), PGRES_COMMAND_OK);
    expect_state(PQexecPrepared(connection, "all", 0, NULL, NULL, NULL, 0), "0A000");
    expect_status(PQexec(connection, "deallocate \"all\""), PGRES_COMMAND_OK);
}

static void expect_next(ExecStatusType status, const char *sqlstate)
{
    PGresult *r = PQgetResult(connection);
    assert_non_null(r);
    if (PQresultStatus(r) != status)
        fail_msg("%s instead of %s: %s", PQresStatus(PQresultStatus(r)), PQresStatus(status), PQresultErrorMessage(r));
    if (sqlstate != NULL) assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), sqlstate);
    PQclear(r);
    if (status != PGRES_PIPELINE_SYNC) assert_null(PQgetResult(connection));
}

static void a_pipeline_is_one_transaction_up_to_its_sync(void)
{
    assert_true(PQenterPipelineMode(connection));
    const char *row[] = {"100"}, *same[] = {"7"};
    const char *insert = "insert into t (k) values ($1)";
    assert_true(PQsendQueryParams(connection, insert, 1, NULL, row, NULL, NULL, 0));
    assert_true(PQsendQueryParams(connection, insert, 1, NULL, same, NULL, NULL, 0));
    assert_true(PQsendQueryParams(connection, insert, 1, NULL, row, NULL, NULL, 0));
    assert_true(PQpipelineSync(connection));
    assert_true(PQsendQueryParams(connection, "select k from t where k = $1", 1, NULL, row, NULL, NULL, 0));
    assert_true(PQpipelineSync(connection));
    expect_next(PGRES_COMMAND_OK, NULL);
    expect_next(PGRES_FATAL_ERROR, "23505");
    expect_next(PGRES_PIPELINE_ABORTED, NULL);
    expect_next(PGRES_PIPELINE_SYNC, NULL);
    PGresult *r = PQgetResult(connection);
    assert_int_equal(PQntuples(r), 0); /* the first insert went with the second */
    PQclear(r);
    assert_null(PQgetResult(connection));
    expect_next(PGRES_PIPELINE_SYNC, NULL);
    assert_true(PQexitPipelineMode(connection));
}

/* ---- by hand ---- */

struct wire {
    int fd;
    uint8_t out[65536], in[65536];
    size_t out_size, in_size, at;
};

static void put(struct wire *w, const void *bytes, size_t size)
{
    assert_true(w->out_size + size <= sizeof w->out);
    memcpy(w->out + w->out_size, bytes, size);
    w->out_size += size;
}

static void put_message(struct wire *w, char type, const void *body, size_t size)
{
    uint32_t length = htonl((uint32_t)size + 4);
    put(w, &type, 1);
    put(w, &length, 4);
    put(w, body, size);
}
#define PUT(w, type, literal) put_message(w, type, literal, sizeof literal - 1)

static void push(struct wire *w)
{
    assert_int_equal(send(w->fd, w->out, w->out_size, MSG_NOSIGNAL), (ssize_t)w->out_size);
    w->out_size = 0;
}

/* Reads messages until one of type `last` and returns their types, "12TDDs". */
static const char *types_until(struct wire *w, char last)
{
    static char types[512];
    size_t count = 0;
    for (;;) {
        while (w->in_size - w->at < 5 ||
               w->in_size - w->at < 1 + (size_t)ntohl(*(uint32_t *)(void *)memcpy(&(uint32_t){0}, w->in + w->at + 1, 4))) {
            if (w->at > 0) memmove(w->in, w->in + w->at, w->in_size - w->at);
            w->in_size -= w->at;
            w->at = 0;
            ssize_t got = recv(w->fd, w->in + w->in_size, sizeof w->in - w->in_size, 0);
            if (got <= 0) fail_msg("no answer after \"%.*s\"", (int)count, types);
            w->in_size += (size_t)got;
        }
        uint32_t length;
        memcpy(&length, w->in + w->at + 1, 4);
        char type = (char)w->in[w->at];
        w->at += 1 + ntohl(length);
        if (type == 'S' || type == 'K' || type == 'R') continue;
        assert_true(count + 1 < sizeof types);
        types[count++] = type;
        types[count] = '\0';
        if (type == last) return types;
    }
}

static void wire_open(struct wire *w)
{
    *w = (struct wire){0};
    struct sockaddr_in a = {.sin_family = AF_INET};
    char host[64];
    snprintf(host, sizeof host, "%s", cluster.nodes[1].sql);
    char *colon = strrchr(host, ':');
    *colon = '\0';
    a.sin_port = htons((uint16_t)atoi(colon + 1));
    assert_int_equal(inet_pton(AF_INET, host, &a.sin_addr), 1);
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(w->fd, (struct sockaddr *)&a, sizeof a), 0);
    static const char text[] = "\0\3\0\0user\0postgres\0database\0postgres\0";
    uint32_t length = htonl((uint32_t)sizeof text + 4);
    put(w, &length, 4);
    put(w, text, sizeof text);
    push(w);
    types_until(w, 'Z');
}

static void portals_pause_and_go_on(struct wire *w)
{
    PUT(w, 'P', "\0select k from t order by k\0\0\0");
    PUT(w, 'B', "c\0\0\0\0\0\0\0\0");
    PUT(w, 'D', "Pc\0");
    PUT(w, 'E', "c\0\0\0\0\2");
    PUT(w, 'H', "");
    push(w);
    assert_string_equal(types_until(w, 's'), "12TDDs");
    PUT(w, 'P', "\0insert into t (k) values (999)\0\0\0"); /* beside the open portal, same transaction */
    PUT(w, 'B', "\0\0\0\0\0\0\0\0");
    PUT(w, 'E', "\0\0\0\0\0");
    PUT(w, 'E', "c\0\0\0\0\2");
    PUT(w, 'E', "c\0\0\0\0\0");
    PUT(w, 'S', "");
    push(w);
    assert_string_equal(types_until(w, 'Z'), "12CDDsDCZ");
    PUT(w, 'E', "c\0\0\0\0\0"); /* it ended with its transaction */
    PUT(w, 'S', "");
    push(w);
    assert_string_equal(types_until(w, 'Z'), "EZ");
    PUT(w, 'B', "c\0\0\0\0\0\0\0\0"); /* the unnamed statement is the insert now */
    PUT(w, 'P', "\0select k from t\0\0\0");
    PUT(w, 'B', "d\0\0\0\0\0\0\0\0");
    PUT(w, 'E', "d\0\0\0\0\1");
    PUT(w, 'C', "Pd\0"); /* closed in the middle */
    PUT(w, 'S', "");
    push(w);
    assert_string_equal(types_until(w, 'Z'), "212Ds3Z");
}

static void errors_pass_over_to_the_sync(struct wire *w)
{
    PUT(w, 'P', "\0selec 1\0\0\0");
    PUT(w, 'B', "\0\0\0\0\0\0\0\0");
    PUT(w, 'E', "\0\0\0\0\0");
    PUT(w, 'S', "");
    PUT(w, 'P', "\0\0\0\0"); /* an empty text */
    PUT(w, 'B', "\0\0\0\0\0\0\0\0");
    PUT(w, 'D', "P\0");
    PUT(w, 'E', "\0\0\0\0\0");
    PUT(w, 'S', "");
    push(w);
    assert_string_equal(types_until(w, 'Z'), "EZ");
    assert_string_equal(types_until(w, 'Z'), "12nIZ");
    static const char *const broken[] = {"P", "B", "D", "E", "C"};
    for (size_t i = 0; i < 5; i++) {
        put_message(w, broken[i][0], "\377\377", 2);
        PUT(w, 'S', "");
        push(w);
        assert_string_equal(types_until(w, 'Z'), "EZ");
    }
    PUT(w, 'B', "\0\0\377\377\0\0"); /* more formats than there are */
    PUT(w, 'S', "");
    push(w);
    assert_string_equal(types_until(w, 'Z'), "EZ");
}

static void a_block_survives_syncs_and_fails_as_a_whole(struct wire *w)
{
    static const char *const texts[] = {"begin", "insert into t (k) values (5000)", "insert into t (k) values (7)",
                                        "select 1", "commit", "select k from t where k = 5000"};
    static const char *const answers[] = {"12CZ", "12CZ", "12EZ", "EZ", "12CZ", "12CZ"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char body[128];
        size_t size = strlen(texts[i]) + 4;
        memset(body, 0, sizeof body);
        memcpy(body + 1, texts[i], strlen(texts[i]));
        put_message(w, 'P', body, size);
        PUT(w, 'B', "\0\0\0\0\0\0\0\0");
        PUT(w, 'E', "\0\0\0\0\0");
        PUT(w, 'S', "");
        push(w);
        assert_string_equal(types_until(w, 'Z'), answers[i]);
    }
}

static void bytes_that_are_no_text_are_named_not_quoted(struct wire *w)
{
    const char *values[] = {"\377"};
    expect_state(PQexecParams(connection, "select k from t where k = $1", 1, NULL, values, NULL, NULL, 0), "22021");
    expect_status(PQexec(connection, "copy t (k) from stdin"), PGRES_COPY_IN);
    assert_int_equal(PQputCopyData(connection, "\377\n", 2), 1);
    assert_int_equal(PQputCopyEnd(connection, NULL), 1);
    expect_state(PQgetResult(connection), "22021");
    assert_null(PQgetResult(connection));
    PUT(w, 'D', "S\377\0"); /* a name is quoted: as text */
    PUT(w, 'S', "");
    push(w);
    assert_string_equal(types_until(w, 'Z'), "EZ");
}

/* Statements of 15 MiB each; unlimited, a few hundred fill a machine. */
static void what_a_session_keeps_is_bounded(void)
{
    static char text[15u << 20];
    char name[16];
    uint32_t count = 0;
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "select '", 8);
    text[sizeof text - 2] = '\'';
    PGresult *r;
    for (;; count++) {
        snprintf(name, sizeof name, "kept%u", count);
        r = PQprepare(connection, name, text, 0, NULL);
        if (PQresultStatus(r) != PGRES_COMMAND_OK) break;
        PQclear(r);
        assert_true(count < 32);
    }
    assert_true(count >= 2);
    assert_non_null(strstr(PQresultErrorField(r, PG_DIAG_MESSAGE_HINT), "DEALLOCATE"));
    expect_state(r, "53200");
    expect_state(PQexecParams(connection, "select 1", 0, NULL, NULL, NULL, NULL, 0), "53200");
    expect_status(PQexec(connection, "deallocate all"), PGRES_COMMAND_OK);
    for (uint32_t i = 0; i < 64; i++) /* one that is replaced does not count */
        expect_status(PQprepare(connection, "", text, 0, NULL), PGRES_COMMAND_OK);
    for (uint32_t i = 0; i < 64; i++) {
        const char *values[] = {text};
        expect_status(PQexecParams(connection, "select length($1::text)", 1, NULL, values, NULL, NULL, 0),
                      PGRES_TUPLES_OK);
    }
}

TEST(extended_protocol, serves_libpq_and_every_message)
{
    start();
    values_travel_as_text_and_binary();
    use_decides_the_types_of_parameters();
    the_unnamed_statement_lasts_until_the_next();
    what_else_is_wrong_is_said_before_a_name_is_taken();
    a_statement_outlives_changes_it_does_not_see();
    a_pipeline_is_one_transaction_up_to_its_sync();
    expect_status(PQexec(connection, "insert into t (k) values (1), (2), (3), (4)"), PGRES_COMMAND_OK);
    static struct wire w;
    wire_open(&w);
    portals_pause_and_go_on(&w);
    errors_pass_over_to_the_sync(&w);
    a_block_survives_syncs_and_fails_as_a_whole(&w);
    bytes_that_are_no_text_are_named_not_quoted(&w);
    what_a_session_keeps_is_bounded();
    close(w.fd);
    stop();
}
