/* Sessions that write more together than --sql-memory holds, each in one transaction: it goes to files of their node, and is all there
 * in the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/process/client.h"
#include "tests/process/cluster.h"
#include "tests/test.h"

#define SESSIONS 4
#define ROWS 1200u /* 12 MB each: 48 MB, of 32 MiB */
#define ROWS_AT_ONCE 100u
#define ROW_BYTES 10000u
#define PATIENCE_MS 60000

static void run(struct client *k, const char *statement)
{
    if (client_run(k, statement, PATIENCE_MS, NULL) != CLIENT_DONE) fail_msg("%.100s: %s %s", statement, k->sqlstate, k->message);
}

static void must_answer(struct client *k, const char *query, const char *answer)
{
    PGresult *r = NULL;
    if (client_run(k, query, PATIENCE_MS, &r) != CLIENT_DONE) fail_msg("%s: %s %s", query, k->sqlstate, k->message);
    assert_string_equal(PQgetvalue(r, 0, 0), answer);
    PQclear(r);
}

/* Not in the order of their keys. */
static void insert(struct client *k, uint32_t session, uint32_t first, uint32_t count)
{
    static char statement[ROWS_AT_ONCE * 64];
    size_t size = (size_t)snprintf(statement, sizeof statement, "INSERT INTO t VALUES ");
    for (uint32_t i = first; i < first + count; i++)
        size += (size_t)snprintf(statement + size, sizeof statement - size, "%s(%u, repeat(chr(%u), %u))", i == first ? "" : ", ",
                                 i * 7 % ROWS * 10 + session, 97 + i * 7 % ROWS % 26, ROW_BYTES);
    run(k, statement);
}

/* Every row is as it was written: of one letter, which its key says. */
static void check(struct client *k, uint32_t session)
{
    char query[256], answer[32];
    snprintf(query, sizeof query,
             "SELECT count(*) || ' ' || sum(length(v)) FROM t WHERE id %% 10 = %u AND v = repeat(chr((97 + id / 10 %% 26)::int4), %u)", session,
             ROW_BYTES);
    snprintf(answer, sizeof answer, "%u %u", ROWS, ROWS * ROW_BYTES);
    must_answer(k, query, answer);
}

TEST(spill, sessions_that_write_more_than_memory_holds_commit_all_of_it)
{
    static struct cluster c;
    struct client k[SESSIONS];
    assert_int_equal(setenv("OSTRAKA_SQL_MEMORY", "32MiB", 1), 0);
    cluster_start(&c, "auto");
    unsetenv("OSTRAKA_SQL_MEMORY");
    for (uint32_t i = 0; i < SESSIONS; i++) {
        assert_true(client_connect(&k[i], c.nodes[0].sql, PATIENCE_MS));
        if (i == 0) run(&k[0], "CREATE TABLE t (id int8 PRIMARY KEY, v text)");
        run(&k[i], "BEGIN");
    }
    for (uint32_t first = 0; first < ROWS; first += ROWS_AT_ONCE)
        for (uint32_t i = 0; i < SESSIONS; i++) insert(&k[i], i, first, ROWS_AT_ONCE);
    double held = cluster_metric(&c, 0, "sql_memory_bytes"), spilled = cluster_metric(&c, 0, "spilled_bytes");
    printf("%.0f bytes in memory, %.0f in files\n", held, spilled);
    assert_true(spilled > 16e6 && held < 33554432.0);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        run(&k[i], "SAVEPOINT s");
        insert(&k[i], i + 5, 0, ROWS_AT_ONCE);
        run(&k[i], "ROLLBACK TO s");
        check(&k[i], i);
        run(&k[i], "COMMIT");
    }
    assert_true(cluster_metric(&c, 0, "spilled_bytes") == 0);
    assert_true(cluster_metric(&c, 0, "spilled_transactions_total") == SESSIONS);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        check(&k[i], i);
        client_close(&k[i]);
    }
    cluster_stop(&c);
}
