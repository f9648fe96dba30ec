/* The node that a client talks to, and that leads, is killed between the statement and its answer: the same statement
 * with the same key, sent to another node, is answered as the first one was or done now, and done once. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/process/client.h"
#include "tests/process/cluster.h"
#include "tests/test.h"

#define ROUNDS 5

static void must_run(struct client *k, const char *statement)
{
    if (client_run(k, statement, CLUSTER_BOUND_MS, NULL) != CLIENT_DONE)
        fail_msg("%s: %s %s", statement, k->sqlstate, k->message);
}

/* Runs `statement` under the key on a node, on as many connections as it takes. */
static int answer_of(const struct cluster *c, int node, const char *key, const char *statement)
{
    uint64_t end_ns = now_ns() + (uint64_t)CLUSTER_BOUND_MS * 1000000;
    char set[128];
    snprintf(set, sizeof set, "SET ostraka.idempotency_key = '%s'", key);
    while (now_ns() < end_ns) {
        struct client k = {0};
        PGresult *result = NULL;
        if (client_connect(&k, c->nodes[node].sql, 5000) && client_run(&k, set, 5000, NULL) == CLIENT_DONE &&
            client_run(&k, statement, CLUSTER_BOUND_MS, &result) == CLIENT_DONE) {
            assert_int_equal(PQntuples(result), 1);
            int answer = atoi(PQgetvalue(result, 0, 0));
            PQclear(result);
            client_close(&k);
            return answer;
        }
        client_close(&k);
        pause_ms(50);
    }
    fail_msg("%s under %s is not answered", statement, key);
    return -1;
}

/* Sends without waiting, and kills the node that long afterwards. */
static void send_and_kill(struct cluster *c, int node, const char *key, const char *statement, int wait_us)
{
    struct client k = {0};
    char set[128];
    snprintf(set, sizeof set, "SET ostraka.idempotency_key = '%s'", key);
    assert_true(client_connect(&k, c->nodes[node].sql, 5000));
    must_run(&k, set);
    assert_int_equal(PQsendQuery(k.connection, statement), 1);
    assert_int_equal(PQflush(k.connection), 0);
    uint64_t until_ns = now_ns() + (uint64_t)wait_us * 1000;
    while (now_ns() < until_ns) {}
    cluster_node_end(c, node, SIGKILL);
    client_close(&k);
}

TEST(idempotency, a_leader_killed_before_its_answer_leaves_one_effect_and_one_answer)
{
    static struct cluster c;
    static const int waits_us[ROUNDS] = {0, 300, 1000, 2500, 20000};
    static const char statement[] = "UPDATE counter SET n = n + 1 WHERE k = 1 RETURNING n";
    cluster_start(&c, "auto");
    struct client k = {0};
    assert_true(client_connect(&k, c.nodes[0].sql, 5000));
    must_run(&k, "CREATE TABLE counter (k int PRIMARY KEY, n int)");
    must_run(&k, "INSERT INTO counter VALUES (1, 0)");
    client_close(&k);
    for (int i = 0; i < ROUNDS; i++) {
        char key[32];
        snprintf(key, sizeof key, "round-%d", i);
        int leader = cluster_leader(&c);
        send_and_kill(&c, leader, key, statement, waits_us[i]);
        for (int other = 1; other <= 4; other++) /* twice on each of the others */
            assert_int_equal(answer_of(&c, (leader + 1 + other % 2) % 3, key, statement), i + 1);
        cluster_node_begin(&c, leader);
        cluster_wait_caught_up(&c, leader);
        cluster_wait_whole(&c);
        assert_int_equal(answer_of(&c, leader, key, statement), i + 1);
    }
    double replays = 0;
    for (int i = 0; i < c.node_count; i++) replays += cluster_metric(&c, i, "idempotency_replays_total");
    assert_true(replays > 0);
    assert_int_equal(answer_of(&c, 0, "another", "UPDATE counter SET n = n + 1 WHERE k = 1 RETURNING n"), ROUNDS + 1);
    cluster_stop(&c);
}

/* Two transactions on each node under the options of the connection, each with another value: the first value is inserted
 * once, the second is refused. */
static void insert_under(const struct cluster *c, const char *options, const char *table)
{
    for (int i = 0; i < 3; i++) {
        char info[512], host[64], insert[64];
        snprintf(host, sizeof host, "%s", c->nodes[i].sql);
        char *colon = strrchr(host, ':');
        assert_non_null(colon);
        *colon = '\0';
        snprintf(info, sizeof info, "host=%s port=%s user=postgres dbname=postgres options='%s'", host, colon + 1, options);
        PGconn *p = PQconnectdb(info);
        assert_int_equal(PQstatus(p), CONNECTION_OK);
        snprintf(insert, sizeof insert, "INSERT INTO %s VALUES ($1::int)", table);
        PGresult *r = PQexecParams(p, insert, 1, NULL, (const char *const[]){"7"}, NULL, NULL, 0);
        assert_string_equal(PQcmdStatus(r), "INSERT 0 1");
        PQclear(r);
        r = PQexecParams(p, insert, 1, NULL, (const char *const[]){"8"}, NULL, NULL, 0);
        assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), "22K01");
        PQclear(r);
        PQfinish(p);
    }
}

static void expect_seven(struct client *k, const char *table)
{
    char select[64];
    PGresult *rows = NULL;
    snprintf(select, sizeof select, "SELECT a FROM %s", table);
    assert_int_equal(client_run(k, select, CLUSTER_BOUND_MS, &rows), CLIENT_DONE);
    assert_int_equal(PQntuples(rows), 1);
    assert_string_equal(PQgetvalue(rows, 0, 0), "7");
    PQclear(rows);
}

/* For programs whose statements nobody wants to touch. */
TEST(idempotency, the_key_may_come_with_the_connection)
{
    static struct cluster c;
    cluster_start(&c, "auto");
    struct client k = {0};
    assert_true(client_connect(&k, c.nodes[0].sql, 5000));
    must_run(&k, "CREATE TABLE t (a int)");
    must_run(&k, "CREATE TABLE u (a int PRIMARY KEY)");
    client_close(&k);
    char anchored[128];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(anchored, sizeof anchored, "-c ostraka.idempotency_key=%010lld000/start-up -c ostraka.idempotency_anchor=u(1)",
             (long long)now.tv_sec);
    insert_under(&c, "-c ostraka.idempotency_key=start-up", "t");
    insert_under(&c, anchored, "u");
    assert_true(client_connect(&k, c.nodes[0].sql, 5000));
    expect_seven(&k, "t");
    expect_seven(&k, "u");
    client_close(&k);
    cluster_stop(&c);
}
