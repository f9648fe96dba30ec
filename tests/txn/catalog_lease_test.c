/* The catalog lease: what is known of a table's record holds until it is over, and not longer. */
#include "tests/test.h"

#include "tests/txn/world.h"
#include "txn/txn_state.h"

static const struct bytes SPLITS[] = {{(const uint8_t *)"\x04", 1}}; /* tables apart from the catalog */
#define CATALOG ((struct range_id){2})
static const uint8_t record[] = {KEY_PREFIX_SYSTEM, KEY_SYSTEM_RECORD, 't'};
#define RECORD bytes_make(record, sizeof record)

static void open_two(struct world *w)
{
    world_open_split(w, 3, SPLITS, 1);
    world_run_ms(w, 10000); /* leaders move where they shall be */
}

static struct range *catalog_range(struct world *w)
{
    uint64_t machine = cluster_leader(w->cluster, CATALOG);
    assert_true(machine != 0);
    return replica_app(store_replica(core_store(cluster_machine(w->cluster, machine)->core), CATALOG));
}

/* Writes the record; returns its ct. */
static uint64_t change_record(struct world *w, const char *value)
{
    struct actor a;
    actor_begin(&a, w, 1);
    assert_int_equal(txn_put(a.txn, RECORD, bytes_of_string(value)), STATUS_OK);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    uint64_t ct = a.ts;
    actor_end(&a);
    return ct;
}

/* A transaction alone, which knows the record as of `ts`. */
static enum status write_row(struct world *w, uint64_t machine, uint64_t ts, uint64_t *ct_out)
{
    struct actor a;
    actor_begin(&a, w, machine);
    assert_int_equal(txn_assume(a.txn, RECORD, ts), STATUS_OK);
    actor_put(&a, "row", "1");
    enum status status = actor_commit(&a);
    *ct_out = a.ts;
    actor_end(&a);
    return status;
}

static uint64_t held(struct world *w)
{
    uint64_t count = 0;
    for (uint64_t m = 1; m <= 3; m++) count += kv_metrics(world_kv(w, m))->held_commits;
    return count;
}

TEST(catalog_lease, under_a_lease_a_commit_asks_nobody_else)
{
    struct world w;
    uint64_t ct;
    open_two(&w);
    uint64_t known = change_record(&w, "1");
    assert_int_equal(write_row(&w, 2, known, &ct), STATUS_OK); /* there was none yet */
    assert_u64_equal(held(&w), 1);
    world_run_ms(&w, 50);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(write_row(&w, 2, known, &ct), STATUS_OK);
        assert_true(ct <= world_kv(&w, 2)->lease.until);
        world_run_ms(&w, 100);
    }
    assert_u64_equal(held(&w), 1);
    assert_true(kv_metrics(world_kv(&w, 2))->lease_requests >= 10);
    world_run_ms(&w, 5000); /* unused, it is not renewed */
    uint64_t requests = kv_metrics(world_kv(&w, 2))->lease_requests;
    world_run_ms(&w, 2000);
    assert_u64_equal(kv_metrics(world_kv(&w, 2))->lease_requests, requests);
    world_close(&w);
}

/* Whoever commits under a lease has a timestamp below that of the change, and who does not notices the change. */
TEST(catalog_lease, who_changes_a_record_waits_until_it_is_over)
{
    struct world w;
    struct actor ddl;
    uint64_t ct, last = 0;
    open_two(&w);
    uint64_t known = change_record(&w, "1");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(write_row(&w, 2, known, &ct), STATUS_OK);
        world_run_ms(&w, 50);
    }
    uint64_t start_ns = sim_now(cluster_sim(w.cluster));
    actor_begin(&ddl, &w, 1);
    assert_int_equal(txn_put(ddl.txn, RECORD, bytes_of_string("2")), STATUS_OK);
    actor_start_commit(&ddl);
    enum status status = STATUS_OK;
    for (int i = 0; i < 200 && status == STATUS_OK; i++) {
        status = write_row(&w, 1 + (uint64_t)i % 3, known, &ct);
        if (status == STATUS_OK) last = ct;
        world_run_ms(&w, 5);
    }
    assert_int_equal(status, STATUS_CONFLICT);
    assert_int_equal(actor_await(&ddl), STATUS_OK);
    assert_true(last > known && last < ddl.ts);
    uint64_t waited_ns = sim_now(cluster_sim(w.cluster)) - start_ns;
    assert_true(waited_ns < 2 * CATALOG_LEASE_NS); /* one lease at most, and a little */
    for (uint64_t m = 1; m <= 3; m++) assert_int_equal(write_row(&w, m, known, &ct), STATUS_CONFLICT);
    assert_int_equal(write_row(&w, 2, ddl.ts, &ct), STATUS_OK);
    actor_end(&ddl);
    world_close(&w);
}

/* What the leader before has promised binds the next one, which has not heard of it. */
TEST(catalog_lease, a_new_leader_keeps_the_promises_of_the_last_one)
{
    struct world w;
    uint64_t ct;
    open_two(&w);
    uint64_t known = change_record(&w, "1");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write_row(&w, 2, known, &ct), STATUS_OK);
        world_run_ms(&w, 50);
    }
    uint64_t until = world_kv(&w, 2)->lease.until;
    assert_true(until > world_kv(&w, 2)->clock.seen);
    uint64_t leader = cluster_leader(w.cluster, CATALOG);
    struct replica *r = store_replica(core_store(cluster_machine(w.cluster, leader)->core), CATALOG);
    assert_int_equal(replica_transfer(r, (struct node_id){leader % 3 + 1}), STATUS_OK);
    for (int i = 0; i < 100 && cluster_leader(w.cluster, CATALOG) != leader % 3 + 1; i++) world_run_ms(&w, 1);
    assert_true(catalog_range(&w)->leased >= until || !catalog_range(&w)->ready);
    assert_true(change_record(&w, "2") > until);
    world_close(&w);
}

/* A lease that is over in the middle of a commit is no lease. */
TEST(catalog_lease, a_commit_that_comes_too_late_looks_itself)
{
    struct world w;
    uint64_t ct;
    open_two(&w);
    uint64_t known = change_record(&w, "1");
    assert_int_equal(write_row(&w, 2, known, &ct), STATUS_OK);
    world_run_ms(&w, 50);
    struct kv *kv = world_kv(&w, 2);
    uint64_t from = kv->lease.from, until = kv->lease.until;
    assert_true(until > kv->clock.seen);
    assert_true(change_record(&w, "2") > until);
    /* It believes that it still has time and none has come since, and its clock is late as well. */
    kv->lease.from = from;
    kv->lease.until = until;
    kv->lease.until_ns = UINT64_MAX / 2;
    kv->clock.seen = known;
    assert_int_equal(write_row(&w, 2, known, &ct), STATUS_CONFLICT);
    world_close(&w);
}
