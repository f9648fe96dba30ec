#include "tests/txn/world.h"

#include <stdlib.h>

#include "tests/sim/cluster/splits.h"
#include "tests/test.h"

#define PATIENCE_NS (30 * SIM_SEC)

static void options_init(struct cluster_options *o, uint32_t nodes, uint64_t seed)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    cluster_options_init(o, seed);
    o->node_count = nodes;
}

static void create(struct world *w, const struct cluster_options *o)
{
    w->cluster = cluster_create(o);
    assert_true(cluster_boot(w->cluster, 60 * SIM_SEC));
}

static void open_world(struct world *w, uint32_t nodes, uint64_t retention_ns, uint64_t seed,
                       const struct bytes *split_keys, uint32_t split_count, bool plain)
{
    struct cluster_options o;
    options_init(&o, nodes, seed);
    o.version_retention_ns = retention_ns;
    o.split_keys = split_keys;
    o.split_count = split_count;
    o.no_parallel_commit = plain;
    create(w, &o);
}

void world_open_large_tables(struct world *w)
{
    struct cluster_options o;
    options_init(&o, 1, cluster_interval_is_wanted() ? 8 : 7);
    o.table_bytes = 64u << 20;
    create(w, &o);
}

void world_open(struct world *w, uint32_t nodes, uint64_t retention_ns)
{
    open_world(w, nodes, retention_ns, cluster_interval_is_wanted() ? 8 : 7, NULL, 0, false); /* it needs leases */
}

void world_open_leased(struct world *w, uint32_t nodes)
{
    open_world(w, nodes, 0, 8, NULL, 0, false);
    ASSERT(cluster_leases(w->cluster));
}

void world_open_split(struct world *w, uint32_t nodes, const struct bytes *split_keys, uint32_t split_count)
{
    open_world(w, nodes, 0, 8, split_keys, split_count, false);
}

void world_need_oracle(struct world *w)
{
    if (cluster_clock_source(w->cluster) == KV_CLOCK_ORACLE) return;
    world_close(w);
    skip();
}

static void open_three(struct world *w, uint32_t nodes, bool plain)
{
    static const uint8_t keys[][2] = {{KEY_PREFIX_TABLE, 'h'}, {KEY_PREFIX_TABLE, 'p'}};
    const struct bytes splits[] = {bytes_make(keys[0], 2), bytes_make(keys[1], 2)};
    open_world(w, nodes, 0, 8, splits, 2, plain);
    world_run_ms(w, 10000); /* leaders go where they shall be; locks do not outlive that */
}

void world_open_three(struct world *w, uint32_t nodes)
{
    open_three(w, nodes, false);
}

void world_open_three_plain(struct world *w, uint32_t nodes)
{
    open_three(w, nodes, true);
}

void world_close(struct world *w)
{
    cluster_destroy(w->cluster);
}

void world_run_ms(struct world *w, uint64_t ms)
{
    cluster_run(w->cluster, ms * SIM_MS);
}

static bool leads(struct cluster *c, void *ctx)
{
    uint64_t *machine = ctx;
    *machine = cluster_leader(c, WORLD_RANGE);
    return *machine != 0;
}

uint64_t world_leader(struct world *w)
{
    uint64_t machine = 0;
    assert_true(cluster_run_until(w->cluster, leads, &machine, PATIENCE_NS));
    return machine;
}

void world_isolate(struct world *w, uint64_t machine)
{
    for (uint64_t other = 1; other <= cluster_size(w->cluster); other++)
        if (other != machine) sim_net_cut_pair(cluster_sim(w->cluster), machine, other);
}

static struct replica *replica_of(struct world *w, uint64_t machine)
{
    struct replica *r =
        store_replica(core_store(cluster_machine(w->cluster, machine)->core), WORLD_RANGE);
    assert_non_null(r);
    return r;
}

struct range *world_range(struct world *w)
{
    return replica_app(replica_of(w, world_leader(w)));
}

uint64_t world_leader_of(struct world *w, struct range_id range)
{
    uint64_t machine = cluster_leader(w->cluster, range);
    assert_true(machine != 0);
    return machine;
}

struct range *world_range_of(struct world *w, struct range_id range)
{
    struct core *core = cluster_machine(w->cluster, world_leader_of(w, range))->core;
    return replica_app(store_replica(core_store(core), range));
}

void world_transfer(struct world *w, struct range_id range, uint64_t to)
{
    struct cluster_machine *m = cluster_machine(w->cluster, world_leader_of(w, range));
    struct node_id node = store_identity(core_store(cluster_machine(w->cluster, to)->core))->node;
    assert_int_equal(replica_transfer(store_replica(core_store(m->core), range), node), STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

void world_hand_over(struct world *w, struct range_id range, uint64_t to)
{
    world_transfer(w, range, to);
    for (int i = 0; i < 3000 && cluster_leader(w->cluster, range) != to; i++) world_run_ms(w, 1);
    assert_u64_equal(cluster_leader(w->cluster, range), to);
}

void world_move_leader(struct world *w, struct range_id range)
{
    world_hand_over(w, range, world_leader_of(w, range) % 3 + 1);
    world_run_ms(w, 100);
}

struct kv *world_kv(struct world *w, uint64_t machine)
{
    return core_kv(cluster_machine(w->cluster, machine)->core);
}

struct lsm_range_stats world_stats(struct world *w, uint64_t machine)
{
    struct lsm_range_stats stats;
    struct lsm *lsm = store_lsm(replica_store(replica_of(w, machine)));
    assert_int_equal(lsm_range_stats(lsm, WORLD_RANGE, &stats), STATUS_OK);
    return stats;
}

void world_flush(struct world *w, uint64_t machine)
{
    uint64_t index = world_stats(w, machine).applied_index;
    cluster_flush(w->cluster, machine, WORLD_RANGE);
    for (int i = 0; i < 1000 && world_stats(w, machine).flushed_index < index; i++) world_run_ms(w, 10);
    assert_true(world_stats(w, machine).flushed_index >= index);
}

struct call {
    struct core *core;
    enum status (*function)(struct core *core, void *ctx);
    void *ctx;
    bool ended;
    enum status status;
};

static void run_call(void *arg)
{
    struct call *call = arg;
    call->status = call->function(call->core, call->ctx);
    call->ended = true;
}

static bool call_ended(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct call *)ctx)->ended;
}

enum status world_call(struct world *w, uint64_t machine, enum status (*function)(struct core *core, void *ctx),
                       void *ctx)
{
    struct cluster_machine *m = cluster_machine(w->cluster, machine);
    struct call call = {.core = m->core, .function = function, .ctx = ctx};
    assert_int_equal(fiber_spawn(core_fibers(m->core), run_call, &call, NULL), STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    assert_true(cluster_run_until(w->cluster, call_ended, &call, PATIENCE_NS));
    return call.status;
}

static void take_request(void *ctx, struct rpc_token token, struct bytes body)
{
    struct late_leader *l = ctx;
    (void)body;
    l->token = token;
    l->asked++;
}

void late_leader_begin(struct late_leader *l, struct world *w, uint64_t machine, enum rpc_kind kind)
{
    struct cluster_machine *m = cluster_machine(w->cluster, machine);
    *l = (struct late_leader){.rpc = store_rpc(core_store(m->core)), .machine = m};
    rpc_serve_instead(l->rpc, kind, take_request, l);
}

void late_leader_answer(struct late_leader *l, enum status status, struct bytes body)
{
    rpc_reply(l->rpc, l->token, status, body);
    sim_env_set_deadline(l->machine->env, env_now_ns(l->machine->env));
}

/* ---- actors ---- */

void actor_begin(struct actor *a, struct world *w, uint64_t machine)
{
    *a = (struct actor){.world = w, .machine = machine};
    arena_init(&a->arena, 64u << 20);
    struct core *core = cluster_machine(w->cluster, machine)->core;
    assert_int_equal(txn_create(core_kv(core), &a->arena, &a->txn), STATUS_OK);
}

void actor_end(struct actor *a)
{
    assert_false(a->running);
    if (a->txn != NULL) txn_destroy(a->txn);
    arena_deinit(&a->arena);
}

void actor_begin_at_leader(struct actor *a, struct world *w)
{
    actor_begin(a, w, world_leader(w));
}

static struct bytes full_key(const char *text, char *room, size_t size)
{
    int written = snprintf(room, size, "%c%s", KEY_PREFIX_TABLE, text);
    assert_true(written > 0 && (size_t)written < size);
    return bytes_make(room, (size_t)written);
}

void world_split(struct world *w, struct splits *s, struct range_id range, const char *key)
{
    char room[128];
    const struct split_result *result = splits_order(s, range, full_key(key, room, sizeof room));
    assert_non_null(result);
    for (int i = 0; i < 5000 && !result->done; i++) world_run_ms(w, 1);
    assert_int_equal(result->status, STATUS_OK);
    world_run_ms(w, 2000);
}

static enum status run_get(struct actor *a)
{
    struct bytes value;
    enum status status = txn_get(a->txn, a->key, &value);
    if (status != STATUS_OK) return status;
    size_t size = value.size < sizeof a->value ? value.size : sizeof a->value - 1;
    memcpy(a->value, value.data, size);
    a->value[size] = '\0';
    return STATUS_OK;
}

static enum status run_lock(struct actor *a)
{
    struct txn_locked locked;
    txn_set_overlay(a->txn, a->overlay);
    enum txn_lock_mode mode = a->mode != 0 ? a->mode : TXN_LOCK_EXCLUSIVE;
    enum status status = txn_lock(a->txn, &a->key, 1, mode, a->wait, &locked);
    if (status != STATUS_OK) return status;
    if (locked.passed_over) return STATUS_BUSY;
    if (!locked.found) return STATUS_NOT_FOUND;
    size_t size = locked.value.size < sizeof a->value ? locked.value.size : sizeof a->value - 1;
    memcpy(a->value, locked.value.data, size);
    a->value[size] = '\0';
    return STATUS_OK;
}

static enum status run_lock_many(struct actor *a)
{
    struct txn_locked locked[8];
    enum status status = txn_lock(a->txn, a->keys, a->key_count, TXN_LOCK_EXCLUSIVE, a->wait, locked);
    size_t at = 0;
    for (uint32_t i = 0; i < a->key_count && status == STATUS_OK; i++) {
        const struct txn_locked *l = &locked[i];
        struct bytes shown = l->found ? l->value : bytes_of_string(l->passed_over ? "*" : "-");
        at += (size_t)snprintf(a->value + at, sizeof a->value - at, "%.*s ", (int)shown.size, (const char *)shown.data);
        assert_true(at < sizeof a->value);
    }
    return status;
}

static enum status run_count(struct actor *a)
{
    struct txn_scan *scan;
    struct bytes key, value;
    a->count = 0;
    enum status status = txn_scan_open(a->txn, a->key, a->key_end, a->reverse, 0, &scan);
    if (status != STATUS_OK) return status;
    if (a->rows_alone) txn_scan_rows_alone(scan);
    while ((status = txn_scan_next(scan, &key, &value)) == STATUS_OK) a->count++;
    txn_scan_close(scan);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void run_verb(void *arg)
{
    struct actor *a = arg;
    switch (a->verb) {
    case VERB_GET: a->status = run_get(a); break;
    case VERB_COUNT: a->status = run_count(a); break;
    case VERB_COMMIT: a->status = txn_commit(a->txn, &a->ts); break;
    case VERB_LOCK: a->status = run_lock(a); break;
    case VERB_LOCK_MANY: a->status = run_lock_many(a); break;
    }
    if (a->ends_itself) {
        txn_destroy(a->txn);
        a->txn = NULL;
    }
    a->running = false;
}

static void start(struct actor *a)
{
    assert_false(a->running);
    struct cluster_machine *m = cluster_machine(a->world->cluster, a->machine);
    a->running = true;
    assert_int_equal(fiber_spawn(core_fibers(m->core), run_verb, a, NULL), STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

static bool ended(struct cluster *c, void *ctx)
{
    (void)c;
    return !((struct actor *)ctx)->running;
}

enum status actor_await(struct actor *a)
{
    assert_true(cluster_run_until(a->world->cluster, ended, a, PATIENCE_NS));
    return a->status;
}

void actor_start_get(struct actor *a, const char *key)
{
    a->verb = VERB_GET;
    a->key = full_key(key, a->key_text, sizeof a->key_text);
    start(a);
}

enum status actor_get(struct actor *a, const char *key)
{
    actor_start_get(a, key);
    return actor_await(a);
}

enum status actor_count_bytes(struct actor *a, struct bytes first, struct bytes end)
{
    a->verb = VERB_COUNT;
    a->key = first;
    a->key_end = end;
    start(a);
    return actor_await(a);
}

enum status actor_count(struct actor *a, const char *first, const char *end)
{
    return actor_count_bytes(a, full_key(first, a->key_text, sizeof a->key_text),
                             full_key(end, a->key_end_text, sizeof a->key_end_text));
}

void actor_must_count(struct actor *a, const char *first, const char *end, uint64_t count)
{
    for (int reverse = 0; reverse < 2; reverse++) {
        a->reverse = reverse == 1;
        assert_int_equal(actor_count(a, first, end), STATUS_OK);
        assert_u64_equal(a->count, count);
    }
    a->reverse = false;
}

void actor_put(struct actor *a, const char *key, const char *value)
{
    char room[128];
    assert_int_equal(txn_put(a->txn, full_key(key, room, sizeof room), bytes_of_string(value)), STATUS_OK);
}

enum status actor_insert(struct actor *a, const char *key, const char *value)
{
    char room[128];
    return txn_insert(a->txn, full_key(key, room, sizeof room), bytes_of_string(value));
}

void actor_delete(struct actor *a, const char *key)
{
    char room[128];
    assert_int_equal(txn_delete(a->txn, full_key(key, room, sizeof room)), STATUS_OK);
}

void actor_start_lock(struct actor *a, const char *key)
{
    a->verb = VERB_LOCK;
    a->key = full_key(key, a->key_text, sizeof a->key_text);
    start(a);
}

enum status actor_lock(struct actor *a, const char *key)
{
    actor_start_lock(a, key);
    return actor_await(a);
}

void actor_start_lock_many(struct actor *a, const char *keys)
{
    char text[64];
    size_t at = 0;
    a->verb = VERB_LOCK_MANY;
    a->key_count = 0;
    assert_true(strlen(keys) < sizeof text);
    strcpy(text, keys);
    for (char *rest = text, *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        assert_true(a->key_count < 8 && at < sizeof a->key_text);
        struct bytes key = full_key(word, a->key_text + at, sizeof a->key_text - at);
        a->keys[a->key_count++] = key;
        at += key.size;
    }
    start(a);
}

enum status actor_lock_many(struct actor *a, const char *keys)
{
    actor_start_lock_many(a, keys);
    return actor_await(a);
}

void actor_start_commit(struct actor *a)
{
    a->verb = VERB_COMMIT;
    start(a);
}

enum status actor_commit(struct actor *a)
{
    actor_start_commit(a);
    return actor_await(a);
}

uint64_t world_put(struct world *w, const char *key, const char *value)
{
    struct actor a;
    actor_begin(&a, w, world_leader(w));
    if (value != NULL) actor_put(&a, key, value);
    else actor_delete(&a, key);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    uint64_t ts = a.ts;
    actor_end(&a);
    return ts;
}

void world_must_read(struct world *w, const char *key, const char *value)
{
    struct actor a;
    actor_begin(&a, w, 1);
    assert_int_equal(actor_get(&a, key), STATUS_OK);
    assert_string_equal(a.value, value);
    actor_end(&a);
}
