/* Tables that were dropped or truncated give their space back, whatever happens meanwhile. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/catalog.h"
#include "sql/session.h"
#include "tests/sql/exec/row_sink.h"
#include "tests/txn/world.h"

#define MACHINES 3u
#define ROWS 2600u
#define RETENTION_NS (300 * SIM_MS)

struct town {
    struct world world;
};

static bool store_is_open(struct cluster *c, void *ctx)
{
    return core_store(cluster_machine(c, *(uint64_t *)ctx)->core) != NULL;
}

static void machine_start(struct town *town, uint64_t machine)
{
    cluster_start(town->world.cluster, machine);
    assert_true(cluster_run_until(town->world.cluster, store_is_open, &machine, 10 * SIM_SEC));
}

/* Its machines run SQL servers, and with them the work behind dropped tables. */
static void town_open(struct town *town, uint64_t retention_ns)
{
    *town = (struct town){0};
    world_open(&town->world, MACHINES, retention_ns);
}

static void town_close(struct town *town)
{
    world_close(&town->world);
}

/* ---- SQL ---- */

struct query {
    const char *text;
    char result[64], error[128]; /* the last row's first value, as a number */
};

static bool on_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    (void)eval;
    struct query *q = ctx;
    snprintf(q->result, sizeof q->result, "%lld", (long long)values[0].integer);
    return true;
}

static enum status run_query(struct core *core, void *ctx)
{
    struct query *q = ctx;
    struct sql_session_options o = {.kv = core_kv(core), .env = core_env(core), .user = "postgres",
                                    .database = "postgres", .application_name = ""};
    struct sql_sink sink = row_sink(on_row, q);
    struct sql_session *s;
    struct sql_error error = {0};
    enum status status = sql_session_create(&o, &s);
    if (status != STATUS_OK) return status;
    bool ok = sql_session_query(s, bytes_of_string(q->text), &sink, &error);
    if (!ok) snprintf(q->error, sizeof q->error, "%s %s", error.sqlstate, error.message);
    sql_session_destroy(s);
    return ok ? STATUS_OK : STATUS_INVALID;
}

static long long sql(struct town *town, const char *text)
{
    struct query q = {.text = text};
    if (world_call(&town->world, world_leader(&town->world), run_query, &q) != STATUS_OK)
        fail_msg("%s: %s", text, q.error);
    return strtoll(q.result, NULL, 10);
}

static void fill_table(struct town *town, const char *table)
{
    char create[128];
    snprintf(create, sizeof create, "CREATE TABLE %s (id int8 PRIMARY KEY, t text)", table);
    sql(town, create);
    char *text = malloc(1 << 20);
    assert_non_null(text);
    struct prng prng;
    prng_init(&prng, 11);
    for (uint32_t first = 0; first < ROWS; first += 650) {
        int at = snprintf(text, 1 << 20, "INSERT INTO %s VALUES ", table);
        for (uint32_t i = first; i < first + 650; i++) {
            at += snprintf(text + at, (size_t)((1 << 20) - at), "%s(%u, '", i > first ? "," : "", i);
            for (int k = 0; k < 200; k++) text[at++] = (char)('a' + prng_next(&prng) % 26);
            at += snprintf(text + at, (size_t)((1 << 20) - at), "')");
        }
        sql(town, text);
    }
    free(text);
}

/* ---- what is left ---- */

static bool town_is_clean(struct town *town)
{
    struct actor a;
    uint64_t leader = world_leader(&town->world);
    actor_begin(&a, &town->world, leader);
    bool clean = false;
    if (actor_count_bytes(&a, catalog_garbage_key(), bytes_make("\x03H", 2)) == STATUS_OK) clean = a.count == 0;
    actor_end(&a);
    return clean;
}

static void wait_until_clean(struct town *town)
{
    for (int i = 0; i < 600 && !town_is_clean(town); i++) world_run_ms(&town->world, 50);
    assert_true(town_is_clean(town));
}

/* Rows of any table, reachable or not. */
static uint64_t rows_of_all_tables(struct town *town)
{
    struct actor a;
    actor_begin(&a, &town->world, world_leader(&town->world));
    assert_int_equal(actor_count(&a, "", "\x7f"), STATUS_OK);
    uint64_t count = a.count;
    actor_end(&a);
    return count;
}

TEST(sql_reclaim, the_rows_of_a_dropped_table_go_and_those_of_others_stay)
{
    struct town town;
    town_open(&town, RETENTION_NS);
    fill_table(&town, "kept");
    fill_table(&town, "gone");
    assert_u64_equal(rows_of_all_tables(&town), 2 * ROWS);
    world_run_ms(&town.world, 3000);
    assert_u64_equal(rows_of_all_tables(&town), 2 * ROWS); /* nothing was dropped */
    sql(&town, "DROP TABLE gone");
    wait_until_clean(&town);
    assert_u64_equal(rows_of_all_tables(&town), ROWS);
    assert_u64_equal(sql(&town, "SELECT count(*) FROM kept"), ROWS);
    /* And the disk has the space back, once the versions are old enough. */
    uint64_t leader = world_leader(&town.world);
    for (int i = 0; i < 8; i++) {
        world_run_ms(&town.world, 1500);
        sql(&town, i == 0 ? "CREATE TABLE other (a int)" : "INSERT INTO other VALUES (1)");
        world_flush(&town.world, leader);
    }
    assert_true(world_stats(&town.world, leader).table_bytes < ROWS * 200 * 3 / 2);
    town_close(&town);
}

/* The first table lies in two ranges, neither of which holds the catalog. */
TEST(sql_reclaim, rows_in_several_ranges_go_as_well)
{
    struct town town = {0};
    struct buf start, middle;
    buf_init(&start, 64);
    buf_init(&middle, 64);
    catalog_first_table_key(0, &start);
    catalog_first_table_key(1300, &middle);
    struct bytes splits[] = {buf_view(&start), buf_view(&middle)};
    world_open_split(&town.world, MACHINES, splits, 2);
    fill_table(&town, "t");
    assert_u64_equal(sql(&town, "SELECT count(*) FROM t"), ROWS);
    assert_u64_equal(rows_of_all_tables(&town), ROWS);
    sql(&town, "DROP TABLE t");
    wait_until_clean(&town);
    assert_u64_equal(rows_of_all_tables(&town), 0);
    buf_deinit(&start);
    buf_deinit(&middle);
    town_close(&town);
}

TEST(sql_reclaim, the_old_rows_of_a_truncated_table_go_and_its_new_ones_stay)
{
    struct town town;
    town_open(&town, RETENTION_NS);
    fill_table(&town, "t");
    sql(&town, "TRUNCATE t; INSERT INTO t VALUES (1, 'new'), (2, 'new')");
    wait_until_clean(&town);
    assert_u64_equal(rows_of_all_tables(&town), 2);
    assert_u64_equal(sql(&town, "SELECT count(*) FROM t"), 2);
    sql(&town, "TRUNCATE t; TRUNCATE t; DROP TABLE t");
    wait_until_clean(&town);
    assert_u64_equal(rows_of_all_tables(&town), 0);
    town_close(&town);
}

TEST(sql_reclaim, a_drop_that_was_rolled_back_costs_no_row)
{
    struct town town;
    town_open(&town, RETENTION_NS);
    fill_table(&town, "t");
    sql(&town, "BEGIN; DROP TABLE t; ROLLBACK");
    sql(&town, "BEGIN; TRUNCATE t; ROLLBACK");
    world_run_ms(&town.world, 5000);
    assert_u64_equal(sql(&town, "SELECT count(*) FROM t"), ROWS);
    town_close(&town);
}

TEST(sql_reclaim, an_older_snapshot_still_sees_the_rows)
{
    struct town town;
    town_open(&town, 0);
    fill_table(&town, "t");
    struct actor a;
    actor_begin(&a, &town.world, world_leader(&town.world));
    assert_int_equal(actor_get(&a, "x"), STATUS_NOT_FOUND); /* its timestamp is fixed */
    sql(&town, "DROP TABLE t");
    wait_until_clean(&town);
    assert_u64_equal(rows_of_all_tables(&town), 0);
    world_flush(&town.world, world_leader(&town.world));
    assert_int_equal(actor_count(&a, "", "\x7f"), STATUS_OK);
    assert_u64_equal(a.count, ROWS);
    actor_end(&a);
    town_close(&town);
}

/* Whoever leads goes on where the record says. Each round crashes the leader at another moment. */
TEST(sql_reclaim, a_crash_does_not_stop_it_nor_cost_a_row_of_another_table)
{
    for (uint64_t round = 0; round < 6; round++) {
        struct town town;
        town_open(&town, RETENTION_NS);
        fill_table(&town, "kept");
        fill_table(&town, "gone");
            sql(&town, "DROP TABLE gone");
        for (int crash = 0; crash < 2; crash++) {
            world_run_ms(&town.world, 500 + round * 37);
            uint64_t leader = world_leader(&town.world);
            cluster_crash(town.world.cluster, leader, SIM_CRASH_POWER);
            world_leader(&town.world);
            machine_start(&town, leader);
            world_run_ms(&town.world, 1000);
        }
        wait_until_clean(&town);
        assert_u64_equal(rows_of_all_tables(&town), ROWS);
        assert_u64_equal(sql(&town, "SELECT count(*) FROM kept"), ROWS);
        world_run_ms(&town.world, 1000);
        assert_true(cluster_await_equal(town.world.cluster, 20, SIM_SEC)); /* the clock's limit passes through range 1 */
        town_close(&town);
    }
}

/* The catalog's record of garbage is no way to other tables' rows. */
static enum status put_foreign_garbage(struct core *core, void *ctx)
{
    (void)ctx;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct txn *t;
    static const uint8_t key[] = {3, 'G', 0, 0, 0x40, 0};
    /* next: a key of table 16385 in the garbage of table 16384 */
    static const uint8_t record[] = {1, 9, 4, 0, 0, 0, 1, 0, 0, 0x40, 1};
    enum status status = txn_create(core_kv(core), &arena, &t);
    if (status == STATUS_OK) status = txn_put(t, bytes_make(key, sizeof key), bytes_make(record, sizeof record));
    if (status == STATUS_OK) status = txn_commit(t, NULL);
    txn_destroy(t);
    if (status == STATUS_OK) status = txn_create(core_kv(core), &arena, &t);
    struct catalog_garbage g;
    if (status == STATUS_OK) status = catalog_garbage_first(t, &arena, &g);
    txn_destroy(t);
    arena_deinit(&arena);
    return status;
}

TEST(sql_reclaim, a_record_that_points_outside_of_its_table_is_refused)
{
    struct town town;
    town_open(&town, 0);
    assert_int_equal(world_call(&town.world, world_leader(&town.world), put_foreign_garbage, NULL), STATUS_CORRUPT);
    town_close(&town);
}
