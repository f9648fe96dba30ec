/* The same links on the simulated network: faults that a loopback never shows, from seeds. */
#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"
#include "net/net_int.h"
#include "tests/net/world.h"
#include "tests/test.h"

static void open_pair(struct world *w, uint64_t seed, struct sim_options *o)
{
    sim_options_init(o, seed);
    o->chunk_split_ppm = 200000;
    world_open_sim(w, 2, o);
}

/* Messages carry a number and a length that follows from it, so that a receiver can tell a whole
 * one. */
static size_t size_of(uint64_t number)
{
    return 8 + (size_t)(hash_u64(number) % 3000);
}

static enum status send_number(struct party *from, struct party *to, enum net_link link,
                               uint64_t number)
{
    uint8_t data[8 + 3000];
    memset(data, (int)(number & 0xff), sizeof data);
    store_le64(data, number);
    return party_send(from, to, link, (uint16_t)(number % 1000), bytes_make(data, size_of(number)));
}

static bool is_number(const struct received *r, uint64_t number)
{
    uint8_t data[8 + 3000];
    memset(data, (int)(number & 0xff), sizeof data);
    store_le64(data, number);
    return r->size == size_of(number) && r->hash == hash64(data, r->size, 0);
}

TEST(net_sim, links_come_up_and_carry_messages_in_order)
{
    struct world w;
    struct sim_options o;
    open_pair(&w, 1, &o);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    for (uint64_t i = 0; i < 2000; i++)
        assert_int_equal(send_number(a, b, NET_LINK_DATA, i), STATUS_OK);
    UNTIL(&w, b->received_count == 2000);
    for (uint64_t i = 0; i < 2000; i++)
        assert_true(is_number(&b->received[i], i));
    world_close(&w);
}

/* What came, as numbers: each of them whole. Returns how often each of [0, count) was received. */
static void tally(const struct party *p, uint64_t count, unsigned times[])
{
    memset(times, 0, (size_t)count * sizeof times[0]);
    for (size_t i = 0; i < p->received_count; i++) {
        uint64_t number = 0;
        while (number < count && !is_number(&p->received[i], number))
            number++;
        assert_true(number < count); /* NET-1 */
        times[number]++;
    }
}

#define FATE_COUNT 1000

TEST(net_sim, fates_of_messages_are_obeyed)
{
    struct world w;
    struct sim_options o;
    unsigned times[FATE_COUNT], lost = 0, doubled = 0, late = 0;
    open_pair(&w, 2, &o);
    world_connect(&w);
    sim_net_rates(w.sim, 1, 2, 200000, 200000, 200000);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    for (uint64_t i = 0; i < FATE_COUNT; i++) {
        assert_int_equal(send_number(a, b, NET_LINK_DATA, i), STATUS_OK);
        world_turn(&w);
    }
    world_run_for(&w, 2 * SIM_SEC);
    tally(b, FATE_COUNT, times);
    for (int i = 0; i < FATE_COUNT; i++) {
        assert_true(times[i] <= 2);
        lost += times[i] == 0;
        doubled += times[i] == 2;
    }
    for (size_t i = 1; i < b->received_count; i++)
        late += b->received[i].type < b->received[i - 1].type;
    assert_true(lost > 100 && doubled > 100 && late > 50);
    assert_u64_equal(net_metrics(b->net)->messages_dropped, lost);
    world_close(&w);
}

TEST(net_sim, late_messages_do_not_outlive_the_net)
{
    for (int crash = 0; crash < 2; crash++) {
        struct world w;
        struct sim_options o;
        open_pair(&w, 3, &o);
        world_connect(&w);
        sim_options(w.sim)->frame_delay_max_ns = 100 * SIM_SEC;
        sim_net_rates(w.sim, 1, 2, 0, 0, SIM_ALWAYS);
        struct party *a = &w.parties[0], *b = &w.parties[1];
        for (uint64_t i = 0; i < 100; i++)
            assert_int_equal(send_number(a, b, NET_LINK_DATA, i), STATUS_OK);
        world_run_for(&w, SIM_SEC);
        assert_false(list_empty(&b->net->delayed));
        if (crash)
            world_crash(&w);
        else
            world_close(&w);
    }
}

TEST(net_sim, late_messages_do_not_outlive_the_incarnation_that_sent_them)
{
    struct world w;
    struct sim_options o;
    open_pair(&w, 4, &o);
    world_connect(&w);
    sim_net_rates(w.sim, 1, 2, 0, 0, SIM_ALWAYS);
    sim_options(w.sim)->frame_delay_max_ns = 1000 * SIM_SEC;
    struct party *a = &w.parties[0], *b = &w.parties[1];
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(send_number(a, b, NET_LINK_DATA, i), STATUS_OK);
    world_run_for(&w, SIM_SEC);
    sim_net_rates(w.sim, 1, 2, 0, 0, 0);
    party_stop(a);
    a->options.identity.incarnation++;
    party_start(a);
    party_meet(a, b);
    UNTIL(&w, party_linked(a, b));
    size_t before = b->received_count;
    sim_run_for(w.sim, 2000 * SIM_SEC);
    assert_int_equal(b->received_count, before);
    assert_true(before < 100);
    assert_u64_equal(net_metrics(b->net)->messages_dropped, 100 - before);
    world_close(&w);
}

#define RESET_COUNT 3000

/* Connections break at random places of the stream: what arrives is whole, in order, never twice.
 */
TEST(net_sim, resets_never_deliver_a_part)
{
    uint64_t resets = 0;
    for (uint64_t seed = 10; seed < 20; seed++) {
        struct world w;
        struct sim_options o;
        sim_options_init(&o, seed);
        o.chunk_split_ppm = 500000;
        o.connection_reset_ppm = 100000;
        world_open_sim(&w, 2, &o);
        struct party *a = &w.parties[0], *b = &w.parties[1];
        party_meet(a, b);
        for (uint64_t i = 0; i < RESET_COUNT; i++) {
            enum status status;
            while ((status = send_number(a, b, NET_LINK_DATA, i)) != STATUS_OK)
                world_turn(&w);
            if (i % 7 == 0) world_turn(&w);
        }
        world_run_for(&w, SIM_SEC);
        uint64_t next = 0;
        for (size_t i = 0; i < b->received_count; i++) {
            while (next < RESET_COUNT && !is_number(&b->received[i], next))
                next++;
            assert_true(next < RESET_COUNT); /* NET-1, and the order of one link */
            next++;
        }
        assert_true(b->received_count > 0);
        resets += sim_fault_hits(w.sim, SIM_FAULT_CONNECTION_RESET);
        assert_u64_equal(net_metrics(b->net)->bad_frames, 0);
        world_close(&w);
    }
    assert_true(resets > 50);
}

/* A peer that takes nothing for long is given up, if somebody has more for it than there is room.
 */
TEST(net_sim, a_stalled_link_is_redialled)
{
    struct world w;
    struct sim_options o;
    sim_options_init(&o, 7);
    o.reset_min_ns = o.reset_max_ns = 100000 * SIM_SEC;
    world_open_sim(&w, 2, &o);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    static const uint8_t block[1 << 20];
    sim_net_cut_pair(w.sim, 1, 2);
    uint64_t cut_ns = world_now(&w);
    while (party_send(a, b, NET_LINK_DATA, 1, bytes_make(block, sizeof block)) != STATUS_CLOSED)
        world_run_for(&w, SIM_SEC / 10);
    assert_true(world_now(&w) - cut_ns >= NET_STALL_NS);
    assert_true(world_now(&w) - cut_ns <= 2 * NET_STALL_NS); /* not the network's own doing */
    UNTIL(&w, a->downs[2][NET_LINK_DATA] == 1);
    assert_int_equal(a->downs[2][NET_LINK_CONTROL], 0);
    sim_net_heal(w.sim);
    UNTIL(&w, party_linked(a, b));
    world_close(&w);
}

TEST(net_sim, links_heal_after_a_cut)
{
    for (uint64_t seed = 30; seed < 40; seed++) {
        struct world w;
        struct sim_options o;
        sim_options_init(&o, seed);
        world_open_sim(&w, 3, &o);
        world_connect(&w);
        struct party *a = &w.parties[0], *b = &w.parties[1];
        sim_net_cut_pair(w.sim, 1, 2);
        for (int i = 0; i < 100; i++) {
            enum status status = send_number(a, b, NET_LINK_DATA, (uint64_t)i);
            assert_true(status == STATUS_OK || status == STATUS_CLOSED);
            world_run_for(&w, SIM_SEC / 5);
        }
        assert_false(party_linked(a, b));
        assert_true(party_linked(a, &w.parties[2]));
        sim_net_heal(w.sim);
        UNTIL(&w, party_linked(a, b) && party_linked(b, a));
        world_close(&w);
    }
}

/* A machine that loses its power says no goodbye. Its next life is known at once all the same, on
 * the links that lead to it too. */
TEST(net_sim, power_loss_is_noticed_by_the_next_incarnation)
{
    struct world w;
    struct sim_options o;
    open_pair(&w, 5, &o);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    sim_env_crash(b->env, SIM_CRASH_POWER);
    sim_env_drain(b->env);
    net_destroy(b->net);
    b->net = NULL;
    env_destroy(b->env);
    sim_env_create(w.sim, 2, NULL, &b->env);
    b->options.env = b->env;
    b->options.identity.incarnation++;
    party_start(b);
    party_meet(b, a);
    UNTIL(&w, party_linked(b, a));
    UNTIL(&w, a->downs[2][NET_LINK_DATA] >= 1 && party_linked(a, b));
    assert_int_equal(send_number(a, b, NET_LINK_DATA, 1), STATUS_OK);
    size_t before = b->received_count;
    UNTIL(&w, b->received_count == before + 1);
    world_close(&w);
}

TEST(net_sim, an_idle_guest_is_sent_away)
{
    struct world w;
    struct sim_options o;
    open_pair(&w, 8, &o);
    w.parties[1].echo = true;
    struct visit idle = {0}, busy = {0};
    visit_open(&idle, &w.parties[0], w.parties[1].host);
    visit_open(&busy, &w.parties[0], w.parties[1].host);
    UNTIL(&w, idle.opened == 1 && busy.opened == 1);
    for (unsigned i = 0; i < 7; i++) {
        world_run_for(&w, NET_GUEST_IDLE_NS / 6);
        assert_int_equal(net_visit_send(busy.v, 1, BYTES_EMPTY), STATUS_OK);
    }
    UNTIL(&w, busy.messages == 7);
    assert_int_equal(idle.ended, 1);
    assert_int_equal(busy.ended, 0);
    visit_end(&w, &idle);
    visit_end(&w, &busy);
    world_close(&w);
}

TEST(net_sim, attempts_become_rarer_and_never_stop)
{
    for (uint64_t seed = 60; seed < 70; seed++) {
        struct world w;
        struct sim_options o;
        open_pair(&w, seed, &o);
        struct party *a = &w.parties[0], *b = &w.parties[1];
        b->verdict = NET_REFUSAL_NOT_READY;
        party_meet(a, b);
        world_run_for(&w, SIM_SEC);
        unsigned first =
            b->admit_count; /* of two links: waits of 25..50, 50..100, 100..200 ms ... */
        assert_true(first >= 2 * 4 && first <= 2 * 7);
        world_run_for(&w, 9 * SIM_SEC);
        unsigned start = b->admit_count;
        world_run_for(&w, 100 * SIM_SEC); /* waits of 0.5 to 1 s */
        assert_true(b->admit_count - start >= 2 * 95);
        assert_true(b->admit_count - start <= 2 * 201);
        b->verdict = NET_REFUSAL_NONE;
        UNTIL(&w, party_linked(a, b));
        world_close(&w);
    }
}

TEST(net_sim, a_link_that_lasted_is_redialled_at_once)
{
    struct world w;
    struct sim_options o;
    open_pair(&w, 9, &o);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    b->verdict = NET_REFUSAL_NOT_READY;
    party_meet(a, b);
    world_run_for(&w, 20 * SIM_SEC);
    b->verdict = NET_REFUSAL_NONE;
    UNTIL(&w, party_linked(a, b));
    world_run_for(&w, 10 * SIM_SEC);
    assert_int_equal(a->ups[2][NET_LINK_DATA], 1);
    uint64_t reset_ns = world_now(&w);
    sim_net_reset(w.sim, 1, 2);
    UNTIL(&w, a->ups[2][NET_LINK_DATA] == 2 && a->ups[2][NET_LINK_CONTROL] == 2);
    assert_true(world_now(&w) - reset_ns < SIM_SEC / 10);
    world_close(&w);
}

TEST(net_sim, bulk_that_was_asked_for_survives_a_change_of_address)
{
    struct world w;
    struct sim_options o;
    open_pair(&w, 11, &o);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    net_set_peer(a->net, party_id(b), "10.0.0.9:1"); /* nobody */
    assert_int_equal(send_number(a, b, NET_LINK_BULK, 1), STATUS_CLOSED);
    party_meet(a, b);
    UNTIL(&w, net_link_up(a->net, party_id(b), NET_LINK_BULK));
    world_close(&w);
}

static uint64_t trace_of(uint64_t seed)
{
    struct world w;
    struct sim_options o;
    sim_options_init(&o, seed);
    o.chunk_split_ppm = 300000;
    o.connection_reset_ppm = 5000;
    o.frame_loss_ppm = o.frame_duplicate_ppm = o.frame_delay_ppm = 50000;
    world_open_sim(&w, 3, &o);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            if (i != j) party_meet(&w.parties[i], &w.parties[j]);
    for (uint64_t i = 0; i < 600; i++) {
        enum status status =
            send_number(&w.parties[i % 3], &w.parties[(i + 1) % 3], (enum net_link)(i % 2), i);
        (void)status;
        world_turn(&w);
    }
    world_run_for(&w, SIM_SEC);
    uint64_t hash = sim_trace_hash(w.sim);
    for (size_t i = 0; i < 3; i++)
        hash = hash64(w.parties[i].received, w.parties[i].received_count * sizeof(struct received),
                      hash);
    world_crash(&w);
    return hash;
}

TEST(net_sim, same_seed_same_run)
{
    for (uint64_t seed = 50; seed < 55; seed++) {
        uint64_t first = trace_of(seed);
        assert_u64_equal(trace_of(seed), first);
        assert_true(trace_of(seed + 100) != first);
    }
}

/* The trap of a rolled-back disk (K26): with the check off, the old incarnation gets in. */
TEST(net_sim, mutants_are_caught)
{
    for (int mutated = 0; mutated < 2; mutated++) {
        struct world w;
        struct sim_options o;
        open_pair(&w, 6, &o);
        struct party *a = &w.parties[0], *b = &w.parties[1];
        struct net_identity identity = b->options.identity;
        identity.incarnation = 9;
        net_set_identity(b->net, &identity);
        party_meet(b, a);
        UNTIL(&w, party_linked(b, a));
        party_stop(b);
        (void)mutant_select(mutated ? "k26_old_incarnation" : NULL);
        b->options.identity.incarnation = 3;
        party_start(b);
        party_meet(b, a);
        UNTIL(&w, b->refused_count > 0 || party_linked(b, a));
        assert_int_equal(party_linked(b, a), mutated);
        (void)mutant_select(NULL);
        if (mutated)
            world_crash(&w);
        else
            world_close(&w);
    }
}
