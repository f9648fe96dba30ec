/* What a client library does with several addresses, some of them bad, and with connections that die under it
 * (scenario 81): it gets to a node that works, never hangs, and knows what is certain and what is not. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/process/client.h"
#include "tests/process/cluster.h"
#include "tests/test.h"

#define TEXT_MAX 512

static struct cluster cluster;

static const char *port_of(int node)
{
    return strrchr(cluster.nodes[node].sql, ':') + 1;
}

/* ports: "1,7432,..." on this machine. */
static PGconn *connect_to(const char *ports, const char *more)
{
    char hosts[TEXT_MAX] = "127.0.0.1", info[2 * TEXT_MAX];
    for (const char *at = ports; *at != '\0'; at++)
        if (*at == ',') strcat(hosts, ",127.0.0.1");
    snprintf(info, sizeof info, "host=%s port=%s user=postgres dbname=postgres sslmode=disable connect_timeout=2 %s", hosts,
             ports, more);
    return PQconnectdb(info);
}

static void expect_at(PGconn *k, const char *port)
{
    if (PQstatus(k) != CONNECTION_OK) fail_msg("%s", PQerrorMessage(k));
    assert_string_equal(PQport(k), port);
    PGresult *r = PQexec(k, "SELECT count(*) FROM lib");
    assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
    PQclear(r);
}

static void list_ports(char *out, const char *before, const char *after)
{
    snprintf(out, TEXT_MAX, "%s%s,%s,%s%s", before, port_of(0), port_of(1), port_of(2), after);
}

/* ---- addresses ---- */

static void bad_addresses_are_passed_over(void)
{
    char ports[TEXT_MAX];
    list_ports(ports, "1,", ",2"); /* nobody listens there */
    PGconn *k = connect_to(ports, "");
    expect_at(k, port_of(0));
    PQfinish(k);
    k = connect_to("1,2", "");
    assert_int_equal(PQstatus(k), CONNECTION_BAD);
    PQfinish(k);
}

/* Every node takes writes, none is a standby: libpq decides by what the server reports, without a query. */
static void every_node_is_a_primary(void)
{
    static const char *const good[] = {"any", "read-write", "primary", "prefer-standby"};
    static const char *const bad[] = {"read-only", "standby"};
    char ports[TEXT_MAX], more[64];
    list_ports(ports, "", "");
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(more, sizeof more, "target_session_attrs=%s", good[i]);
        PGconn *k = connect_to(ports, more);
        expect_at(k, port_of(0));
        PQfinish(k);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(more, sizeof more, "target_session_attrs=%s", bad[i]);
        PGconn *k = connect_to(ports, more);
        assert_int_equal(PQstatus(k), CONNECTION_BAD);
        PQfinish(k);
    }
}

/* ---- nodes that go away ---- */

/* Starts it again; a node that is not ready refuses connections, or with 57P03, and libpq would go on to the next. */
static void begin_again(int node)
{
    cluster_node_begin(&cluster, node);
    for (uint64_t until = now_ns() + CLUSTER_BOUND_MS * 1000000ull; now_ns() < until; pause_ms(20)) {
        PGconn *k = connect_to(port_of(node), "");
        bool serves = PQstatus(k) == CONNECTION_OK;
        PQfinish(k);
        if (!serves) continue;
        cluster_wait_whole(&cluster);
        return;
    }
    fail_msg("node %d does not serve", node + 1);
}

static void stopped_node_is_passed_over(int node)
{
    char ports[TEXT_MAX];
    int next = (node + 1) % 3;
    snprintf(ports, sizeof ports, "%s,%s", port_of(node), port_of(next));
    kill(cluster.nodes[node].pid, SIGSTOP);
    PGconn *k = connect_to(ports, ""); /* the kernel accepts, nobody answers: connect_timeout counts */
    kill(cluster.nodes[node].pid, SIGCONT);
    expect_at(k, port_of(next));
    PQfinish(k);
}

/* A connection dies with its node; PQreset finds another one, and the node again when it is back. */
static void killed_node_is_left(int node)
{
    char ports[TEXT_MAX];
    int next = (node + 1) % 3;
    snprintf(ports, sizeof ports, "%s,%s", port_of(node), port_of(next));
    PGconn *k = connect_to(ports, "");
    expect_at(k, port_of(node));
    cluster_node_end(&cluster, node, SIGKILL);
    PGresult *r = PQexec(k, "SELECT 1");
    assert_int_not_equal(PQresultStatus(r), PGRES_TUPLES_OK);
    assert_int_equal(PQstatus(k), CONNECTION_BAD);
    PQclear(r);
    PQreset(k);
    expect_at(k, port_of(next));
    begin_again(node);
    PQreset(k);
    expect_at(k, port_of(node));
    PQfinish(k);
}

/* A node that is told to stop says so to its sessions: 57P01, or the connection is just closed. */
static void stopping_node_says_so(int node)
{
    struct client k = {.connection = NULL};
    assert_true(client_connect(&k, cluster.nodes[node].sql, CLUSTER_BOUND_MS));
    cluster_node_end(&cluster, node, SIGTERM);
    enum client_end end = client_run(&k, "SELECT 1", CLUSTER_BOUND_MS, NULL);
    assert_int_equal(end, CLIENT_UNKNOWN);
    if (k.sqlstate[0] != '\0') assert_string_equal(k.sqlstate, "57P01");
    client_close(&k);
    begin_again(node);
}

/* ---- what is under way when it ends ---- */

static long long count_rows(int node, const char *condition)
{
    struct client k = {.connection = NULL};
    PGresult *r = NULL;
    char text[TEXT_MAX];
    snprintf(text, sizeof text, "SELECT count(*) FROM lib WHERE %s", condition);
    assert_true(client_connect(&k, cluster.nodes[node].sql, CLUSTER_BOUND_MS));
    assert_int_equal(client_run(&k, text, CLUSTER_BOUND_MS, &r), CLIENT_DONE);
    long long count = atoll(PQgetvalue(r, 0, 0));
    PQclear(r);
    client_close(&k);
    return count;
}

/* Closed with statements in flight, in every way: whole statements or nothing, and no session stays. */
static void closed_in_the_middle(void)
{
    for (int i = 0; i < 100; i++) {
        PGconn *k = connect_to(port_of(i % 3), "");
        char text[TEXT_MAX];
        assert_int_equal(PQstatus(k), CONNECTION_OK);
        snprintf(text, sizeof text, "INSERT INTO lib VALUES (%d, 'a'), (%d, 'b')", 1000 + 2 * i, 1001 + 2 * i);
        if (i % 4 == 1) PQclear(PQexec(k, "BEGIN"));
        assert_int_equal(PQsendQuery(k, text), 1);
        if (i % 4 == 2) pause_ms(1);
        if (i % 4 == 3) close(PQsocket(k)); /* without a word */
        PQfinish(k);
    }
    for (int i = 0; i < cluster.node_count; i++) {
        cluster_wait_metric(&cluster, i, "sql_sessions", 0);
        cluster_wait_metric(&cluster, i, "sql_connections", 0);
    }
    long long a = count_rows(0, "k >= 1000 AND v = 'a'"), b = count_rows(1, "k >= 1000 AND v = 'b'");
    assert_int_equal(a, b);
    printf("%lld of 75 statements took effect whose clients had gone\n", a);
    for (int i = 1; i < 100; i += 4) { /* in a block that nobody committed */
        char condition[TEXT_MAX];
        snprintf(condition, sizeof condition, "k = %d", 1000 + 2 * i);
        assert_int_equal(count_rows(i % 3, condition), 0);
    }
}

/* A node dies under an INSERT: an answer is true, and no answer says nothing. */
static void killed_under_a_statement(int node)
{
    static int key = 5000;
    char text[TEXT_MAX];
    struct client k = {.connection = NULL};
    assert_true(client_connect(&k, cluster.nodes[node].sql, CLUSTER_BOUND_MS));
    snprintf(text, sizeof text, "INSERT INTO lib VALUES (%d, 'killed')", ++key);
    assert_int_equal(PQsendQuery(k.connection, text), 1);
    kill(cluster.nodes[node].pid, SIGKILL);
    PGresult *r;
    bool acknowledged = false, refused = false;
    while ((r = PQgetResult(k.connection)) != NULL) {
        acknowledged |= PQresultStatus(r) == PGRES_COMMAND_OK;
        refused |= PQresultErrorField(r, PG_DIAG_SQLSTATE) != NULL;
        PQclear(r);
    }
    client_close(&k);
    cluster_node_end(&cluster, node, SIGKILL);
    snprintf(text, sizeof text, "k = %d", key);
    long long there = count_rows((node + 1) % 3, text);
    if (acknowledged) assert_int_equal(there, 1);
    if (refused) assert_int_equal(there, 0);
    begin_again(node);
}

/* The client's own patience: a statement that waits is given up, and the connection is good again. */
static void cancelled_by_the_client(void)
{
    struct client holder = {.connection = NULL};
    assert_true(client_connect(&holder, cluster.nodes[0].sql, CLUSTER_BOUND_MS));
    assert_int_equal(client_run(&holder, "BEGIN", CLUSTER_BOUND_MS, NULL), CLIENT_DONE);
    assert_int_equal(client_run(&holder, "SELECT * FROM lib WHERE k = 1 FOR UPDATE", CLUSTER_BOUND_MS, NULL), CLIENT_DONE);
    PGconn *k = connect_to(port_of(1), "");
    assert_int_equal(PQsendQuery(k, "UPDATE lib SET v = 'x' WHERE k = 1"), 1);
    pause_ms(200);
    char why[256];
    PGcancel *cancel = PQgetCancel(k);
    assert_int_equal(PQcancel(cancel, why, sizeof why), 1);
    PQfreeCancel(cancel);
    PGresult *r = PQgetResult(k);
    assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), "57014");
    PQclear(r);
    assert_null(PQgetResult(k));
    expect_at(k, port_of(1));
    PQfinish(k);
    client_close(&holder);
}

TEST(client_library, finds_a_node_that_works_and_knows_what_is_certain)
{
    struct client k = {.connection = NULL};
    cluster_start(&cluster, "auto");
    assert_true(client_connect(&k, cluster.nodes[0].sql, CLUSTER_BOUND_MS));
    assert_int_equal(client_run(&k, "CREATE TABLE lib (k int PRIMARY KEY, v text)", CLUSTER_BOUND_MS, NULL), CLIENT_DONE);
    assert_int_equal(client_run(&k, "INSERT INTO lib VALUES (1, 'one')", CLUSTER_BOUND_MS, NULL), CLIENT_DONE);
    client_close(&k);
    bad_addresses_are_passed_over();
    every_node_is_a_primary();
    cancelled_by_the_client();
    closed_in_the_middle();
    for (int i = 0; i < cluster.node_count; i++) {
        bool all = test_is_full(); /* else each of them on one node */
        if (all || i == 0) stopped_node_is_passed_over(i);
        if (all || i == 1) killed_node_is_left(i);
        if (all || i == 2) stopping_node_says_so(i);
        killed_under_a_statement(i);
    }
    cluster_stop(&cluster);
}
