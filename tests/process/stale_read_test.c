/* Reads of the past at a node that is cut off from all others: what it was promised it serves, and nothing newer. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/process/client.h"
#include "tests/process/cluster.h"
#include "tests/test.h"

/* The one value of a query; fails the test when there is none. */
static long long number_of(struct client *k, const char *query)
{
    PGresult *result = NULL;
    if (client_run(k, query, CLUSTER_BOUND_MS, &result) != CLIENT_DONE) fail_msg("%s: %s %s", query, k->sqlstate, k->message);
    assert_int_equal(PQntuples(result), 1);
    long long value = atoll(PQgetvalue(result, 0, 0));
    PQclear(result);
    return value;
}

static void run(struct client *k, const char *statement)
{
    if (client_run(k, statement, CLUSTER_BOUND_MS, NULL) != CLIENT_DONE) fail_msg("%s: %s %s", statement, k->sqlstate, k->message);
}

static void is_refused(struct client *k, const char *query, const char *sqlstate)
{
    assert_int_equal(client_run(k, query, CLUSTER_BOUND_MS, NULL), CLIENT_REFUSED);
    assert_string_equal(k->sqlstate, sqlstate);
}

/* Reads until the node needs nobody for it. */
static void read_until_here(struct cluster *c, int node, struct client *k)
{
    double before = cluster_metric(c, node, "replica_reads_total");
    for (int i = 0; i < 200; i++) {
        assert_int_equal(number_of(k, "SELECT v FROM t AS OF SYSTEM TIME with_max_staleness('30s') WHERE k = 1"), 1);
        if (cluster_metric(c, node, "replica_reads_total") >= before + 4) return;
        pause_ms(50);
    }
    fail_msg("no read was served by the replica");
}

/* The plan says who has served it. */
static void served_here(struct client *k)
{
    PGresult *result = NULL;
    const char *query = "EXPLAIN ANALYZE SELECT v FROM t AS OF SYSTEM TIME with_max_staleness('30s') WHERE k = 1";
    bool here = false, nobody = false;
    assert_int_equal(client_run(k, query, CLUSTER_BOUND_MS, &result), CLIENT_DONE);
    for (int i = 0; i < PQntuples(result); i++) {
        here |= strcmp(PQgetvalue(result, i, 0), "Replica Reads: 2") == 0; /* of the catalog, and of the row */
        nobody |= strcmp(PQgetvalue(result, i, 0), "Leader Reads: 0") == 0;
    }
    PQclear(result);
    assert_true(here && nobody);
}

static void signal_others(const struct cluster *c, int node, int number)
{
    for (int i = 0; i < c->node_count; i++)
        if (i != node) kill(c->nodes[i].pid, number);
}

TEST(stale_read, a_node_that_is_cut_off_serves_what_it_was_promised)
{
    static struct cluster c;
    struct client k = {0};
    char at[160];
    cluster_start(&c, "auto");
    int node = (cluster_leader(&c) + 1) % c.node_count;
    assert_true(client_connect(&k, c.nodes[node].sql, CLUSTER_BOUND_MS));
    run(&k, "SET ostraka.no_quorum_timeout = '1s'");
    run(&k, "CREATE TABLE t (k int PRIMARY KEY, v int)");
    run(&k, "INSERT INTO t VALUES (1, 1)");
    read_until_here(&c, node, &k);
    long long ts = number_of(&k, "SELECT ostraka.read_timestamp() FROM t WHERE k = 1");
    pause_ms(700); /* the promise that is asked for next reaches beyond it */
    read_until_here(&c, node, &k);
    snprintf(at, sizeof at, "SELECT v FROM t AS OF SYSTEM TIME %lld WHERE k = 1", ts);

    signal_others(&c, node, SIGSTOP);
    served_here(&k);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(number_of(&k, "SELECT v FROM t AS OF SYSTEM TIME with_max_staleness('60s') WHERE k = 1"), 1);
        assert_int_equal(number_of(&k, at), 1);
        pause_ms(20);
    }
    is_refused(&k, "SELECT v FROM t WHERE k = 1", "57P03");
    is_refused(&k, "SELECT v FROM t AS OF SYSTEM TIME with_max_staleness('200ms') WHERE k = 1", "57P03");
    is_refused(&k, "SELECT v FROM t AS OF SYSTEM TIME '-1us' WHERE k = 1", "57P03");
    signal_others(&c, node, SIGCONT);

    cluster_wait_whole(&c);
    run(&k, "SET ostraka.no_quorum_timeout = '10s'");
    run(&k, "UPDATE t SET v = 2 WHERE k = 1");
    assert_int_equal(number_of(&k, "SELECT v FROM t WHERE k = 1"), 2);
    client_close(&k);
    for (int i = 0; i < c.node_count; i++) {
        assert_true(client_connect(&k, c.nodes[i].sql, CLUSTER_BOUND_MS));
        assert_int_equal(number_of(&k, at), 1);
        client_close(&k);
    }
    cluster_stop(&c);
}
