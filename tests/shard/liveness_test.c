/* Support between stores, one store alone: what it is asked and answered is written by hand, its
 * beats are not run. Whole clusters are in tests/sim/cluster/lease_test.c, the rules in
 * tests/model/lease_model.py. */
#include "base/assert.h"
#include "shard/shard_int.h"
#include "tests/sim/env/sim.h"
#include "tests/test.h"

#include <stdlib.h>

#define D        (600 * SIM_MS)
#define COUNTED  (D - 2 * (D / 1000)) /* what the asker may count on, of D */
#define OWN_LIFE 7u
#define PEER     2u

struct rig {
    struct sim *sim;
    struct store *store;
    struct timer_heap timers;
    struct node_entry *peer;
};

static void rig_open(struct rig *g)
{
    struct sim_options o;
    sim_options_init(&o, 1);
    g->sim = sim_create(&o);
    g->store = calloc(1, sizeof *g->store);
    g->peer = calloc(1, sizeof *g->peer);
    assert_true(g->store != NULL && g->peer != NULL);
    struct store *s = g->store;
    sim_env_create(g->sim, 1, NULL, &s->env);
    s->options.support_ns = D;
    s->identity.node = (struct node_id){1};
    s->identity.incarnation = OWN_LIFE;
    g->peer->record.node = (struct node_id){PEER};
    s->nodes[0] = g->peer;
    s->node_count = 1;
    timer_heap_init(&g->timers);
    s->options.timers = &g->timers;
    list_init(&s->replicas);
    rest_init(s);
    sim_run_for(g->sim, SIM_SEC);
}

static void rig_close(struct rig *g)
{
    env_shutdown(g->store->env);
    sim_env_drain(g->store->env);
    env_destroy(g->store->env);
    sim_destroy(g->sim);
    timer_heap_deinit(&g->timers);
    free(g->peer);
    free(g->store);
}

static uint64_t now(const struct rig *g)
{
    return env_now_ns(g->store->env);
}

static void receive(struct rig *g, uint64_t asker, uint64_t asked_stamp, uint64_t life,
                    uint64_t stamp, uint64_t epoch)
{
    struct buf b;
    buf_init(&b, 100);
    put_u8(&b, 1);
    put_u64(&b, asker);
    put_u64(&b, asked_stamp);
    put_u64(&b, life);
    put_u64(&b, stamp);
    put_u64(&b, epoch);
    liveness_on_message(g->store, (struct node_id){PEER}, buf_view(&b));
    buf_deinit(&b);
}

static void ask(struct rig *g, uint64_t incarnation, uint64_t stamp)
{
    receive(g, incarnation, stamp, 0, 0, 0);
}

static void answer(struct rig *g, uint64_t stamp, uint64_t epoch)
{
    receive(g, 0, 0, OWN_LIFE, stamp, epoch);
}

TEST(liveness, support_is_given_from_receipt_whatever_the_stamp_says)
{
    struct rig g;
    rig_open(&g);
    ask(&g, 3, 99);
    const struct liveness_peer *p = &g.peer->liveness;
    assert_int_equal(p->given_until_ns, now(&g) + D);
    assert_int_equal(p->answer_stamp, 99);
    assert_int_equal(p->given_epoch, (uint64_t)OWN_LIFE << 24); /* this life is part of it */
    rig_close(&g);
}

TEST(liveness, an_epoch_lasts_while_support_does)
{
    struct rig g;
    rig_open(&g);
    ask(&g, 3, 1);
    const struct liveness_peer *p = &g.peer->liveness;
    uint64_t epoch = p->given_epoch;
    sim_run_for(g.sim, D - 1);
    ask(&g, 3, 2);
    assert_int_equal(p->given_epoch, epoch);
    sim_run_for(g.sim, D);
    ask(&g, 3, 3); /* it had lapsed at this very moment */
    assert_true(p->given_epoch > epoch);
    rig_close(&g);
}

TEST(liveness, a_new_life_of_the_asker_is_another_epoch_and_an_old_one_is_not_heard)
{
    struct rig g;
    rig_open(&g);
    ask(&g, 3, 1);
    const struct liveness_peer *p = &g.peer->liveness;
    uint64_t epoch = p->given_epoch;
    ask(&g, 4, 2);
    assert_true(p->given_epoch > epoch);
    epoch = p->given_epoch;
    uint64_t until_ns = p->given_until_ns;
    sim_run_for(g.sim, 10);
    ask(&g, 3, 3);
    assert_int_equal(p->asker, 4);
    assert_int_equal(p->given_epoch, epoch);
    assert_int_equal(p->given_until_ns, until_ns);
    rig_close(&g);
}

TEST(liveness, a_group_that_begins_anew_voids_what_was_promised)
{
    struct rig g;
    rig_open(&g);
    ask(&g, 3, 1);
    uint64_t epoch = g.peer->liveness.given_epoch, version = g.store->liveness.version;
    liveness_begin_anew(g.store);
    assert_true(g.peer->liveness.given_epoch > epoch);
    assert_true(g.store->liveness.version > version);
    rig_close(&g);
}

TEST(liveness, support_counts_from_when_it_was_asked_for)
{
    struct rig g;
    rig_open(&g);
    uint64_t asked_ns = now(&g);
    sim_run_for(g.sim, 200 * SIM_MS);
    answer(&g, asked_ns, 5);
    const struct liveness_peer *p = &g.peer->liveness;
    assert_int_equal(p->received_until_ns, asked_ns + COUNTED);
    assert_int_equal(p->received_epoch, 5);
    answer(&g, asked_ns - 100, 5); /* overtaken */
    assert_int_equal(p->received_until_ns, asked_ns + COUNTED);
    rig_close(&g);
}

TEST(liveness, a_new_epoch_replaces_the_old_one_and_never_comes_back)
{
    struct rig g;
    rig_open(&g);
    uint64_t first_ns = now(&g);
    sim_run_for(g.sim, 10 * SIM_MS);
    answer(&g, now(&g), 5);
    answer(&g, first_ns, 6); /* shorter, but of another promise */
    const struct liveness_peer *p = &g.peer->liveness;
    assert_int_equal(p->received_epoch, 6);
    assert_int_equal(p->received_until_ns, first_ns + COUNTED);
    answer(&g, now(&g), 5);
    assert_int_equal(p->received_epoch, 6);
    assert_int_equal(p->received_until_ns, first_ns + COUNTED);
    rig_close(&g);
}

TEST(liveness, answers_to_another_life_or_from_the_future_are_none)
{
    struct rig g;
    rig_open(&g);
    receive(&g, 0, 0, OWN_LIFE - 1, now(&g), 5);
    assert_int_equal(g.peer->liveness.received_until_ns, 0);
    answer(&g, now(&g) + 1, 5);
    assert_int_equal(g.peer->liveness.received_until_ns, 0);
    rig_close(&g);
}

TEST(liveness, malformed_messages_and_untrusted_clocks_change_nothing)
{
    struct rig g;
    rig_open(&g);
    const uint8_t bytes[48] = {1, 3}; /* one too few, none, one too many, another version */
    liveness_on_message(g.store, (struct node_id){PEER}, bytes_make(bytes, 40));
    liveness_on_message(g.store, (struct node_id){PEER}, bytes_make(bytes, 0));
    liveness_on_message(g.store, (struct node_id){PEER}, bytes_make(bytes, 42));
    liveness_on_message(g.store, (struct node_id){PEER}, bytes_make(bytes + 1, 41));
    liveness_on_message(g.store, (struct node_id){9}, bytes_make(bytes, 41)); /* nobody we know */
    g.store->options.no_leases = true;
    ask(&g, 3, 1);
    answer(&g, now(&g), 5);
    assert_int_equal(g.store->liveness.version, 0);
    g.store->options.no_leases = false;
    ask(&g, 3, 1);
    assert_int_equal(g.store->liveness.version, 1);
    rig_close(&g);
}

/* Each rule, broken: the fact that depends on it must not hold any more. */
TEST(liveness, mutants_are_noticed)
{
    struct rig g;
    rig_open(&g);
    uint64_t asked_ns = now(&g);
    sim_run_for(g.sim, 200 * SIM_MS);
    assert_true(mutant_select("lease_counted_from_receipt") > 0);
    answer(&g, asked_ns, 5);
    assert_int_not_equal(g.peer->liveness.received_until_ns, asked_ns + COUNTED);
    assert_true(mutant_select("lease_without_margin") > 0);
    answer(&g, now(&g), 6);
    assert_int_not_equal(g.peer->liveness.received_until_ns, now(&g) + COUNTED);
    assert_true(mutant_select("lease_old_life_counts") > 0);
    receive(&g, 0, 0, OWN_LIFE - 1, now(&g), 7);
    assert_int_equal(g.peer->liveness.received_epoch, 7);
    assert_true(mutant_select("lease_epoch_kept") > 0);
    ask(&g, 3, 1);
    uint64_t epoch = g.peer->liveness.given_epoch;
    sim_run_for(g.sim, 2 * D);
    ask(&g, 3, 2);
    assert_int_equal(g.peer->liveness.given_epoch, epoch);
    mutant_select(NULL);
    rig_close(&g);
}
