/* Idempotency keys on whole clusters, step by step: scenarios 53 and 54 of one range, waiting, expiry, outcomes by id.
 * The workload "idem" (sql_idem.c) does the same at random. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/sql_client.h"

#define TALKERS 4

/* A client; what it was told last, as text: "(1,2) UPDATE 1; COMMIT" or "ERROR 22K01". */
struct talker {
    struct cluster *cluster;
    struct sql_client *client;
    bool done;
    char said[512], message[160];
};

struct town {
    struct cluster *cluster;
    struct talker talkers[TALKERS];
};

static void add(struct talker *t, const char *text, size_t size)
{
    size_t at = strlen(t->said);
    snprintf(t->said + at, sizeof t->said - at, "%.*s", (int)size, text);
}

static void on_done(void *ctx, const struct sql_result *r)
{
    struct talker *t = ctx;
    t->said[0] = '\0';
    for (uint32_t i = 0; i < r->count; i++) {
        const struct sql_rows *rows = &r->results[i];
        if (i > 0) add(t, "; ", 2);
        for (uint32_t k = 0; k < rows->row_count * rows->column_count; k++) {
            add(t, k % rows->column_count == 0 ? "(" : ",", 1);
            if (rows->cells[k].text != NULL) add(t, rows->cells[k].text, rows->cells[k].size);
            if ((k + 1) % rows->column_count == 0) add(t, ") ", 2);
        }
        add(t, rows->tag, strlen(rows->tag));
    }
    if (r->end == SQL_END_ERROR) snprintf(t->said, sizeof t->said, "ERROR %s", r->sqlstate);
    if (r->end == SQL_END_LOST) snprintf(t->said, sizeof t->said, "LOST");
    snprintf(t->message, sizeof t->message, "%s", r->message);
    t->done = true;
}

static void town_open(struct town *w, uint64_t seed, uint64_t life_ns)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_int_not_equal(mutant_select(mutant), 0);
    struct cluster_options o;
    *w = (struct town){0};
    cluster_options_init(&o, seed);
    o.idempotency_life_ns = life_ns;
    w->cluster = cluster_create(&o);
    assert_true(cluster_boot(w->cluster, 60 * SIM_SEC));
    for (int i = 0; i < TALKERS; i++) {
        w->talkers[i].cluster = w->cluster;
        w->talkers[i].client = sql_client_create(&(struct sql_client_options){
            .sim = cluster_sim(w->cluster), .env = cluster_client_env(w->cluster), .on_done = on_done,
            .ctx = &w->talkers[i]});
    }
}

static void town_close(struct town *w)
{
    for (int i = 0; i < TALKERS; i++) {
        assert_null(sql_client_violation(w->talkers[i].client));
        if (sql_client_connected(w->talkers[i].client)) sql_client_close(w->talkers[i].client, true);
    }
    cluster_run(w->cluster, SIM_SEC);
    cluster_destroy(w->cluster);
    for (int i = 0; i < TALKERS; i++) sql_client_destroy(w->talkers[i].client);
}

static bool is_done(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct talker *)ctx)->done;
}

static const char *await(struct talker *t)
{
    assert_true(cluster_run_until(t->cluster, is_done, t, 60 * SIM_SEC));
    return t->said;
}

static struct talker *talker_at(struct town *w, int number, uint64_t machine)
{
    struct talker *t = &w->talkers[number];
    if (sql_client_connected(t->client)) sql_client_close(t->client, true);
    for (int tries = 0; tries < 100; tries++) {
        cluster_run(w->cluster, 50 * SIM_MS);
        if (!sql_client_closed(t->client)) continue;
        t->done = false;
        sql_client_connect(t->client, sim_addr(machine, CLUSTER_SQL_PORT), SIM_SEC);
        if (strcmp(await(t), "LOST") != 0 && strncmp(t->said, "ERROR", 5) != 0) return t;
    }
    fail_msg("machine %llu takes no client", (unsigned long long)machine);
    return NULL;
}

static void start(struct talker *t, const char *text)
{
    t->done = false;
    sql_client_query(t->client, text, 60 * SIM_SEC, 0);
}

static const char *say(struct talker *t, const char *text)
{
    start(t, text);
    return await(t);
}

static uint64_t leader_of(struct town *w)
{
    for (int tries = 0; tries < 400; tries++) {
        uint64_t leader = cluster_leader(w->cluster, (struct range_id){2});
        if (leader != 0) return leader;
        cluster_run(w->cluster, 50 * SIM_MS);
    }
    fail_msg("no leader");
    return 0;
}

static void make_table(struct town *w)
{
    struct talker *t = talker_at(w, 0, 1);
    assert_string_equal(say(t, "CREATE TABLE t (k int PRIMARY KEY, n int)"), "CREATE TABLE");
    assert_string_equal(say(t, "INSERT INTO t VALUES (1, 0), (2, 0)"), "INSERT 0 2");
}

#define RAISE "UPDATE t SET n = n + 1 WHERE k = 1 RETURNING n"
#define IN_BLOCK(key) "BEGIN; SET LOCAL ostraka.idempotency_key = '" key "'; " RAISE "; COMMIT"
#define ANSWER(n) "BEGIN; SET; (" n ") UPDATE 1; COMMIT"

/* ---- scenario 53: one effect, one answer ---- */

TEST(scenario_53, a_repetition_is_answered_by_every_node_after_crashes_and_restarts)
{
    struct town w;
    town_open(&w, 1, 0);
    make_table(&w);
    assert_string_equal(say(talker_at(&w, 0, 1), IN_BLOCK("k")), ANSWER("1"));
    assert_string_equal(say(talker_at(&w, 0, 2), RAISE), "(2) UPDATE 1"); /* without the key */
    for (uint64_t machine = 1; machine <= 3; machine++)
        assert_string_equal(say(talker_at(&w, 0, machine), IN_BLOCK("k")), ANSWER("1"));
    uint64_t leader = leader_of(&w);
    cluster_crash(w.cluster, leader, SIM_CRASH_POWER);
    assert_string_equal(say(talker_at(&w, 0, leader % 3 + 1), IN_BLOCK("k")), ANSWER("1"));
    cluster_start(w.cluster, leader);
    for (uint64_t machine = 1; machine <= 3; machine++) cluster_crash(w.cluster, machine, SIM_CRASH_POWER);
    for (uint64_t machine = 1; machine <= 3; machine++) cluster_start(w.cluster, machine);
    assert_string_equal(say(talker_at(&w, 0, 3), IN_BLOCK("k")), ANSWER("1"));
    assert_string_equal(say(talker_at(&w, 1, 2), "SELECT n FROM t ORDER BY k"), "(2) (0) SELECT 2");
    town_close(&w);
}

TEST(scenario_53, a_concurrent_repetition_waits_for_the_first_and_is_answered_as_it_was)
{
    struct town w;
    town_open(&w, 2, 0);
    make_table(&w);
    struct talker *a = talker_at(&w, 0, 1), *b = talker_at(&w, 1, 2), *c = talker_at(&w, 2, 3);
    say(a, "BEGIN; SET LOCAL ostraka.idempotency_key = 'k'");
    assert_string_equal(say(a, RAISE), "(1) UPDATE 1");
    start(b, IN_BLOCK("k"));
    say(c, "SET ostraka.idempotency_key = 'k'");
    start(c, RAISE); /* a statement alone waits, too */
    cluster_run(w.cluster, 4 * SIM_SEC);
    assert_false(b->done);
    assert_false(c->done);
    assert_string_equal(say(a, "COMMIT"), "COMMIT");
    assert_string_equal(await(b), ANSWER("1"));
    assert_string_equal(await(c), "(1) UPDATE 1");
    assert_string_equal(say(talker_at(&w, 3, 1), "SELECT n FROM t WHERE k = 1"), "(1) SELECT 1");
    assert_true(sql_server_metrics(cluster_machine(w.cluster, 2)->sql)->idempotency_waits > 0);
    assert_true(sql_server_metrics(cluster_machine(w.cluster, 2)->sql)->idempotency_replays > 0);
    town_close(&w);
}

TEST(scenario_53, the_next_in_line_does_it_when_the_first_gives_up)
{
    struct town w;
    town_open(&w, 3, 0);
    make_table(&w);
    struct talker *a = talker_at(&w, 0, 1), *b = talker_at(&w, 1, 2);
    say(a, "BEGIN; SET LOCAL ostraka.idempotency_key = 'k'");
    assert_string_equal(say(a, RAISE), "(1) UPDATE 1");
    start(b, IN_BLOCK("k"));
    cluster_run(w.cluster, SIM_SEC);
    assert_false(b->done);
    sql_client_close(a->client, false); /* it is gone, and nothing was committed */
    assert_string_equal(await(b), ANSWER("1"));
    town_close(&w);
}

TEST(scenario_53, another_body_is_refused_and_does_nothing)
{
    struct town w;
    town_open(&w, 4, 0);
    make_table(&w);
    struct talker *a = talker_at(&w, 0, 1), *b = talker_at(&w, 1, 3);
    assert_string_equal(say(a, IN_BLOCK("k")), ANSWER("1"));
    assert_string_equal(say(b, "BEGIN; SET LOCAL ostraka.idempotency_key = 'k'; DELETE FROM t; COMMIT"),
                        "ERROR 22K01");
    assert_string_equal(say(b, "ROLLBACK"), "ROLLBACK");
    assert_string_equal(say(b, "SELECT n FROM t ORDER BY k"), "(1) (0) SELECT 2");
    assert_true(sql_server_metrics(cluster_machine(w.cluster, 3)->sql)->idempotency_mismatches == 1);
    town_close(&w);
}

/* The results go with their time to live, the row with the key's life; the key is refused ever after. */
TEST(scenario_53, a_key_that_is_too_old_is_refused_before_and_after_its_record_is_gone)
{
    struct town w;
    town_open(&w, 5, 4 * SIM_SEC);
    make_table(&w);
    struct talker *a = talker_at(&w, 0, 1);
    char timed[160], untimed[] = "SET ostraka.idempotency_key = 'untimed'";
    uint64_t now_ms = kv_timestamp_seen(core_kv(cluster_machine(w.cluster, 1)->core)) / 1000000;
    snprintf(timed, sizeof timed, "SET ostraka.idempotency_key = '%013llu/x'", (unsigned long long)now_ms);
    say(a, "SET ostraka.idempotency_ttl = '2s'");
    for (int round = 0; round < 2; round++) {
        say(a, timed);
        assert_string_equal(say(a, RAISE), "(1) UPDATE 1");
        say(a, untimed);
        assert_string_equal(say(a, "UPDATE t SET n = n + 1 WHERE k = 2 RETURNING n"), "(1) UPDATE 1");
    }
    bool emptied = false, removed = false;
    for (int i = 0; i < 16; i++) { /* past every edge, a second at a time */
        cluster_run(w.cluster, 500 * SIM_MS);
        uint64_t emptied_count = 0, removed_count = 0;
        for (uint64_t machine = 1; machine <= 3; machine++) {
            const struct sql_server_metrics *m = sql_server_metrics(cluster_machine(w.cluster, machine)->sql);
            emptied_count += m->idempotency_emptied;
            removed_count += m->idempotency_removed;
        }
        emptied = emptied_count == 2;
        removed = removed_count == 1;
        if (i < 5) continue;
        say(a, timed);
        assert_string_equal(say(a, RAISE), "ERROR 22K02");
        say(a, untimed);
        assert_string_equal(say(a, "UPDATE t SET n = n + 1 WHERE k = 2 RETURNING n"), "ERROR 22K02");
    }
    assert_true(emptied && removed);
    say(a, "RESET ostraka.idempotency_key");
    assert_string_equal(say(a, "SELECT n FROM t ORDER BY k"), "(1) (1) SELECT 2");
    town_close(&w);
}

/* ---- keys with an anchor ---- */

static uint64_t now_ms(struct town *w)
{
    uint64_t newest = 0;
    for (uint64_t machine = 1; machine <= 3; machine++) {
        const struct cluster_machine *m = cluster_machine(w->cluster, machine);
        uint64_t seen = m->env == NULL || core_kv(m->core) == NULL ? 0 : kv_timestamp_seen(core_kv(m->core));
        if (seen > newest) newest = seen;
    }
    return newest / 1000000;
}

/* The row is in a range of its own, the records of other keys are in another one. */
static void split_table(struct town *w)
{
    for (int tries = 0; tries < 50; tries++) { /* a range is not divided while its members change */
        const char *said = say(talker_at(w, 0, 1), "ALTER TABLE t SPLIT AT VALUES (1), (2)");
        if (strcmp(said, "ALTER TABLE") == 0) return;
    }
    fail_msg("not divided");
}

static uint64_t two_phase_commits(struct town *w)
{
    uint64_t count = 0;
    for (uint64_t machine = 1; machine <= 3; machine++)
        count += kv_metrics(core_kv(cluster_machine(w->cluster, machine)->core))->two_phase_commits;
    return count;
}

TEST(scenario_53, a_key_beside_its_row_needs_no_second_range)
{
    struct town w;
    char key[160];
    town_open(&w, 6, 0);
    make_table(&w);
    split_table(&w);
    struct talker *t = talker_at(&w, 0, 2);
    uint64_t before = two_phase_commits(&w);
    unsigned long long made = now_ms(&w);
    snprintf(key, sizeof key, "SET ostraka.idempotency_key = '%013llu/x'", made);
    say(t, key);
    assert_string_equal(say(t, RAISE), "(1) UPDATE 1");
    assert_true(two_phase_commits(&w) == before + 1);
    snprintf(key, sizeof key, "SET ostraka.idempotency_key = '%013llu/x', 't(1)'", made);
    say(t, key);
    assert_string_equal(say(t, RAISE), "(2) UPDATE 1");
    assert_string_equal(say(t, RAISE), "(2) UPDATE 1");
    assert_true(two_phase_commits(&w) == before + 1);
    snprintf(key, sizeof key, "BEGIN; SET LOCAL ostraka.idempotency_key = '%013llu/y', 't(1)'; " RAISE "; COMMIT", made);
    assert_string_equal(say(t, key), ANSWER("3"));
    assert_true(two_phase_commits(&w) == before + 1);
    town_close(&w);
}

TEST(scenario_53, a_key_beside_its_row_goes_with_it_through_splits_and_crashes)
{
    struct town w;
    char text[200];
    town_open(&w, 7, 0);
    make_table(&w);
    snprintf(text, sizeof text, "BEGIN; SET LOCAL ostraka.idempotency_key = '%013llu/x', 't(1)'; " RAISE "; COMMIT",
             (unsigned long long)now_ms(&w));
    assert_string_equal(say(talker_at(&w, 0, 1), text), ANSWER("1"));
    split_table(&w);
    for (uint64_t machine = 1; machine <= 3; machine++)
        assert_string_equal(say(talker_at(&w, 0, machine), text), ANSWER("1"));
    for (uint64_t machine = 1; machine <= 3; machine++) cluster_crash(w.cluster, machine, SIM_CRASH_POWER);
    for (uint64_t machine = 1; machine <= 3; machine++) cluster_start(w.cluster, machine);
    assert_string_equal(say(talker_at(&w, 0, 3), text), ANSWER("1"));
    assert_string_equal(say(talker_at(&w, 1, 2), "SELECT n FROM t ORDER BY k"), "(1) (0) SELECT 2");
    town_close(&w);
}

/* Its record goes by itself at the end of the key's life, on all replicas; the key is refused before and after. */
TEST(scenario_53, a_key_beside_its_row_is_refused_when_it_is_too_old)
{
    struct town w;
    char key[160];
    town_open(&w, 8, 4 * SIM_SEC);
    make_table(&w);
    struct talker *a = talker_at(&w, 0, 1);
    unsigned long long made = now_ms(&w);
    snprintf(key, sizeof key, "SET ostraka.idempotency_key = '%013llu/x', 't(1)'", made);
    say(a, key);
    for (int i = 0; i < 20; i++) {
        const char *said = say(a, RAISE);
        assert_string_equal(said, i < 6 ? "(1) UPDATE 1" : i < 10 ? said : "ERROR 22K02");
        cluster_run(w.cluster, 500 * SIM_MS);
    }
    snprintf(key, sizeof key, "SET ostraka.idempotency_key = '%013llu/never used', 't(1)'", made);
    say(a, key);
    assert_string_equal(say(a, RAISE), "ERROR 22K02");
    say(a, "RESET ostraka.idempotency_key");
    assert_string_equal(say(a, "SELECT n FROM t ORDER BY k"), "(1) (0) SELECT 2");
    town_close(&w);
}

/* ---- scenario 54: an answer that was lost ---- */

/* Sends from a machine that is cut off from the leader in the middle of the commit, then heals. What it is told, or
 * finds out by asking: the effect is there once if it says so, and once anyhow after the repetition. */
static void lose_an_answer(uint64_t seed, uint64_t delay_ns, int *resolved)
{
    struct town w;
    town_open(&w, seed, 0);
    make_table(&w);
    uint64_t leader = leader_of(&w), gateway = leader % 3 + 1;
    struct talker *a = talker_at(&w, 0, gateway);
    say(a, "SET ostraka.idempotency_key = 'k'");
    say(a, "SET statement_timeout = '8s'");
    start(a, RAISE);
    cluster_run(w.cluster, delay_ns);
    for (uint64_t i = 1; i <= 3; i++)
        if (i != leader) sim_net_cut_pair(cluster_sim(w.cluster), leader, i);
    cluster_run(w.cluster, 500 * SIM_MS);
    bool waited = !a->done;
    sim_net_heal(cluster_sim(w.cluster));
    const char *said = await(a);
    if (strcmp(said, "(1) UPDATE 1") == 0) *resolved += waited;
    else if (strcmp(said, "ERROR 08007") != 0 && strcmp(said, "ERROR 57P03") != 0 && strcmp(said, "ERROR 57014") != 0)
        fail_msg("told %s", said);
    struct talker *b = talker_at(&w, 1, leader);
    say(b, "SET ostraka.idempotency_key = 'k'");
    for (int tries = 0; tries < 20 && strcmp(say(b, RAISE), "(1) UPDATE 1") != 0; tries++) {}
    assert_string_equal(b->said, "(1) UPDATE 1");
    town_close(&w);
}

TEST(scenario_54, an_answer_that_was_lost_is_asked_for)
{
    int resolved = 0;
    for (uint64_t i = 0; i < 12; i++) lose_an_answer(10 + i, (i + 1) * 150 * SIM_US, &resolved);
    assert_true(resolved > 0);
}

/* Without a key the client has the id. What it is told is true for ever. */
static void ask_for_outcome(uint64_t seed, uint64_t delay_ns, int words[4])
{
    static const char *const known[] = {"(committed) SELECT 1", "(aborted) SELECT 1", "(in progress) SELECT 1",
                                        "(expired) SELECT 1"};
    struct town w;
    town_open(&w, seed, 0);
    make_table(&w);
    uint64_t leader = leader_of(&w), gateway = leader % 3 + 1, third = gateway % 3 + 1;
    struct talker *a = talker_at(&w, 0, gateway), *b = talker_at(&w, 1, third);
    cluster_run(w.cluster, 2 * SIM_SEC); /* the gateway has seen the clock since there are commits to remember */
    start(a, "INSERT INTO t VALUES (3, 3)");
    cluster_run(w.cluster, delay_ns);
    sim_net_cut_pair(cluster_sim(w.cluster), leader, gateway);
    if (seed % 2 == 0) sim_net_cut_pair(cluster_sim(w.cluster), leader, third);
    await(a);
    sim_net_heal(cluster_sim(w.cluster));
    char text[128], id[33] = "";
    if (strcmp(a->said, "ERROR 08007") == 0)
        snprintf(id, sizeof id, "%.32s", a->message + strlen("the outcome of transaction "));
    int word = 2;
    for (int tries = 0; id[0] != '\0' && word == 2 && tries < 60; tries++) {
        snprintf(text, sizeof text, "SELECT ostraka.txn_status('%s')", id);
        const char *said = say(b, text);
        for (word = 0; word < 4 && strcmp(said, known[word]) != 0; word++) {}
        if (strncmp(said, "ERROR", 5) == 0) word = 2; /* no quorum yet */
        assert_true(word < 4);
        cluster_run(w.cluster, 500 * SIM_MS);
    }
    if (id[0] != '\0') {
        assert_true(word != 2); /* decided within the window */
        words[word]++;
        bool there = strcmp(say(b, "SELECT n FROM t WHERE k = 3"), "(3) SELECT 1") == 0;
        if (word != 3) assert_int_equal(there, word == 0);
    }
    town_close(&w);
}

TEST(scenario_54, the_outcome_of_a_transaction_is_told_by_its_id)
{
    int words[4] = {0};
    for (uint64_t i = 0; i < 24; i++) ask_for_outcome(40 + i, (i + 4) * 30 * SIM_US, words);
    printf("committed %d, aborted %d, expired %d\n", words[0], words[1], words[3]);
    assert_true(words[0] > 0 && words[1] > 0);
}
