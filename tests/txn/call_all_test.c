/* Several requests of one fiber at once: each is sent and asked again by itself; one failure ends the others. */
#include "tests/test.h"

#include <stdio.h>

#include "tests/txn/world.h"
#include "txn/gateway.h"

#define T "\x04"
#define REQUESTS 40

/* What a fiber asks for: single keys, each read by a request of its own. */
struct asking {
    struct gateway_request requests[REQUESTS];
    struct gateway_request *each[REQUESTS];
    struct buf bodies[REQUESTS], replies[REQUESTS];
    char keys[REQUESTS][8];
    struct gateway_interrupt interrupt;
    uint32_t count;
    uint64_t no_quorum_ns;
    int damaged, wide; /* this one is no request; that one names keys of two ranges; -1: none */
    bool to_the_end, running;
    enum status status;
};

static void asking_init(struct asking *a, uint32_t count)
{
    *a = (struct asking){.count = count, .damaged = -1, .wide = -1};
    for (uint32_t i = 0; i < count; i++) {
        snprintf(a->keys[i], sizeof a->keys[i], T "%c%u", "akz"[i % 3], (unsigned)i);
        buf_init(&a->bodies[i], 1024);
        buf_init(&a->replies[i], 1u << 16);
    }
}

static void asking_deinit(struct asking *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        buf_deinit(&a->bodies[i]);
        buf_deinit(&a->replies[i]);
    }
}

static void ask(struct kv *kv, struct asking *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        struct buf *b = &a->bodies[i];
        struct bytes key = bytes_of_string(a->keys[i]);
        buf_append_zero(b, GATEWAY_HEAD_BYTES);
        put_u64(b, 0);
        put_u32(b, 1000);
        put_u16(b, 1);
        put_u8(b, 1);
        put_sized(b, key);
        if (a->damaged == (int)i) put_u8(b, 0);
        a->requests[i] = (struct gateway_request){.kind = RPC_READ, .key = key, .body = b, .repeatable = true,
                                                  .interrupt = &a->interrupt, .no_quorum_ns = a->no_quorum_ns,
                                                  .reply = &a->replies[i]};
        a->each[i] = &a->requests[i];
        if (a->wide != (int)i) continue;
        hull_add(&a->requests[i].hull, &(struct span){.start = bytes_of_string(T "a"), .point = true});
        hull_add(&a->requests[i].hull, &(struct span){.start = bytes_of_string(T "z"), .point = true});
    }
    a->status = gateway_call_all(kv, a->each, a->count, a->to_the_end);
    a->running = false;
}

static enum status ask_on_fiber(struct core *core, void *ctx)
{
    ask(core_kv(core), ctx);
    return STATUS_OK;
}

struct begun {
    struct asking *asking;
    struct kv *kv;
};

static void run(void *ctx)
{
    struct begun *b = ctx;
    ask(b->kv, b->asking);
}

/* Goes on while the script does something else. `b` stays. */
static void start(struct world *w, uint64_t machine, struct asking *a, struct begun *b)
{
    struct core *core = cluster_machine(w->cluster, machine)->core;
    *b = (struct begun){a, core_kv(core)};
    a->running = true;
    assert_int_equal(fiber_spawn(store_fibers(core_store(core)), run, b, NULL), STATUS_OK);
}

static bool found(const struct asking *a, uint32_t i)
{
    struct reader in = reader_make(buf_view(&a->replies[i]));
    get_u64(&in);
    return get_u8(&in) == 1;
}

TEST(txn_call_all, more_requests_than_go_at_once_are_all_answered)
{
    struct world w;
    struct asking a;
    world_open_three(&w, 3);
    for (int i = 0; i < REQUESTS; i += 2) {
        char key[8];
        snprintf(key, sizeof key, "%c%d", "akz"[i % 3], i);
        world_put(&w, key, "1");
    }
    asking_init(&a, REQUESTS);
    assert_int_equal(world_call(&w, 1, ask_on_fiber, &a), STATUS_OK);
    assert_int_equal(a.status, STATUS_OK);
    assert_u64_equal(a.interrupt.requests, REQUESTS);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        assert_int_equal(a.requests[i].result, STATUS_OK);
        assert_u64_equal(a.requests[i].served_by.value, 2 + i % 3);
        assert_int_equal(found(&a, i), i % 2 == 0);
    }
    asking_deinit(&a);
    world_close(&w);
}

TEST(txn_call_all, one_that_fails_ends_the_others_unless_all_are_wanted)
{
    struct world w;
    struct asking a;
    world_open_three(&w, 3);
    for (int all = 0; all < 2; all++) {
        asking_init(&a, REQUESTS);
        a.to_the_end = all == 1;
        a.damaged = 1;
        assert_int_equal(world_call(&w, 1, ask_on_fiber, &a), STATUS_OK);
        assert_int_equal(a.status, STATUS_INVALID);
        uint32_t given_up = 0;
        for (uint32_t i = 0; i < REQUESTS; i++) given_up += a.requests[i].result == STATUS_CANCELLED;
        if (all == 1) assert_u64_equal(given_up, 0);
        else assert_true(given_up > 0);
        asking_deinit(&a);
    }
    world_close(&w);
}

TEST(txn_call_all, an_interrupt_ends_all_of_them)
{
    struct world w;
    struct asking a;
    struct begun b;
    world_open_three(&w, 3);
    asking_init(&a, REQUESTS);
    a.to_the_end = true;
    world_isolate(&w, 1);
    start(&w, 1, &a, &b);
    world_run_ms(&w, 100);
    assert_true(a.running);
    gateway_interrupt(&a.interrupt);
    assert_false(a.running);
    for (uint32_t i = 0; i < REQUESTS; i++)
        assert_true(a.requests[i].result == STATUS_TIMEOUT || a.requests[i].result == STATUS_OK);
    sim_net_heal(cluster_sim(w.cluster));
    asking_deinit(&a);
    world_close(&w);
}

TEST(txn_call_all, one_that_must_be_cut_anew_ends_no_others)
{
    struct world w;
    struct asking a;
    world_open_three(&w, 3);
    asking_init(&a, REQUESTS);
    a.wide = 2;
    assert_int_equal(world_call(&w, 2, ask_on_fiber, &a), STATUS_OK);
    assert_int_equal(a.status, STATUS_STALE_ROUTE);
    for (uint32_t i = 0; i < REQUESTS; i++)
        assert_int_equal(a.requests[i].result, i == 2 ? STATUS_STALE_ROUTE : STATUS_OK);
    asking_deinit(&a);
    world_close(&w);
}
