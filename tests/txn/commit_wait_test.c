/* Versions whose timestamp the clock has not reached (commit wait): of two readers that follow each other the second one sees what the
 * first one saw, wherever it reads and whoever picks its timestamp (transactions, non-monotonic reads). On the interval clock, where
 * one machine's bounds are wide: what it commits lies ahead of the time that others know. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/txn/world.h"

#define HERE  WORLD_LEFT                  /* holds a */
#define AHEAD ((struct range_id){3})      /* holds k; led by the machine with the wide bounds */
#define ROUNDS 30

static void open_world(struct world *w)
{
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'h'};
    static const struct bytes split = {key, sizeof key};
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    struct cluster_options o;
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    cluster_options_init(&o, 8);
    o.clock_source = KV_CLOCK_INTERVAL;
    o.split_keys = &split;
    o.split_count = 1;
    w->cluster = cluster_create(&o);
    assert_true(cluster_boot(w->cluster, 60 * SIM_SEC));
    world_run_ms(w, 10000);
}

static void lead(struct world *w, struct range_id range, uint64_t machine)
{
    struct node_id node = store_identity(kv_store(world_kv(w, machine)))->node;
    for (int tries = 0; cluster_leader(w->cluster, range) != machine; tries++) {
        assert_true(tries < 100);
        uint64_t leader = cluster_leader(w->cluster, range);
        if (leader != 0) {
            struct cluster_machine *m = cluster_machine(w->cluster, leader);
            if (replica_transfer(store_replica(core_store(m->core), range), node) == STATUS_OK)
                sim_env_set_deadline(m->env, env_now_ns(m->env));
        }
        world_run_ms(w, 50);
    }
}

/* To the moment at which it is answered. */
static int get(struct actor *a, const char *key)
{
    actor_start_get(a, key);
    for (int i = 0; i < 100000 && a->running; i++) sim_run_for(cluster_sim(a->world->cluster), 5 * SIM_US);
    assert_false(a->running);
    assert_int_equal(a->status, STATUS_OK);
    return atoi(a->value);
}

TEST(commit_wait, of_two_readers_the_later_one_sees_what_the_first_one_saw)
{
    struct world w;
    struct actor writer, first, second;
    char value[16];
    open_world(&w);
    uint64_t master = cluster_leader(w.cluster, RANGE_META), ahead = master % 3 + 1, third = ahead % 3 + 1;
    lead(&w, AHEAD, ahead);
    lead(&w, HERE, master);
    sim_net_delay(cluster_sim(w.cluster), ahead, master, 1700 * SIM_US); /* its requests for samples take long */
    world_run_ms(&w, 600);
    world_put(&w, "a", "0");
    world_put(&w, "k", "0");
    for (int i = 1; i <= ROUNDS; i++) {
        snprintf(value, sizeof value, "%d", i);
        actor_begin(&writer, &w, ahead);
        actor_begin(&first, &w, ahead);
        actor_begin(&second, &w, third);
        actor_put(&writer, "k", value);
        actor_start_commit(&writer);
        sim_run_for(cluster_sim(w.cluster), (uint64_t)i * 10 * SIM_US);
        int saw = get(&first, "k");
        get(&second, "a"); /* its timestamp is that of another leader, which knows better what time it is */
        assert_true(get(&second, "k") >= saw);
        assert_int_equal(actor_await(&writer), STATUS_OK);
        actor_end(&writer);
        actor_end(&first);
        actor_end(&second);
        world_run_ms(&w, 20);
    }
    world_close(&w);
}
