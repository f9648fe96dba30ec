/* What is kept of a prepared statement (sql/bindings.h) in a cluster: tables that change on another node, and portals of one
 * statement that are paused while it is executed again. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/shard_int.h"
#include "sql/session_int.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sql/exec/row_sink.h"
#include "tests/test.h"

#define NODES 3
#define ROWS_MAX 16
#define OTHERS (CATALOG_CACHE_ENTRIES_MAX + 2)

struct client {
    struct cluster *cluster;
    struct core *core;
    struct sql_session *session;
    int64_t rows[ROWS_MAX];
    uint32_t row_count;
};

struct play {
    struct cluster *cluster;
    void (*script)(struct play *p); /* on node 1 */
    bool ended;
    bool changing, changed;         /* by node 2 */
};

/* ---- the sink: the first value of each row, a number ---- */

static bool on_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    struct client *c = ctx;
    (void)eval;
    assert_true(c->row_count < ROWS_MAX);
    c->rows[c->row_count++] = values[0].integer;
    return true;
}

static struct sql_sink sink_of(struct client *c)
{
    return row_sink(on_row, c);
}

/* ---- what a client does; [fiber] ---- */

static void client_open(struct client *c, struct cluster *cluster, uint64_t machine)
{
    struct core *core = cluster_machine(cluster, machine)->core;
    struct sql_session_options o = {.kv = core_kv(core), .env = core_env(core), .fibers = core_fibers(core),
                                    .user = "postgres", .database = "postgres", .application_name = ""};
    *c = (struct client){.cluster = cluster, .core = core};
    assert_int_equal(sql_session_create(&o, &c->session), STATUS_OK);
}

static void say(struct client *c, const char *text)
{
    struct sql_sink sink = sink_of(c);
    struct sql_error error = {0};
    c->row_count = 0;
    if (!sql_session_query(c->session, bytes_of_string(text), &sink, &error)) fail_msg("%s: %s", text, error.message);
}

static void parse(struct client *c, const char *name, const char *text)
{
    struct sql_error error = {0};
    if (!sql_session_parse(c->session, name, bytes_of_string(text), NULL, 0, &error)) fail_msg("%s: %s", text, error.message);
}

static void bind(struct client *c, const char *portal, const char *statement, const int *values, uint32_t count)
{
    struct buf body;
    struct sql_error error = {0};
    buf_init(&body, 1024);
    put_be16(&body, 0);
    put_be16(&body, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        char text[16];
        int size = snprintf(text, sizeof text, "%d", values[i]);
        put_be32(&body, (uint32_t)size);
        buf_append_bytes(&body, bytes_make(text, (size_t)size));
    }
    put_be16(&body, 0);
    if (!sql_session_bind(c->session, portal, statement, buf_view(&body), &error)) fail_msg("%s", error.message);
    buf_deinit(&body);
}

/* True when it paused. */
static bool execute(struct client *c, const char *portal, uint64_t rows_max)
{
    struct sql_sink sink = sink_of(c);
    struct sql_error error = {0};
    bool paused;
    c->row_count = 0;
    if (!sql_session_execute(c->session, portal, rows_max, rows_max == 0, &sink, &paused, &error)) fail_msg("%s", error.message);
    return paused;
}

static void sync_up(struct client *c)
{
    struct sql_sink sink = sink_of(c);
    struct sql_error error = {0};
    if (!sql_session_sync(c->session, &sink, &error)) fail_msg("%s", error.message);
}

static void gives(struct client *c, uint32_t count, int64_t first)
{
    assert_u64_equal(c->row_count, count);
    if (count > 0) assert_int_equal(c->rows[0], first);
}

static void thrice(struct client *c, const char *statement, const int *values, uint32_t count, int64_t expected)
{
    for (int i = 0; i < 3; i++) {
        bind(c, "", statement, values, count);
        execute(c, "", 0);
        gives(c, 1, expected);
        sync_up(c);
    }
}

/* ---- a cluster for a script ---- */

static void run_script(void *arg)
{
    struct play *p = arg;
    p->script(p);
    p->ended = true;
}

static bool has_ended(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct play *)ctx)->ended;
}

static void start(struct play *p, uint64_t machine, void (*run)(void *))
{
    struct cluster_machine *m = cluster_machine(p->cluster, machine);
    assert_int_equal(fiber_spawn(core_fibers(m->core), run, p, NULL), STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

static void play(void (*script)(struct play *p), void (*beside)(void *))
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    struct cluster_options o;
    cluster_options_init(&o, 7);
    o.node_count = NODES;
    struct play p = {.cluster = cluster_create(&o), .script = script};
    assert_true(cluster_boot(p.cluster, 60 * SIM_SEC));
    start(&p, 1, run_script);
    if (beside != NULL) start(&p, 2, beside);
    assert_true(cluster_run_until(p.cluster, has_ended, &p, 120 * SIM_SEC));
    cluster_destroy(p.cluster);
}

/* ---- portals that are paused ---- */

/* They have values of their own; what they were bound to stays until they end, also when the session has read the table's record
 * anew meanwhile. */
static void pause_portals(struct play *p)
{
    struct client c;
    char text[128];
    client_open(&c, p->cluster, 1);
    say(&c, "CREATE TABLE t (k int PRIMARY KEY, v int)");
    say(&c, "INSERT INTO t SELECT i, 7 * i FROM generate_series(1, 5) AS i");
    for (int i = 0; i < OTHERS; i++) {
        snprintf(text, sizeof text, "CREATE TABLE other%d (k int PRIMARY KEY)", i);
        say(&c, text);
    }
    parse(&c, "s", "SELECT k * $1::int + $2::int FROM t WHERE k >= $3 AND v <> $4");
    thrice(&c, "s", (int[]){1, 0, 5, 0}, 4, 5);
    assert_true(c.session->bindings_bytes > 0);
    say(&c, "BEGIN");
    bind(&c, "c", "s", (int[]){10, 1, 2, 21}, 4);
    assert_true(execute(&c, "c", 1));
    gives(&c, 1, 21);
    bind(&c, "d", "s", (int[]){100, 2, 4, 0}, 4);
    assert_true(execute(&c, "d", 1));
    gives(&c, 1, 402);
    for (int i = 0; i < OTHERS; i++) { /* then the session knows t no more */
        snprintf(text, sizeof text, "SELECT k FROM other%d", i);
        say(&c, text);
    }
    for (int i = 0; i < 3; i++) {
        bind(&c, "", "s", (int[]){1000, 3, 5, 0}, 4);
        execute(&c, "", 0);
        gives(&c, 1, 5003);
    }
    assert_false(execute(&c, "c", 0));
    gives(&c, 2, 41); /* without the row of which v is 21 */
    assert_false(execute(&c, "d", 0));
    gives(&c, 1, 502);
    say(&c, "COMMIT");
    assert_u64_equal(c.session->bindings_bytes, 0); /* what was old went when nobody used it */
    thrice(&c, "s", (int[]){1, 0, 5, 0}, 4, 5);
    assert_true(c.session->bindings_bytes > 0);
    sql_session_destroy(c.session);
}

TEST(bindings_cluster, portals_of_one_statement_are_paused)
{
    play(pause_portals, NULL);
}

/* ---- another node changes the table ---- */

static void change_table(void *arg)
{
    struct play *p = arg;
    struct client c;
    client_open(&c, p->cluster, 2);
    while (!p->changing) store_fiber_sleep(core_store(c.core), SIM_MS);
    say(&c, "ALTER TABLE t RENAME a TO c; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME c TO b");
    sql_session_destroy(c.session);
    p->changed = true;
}

static void see_change(struct play *p)
{
    struct client c;
    client_open(&c, p->cluster, 1);
    say(&c, "CREATE TABLE t (k int PRIMARY KEY, a int, b int)");
    say(&c, "INSERT INTO t VALUES (1, 11, 12)");
    parse(&c, "get", "SELECT a + 0 FROM t WHERE k = $1 AND a > $2");
    parse(&c, "put", "UPDATE t SET a = $2 WHERE k = $1 AND a = $3 RETURNING b");
    thrice(&c, "get", (int[]){1, 0}, 2, 11);
    thrice(&c, "put", (int[]){1, 11, 11}, 3, 12);
    p->changing = true;
    while (!p->changed) store_fiber_sleep(core_store(c.core), SIM_MS);
    thrice(&c, "put", (int[]){1, 12, 12}, 3, 11);
    thrice(&c, "get", (int[]){1, 0}, 2, 12);
    sql_session_destroy(c.session);
}

TEST(bindings_cluster, a_table_that_changes_on_another_node)
{
    play(see_change, change_table);
}
