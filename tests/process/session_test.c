/* Sessions and the ways they end: cancelled, out of time, by a client that vanishes. Nothing of them stays behind. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/process/client.h"
#include "tests/process/cluster.h"
#include "tests/process/raw.h"
#include "tests/test.h"

static struct cluster c; /* one for all tests of this program, but for those that break it */

static struct cluster *whole_cluster(void)
{
    if (c.demo == 0) {
        setenv("OSTRAKA_MAX_CONNECTIONS", "2010", 1); /* of the nodes */
        cluster_start(&c, "auto");
        unsetenv("OSTRAKA_MAX_CONNECTIONS");
    }
    return &c;
}

static struct raw session(void)
{
    struct raw r = raw_dial(whole_cluster()->nodes[0].sql);
    if (!raw_start(&r)) fail_msg("refused: %s %s", r.sqlstate, r.message);
    return r;
}

/* Runs a statement to ReadyForQuery. */
static void run(struct raw *r, const char *text)
{
    r->sqlstate[0] = '\0';
    raw_query(r, text);
    assert_int_equal(raw_read_to(r, "Z"), 'Z');
}

static void must_run(struct raw *r, const char *text)
{
    run(r, text);
    if (r->sqlstate[0] != '\0') fail_msg("%s: %s %s", text, r->sqlstate, r->message);
}

static void nothing_is_left(void)
{
    cluster_wait_metric(&c, 0, "sql_sessions", 0);
    cluster_wait_metric(&c, 0, "sql_connections", 0);
    cluster_wait_metric(&c, 0, "sql_buffered_bytes", 0);
}

static void make_table(const char *name)
{
    char text[200];
    struct raw r = session();
    snprintf(text, sizeof text, "CREATE TABLE %s (id int PRIMARY KEY, note text)", name);
    must_run(&r, text);
    raw_close(&r);
}

/* ---- cancel ---- */

static void expect_end(struct raw *r, const char *sqlstate, const char *words)
{
    assert_int_equal(raw_read_to(r, "Z"), 'Z');
    assert_string_equal(r->sqlstate, sqlstate);
    if (strstr(r->message, words) == NULL) fail_msg("the message is: %s", r->message);
    must_run(r, "SELECT 1"); /* the session goes on */
}

TEST(session, cancel_ends_a_copy_whose_client_sends_nothing)
{
    struct raw r = session();
    make_table("copied");
    raw_query(&r, "COPY copied FROM STDIN");
    assert_int_equal(raw_read_to(&r, "G"), 'G');
    raw_message(&r, 'd', "1\tone\n2\ttw", 10);
    raw_cancel(c.nodes[0].sql, r.pid, r.key ^ 1); /* a wrong key */
    raw_cancel(c.nodes[0].sql, r.pid ^ 256, r.key);
    pause_ms(300);
    raw_message(&r, 'd', "o\n", 2);
    raw_cancel(c.nodes[0].sql, r.pid, r.key);
    expect_end(&r, "57014", "user request");
    raw_close(&r);
    struct client k = {.connection = NULL};
    PGresult *result = NULL;
    assert_true(client_connect(&k, c.nodes[0].sql, CLUSTER_BOUND_MS));
    assert_int_equal(client_run(&k, "SELECT count(*) FROM copied", CLUSTER_BOUND_MS, &result), CLIENT_DONE);
    assert_string_equal(PQgetvalue(result, 0, 0), "0");
    PQclear(result);
    client_close(&k);
    nothing_is_left();
}

static void fill(const char *table, int rows)
{
    static char text[1000000], note[30001];
    struct raw r = session();
    memset(note, 'x', sizeof note - 1);
    for (int i = 0; i < rows; i += 30) {
        int at = snprintf(text, sizeof text, "INSERT INTO %s VALUES (%d, '%s')", table, i, note);
        for (int k = 1; k < 30; k++)
            at += snprintf(text + at, sizeof text - (size_t)at, ", (%d, '%s')", i + k, note);
        must_run(&r, text);
    }
    raw_close(&r);
}

/* 300 rows of 30 kB, several times: more than all buffers between the two. */
static const char *const wide = "SELECT * FROM wide; SELECT * FROM wide; SELECT * FROM wide; SELECT * FROM wide";

TEST(session, cancel_ends_a_statement_whose_client_reads_nothing)
{
    make_table("wide");
    fill("wide", 300);
    struct raw r = session();
    uint64_t before = cluster_node_bytes(&c, 0);
    raw_query(&r, wide);
    pause_ms(1000);
    assert_true(cluster_metric(&c, 0, "sql_buffered_bytes") > 100000);
    assert_true(cluster_metric(&c, 0, "sql_buffered_bytes") < 4e6);
    assert_true(cluster_node_bytes(&c, 0) < before + (64u << 20));
    raw_cancel(c.nodes[0].sql, r.pid, r.key);
    expect_end(&r, "57014", "user request");
    raw_close(&r);
    nothing_is_left();
}

TEST(session, cancel_ends_a_copy_whose_client_reads_nothing)
{
    struct raw r = session();
    raw_query(&r, "COPY wide TO STDOUT; COPY wide TO STDOUT; COPY wide TO STDOUT; COPY wide TO STDOUT");
    cluster_wait_metric_above(&c, 0, "sql_buffered_bytes", 100000);
    assert_true(cluster_metric(&c, 0, "sql_buffered_bytes") < 4e6);
    raw_cancel(c.nodes[0].sql, r.pid, r.key);
    expect_end(&r, "57014", "user request");
    raw_close(&r);
    nothing_is_left();
}

/* Its rows leave after the commit: then there is nothing any more that a cancel could undo, and the client gets it all. */
TEST(session, cancel_spares_what_a_committed_statement_returns)
{
    make_table("returned");
    fill("returned", 300);
    struct raw r = session();
    raw_query(&r, "DELETE FROM returned RETURNING note, note, note, note");
    cluster_wait_metric_above(&c, 0, "sql_buffered_bytes", 100000);
    raw_cancel(c.nodes[0].sql, r.pid, r.key);
    assert_int_equal(raw_read_to(&r, "CE"), 'C');
    assert_int_equal(raw_read_to(&r, "Z"), 'Z');
    assert_string_equal(r.sqlstate, "");
    char count[20];
    raw_query(&r, "SELECT count(*) FROM returned");
    assert_int_equal(raw_read_row(&r, count, sizeof count), 'Z');
    assert_string_equal(count, "0");
    raw_close(&r);
    nothing_is_left();
}

TEST(session, cancel_of_an_idle_session_has_no_effect)
{
    struct raw r = session();
    must_run(&r, "BEGIN");
    raw_cancel(c.nodes[0].sql, r.pid, r.key);
    must_run(&r, "SELECT 1");
    must_run(&r, "COMMIT");
    raw_close(&r);
    nothing_is_left();
}

TEST(session, cancel_flood_does_not_stop_anybody)
{
    struct raw r = session();
    for (uint32_t i = 0; i < 1000; i++) {
        struct raw k = raw_dial(c.nodes[0].sql);
        uint32_t body[3] = {htonl(80877102u), htonl(i), i};
        raw_message(&k, 0, body, sizeof body);
        raw_close(&k);
        if (i % 100 == 0) must_run(&r, "SELECT 1");
    }
    raw_close(&r);
    nothing_is_left();
}

/* ---- time ---- */

TEST(session, statement_timeout_ends_a_copy_and_a_slow_reader)
{
    struct raw r = session();
    must_run(&r, "SET statement_timeout = '300ms'");
    raw_query(&r, "COPY copied FROM STDIN");
    assert_int_equal(raw_read_to(&r, "G"), 'G');
    expect_end(&r, "57014", "statement timeout");
    raw_query(&r, wide);
    pause_ms(1500);
    expect_end(&r, "57014", "statement timeout");
    raw_close(&r);
    nothing_is_left();
}

/* What a function does for one row may take for ever: others go on meanwhile, and it ends. */
TEST(session, statement_timeout_ends_a_function)
{
    static const char *const endless[] = {
        "SELECT repeat('a', 10000000) ~ (repeat('a{0,255}', 10) || 'b')",
        "SELECT regexp_replace(repeat('a', 10000000), repeat('a{0,255}', 10) || 'b', '')",
        "SELECT repeat('a', 20000000) LIKE '%' || repeat('a', 10000000) || 'b'",
        "SELECT translate(repeat('a', 10000000), repeat('b', 10000000), 'c')",
        "SELECT to_char(now(), repeat('x', 20000000))",
        "SELECT to_char(1, repeat('x', 20000000))",
        "SELECT to_date(repeat('1', 20000000), repeat('x', 20000000))",
        "SELECT btrim(repeat('a', 10000000), repeat('b', 10000000) || 'a')",
    };
    struct raw r = session();
    must_run(&r, "SET statement_timeout = '100ms'");
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        raw_query(&r, endless[i]);
        expect_end(&r, "57014", "statement timeout");
    }
    raw_close(&r);
    nothing_is_left();
}

/* ---- clients that vanish ---- */

TEST(session, clients_that_vanish_leave_nothing)
{
    struct linger reset = {.l_onoff = 1};
    (void)whole_cluster();
    for (int i = 0; i < 120; i++) {
        struct raw r = session();
        if (i % 4 == 0) raw_query(&r, wide);
        if (i % 4 == 1) raw_query(&r, "COPY copied FROM STDIN");
        if (i % 4 == 1) raw_message(&r, 'd', "7\tseven\n8\teigh", 14);
        if (i % 4 == 2) raw_send(&r, "Q\0\0\1\0SELECT", 11); /* the rest never comes */
        if (i % 4 == 3) raw_query(&r, "BEGIN; UPDATE copied SET note = 'x'");
        if (i % 3 == 0) shutdown(r.fd, SHUT_WR); /* half of the connection */
        if (i % 3 == 0) pause_ms(20);
        if (i % 3 == 1) setsockopt(r.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        raw_close(&r);
    }
    nothing_is_left();
    struct raw r = session();
    must_run(&r, "SELECT count(*) FROM copied");
    raw_close(&r);
}

TEST(session, client_that_opens_no_session_is_sent_away)
{
    struct raw silent = raw_dial(whole_cluster()->nodes[0].sql), half = raw_dial(c.nodes[0].sql);
    raw_send(&half, "\0\0\0\x20\0\3", 6);
    assert_int_equal(raw_read_to(&silent, "Z"), 0); /* after ten seconds */
    assert_int_equal(raw_read_to(&half, "Z"), 0);
    raw_close(&silent);
    raw_close(&half);
    nothing_is_left();
}

/* ---- many, and large ---- */

#define MANY 2000

TEST(session, two_thousand_sessions_cost_little_and_disturb_nobody)
{
    static struct raw many[MANY];
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < MANY + 100) {
        printf("only %llu descriptors here: skipped\n", (unsigned long long)files.rlim_cur);
        return;
    }
    (void)whole_cluster();
    uint64_t before = cluster_node_bytes(&c, 0);
    for (int i = 0; i < MANY; i++)
        many[i] = session();
    for (int i = 0; i < MANY; i++) /* all at once */
        raw_query(&many[i], i % 4 != 0 ? "SELECT 1" : "BEGIN; SELECT count(*) FROM copied");
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(raw_read_to(&many[i], "Z"), 'Z');
        assert_string_equal(many[i].sqlstate, "");
    }
    uint64_t each = (cluster_node_bytes(&c, 0) - before) / MANY;
    printf("%d sessions: %llu KiB each\n", MANY, (unsigned long long)each / 1024);
    assert_true(each < 200 * 1024);
    struct raw more[12];
    for (int i = 0; i < 12; i++) { /* the limit is 2010 */
        more[i] = raw_dial(c.nodes[0].sql);
        bool served = raw_start(&more[i]);
        assert_int_equal(served, i < 10);
        if (served) continue;
        assert_string_equal(more[i].sqlstate, "53300");
        if (strstr(more[i].detail, "2010 sessions; --max-connections") == NULL) fail_msg("%s", more[i].detail);
        assert_int_equal(raw_read_to(&more[i], "Z"), 0);
    }
    char count[32] = "";
    raw_query(&more[0], "SELECT count(*) FROM ostraka.sessions WHERE state <> 'active'");
    assert_int_equal(raw_read_row(&more[0], count, sizeof count), 'Z');
    assert_string_equal(count, "2009"); /* all but the one that asks */
    raw_query(&more[0], "SELECT pid FROM pg_stat_activity GROUP BY pid HAVING count(*) > 1");
    assert_int_equal(raw_read_row(&more[0], count, sizeof count), 'Z');
    assert_string_equal(count, "2009"); /* no such row */
    raw_query(&many[1], "COPY copied FROM STDIN"); /* and a cancel still gets through */
    assert_int_equal(raw_read_to(&many[1], "G"), 'G');
    raw_cancel(c.nodes[0].sql, many[1].pid, many[1].key);
    expect_end(&many[1], "57014", "user request");
    for (int i = 0; i < MANY; i++)
        raw_close(&many[i]);
    for (int i = 0; i < 12; i++)
        raw_close(&more[i]);
    nothing_is_left();
}

/* ---- limits and nonsense ---- */

/* The statement is refused with the SQLSTATE and words, and the session goes on. */
static void refused(struct raw *r, const char *statement, const char *sqlstate, const char *words)
{
    run(r, statement);
    if (strcmp(r->sqlstate, sqlstate) != 0 || strstr(r->message, words) == NULL)
        fail_msg("%.60s: %s %s", statement, r->sqlstate, r->message);
    must_run(r, "SELECT 1");
}

/* text: head, `count` times piece, tail. */
static char *repeat(const char *head, const char *piece, size_t count, const char *tail)
{
    size_t size = strlen(piece), at = strlen(head);
    char *text = malloc(at + size * count + strlen(tail) + 1);
    assert_non_null(text);
    memcpy(text, head, at);
    for (size_t i = 0; i < count; i++, at += size)
        memcpy(text + at, piece, size);
    memcpy(text + at, tail, strlen(tail) + 1);
    return text;
}

static void refused_long(struct raw *r, char *statement, const char *sqlstate, const char *words)
{
    refused(r, statement, sqlstate, words);
    free(statement);
}

TEST(session, limits_are_told_with_their_size)
{
    struct raw r = session();
    must_run(&r, "CREATE TABLE keyed (k text PRIMARY KEY, v text)");
    refused_long(&r, repeat("INSERT INTO keyed VALUES ('", "k", 5000, "', '')"), "54000", "limited to 4096 bytes; this one has 50");
    refused_long(&r, repeat("INSERT INTO keyed VALUES ('a', '", "v", 1 << 20, "')"), "54000", "a row is limited to 1048576 bytes; this one has 1048");
    refused_long(&r, repeat("SELECT '", "x", 17 << 20, "'"), "54000", "limited to 16777216 bytes");
    refused_long(&r, repeat("SELECT ", "(", 501, "1"), "54001", "nested too deeply");
    refused_long(&r, repeat("CREATE TABLE w (a int PRIMARY KEY", ", a int", 1600, ")"), "54011", "1600");
    must_run(&r, "SET ostraka.transaction_write_limit = '4MB'");
    must_run(&r, "BEGIN");
    char *large = repeat("INSERT INTO keyed VALUES (gen_random_uuid()::text, '", "v", 900000, "')");
    for (int i = 0; i < 4; i++)
        must_run(&r, large);
    run(&r, large);
    assert_string_equal(r.sqlstate, "54000");
    if (strstr(r.message, "transaction is limited to") == NULL) fail_msg("%s", r.message);
    free(large);
    must_run(&r, "ROLLBACK");
    refused(&r, "INSERT INTO copied VALUES ('one', 'x')", "22P02", "invalid input syntax");
    refused(&r, "INSERT INTO copied VALUES (99999999999, 'x')", "22003", "out of range");
    refused(&r, "SELECT repeat('x', 2000000000)", "53200", "memory");
    refused(&r, "SELECT g FROM generate_series(1, 10000000) AS g ORDER BY -g", "53200", "memory");
    run(&r, "SELECT g, count(*) FROM generate_series(1, 10000000) AS g GROUP BY g");
    assert_string_equal(r.sqlstate, "53200");
    if (strstr(r.detail, "limited to 67108864 bytes; it held 67108") == NULL) fail_msg("%s", r.detail);
    must_run(&r, "DROP TABLE keyed");
    raw_close(&r);
    nothing_is_left();
}

/* What it prepares in several entries is looked for in those before: that took a minute of the leader's loop once, and its lease. */
TEST(session, a_transaction_of_two_hundred_thousand_rows_commits)
{
    char count[32];
    make_table("many");
    struct raw r = session();
    must_run(&r, "INSERT INTO many SELECT g, '' FROM generate_series(1, 200000) g");
    raw_query(&r, "SELECT count(*) FROM many");
    assert_int_equal(raw_read_row(&r, count, sizeof count), 'Z');
    assert_string_equal(count, "200000");
    must_run(&r, "DROP TABLE many");
    raw_close(&r);
    nothing_is_left();
}

/* Messages out of their order: an error or the end of the connection, and nothing else. */
TEST(session, messages_out_of_order_are_refused)
{
    static const char types[] = "dcfBEDCHSPFp";
    for (size_t i = 0; i < sizeof types - 1; i++) {
        struct raw r = session();
        raw_message(&r, types[i], "abc", 4);
        if (types[i] != 'p') raw_message(&r, 'S', "", 0);
        char type = raw_read_to(&r, "Z"); /* a second start-up message has no type: the connection ends */
        if (type == 'Z') must_run(&r, "SELECT 1");
        raw_close(&r);
    }
    struct raw r = session(); /* a query, and the end, in the middle of a COPY */
    raw_query(&r, "COPY copied FROM STDIN");
    assert_int_equal(raw_read_to(&r, "G"), 'G');
    raw_query(&r, "SELECT 1");
    assert_int_equal(raw_read_to(&r, "Z"), 'Z');
    assert_true(r.sqlstate[0] != '\0');
    raw_close(&r);
    nothing_is_left();
}

static void refused_start(const char *packet, size_t size, const char *sqlstate)
{
    struct raw r = raw_dial(whole_cluster()->nodes[0].sql);
    raw_message(&r, 0, packet, size);
    assert_int_equal(raw_read_to(&r, "Z"), 0);
    assert_string_equal(r.sqlstate, sqlstate);
    raw_close(&r);
}
#define REFUSED_START(packet, sqlstate) refused_start("\0\3\0\0" packet, sizeof packet + 4, sqlstate)

/* What others are shown of a session is text: one name that was none hid all sessions of its node from the other nodes. */
TEST(session, names_are_text)
{
    REFUSED_START("user\0postgres\0application_name\0\xff\xfe\0", "22021");
    REFUSED_START("user\0postgres\0no\xff\0x\0", "22021");
    REFUSED_START("user\0postgres\0options\0-c application_name=\xe2\x82\0", "22021");
    REFUSED_START("user\0postgres\0database\0\xff\0", "22021");
    struct raw r = session();
    static const struct { char type; const char *body; size_t size; } messages[] = {
        {'P', "\xff\0SELECT 1\0\0", 13}, {'B', "\xff\0\0\0\0\0\0\0\0", 9}, {'B', "\0\xff\0\0\0\0\0\0\0", 9},
        {'D', "S\xff\0", 3}, {'D', "P\xff\0", 3}, {'E', "\xff\0\0\0\0\0", 6}, {'C', "S\xff\0", 3},
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        r.sqlstate[0] = '\0';
        raw_message(&r, messages[i].type, messages[i].body, messages[i].size);
        raw_message(&r, 'S', "", 0);
        assert_int_equal(raw_read_to(&r, "Z"), 'Z');
        assert_string_equal(r.sqlstate, "22021");
    }
    raw_close(&r);
    nothing_is_left();
}

TEST(session, silent_connections_to_the_admin_port_keep_nobody_out)
{
    enum { COUNT = 200 };
    struct raw many[COUNT];
    for (int i = 0; i < COUNT; i++) {
        many[i] = raw_dial(whole_cluster()->nodes[0].http);
        if (i % 2 == 0) raw_send(&many[i], "GET /sta", 8);
    }
    cluster_wait_metric(&c, 0, "sql_sessions", 0); /* which is asked for there */
    for (int i = 0; i < COUNT; i++) raw_close(&many[i]);
}

/* The rest of a COPY that failed is passed over, however large the messages are: what follows is answered. */
TEST(session, a_message_too_large_for_copy_leaves_the_session_in_step)
{
    enum { SIZE = 17 << 20 };
    char *large = calloc(1, SIZE);
    assert_non_null(large);
    struct raw r = session();
    must_run(&r, "CREATE TABLE large_copy (id int PRIMARY KEY, note text)");
    raw_query(&r, "COPY large_copy FROM STDIN");
    assert_int_equal(raw_read_to(&r, "G"), 'G');
    raw_message(&r, 'd', large, SIZE);
    raw_message(&r, 'd', large, SIZE);
    raw_message(&r, 'c', "", 0);
    assert_int_equal(raw_read_to(&r, "Z"), 'Z');
    assert_string_equal(r.sqlstate, "54000");
    assert_string_equal(r.message, "a message of COPY is limited to 16778241 bytes; this one has 17825797");
    raw_query(&r, "COPY large_copy FROM STDIN"); /* PostgreSQL's answer to what has no place there */
    assert_int_equal(raw_read_to(&r, "G"), 'G');
    raw_message(&r, 'Q', "SELECT 1", 9);
    assert_int_equal(raw_read_to(&r, "Z"), 'Z');
    assert_string_equal(r.sqlstate, "08P01");
    assert_int_equal(raw_read_to(&r, "Z"), 'Z'); /* of the query */
    must_run(&r, "DROP TABLE large_copy");
    r.sqlstate[0] = '\0'; /* an error and what follows up to its Sync: one error */
    raw_message(&r, 'D', "Pnone", 6);
    raw_message(&r, 'P', large, SIZE);
    raw_message(&r, 'S', "", 0);
    assert_int_equal(raw_read_to(&r, "Z"), 'Z');
    assert_string_equal(r.sqlstate, "34000");
    free(large);
    raw_close(&r);
    nothing_is_left();
}

TEST(session, unfinished_messages_are_bounded)
{
    enum { COUNT = 40, PIECE = 15 << 20 };
    static struct raw many[COUNT];
    char *piece = calloc(1, PIECE);
    assert_non_null(piece);
    (void)whole_cluster();
    uint64_t before = cluster_node_bytes(&c, 0);
    struct raw other = session();
    unsigned refused = 0;
    for (int i = 0; i < COUNT; i++) {
        many[i] = session();
        raw_send(&many[i], "Q\1\0\0\0", 5); /* announces 16 MiB */
        raw_send(&many[i], piece, PIECE);
        must_run(&other, "SELECT count(*) FROM copied");
    }
    for (int i = 0; i < COUNT; i++) {
        struct timeval moment = {.tv_usec = 10000};
        char type = 0;
        setsockopt(many[i].fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
        if (recv(many[i].fd, &type, 1, MSG_PEEK) != 1 || type != 'E') continue;
        assert_int_equal(raw_read_to(&many[i], "E"), 'E');
        assert_string_equal(many[i].sqlstate, "53200");
        refused++;
    }
    uint64_t grown = cluster_node_bytes(&c, 0) - before;
    printf("%d clients began messages of 16 MiB: %u refused, %llu MiB\n", COUNT, refused,
           (unsigned long long)grown >> 20);
    assert_true(refused > 0);
    assert_true(grown < (800u << 20));
    for (int i = 0; i < COUNT; i++)
        raw_close(&many[i]);
    must_run(&other, "SELECT 1");
    raw_close(&other);
    free(piece);
    nothing_is_left();
}

/* ---- without a quorum; the last test, the cluster is of no use after it ---- */

struct later {
    struct raw *of;
    int ms;
};

static void *cancel_later(void *arg)
{
    struct later *l = arg;
    pause_ms(l->ms);
    raw_cancel(c.nodes[0].sql, l->of->pid, l->of->key);
    return NULL;
}

static double run_cancelled(struct raw *r, const char *text, int after_ms)
{
    pthread_t thread;
    struct later l = {r, after_ms};
    uint64_t began = now_ns();
    r->sqlstate[0] = '\0';
    assert_int_equal(pthread_create(&thread, NULL, cancel_later, &l), 0);
    raw_query(r, text);
    assert_int_equal(raw_read_to(r, "Z"), 'Z');
    double ms = (double)(now_ns() - began) / 1e6;
    pthread_join(thread, NULL);
    printf("  %-44s %s after %.0f ms: %s\n", text, r->sqlstate, ms, r->message);
    return ms;
}

static double run_timed(struct raw *r, const char *text)
{
    uint64_t began = now_ns();
    run(r, text);
    double ms = (double)(now_ns() - began) / 1e6;
    printf("  %-44s %s after %.0f ms: %s\n", text, r->sqlstate, ms, r->message);
    return ms;
}

TEST(session, no_quorum_cancel_and_time_outs_are_kept_and_honest)
{
    struct raw r = session();
    must_run(&r, "DELETE FROM copied");
    cluster_node_end(&c, 1, SIGKILL);
    cluster_node_end(&c, 2, SIGKILL);
    /* Never a class that lies: 57014 and 57P03 say that nothing was written. */
    double ms = run_cancelled(&r, "INSERT INTO copied VALUES (1, 'a')", 100);
    bool unknown = strcmp(r.sqlstate, "08007") == 0;
    if (!unknown) assert_string_equal(r.sqlstate, "57014");
    assert_true(ms >= 100 && ms < 3000);
    ms = run_cancelled(&r, "SELECT count(*) FROM copied", 300);
    assert_string_equal(r.sqlstate, "57014");
    assert_true(ms >= 300 && ms < 2000);
    must_run(&r, "SET statement_timeout = '700ms'");
    ms = run_timed(&r, "SELECT count(*) FROM copied");
    assert_string_equal(r.sqlstate, "57P03");
    assert_true(ms >= 700 && ms < 3000);
    must_run(&r, "SET statement_timeout = 0; SET ostraka.no_quorum_timeout = '900ms'");
    ms = run_timed(&r, "SELECT count(*) FROM copied");
    assert_string_equal(r.sqlstate, "57P03");
    assert_true(ms >= 900 && ms < 3000);
    must_run(&r, "RESET ostraka.no_quorum_timeout");
    ms = run_timed(&r, "INSERT INTO copied VALUES (2, 'b')");
    assert_string_equal(r.sqlstate, "57P03");
    assert_true(ms >= 5000 && ms < 8000);
    cluster_node_begin(&c, 1);
    cluster_node_begin(&c, 2);
    cluster_wait_whole(&c);
    struct client k = {.connection = NULL};
    PGresult *result = NULL;
    assert_true(client_connect(&k, c.nodes[0].sql, CLUSTER_BOUND_MS));
    assert_int_equal(client_run(&k, "SELECT id FROM copied", CLUSTER_BOUND_MS, &result), CLIENT_DONE);
    assert_true(PQntuples(result) <= (unknown ? 1 : 0));
    PQclear(result);
    client_close(&k);
    raw_close(&r);
    nothing_is_left();
    cluster_stop(&c);
}
