/* Tables are divided under clients that insert: nothing is lost, nothing stops. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/process/load.h"
#include "tests/test.h"

static void must(struct client *k, const char *statement)
{
    enum client_end end = client_run(k, statement, CLUSTER_BOUND_MS, NULL);
    if (end != CLIENT_DONE) fail_msg("%s: %s %s", statement, k->sqlstate, k->message);
}

static void must_say(struct client *k, const char *statement, const char *expected)
{
    PGresult *result;
    enum client_end end = client_run(k, statement, CLUSTER_BOUND_MS, &result);
    if (end != CLIENT_DONE) fail_msg("%s: %s %s", statement, k->sqlstate, k->message);
    assert_string_equal(PQgetvalue(result, 0, 0), expected);
    PQclear(result);
}

static void divide(struct client *k, struct load *l)
{
    for (int i = 1; i < LOAD_WORKERS; i++) {
        char statement[96];
        snprintf(statement, sizeof statement, "ALTER TABLE load SPLIT AT VALUES (%d)", i * LOAD_ROWS_MAX);
        must(k, statement);
        load_wait_rows(l, 100);
    }
    must(k, "ALTER TABLE two SPLIT AT VALUES (5001)");
}

static void check_two(const struct cluster *c)
{
    for (int node = 0; node < c->node_count; node++) {
        struct client k;
        char statement[96];
        assert_true(client_connect(&k, c->nodes[node].sql, CLUSTER_BOUND_MS));
        must_say(&k, "SELECT count(*) || ' ' || sum(v) FROM two", "10000 50005000");
        snprintf(statement, sizeof statement, "INSERT INTO two VALUES (-%d, 0)", node + 1);
        must(&k, statement);
        snprintf(statement, sizeof statement, "INSERT INTO two VALUES (%d, 0)", 20000 + node);
        must(&k, statement);
        must(&k, "UPDATE two SET v = v + 1 WHERE k IN (1, 9999)"); /* both sides of the bound */
        must(&k, "UPDATE two SET v = v - 1 WHERE k IN (1, 9999)");
        snprintf(statement, sizeof statement, "DELETE FROM two WHERE k = -%d", node + 1);
        must(&k, statement);
        snprintf(statement, sizeof statement, "DELETE FROM two WHERE k = %d", 20000 + node);
        must(&k, statement);
        must_say(&k, "SELECT count(*) FROM ostraka.ranges WHERE start_key LIKE 'load (%'", "3");
        must_say(&k, "SELECT start_key FROM ostraka.ranges WHERE start_key LIKE 'two%'", "two (5001)");
        client_close(&k);
    }
}

TEST(ranges, tables_are_divided_under_load)
{
    static struct cluster c;
    static struct load l;
    struct client k;
    cluster_start(&c, "auto");
    assert_true(client_connect(&k, c.nodes[1].sql, CLUSTER_BOUND_MS));
    must(&k, "CREATE TABLE two (k int PRIMARY KEY, v int)");
    must(&k, "INSERT INTO two SELECT i, i FROM generate_series(1, 10000) i");
    load_start(&l, &c);
    load_wait_rows(&l, 200);
    divide(&k, &l);
    client_close(&k);
    check_two(&c);
    load_wait_rows(&l, 500);
    load_stop(&l);
    for (int i = 0; i < c.node_count; i++) load_verify(&l, i);
    cluster_stop(&c);
    load_free(&l);
}
