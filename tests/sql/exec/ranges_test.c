/* Statements over several ranges: scripts answer the same when each table lies in a range of its own, and a table may lie
 * in several. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/shard.h"
#include "sql/catalog.h"
#include "tests/sql/exec/database.h"
#include "tests/sql/exec/script.h"
#include "tests/test.h"

/* Those in which no transaction writes to two tables, or makes one and fills it. */
static const char *const scripts[] = {"table", "constraint", "insert", "update", "returning", "on_conflict", "where",
                                      "order", "group", "cursor", "copy", "lock", "access", "join", "more", "as_of"};

TEST(sql_ranges, scripts_answer_the_same_over_several_ranges)
{
    setenv("OSTRAKA_RANGES", "5", 1);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) script_run(scripts[i]);
    unsetenv("OSTRAKA_RANGES");
}

/* What the text answers has all of these. */
static void run_has(struct database *d, const char *text, const char *const *parts, int count)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    database_run(d, "a", text, NULL, 0, &out);
    buf_append_byte(&out, 0);
    for (int i = 0; i < count; i++)
        if (strstr((const char *)out.data, parts[i]) == NULL) fail_msg("no %s in %s", parts[i], (const char *)out.data);
    buf_deinit(&out);
}

/* Rows from 100 and from 200 on lie in other ranges than those before. */
static struct database *open_split(void)
{
    struct buf keys[3];
    struct bytes splits[3];
    const int64_t rows[] = {0, 100, 200};
    for (int i = 0; i < 3; i++) {
        buf_init(&keys[i], 64);
        catalog_first_table_key(rows[i], &keys[i]);
        splits[i] = buf_view(&keys[i]);
    }
    struct database *d = database_create_split(1, splits, 3);
    for (int i = 0; i < 3; i++) buf_deinit(&keys[i]);
    database_must(d, "a", "CREATE TABLE t (k int8 PRIMARY KEY, v int)", "CREATE TABLE\n");
    return d;
}

TEST(sql_ranges, a_table_in_several_ranges_is_one_table)
{
    struct database *d = open_split();
    database_must(d, "a", "INSERT INTO t SELECT i, 1 FROM generate_series(1, 99) i", "INSERT 0 99\n");
    database_must(d, "a", "INSERT INTO t SELECT i, 2 FROM generate_series(100, 199) i", "INSERT 0 100\n");
    database_must(d, "a", "INSERT INTO t SELECT i, 3 FROM generate_series(200, 299) i", "INSERT 0 100\n");
    database_must(d, "a", "SELECT count(*), sum(v) FROM t", "count int8, sum int8\n| 299 | 599 |\nSELECT 1\n");
    database_must(d, "a", "SELECT k FROM t WHERE k > 98 ORDER BY k LIMIT 3", "k int8\n| 99 |\n| 100 |\n| 101 |\nSELECT 3\n");
    database_must(d, "a", "SELECT k FROM t WHERE k < 201 ORDER BY k DESC LIMIT 3", "k int8\n| 200 |\n| 199 |\n| 198 |\nSELECT 3\n");
    database_must(d, "a", "SELECT k, v FROM t WHERE k IN (250, 5, 150, 350, 99)",
        "k int8, v int4\n| 5 | 1 |\n| 99 | 1 |\n| 150 | 2 |\n| 250 | 3 |\nSELECT 4\n");
    database_must(d, "a", "SELECT count(*) FROM t a JOIN t b ON b.k = a.k + 100", "count int8\n| 199 |\nSELECT 1\n");
    /* What is read in all of them decides what is written to one. */
    database_must(d, "a", "UPDATE t SET v = (SELECT max(v) FROM t) WHERE k = 7", "UPDATE 1\n");
    database_must(d, "a", "DELETE FROM t WHERE k BETWEEN 150 AND 160", "DELETE 11\n");
    database_must(d, "a", "SELECT k FROM t WHERE v = 3 AND k < 100", "k int8\n| 7 |\nSELECT 1\n");
    database_must(d, "a", "ALTER TABLE t ADD CHECK (v > 0)", "ALTER TABLE\n");
    database_must(d, "a", "INSERT INTO t VALUES (1, 1)",
        "ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"\n  detail: Key (k)=(1) already exists.\n");
    database_destroy(d);
}

#define OUTLOOK "quorum 1, then 1; nodes that may be lost: 0, then 0; now: cannot lose any more nodes\n"
#define RANGE_COLUMNS "SELECT start_key, end_key, leader FROM ostraka.ranges"

TEST(sql_ranges, split_at_makes_ranges_that_show_ranges_names)
{
    struct database *d = database_create(1);
    database_must(d, "a", "CREATE TABLE t (a int, b text, PRIMARY KEY (a, b))", "CREATE TABLE\n");
    database_must(d, "a", "CREATE TABLE u (k int8 PRIMARY KEY)", "CREATE TABLE\n");
    database_must(d, "a", "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 20) i", "INSERT 0 20\n");
    database_must(d, "a", "ALTER TABLE t SPLIT AT VALUES (5 + 5), (10, 'm'), (15)", "ALTER TABLE\n");
    database_must(d, "a", "ALTER TABLE t SPLIT AT VALUES (10)", "ALTER TABLE\n"); /* one begins there already */
    database_must(d, "a", RANGE_COLUMNS,
        "start_key text, end_key text, leader int8\n| <null> | \\x02 | 1 |\n| \\x02 | t (10) | 1 |\n"
        "| t (10) | t (10, m) | 1 |\n| t (10, m) | t (15) | 1 |\n| t (15) | <null> | 1 |\nSELECT 5\n");
    database_must(d, "a", "SELECT count(*), sum(a) FROM t", "count int8, sum int8\n| 20 | 210 |\nSELECT 1\n");
    database_must(d, "a", "INSERT INTO t VALUES (10, 'a'), (10, 'b')", "INSERT 0 2\n");
    database_must(d, "a", "INSERT INTO u VALUES (1)", "INSERT 0 1\n");
    database_must(d, "a", "ALTER TABLE u SPLIT AT VALUES (7)", "ALTER TABLE\n");
    static const char *const lines[] = {"can_lose int4, bytes int8, keys int8, requests int8, kept bool\n| 5 |",
                                        "\n| 5 | t (15) | u (7) | 4 | 1 | 5 | 1 |  | 1 | 0 | ",
                                        "\n| 6 | u (7) | <null> | 5 | 1 | 6 | 1 |  | 1 | 0 | ", "|\nSHOW\n"};
    run_has(d, "SHOW RANGES FROM TABLE u", lines, 4); /* their sizes are the engine's own business */
    database_must(d, "a", "SELECT count(*), min(keys) >= 0, min(bytes) >= 0, max(requests) < 1000 FROM ostraka.ranges",
        "count int8, ?column? bool, ?column? bool, ?column? bool\n| 6 | t | t | t |\nSELECT 1\n");
    database_destroy(d);
}

TEST(sql_ranges, split_at_refuses_what_is_no_key)
{
    struct database *d = database_create(1);
    database_must(d, "a", "CREATE TABLE t (a int PRIMARY KEY, b text)", "CREATE TABLE\n");
    database_must(d, "a", "CREATE TABLE n (b text)", "CREATE TABLE\n");
    database_must(d, "a", "ALTER TABLE t SPLIT AT VALUES (1, 'x')",
        "ERROR 42601 at 35: SPLIT AT has more values than the primary key has columns\n");
    database_must(d, "a", "ALTER TABLE t SPLIT AT VALUES (NULL)",
        "ERROR 23502 at 32: null value in column \"a\" of relation \"t\" violates not-null constraint\n");
    database_must(d, "a", "ALTER TABLE n SPLIT AT VALUES ('x')", "ERROR 42809: table \"n\" has no primary key to be split by\n");
    database_must(d, "a", "ALTER TABLE t SPLIT AT VALUES (random())",
        "ERROR 0A000 at 32: SPLIT AT an expression that is not constant is not supported yet\n");
    database_must(d, "a", "BEGIN", "BEGIN\n[T]\n");
    database_must(d, "a", "ALTER TABLE t SPLIT AT VALUES (1)",
        "ERROR 25001: ALTER TABLE ... SPLIT AT cannot run inside a transaction block\n[E]\n");
    database_must(d, "a", "ROLLBACK", "ROLLBACK\n");
    database_must(d, "a", "SELECT count(*) FROM ostraka.ranges", "count int8\n| 2 |\nSELECT 1\n");
    database_destroy(d);
}

TEST(sql_ranges, orders_about_nodes_and_ranges_say_what_they_would_do)
{
    struct database *d = database_create(1);
    static const char none[] = "ERROR 42704: there is no such range\n  hint: See SHOW RANGES.\n";
    static const char no_node[] = "ERROR 42704: there is no such node\n  hint: See SHOW NODES.\n";
    database_must(d, "a", "ALTER NODE 9 DRAIN", no_node);
    database_must(d, "a", "ALTER NODE 0 DRAIN", no_node);
    database_must(d, "a", "ALTER NODE 9 DECOMMISSION FORCE DRY RUN", no_node);
    database_must(d, "a", "ALTER NODE 1 DECOMMISSION",
        "ERROR 55000: ranges would stay on the node, or the cluster could lose less than it can now\n"
        "  detail: 0 ranges have to move (0 bytes), 2 of them cannot; 2 end with fewer voters than wanted; " OUTLOOK
        "  hint: Start another node first, or add FORCE.\n");
    database_must(d, "a", "ALTER NODE 1 DECOMMISSION FORCE DRY RUN",
        "NOTICE 00000: 0 ranges have to move (0 bytes), 2 of them cannot; 2 end with fewer voters than wanted; " OUTLOOK
        "ALTER NODE\n");
    database_must(d, "a", "ALTER NODE 1 ACTIVATE",
        "NOTICE 00000: 0 ranges have to move (0 bytes), 0 of them cannot; 2 end with fewer voters than wanted; " OUTLOOK
        "ALTER NODE\n");
    database_must(d, "a", "ALTER RANGE 9 MOVE FROM 1 TO 2", none);
    database_must(d, "a", "ALTER RANGE 2 MOVE FROM 2 TO 1",
        "ERROR 22023: the first node has to be a voter of the range, and the second one none\n"
        "  hint: SHOW RANGES tells its voters.\n");
    database_must(d, "a", "ALTER RANGE 2 MOVE FROM 1 TO 2", no_node);
    database_must(d, "a", "ALTER RANGE 2 MOVE FROM 1 TO 0", no_node);
    database_must(d, "a", "ALTER RANGE 2 TRANSFER TO 2",
        "ERROR 22023: only a voter of the range can lead it, and this node is none\n"
        "  hint: SHOW RANGES tells its voters; ALTER RANGE ... MOVE FROM ... TO ... changes them.\n");
    database_must(d, "a", "ALTER RANGE 9 TRANSFER TO 1", none);
    database_must(d, "a", "ALTER RANGE 2 TRANSFER TO 1", "ALTER RANGE\n");
    database_destroy(d);
}

TEST(sql_ranges, what_is_not_stored_has_no_ranges)
{
    struct database *d = database_create(1);
    database_must(d, "a", "SHOW RANGES FROM TABLE pg_class", "ERROR 42809 at 24: \"pg_class\" is not stored: it has no ranges\n");
    database_must(d, "a", "SHOW RANGES FROM TABLE ostraka.nodes", "ERROR 42809 at 24: \"nodes\" is not stored: it has no ranges\n");
    database_destroy(d);
}

TEST(sql_ranges, no_more_ranges_are_made_than_the_cluster_may_have)
{
    struct database *d = database_create(1);
    database_must(d, "a", "CREATE TABLE t (k int PRIMARY KEY)", "CREATE TABLE\n");
    database_must(d, "a", "ALTER SYSTEM SET ranges_max = 16", "ALTER SYSTEM\n");
    database_must(d, "a", "ALTER TABLE t SPLIT AT VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14)",
        "ALTER TABLE\n");
    static const char full[] = "ERROR 54000: there are as many ranges as there may be\n"
                               "  hint: The bound is the cluster's setting ranges_max: see SHOW CLUSTER SETTINGS.\n";
    database_must(d, "a", "ALTER TABLE t SPLIT AT VALUES (15)", full);
    database_must(d, "a", "ALTER TABLE t SPLIT AT VALUES (14)", "ALTER TABLE\n"); /* is there already */
    database_destroy(d);
}

TEST(sql_ranges, statements_and_transactions_write_to_several_ranges)
{
    struct database *d = open_split();
    database_must(d, "a", "INSERT INTO t VALUES (1, 1), (260, 1), (250, 1)", "INSERT 0 3\n");
    database_must(d, "a", "INSERT INTO t SELECT i, 1 FROM generate_series(150, 300) i", "ERROR 23505: duplicate key value violates unique "
        "constraint \"t_pkey\"\n  detail: Key (k)=(250) already exists.\n");
    database_must(d, "a", "SELECT count(*) FROM t", "count int8\n| 3 |\nSELECT 1\n");
    database_must(d, "a", "BEGIN", "BEGIN\n[T]\n");
    database_must(d, "a", "INSERT INTO t VALUES (2, 1)", "INSERT 0 1\n[T]\n");
    database_must(d, "a", "UPDATE t SET v = v + 1", "UPDATE 4\n[T]\n");
    database_must(d, "a", "DELETE FROM t WHERE k = 260", "DELETE 1\n[T]\n");
    database_must(d, "b", "SELECT count(*), sum(v) FROM t", "count int8, sum int8\n| 3 | 3 |\nSELECT 1\n");
    database_must(d, "a", "COMMIT", "COMMIT\n");
    database_must(d, "b", "SELECT count(*), sum(v) FROM t", "count int8, sum int8\n| 3 | 6 |\nSELECT 1\n");
    database_must(d, "a", "CREATE TABLE u AS SELECT * FROM t", "SELECT 3\n");
    database_must(d, "b", "SELECT count(*), sum(v) FROM u", "count int8, sum int8\n| 3 | 6 |\nSELECT 1\n");
    database_must(d, "a", "DELETE FROM t", "DELETE 3\n");
    database_must(d, "b", "SELECT count(*) FROM t", "count int8\n| 0 |\nSELECT 1\n");
    database_destroy(d);
}

/* 10 MB in each: more than a reply holds. */
TEST(sql_ranges, rows_that_are_locked_may_be_large)
{
    struct database *d = open_split();
    database_must(d, "a", "CREATE TABLE u (k int PRIMARY KEY, v text)", "CREATE TABLE\n");
    database_must(d, "a", "ALTER TABLE u SPLIT AT VALUES (500)", "ALTER TABLE\n");
    database_must(d, "a", "INSERT INTO u SELECT g, repeat('x', 20000) FROM generate_series(1, 998) g", "INSERT 0 998\n");
    database_must(d, "a", "BEGIN", "BEGIN\n[T]\n");
    database_must(d, "a", "UPDATE u SET v = k WHERE v <> ''", "UPDATE 998\n[T]\n");
    database_must(d, "a", "COMMIT", "COMMIT\n");
    database_must(d, "b", "SELECT count(*), max(length(v)) FROM u", "count int8, max int4\n| 998 | 3 |\nSELECT 1\n");
    database_destroy(d);
}

TEST(sql_ranges, what_is_prepared_can_be_looked_at)
{
    struct database *d = open_split();
    database_must(d, "a", "INSERT INTO t VALUES (1, 1), (260, 1)", "INSERT 0 2\n");
    database_must(d, "a", "SELECT count(*) FROM ostraka.prepared WHERE state = 'in doubt'", "count int8\n| 0 |\nSELECT 1\n");
    database_must(d, "a", "BEGIN", "BEGIN\n[T]\n");
    database_must(d, "a", "INSERT INTO t VALUES (2, 1), (261, 1)", "INSERT 0 2\n[T]\n");
    database_must(d, "a", "SHOW PREPARED",
        "id text, node int8, range int8, anchor_range int8, session_node int8, lock_name text, state text, keys int8, staged_keys int8, "
        "table_name text, first_key text, age_ms int8\nSHOW\n[T]\n");
    database_must(d, "a", "COMMIT", "COMMIT\n");
    database_destroy(d);
}

static void ignore(void *ctx, struct rpc_token token, struct bytes body)
{
    (void)ctx;
    (void)token;
    (void)body;
}

/* Its client was told that it is committed; the record of that never comes. */
TEST(sql_ranges, what_is_staged_is_shown_and_later_in_doubt)
{
#define PREPARED "SELECT range, anchor_range, session_node, state, keys, staged_keys, table_name, first_key FROM ostraka.prepared ORDER BY range"
#define PREPARED_COLUMNS "range int8, anchor_range int8, session_node int8, state text, keys int8, staged_keys int8, table_name text, first_key text\n"
    static const char *const columns[] = {"prepared_ranges int8, staged bool, prepared_ms int8\n"};
    static const char *const staged[] = {" | <null> | <null> | staged | <null> | ", " | 2 | t | "};
    static const char *const in_doubt[] = {" | <null> | <null> | in doubt | <null> | ", " | 2 | t | "};
    struct database *d = open_split();
    database_must(d, "a", "INSERT INTO t VALUES (1, 1), (260, 1)", "INSERT 0 2\n"); /* it has a lease on the table's record now */
    run_has(d, "SHOW TRANSACTIONS", columns, 1);
    rpc_serve_instead(store_rpc(kv_store(database_kv(d))), RPC_DECIDE, ignore, NULL);
    database_must(d, "a", "INSERT INTO t VALUES (2, 1), (3, 1), (261, 1)", "INSERT 0 3\n");
    database_must(d, "b", PREPARED,
        PREPARED_COLUMNS "| 3 | 3 | 1 | staged | 2 | 2 | t | (2) |\n| 5 | 3 | 1 | prepared | 1 | <null> | t | (261) |\nSELECT 2\n");
    run_has(d, "SHOW TRANSACTIONS", staged, 2);
    database_run_ns(d, UINT64_C(3000000000));
    database_must(d, "b", PREPARED,
        PREPARED_COLUMNS "| 3 | 3 | 1 | in doubt | 2 | 2 | t | (2) |\n| 5 | 3 | 1 | in doubt | 1 | <null> | t | (261) |\nSELECT 2\n");
    run_has(d, "SHOW TRANSACTIONS", in_doubt, 2);
    database_destroy(d);
}

/* Records of keys lie behind all tables. */
TEST(sql_ranges, an_idempotency_key_goes_with_rows_of_any_range)
{
    struct database *d = open_split();
    for (int k = 1; k < 300; k += 120) {
        char text[96];
        snprintf(text, sizeof text, "SET ostraka.idempotency_key = 'key %d'", k);
        database_must(d, "a", text, "SET\n");
        snprintf(text, sizeof text, "INSERT INTO t VALUES (%d, 1)", k);
        for (int i = 0; i < 2; i++) database_must(d, "a", text, "INSERT 0 1\n"); /* not again */
    }
    database_must(d, "a", "RESET ostraka.idempotency_key", "RESET\n");
    database_must(d, "a", "SELECT count(*) FROM t", "count int8\n| 3 |\nSELECT 1\n");
    database_destroy(d);
}

/* Serializable over ranges: of two that each read what the other one writes, one has to begin again. */
TEST(sql_ranges, write_skew_over_two_ranges_is_refused)
{
    struct database *d = open_split();
    database_must(d, "a", "INSERT INTO t VALUES (1, 0)", "INSERT 0 1\n");
    database_must(d, "a", "INSERT INTO t VALUES (250, 0)", "INSERT 0 1\n");
    database_must(d, "a", "BEGIN", "BEGIN\n[T]\n");
    database_must(d, "b", "BEGIN", "BEGIN\n[T]\n");
    database_must(d, "a", "SELECT v FROM t WHERE k = 250", "v int4\n| 0 |\nSELECT 1\n[T]\n");
    database_must(d, "b", "SELECT v FROM t WHERE k = 1", "v int4\n| 0 |\nSELECT 1\n[T]\n");
    database_must(d, "a", "UPDATE t SET v = 1 WHERE k = 1", "UPDATE 1\n[T]\n");
    database_must(d, "b", "UPDATE t SET v = 1 WHERE k = 250", "UPDATE 1\n[T]\n");
    database_must(d, "a", "COMMIT", "COMMIT\n");
    database_must(d, "b", "COMMIT",
        "ERROR 40001: could not serialize access due to concurrent update\n  hint: The transaction might succeed if retried.\n");
    database_destroy(d);
}

/* T11: who changes a table does not overtake those who use it, and is not overtaken. */
TEST(sql_ranges, a_change_of_a_table_in_another_range_is_noticed)
{
    struct database *d = open_split();
    database_must(d, "a", "INSERT INTO t VALUES (1, 0)", "INSERT 0 1\n");
    database_must(d, "b", "INSERT INTO t VALUES (2, 0)", "INSERT 0 1\n");
    database_must(d, "b", "INSERT INTO t VALUES (3, 0)", "INSERT 0 1\n"); /* under a lease by now */
    database_must(d, "b", "BEGIN", "BEGIN\n[T]\n");
    database_must(d, "b", "INSERT INTO t VALUES (4, 0)", "INSERT 0 1\n[T]\n");
    database_must(d, "a", "ALTER TABLE t ADD COLUMN w int NOT NULL DEFAULT 9", "ALTER TABLE\n");
    database_must(d, "b", "COMMIT",
        "ERROR 40001: could not serialize access due to concurrent update\n  hint: The transaction might succeed if retried.\n");
    database_must(d, "b", "INSERT INTO t VALUES (5, 0)", "INSERT 0 1\n");
    database_must(d, "b", "SELECT * FROM t ORDER BY k DESC LIMIT 1", "k int8, v int4, w int4\n| 5 | 0 | 9 |\nSELECT 1\n");
    database_must(d, "a", "DROP TABLE t", "DROP TABLE\n");
    database_must(d, "b", "INSERT INTO t VALUES (6, 0)", "ERROR 42P01 at 13: relation \"t\" does not exist\n");
    database_destroy(d);
}

/* Autocommit by key on a table apart from the catalog: one request. */
TEST(sql_ranges, a_statement_by_key_costs_one_request)
{
    struct database *d = open_split();
    database_must(d, "a", "INSERT INTO t VALUES (1, 0)", "INSERT 0 1\n");
    database_must(d, "a", "INSERT INTO t VALUES (2, 0)", "INSERT 0 1\n");
    uint64_t reads = database_reads(d), commits = database_commits(d), held = database_held(d);
    for (int i = 0; i < 10; i++)
        database_must(d, "a", "INSERT INTO t VALUES (3, 0) ON CONFLICT (k) DO UPDATE SET v = excluded.v", "INSERT 0 1\n");
    assert_u64_equal(database_reads(d) - reads, 0);
    assert_u64_equal(database_commits(d) - commits, 10);
    assert_u64_equal(database_held(d) - held, 0);
    database_destroy(d);
}

TEST(sql_ranges, a_range_takes_in_the_next_one)
{
    static const char none[] = "ERROR 22023: the range has no right neighbour that it could take in\n"
                               "  hint: A range takes in the one that begins where it ends; that of the metadata stays as it is.\n";
    struct database *d = open_split();
    database_must(d, "a", "ALTER RANGE 1 MERGE", none);
    database_must(d, "a", "ALTER RANGE 99 MERGE", "ERROR 42704: there is no such range\n  hint: See SHOW RANGES.\n");
    database_must(d, "a", "BEGIN", "BEGIN\n[T]\n");
    database_must(d, "a", "ALTER RANGE 2 MERGE", "ERROR 25001: ALTER RANGE cannot run inside a transaction block\n[E]\n");
    database_must(d, "a", "ROLLBACK", "ROLLBACK\n");
    database_must(d, "a", "SELECT count(*) FROM ostraka.ranges", "count int8\n| 5 |\nSELECT 1\n");
    for (int i = 0; i < 3; i++) database_must(d, "a", "ALTER RANGE 2 MERGE", "ALTER RANGE\n");
    database_must(d, "a", "SELECT count(*) FROM ostraka.ranges", "count int8\n| 2 |\nSELECT 1\n");
    database_must(d, "a", "ALTER RANGE 2 MERGE", none);
    database_must(d, "a", "INSERT INTO t VALUES (1, 1), (260, 1), (250, 1)", "INSERT 0 3\n");
    database_must(d, "a", "SELECT count(*) FROM t WHERE k IN (1, 250, 260)", "count int8\n| 3 |\nSELECT 1\n");
    database_must(d, "a", "SELECT ostraka.txn_status('00000000000100000003000000000001')", "txn_status text\n| expired |\nSELECT 1\n");
    database_destroy(d);
}
