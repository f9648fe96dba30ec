/* What sessions do to each other: statements and whole transactions that are run again, savepoints
 * after deadlocks, and clients that say nothing for too long. */
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/sql_client.h"

#define CLIENTS_MAX 8
#define TIMEOUT_NS (20 * SIM_SEC)

struct person {
    struct sql_client *client;
    struct city *city;
    bool answered;
    enum sql_end end;
    char state, sqlstate[6], message[128], last_tag[32];
    char cell[64];           /* of the first row of the last result with rows */
    /* a crowd repeats one request */
    const char *const *texts;
    uint32_t text_count, left, errors;
};

struct city {
    struct cluster *cluster;
    struct person people[CLIENTS_MAX];
    uint32_t count;
};

static void take(struct person *p, const struct sql_result *r)
{
    p->end = r->end;
    p->state = r->state;
    snprintf(p->sqlstate, sizeof p->sqlstate, "%s", r->sqlstate);
    snprintf(p->message, sizeof p->message, "%s", r->message);
    p->cell[0] = p->last_tag[0] = '\0';
    for (uint32_t i = 0; i < r->count; i++) {
        const struct sql_rows *rows = &r->results[i];
        snprintf(p->last_tag, sizeof p->last_tag, "%s", rows->tag);
        if (rows->row_count > 0 && rows->cells[0].text != NULL)
            snprintf(p->cell, sizeof p->cell, "%s", rows->cells[0].text);
    }
}

static void crowd_next(struct person *p)
{
    if (p->left == 0) return;
    p->left--;
    p->answered = false;
    if (p->text_count == 1) sql_client_query(p->client, p->texts[0], TIMEOUT_NS, 0);
    else sql_client_execute(p->client, p->texts, p->text_count, false, TIMEOUT_NS, 0);
}

static void on_done(void *ctx, const struct sql_result *r)
{
    struct person *p = ctx;
    take(p, r);
    p->answered = true;
    if (p->text_count == 0) return;
    if (r->end != SQL_END_OK) {
        p->errors++;
        print_error("%s: %s\n", p->sqlstate, p->message);
    }
    crowd_next(p);
}

static bool is_answered(struct cluster *c, void *ctx)
{
    (void)c;
    const struct person *p = ctx;
    return p->answered && p->left == 0;
}

static void await(struct person *p)
{
    assert_true(cluster_run_until(p->city->cluster, is_answered, p, 600 * SIM_SEC));
}

static void start(struct person *p, const char *text)
{
    p->answered = false;
    sql_client_query(p->client, text, TIMEOUT_NS, 0);
}

static void ask(struct person *p, const char *text)
{
    start(p, text);
    await(p);
}

/* Asks and expects no error. */
static void say(struct person *p, const char *text)
{
    ask(p, text);
    if (p->end != SQL_END_OK) fail_msg("%s: %s %s", text, p->sqlstate, p->message);
}

static void city_open(struct city *city, uint64_t seed, uint32_t count)
{
    struct cluster_options o;
    cluster_options_init(&o, seed);
    *city = (struct city){.cluster = cluster_create(&o), .count = count};
    assert_true(cluster_boot(city->cluster, 20 * SIM_SEC));
    for (uint32_t i = 0; i < count; i++) {
        struct person *p = &city->people[i];
        p->city = city;
        p->client = sql_client_create(&(struct sql_client_options){.sim = cluster_sim(city->cluster),
                                                                   .env = cluster_client_env(city->cluster),
                                                                   .on_done = on_done,
                                                                   .ctx = p,
                                                                   .plain = true});
        sql_client_connect(p->client, sim_addr(1 + i % cluster_size(city->cluster), CLUSTER_SQL_PORT), TIMEOUT_NS);
        await(p);
        assert_int_equal(p->end, SQL_END_OK);
    }
    say(&city->people[0], "CREATE TABLE t (a int PRIMARY KEY, k int, b int)");
    say(&city->people[0], "INSERT INTO t VALUES (1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0)");
}

static void city_close(struct city *city)
{
    for (uint32_t i = 0; i < city->count; i++) {
        struct sql_client *c = city->people[i].client;
        if (sql_client_violation(c) != NULL) fail_msg("%s", sql_client_violation(c));
        if (sql_client_connected(c)) sql_client_close(c, true);
    }
    cluster_run(city->cluster, SIM_SEC);
    for (uint32_t i = 0; i < city->count; i++) sql_client_destroy(city->people[i].client);
    cluster_destroy(city->cluster);
}

/* ---- whole transactions again ---- */

/* All repeat the request; nobody may hear of a conflict, and nothing may be done twice or not at
 * all. */
static void crowd(const char *const *texts, uint32_t count, const char *sum)
{
    struct city city;
    city_open(&city, 7, CLIENTS_MAX);
    for (uint32_t i = 0; i < city.count; i++) {
        struct person *p = &city.people[i];
        p->texts = texts;
        p->text_count = count;
        p->left = 25;
        crowd_next(p);
    }
    for (uint32_t i = 0; i < city.count; i++) await(&city.people[i]);
    for (uint32_t i = 0; i < city.count; i++) {
        assert_int_equal(city.people[i].errors, 0);
        city.people[i].text_count = 0;
    }
    say(&city.people[0], "SELECT sum(b) FROM t");
    assert_string_equal(city.people[0].cell, sum);
    city_close(&city);
}

TEST(session, a_transaction_in_one_text_is_run_again_by_the_server)
{
    static const char *const texts[] = {
        "BEGIN; SELECT b FROM t WHERE a = 1; UPDATE t SET b = b + 1 WHERE a = 1; SAVEPOINT s; DELETE FROM t; "
        "ROLLBACK TO s; COMMIT"};
    crowd(texts, 1, "200");
}

TEST(session, an_implicit_transaction_is_run_again_by_the_server)
{
    static const char *const texts[] = {"SELECT sum(b) FROM t; UPDATE t SET b = b + 1 WHERE k < 3; SELECT 1"};
    crowd(texts, 1, "400");
}

TEST(session, a_pipeline_is_run_again_by_the_server)
{
    static const char *const texts[] = {"SELECT b FROM t WHERE a = 1", "UPDATE t SET b = b + 1 WHERE a = 1",
                                        "UPDATE t SET b = b + 1 WHERE a = 2"};
    crowd(texts, 3, "400");
}

/* The circles that it makes are broken, and what was broken is run again. */
TEST(session, deadlocks_within_one_text_are_the_servers_affair)
{
    struct city city;
    static const char *const there[] = {"UPDATE t SET b = b + 1 WHERE a = 1; UPDATE t SET b = b + 1 WHERE a = 2"};
    static const char *const back[] = {"UPDATE t SET b = b + 1 WHERE a = 2; UPDATE t SET b = b + 1 WHERE a = 1"};
    city_open(&city, 8, 6);
    for (uint32_t i = 0; i < city.count; i++) {
        struct person *p = &city.people[i];
        p->texts = i % 2 == 0 ? there : back;
        p->text_count = 1;
        p->left = 20;
        crowd_next(p);
    }
    for (uint32_t i = 0; i < city.count; i++) await(&city.people[i]);
    for (uint32_t i = 0; i < city.count; i++) {
        assert_int_equal(city.people[i].errors, 0);
        city.people[i].text_count = 0;
    }
    say(&city.people[0], "SELECT sum(b) FROM t");
    assert_string_equal(city.people[0].cell, "240");
    city_close(&city);
}

/* ---- tables that change meanwhile ---- */

/* A client that changes its table while the others write to it (scenario 74): no row is lost, none
 * lacks what its column demands, and nobody hears of it. */
TEST(session, a_table_is_altered_while_others_write_to_it)
{
    struct city city;
    static const char *const inserts[] = {"INSERT INTO t (a, k, b) SELECT max(a) + 1, 9, 0 FROM t"};
    static const char *const updates[] = {
        "BEGIN; SELECT count(*) FROM t; UPDATE t SET b = b + 1 WHERE k = 1; COMMIT"};
    static const char *const alters[] = {
        "ALTER TABLE t ADD n int NOT NULL DEFAULT 5, ADD CHECK (n = 5); ALTER TABLE t RENAME b TO c; "
        "ALTER TABLE t RENAME c TO b; ALTER TABLE t DROP n"};
    city_open(&city, 14, 7);
    for (uint32_t i = 0; i < city.count; i++) {
        struct person *p = &city.people[i];
        p->texts = i == 0 ? alters : i % 2 == 0 ? inserts : updates;
        p->text_count = 1;
        p->left = 20;
        crowd_next(p);
    }
    for (uint32_t i = 0; i < city.count; i++) await(&city.people[i]);
    for (uint32_t i = 0; i < city.count; i++) {
        assert_int_equal(city.people[i].errors, 0);
        city.people[i].text_count = 0;
    }
    say(&city.people[0], "SELECT count(*) FROM t");
    assert_string_equal(city.people[0].cell, "64");
    say(&city.people[0], "SELECT b FROM t WHERE a = 1");
    assert_string_equal(city.people[0].cell, "60");
    say(&city.people[0], "ALTER TABLE t ADD n int DEFAULT 5");
    say(&city.people[0], "SELECT count(*) FROM t WHERE n IS NULL OR n <> 5");
    assert_string_equal(city.people[0].cell, "0");
    city_close(&city);
}

/* ---- one statement again ---- */

/* b waits for a's row; when it has it, the row is not as b's scan found it. */
static void scan_meets_change(struct city *city, const char *meanwhile)
{
    struct person *a = &city->people[0], *b = &city->people[1];
    city_open(city, 9, 2);
    say(a, "BEGIN");
    say(a, "UPDATE t SET b = 10 WHERE a = 3");
    say(b, "BEGIN");
    say(b, "SELECT b FROM t WHERE a = 4");
    start(b, "UPDATE t SET b = b + 1 WHERE k = 3");
    cluster_run(city->cluster, 100 * SIM_MS);
    assert_false(b->answered);
    if (meanwhile != NULL) say(a, meanwhile);
    say(a, "COMMIT");
    await(b);
}

TEST(session, a_statement_within_a_transaction_begins_again)
{
    struct city city;
    struct person *b = &city.people[1];
    scan_meets_change(&city, NULL);
    assert_string_equal(b->last_tag, "UPDATE 1");
    say(b, "COMMIT");
    say(b, "SELECT b FROM t WHERE a = 3");
    assert_string_equal(b->cell, "11");
    city_close(&city);
}

TEST(session, it_does_not_when_what_was_read_before_has_changed)
{
    struct city city;
    struct person *b = &city.people[1];
    scan_meets_change(&city, "UPDATE t SET b = 5 WHERE a = 4");
    assert_string_equal(b->sqlstate, "40001");
    assert_int_equal(b->state, 'E');
    say(b, "ROLLBACK");
    say(b, "SELECT sum(b) FROM t");
    assert_string_equal(b->cell, "15");
    city_close(&city);
}

/* The victim of a deadlock gives its locks back, so the other one goes on at once. It can go on,
 * too, as long as nothing that it has read was changed. */
TEST(session, after_a_deadlock_a_savepoint_is_gone_back_to)
{
    struct city city;
    struct person *a = &city.people[0], *b = &city.people[1];
    city_open(&city, 10, 2);
    say(a, "BEGIN");
    say(a, "UPDATE t SET b = 1 WHERE a = 1");
    say(b, "BEGIN");
    say(b, "UPDATE t SET b = 2 WHERE a = 4");
    say(b, "SAVEPOINT s");
    say(b, "UPDATE t SET b = 2 WHERE a = 2");
    start(a, "SELECT b FROM t WHERE a = 2 FOR UPDATE");
    cluster_run(city.cluster, 100 * SIM_MS);
    assert_false(a->answered);
    ask(b, "UPDATE t SET b = 2 WHERE a = 1");
    assert_string_equal(b->sqlstate, "40P01");
    await(a);
    assert_string_equal(a->last_tag, "SELECT 1");
    say(a, "COMMIT");
    say(b, "ROLLBACK TO s");
    say(b, "UPDATE t SET b = b + 20 WHERE a = 1");
    say(b, "COMMIT");
    say(a, "SELECT sum(b) FROM t"); /* 21 + 0 + 0 + 2 */
    assert_string_equal(a->cell, "23");
    city_close(&city);
}

/* A cancelled statement is an error like others. */
TEST(session, after_a_time_out_a_savepoint_is_gone_back_to)
{
    struct city city;
    struct person *a = &city.people[0], *b = &city.people[1];
    city_open(&city, 11, 2);
    say(a, "BEGIN");
    say(a, "UPDATE t SET b = 1 WHERE a = 1");
    say(b, "BEGIN");
    say(b, "UPDATE t SET b = 3 WHERE a = 3");
    say(b, "SAVEPOINT s");
    say(b, "SET LOCAL statement_timeout = 200");
    ask(b, "UPDATE t SET b = 2 WHERE a = 1");
    assert_string_equal(b->sqlstate, "57014");
    say(b, "ROLLBACK TO s");
    say(b, "SET LOCAL lock_timeout = 100");
    ask(b, "UPDATE t SET b = 2 WHERE a = 1");
    assert_string_equal(b->sqlstate, "55P03");
    say(b, "ROLLBACK TO s");
    say(a, "COMMIT");
    say(b, "UPDATE t SET b = b + 5 WHERE a = 1");
    say(b, "COMMIT");
    say(b, "SELECT sum(b) FROM t");
    assert_string_equal(b->cell, "9");
    city_close(&city);
}

/* ---- cursors through the extended protocol ---- */

/* The values of its parameters outlive DECLARE; FETCH is described by the cursor that is there
 * then. */
TEST(session, a_cursor_has_parameters)
{
    struct city city;
    struct person *a = &city.people[0];
    static const char *const texts[] = {"BEGIN", "DECLARE c CURSOR FOR SELECT a FROM t WHERE a > 2 ORDER BY a",
                                        "DELETE FROM t", "FETCH NEXT FROM c", "MOVE NEXT IN c", "CLOSE c", "COMMIT"};
    city_open(&city, 15, 1);
    for (int i = 0; i < 5; i++) { /* what a client draws differs */
        a->answered = false;
        sql_client_execute(a->client, texts, 7, false, TIMEOUT_NS, 0);
        await(a);
        if (a->end != SQL_END_OK) fail_msg("%s %s", a->sqlstate, a->message);
        assert_string_equal(a->cell, "3");
        assert_string_equal(a->last_tag, "COMMIT");
        say(a, "INSERT INTO t VALUES (1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0)");
    }
    city_close(&city);
}

/* ---- silence ---- */

TEST(session, one_that_says_nothing_within_a_transaction_is_ended)
{
    struct city city;
    struct person *a = &city.people[0], *b = &city.people[1];
    city_open(&city, 12, 2);
    say(a, "SET idle_in_transaction_session_timeout = '2s'");
    cluster_run(city.cluster, 4 * SIM_SEC); /* outside of one it may be silent */
    say(a, "BEGIN");
    cluster_run(city.cluster, 1500 * SIM_MS);
    say(a, "UPDATE t SET b = 1 WHERE a = 1");
    cluster_run(city.cluster, 1500 * SIM_MS);
    assert_true(sql_client_connected(a->client));
    start(b, "UPDATE t SET b = 2 WHERE a = 1");
    cluster_run(city.cluster, 100 * SIM_MS);
    assert_false(b->answered);
    await(b);
    assert_string_equal(b->last_tag, "UPDATE 1");
    cluster_run(city.cluster, SIM_SEC);
    assert_false(sql_client_connected(a->client));
    say(b, "SELECT b FROM t WHERE a = 1");
    assert_string_equal(b->cell, "2");
    city_close(&city);
}

TEST(session, one_that_says_nothing_at_all_is_ended_when_it_wants)
{
    struct city city;
    struct person *a = &city.people[0];
    city_open(&city, 13, 1);
    say(a, "SET idle_session_timeout = '3s'");
    cluster_run(city.cluster, 2900 * SIM_MS);
    say(a, "BEGIN");
    cluster_run(city.cluster, 10 * SIM_SEC); /* this time-out is for those outside of a transaction */
    say(a, "COMMIT");
    cluster_run(city.cluster, 2900 * SIM_MS);
    assert_true(sql_client_connected(a->client));
    cluster_run(city.cluster, 300 * SIM_MS);
    assert_false(sql_client_connected(a->client));
    city_close(&city);
}
