/* T11 in a cluster: rows are inserted through all gateways, by half of the clients with a prepared statement, while the table is
 * truncated again and again, and the leadership of the catalog's range moves. The table lies apart from the catalog, so inserts rely
 * on leases. Nobody's row ends up in a table that is not there any more: what was inserted behind a TRUNCATE is there, what was
 * inserted before one is not. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "shard/shard_int.h"
#include "sql/session.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sql/exec/row_sink.h"

#define NODES 3
#define WRITERS 6
#define INSERTS_MAX 20000
#define CATALOG ((struct range_id){2})

struct insert {
    uint64_t start_ns, end_ns; /* end 0: not answered with success */
};

struct race {
    struct cluster *cluster;
    struct insert inserts[INSERTS_MAX];
    uint32_t insert_count;
    bool there[INSERTS_MAX];   /* as the last SELECT found it */
    uint64_t truncate_start_ns, truncate_end_ns; /* the last one that succeeded */
    uint32_t running, truncates, checked;
    bool stopping;
};

struct racer {
    struct race *race;
    struct core *core;
    struct sql_session *session;
    bool prepares; /* its INSERT, whose expressions stay bound while the table is truncated */
};

static uint64_t now(const struct race *r)
{
    return sim_now(cluster_sim(r->cluster));
}

/* ---- SQL ---- */

static bool on_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    (void)eval;
    struct race *r = ctx;
    assert_true(values[0].integer >= 0 && values[0].integer < INSERTS_MAX);
    r->there[values[0].integer] = true;
    return true;
}

static bool say(struct racer *racer, const char *text)
{
    struct sql_sink sink = row_sink(on_row, racer->race);
    struct sql_error error = {0};
    return sql_session_query(racer->session, bytes_of_string(text), &sink, &error);
}

static void racer_open(struct racer *racer)
{
    struct sql_session_options o = {.kv = core_kv(racer->core), .env = core_env(racer->core), .user = "postgres",
                                    .database = "postgres", .application_name = ""};
    assert_int_equal(sql_session_create(&o, &racer->session), STATUS_OK);
}

/* ---- those who insert ---- */

static void write_rows(void *arg)
{
    struct racer *racer = arg;
    struct race *r = racer->race;
    bool prepared = false;
    racer_open(racer);
    while (!r->stopping && r->insert_count < INSERTS_MAX) {
        char text[96];
        uint32_t id = r->insert_count++;
        if (racer->prepares && !prepared) prepared = say(racer, "PREPARE put AS INSERT INTO t VALUES ($1)");
        r->inserts[id].start_ns = now(r);
        snprintf(text, sizeof text, "%s (%u)", prepared ? "EXECUTE put" : "INSERT INTO t VALUES", id);
        if (say(racer, text)) r->inserts[id].end_ns = now(r);
        store_fiber_sleep(core_store(racer->core), 2 * SIM_MS);
    }
    sql_session_destroy(racer->session);
    r->running--;
}

/* ---- who truncates ---- */

/* What lies between the last TRUNCATE and this SELECT is there, what lies before that is not. */
static void check(struct race *r, uint64_t select_ns)
{
    for (uint32_t i = 0; i < r->insert_count; i++) {
        const struct insert *in = &r->inserts[i];
        if (in->end_ns == 0) continue;
        if (in->end_ns < r->truncate_start_ns && r->there[i]) fail_msg("row %u outlives a TRUNCATE", i);
        if (in->start_ns <= r->truncate_end_ns || in->end_ns >= select_ns) continue;
        if (!r->there[i]) fail_msg("row %u is in a table that is gone", i);
        r->checked++;
    }
}

static void truncate_table(void *arg)
{
    struct racer *racer = arg;
    struct race *r = racer->race;
    racer_open(racer);
    bool known = say(racer, "CREATE TABLE t (id int8 PRIMARY KEY)");
    assert_true(known);
    while (!r->stopping) {
        store_fiber_sleep(core_store(racer->core), 120 * SIM_MS);
        uint64_t select_ns = now(r);
        memset(r->there, 0, sizeof r->there);
        if (known && say(racer, "SELECT id FROM t")) check(r, select_ns);
        uint64_t start_ns = now(r);
        known = say(racer, "TRUNCATE t");
        r->truncate_start_ns = start_ns; /* one that failed may have happened: nothing is known until the next */
        r->truncate_end_ns = now(r);
        r->truncates += known;
    }
    sql_session_destroy(racer->session);
    r->running--;
}

static void start(struct race *r, struct racer *racer, uint64_t machine, void (*run)(void *))
{
    struct cluster_machine *m = cluster_machine(r->cluster, machine);
    *racer = (struct racer){.race = r, .core = m->core, .prepares = (r->running & 1) != 0};
    r->running++;
    assert_int_equal(fiber_spawn(core_fibers(m->core), run, racer, NULL), STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

static bool all_ended(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct race *)ctx)->running == 0;
}

/* Now and then another leader for the catalog, and a link that fails. */
static void disturb(struct race *r, uint32_t round)
{
    struct sim *sim = cluster_sim(r->cluster);
    uint64_t leader = cluster_leader(r->cluster, CATALOG);
    sim_net_heal(sim);
    if (round % 3 == 1 && leader != 0) {
        struct replica *replica = store_replica(core_store(cluster_machine(r->cluster, leader)->core), CATALOG);
        if (replica_transfer(replica, (struct node_id){leader % NODES + 1}) != STATUS_OK) return;
    }
    uint64_t one = 1 + sim_below(sim, NODES);
    if (round % 5 == 4) sim_net_cut_pair(sim, one, one % NODES + 1);
}

TEST(catalog_race, no_row_goes_into_a_table_that_is_gone)
{
    static const struct bytes apart[] = {{(const uint8_t *)"\x04", 1}};
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    struct race *r = calloc(1, sizeof *r);
    assert_non_null(r);
    struct cluster_options o;
    cluster_options_init(&o, 5);
    o.node_count = NODES;
    o.split_keys = apart;
    o.split_count = 1;
    r->cluster = cluster_create(&o);
    assert_true(cluster_boot(r->cluster, 60 * SIM_SEC));
    struct racer racers[WRITERS + 1];
    start(r, &racers[WRITERS], 1, truncate_table);
    cluster_run(r->cluster, 2 * SIM_SEC);
    for (uint32_t i = 0; i < WRITERS; i++) start(r, &racers[i], 1 + i % NODES, write_rows);
    for (uint32_t round = 0; round < 40; round++) {
        cluster_run(r->cluster, 250 * SIM_MS);
        disturb(r, round);
    }
    sim_net_heal(cluster_sim(r->cluster));
    r->stopping = true;
    assert_true(cluster_run_until(r->cluster, all_ended, r, 60 * SIM_SEC));
    assert_true(r->truncates > 5 && r->checked > 100);
    cluster_destroy(r->cluster);
    free(r);
}
