#include "tests/txn/ask.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"
#include "txn/txn_state.h"

/* ---- attempts ---- */

void asker_begin(struct asker *a, const struct actor *owner)
{
    asker_begin_other(a, owner, txn_id_of(owner->txn).tag);
}

void asker_begin_other(struct asker *a, const struct actor *owner, uint64_t tag)
{
    asker_begin_unknown(a, owner->world, owner->machine, tag);
    a->name = owner->txn->name;
    a->anchor = 0;
}

void asker_begin_unknown(struct asker *a, struct world *w, uint64_t machine, uint64_t tag)
{
    struct kv *kv = world_kv(w, machine);
    *a = (struct asker){.world = w,
                        .machine = machine,
                        .name = {store_identity(kv_store(kv))->node.value, 1u << 30},
                        .attempt = {kv_timestamp_seen(kv) >> 16 << 16, tag},
                        .anchor = 'a',
                        .parts = "acklzz"};
}

void asker_live_as(struct asker *a, const struct actor *owner)
{
    a->name = owner->txn->name;
    a->attempt.tag = owner->txn->id.tag;
}

void asker_bring_alive(struct asker *a, struct actor *owner)
{
    actor_begin(owner, a->world, a->machine);
    assert_int_equal(actor_lock(owner, "y"), STATUS_NOT_FOUND);
    asker_live_as(a, owner);
}

void actor_attempt_again(struct actor *owner)
{
    owner->txn->id.tag ^= 2;
}

/* ---- requests ---- */

struct request {
    enum rpc_kind kind;
    uint8_t key[2];
    uint64_t patience_ns;
    struct buf body, reply;
    struct core *core; /* while nobody waits for it */
    enum status status;
    bool ended;
};

static enum status ask_on_fiber(struct core *core, void *ctx)
{
    struct request *q = ctx;
    struct kv *kv = core_kv(core);
    struct gateway_request r = {.kind = q->kind, .key = bytes_make(q->key, 2), .body = &q->body, .repeatable = true};
    if (q->patience_ns != 0) r.deadline_ns = env_now_ns(store_env(kv_store(kv))) + q->patience_ns;
    return gateway_call(kv, &r, &q->reply);
}

static void request_open(struct request *q, const struct asker *a, enum rpc_kind kind, char key)
{
    *q = (struct request){.kind = kind, .key = {KEY_PREFIX_TABLE, (uint8_t)key}, .patience_ns = a->patience_ns};
    buf_init(&q->body, 1 << 16);
    buf_init(&q->reply, 1 << 16);
    buf_append_zero(&q->body, GATEWAY_HEAD_BYTES);
}

static enum status request_send(struct request *q, const struct asker *a)
{
    return world_call(a->world, a->machine, ask_on_fiber, q);
}

static void run_request(void *arg)
{
    struct request *q = arg;
    q->status = ask_on_fiber(q->core, q);
    q->ended = true;
}

static void request_close(struct request *q)
{
    buf_deinit(&q->body);
    buf_deinit(&q->reply);
}

static void put_name(struct buf *out, const struct asker *a)
{
    put_u64(out, a->name.node);
    put_u64(out, a->name.number);
}

static void put_attempt(struct buf *out, const struct asker *a)
{
    put_u64(out, a->attempt.sent);
    put_u64(out, a->attempt.tag);
}

static void put_key(struct buf *out, char letter)
{
    const uint8_t key[] = {KEY_PREFIX_TABLE, (uint8_t)letter};
    put_sized(out, bytes_make(key, sizeof key));
}

static void put_keys(struct buf *out, const char *keys, size_t per_item)
{
    put_u16(out, (uint16_t)(strlen(keys) / per_item));
    for (; *keys != '\0'; keys++) put_key(out, *keys);
}

static void put_staged(struct buf *out, const char *staged)
{
    struct buf keys;
    buf_init(&keys, 4096);
    if (staged != NULL) put_keys(&keys, staged, 1);
    put_sized(out, buf_view(&keys));
    buf_deinit(&keys);
}

static void put_spans(struct buf *out, const char *keys)
{
    put_u32(out, (uint32_t)strlen(keys));
    for (; *keys != '\0'; keys++) {
        const uint8_t key[] = {KEY_PREFIX_TABLE, (uint8_t)*keys};
        encode_span(out, &(struct span){.start = bytes_make(key, sizeof key), .point = true});
    }
}

static void put_writes(struct buf *out, const char *keys, const char *value, bool inserts)
{
    put_u32(out, (uint32_t)strlen(keys));
    for (; *keys != '\0'; keys++) {
        const uint8_t key[] = {KEY_PREFIX_TABLE, (uint8_t)*keys};
        encode_write(out, &(struct write){.key = bytes_make(key, sizeof key), .value = bytes_of_string(value), .insert = inserts});
    }
}

enum status ask_prepare(struct asker *a, const char *keys, const char *value)
{
    return ask_prepare_read(a, keys, value, 0);
}

void must_prepare(struct asker *a, const char *keys, const char *value)
{
    assert_int_equal(ask_prepare(a, keys, value), STATUS_OK);
}

static void prepare_open(struct request *q, const struct asker *a, const char *keys, const char *value, uint64_t read_ts)
{
    char anchor = a->anchor != 0 ? a->anchor : keys[0];
    request_open(q, a, RPC_PREPARE, keys[0]);
    put_name(&q->body, a);
    put_u64(&q->body, read_ts); /* 0: it has read nothing */
    put_attempt(&q->body, a);
    put_u64(&q->body, UINT64_MAX);
    put_u8(&q->body, a->gated);
    put_key(&q->body, anchor);
    put_staged(&q->body, keys[0] == anchor ? a->staged : NULL);
    put_spans(&q->body, read_ts != 0 ? keys : "");
    put_writes(&q->body, keys, value, a->inserts);
}

static void take_lb(struct asker *a, const struct request *q)
{
    assert_u64_equal(q->reply.size, 8);
    uint64_t lb = load_le64(q->reply.data);
    if (lb > a->ct) a->ct = lb;
}

enum status ask_prepare_read(struct asker *a, const char *keys, const char *value, uint64_t read_ts)
{
    struct request q;
    prepare_open(&q, a, keys, value, read_ts);
    enum status status = request_send(&q, a);
    if (status == STATUS_OK) take_lb(a, &q);
    request_close(&q);
    return status;
}

static void decide_open(struct request *q, const struct asker *a, enum decide_what what)
{
    struct buf parts;
    const uint8_t anchor[] = {KEY_PREFIX_TABLE, (uint8_t)a->anchor};
    bool commits = what == DECIDE_COMMIT || what == DECIDE_KNOWN || what == DECIDE_WANTED;
    buf_init(&parts, 100);
    if (commits) put_keys(&parts, a->parts, 2);
    request_open(q, a, RPC_DECIDE, a->anchor);
    decide_encode(&q->body, a->name, a->attempt, what, commits ? a->ct : 0, bytes_make(anchor, sizeof anchor), buf_view(&parts));
    buf_deinit(&parts);
}

static enum record_state state_of(const struct request *q, const struct asker *a)
{
    assert_u64_equal(q->reply.size, 9);
    enum record_state state = (enum record_state)q->reply.data[0];
    if (state == RECORD_COMMITTED) assert_u64_equal(load_le64(q->reply.data + 1), a->ct);
    return state;
}

enum status ask_try_decide(struct asker *a, enum decide_what what, enum record_state *state_out)
{
    struct request q;
    decide_open(&q, a, what);
    enum status status = request_send(&q, a);
    if (status == STATUS_OK) *state_out = state_of(&q, a);
    request_close(&q);
    return status;
}

enum record_state ask_decide(struct asker *a, enum decide_what what)
{
    enum record_state state = RECORD_NONE;
    assert_int_equal(ask_try_decide(a, what, &state), STATUS_OK);
    return state;
}

static struct request *under_way(struct asker *a)
{
    a->under_way = malloc(sizeof *a->under_way);
    assert_non_null(a->under_way);
    return a->under_way;
}

static void start(struct asker *a)
{
    struct cluster_machine *m = cluster_machine(a->world->cluster, a->machine);
    a->under_way->core = m->core;
    assert_int_equal(fiber_spawn(core_fibers(m->core), run_request, a->under_way, NULL), STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

static enum status await(struct asker *a)
{
    for (int i = 0; i < 30000 && !a->under_way->ended; i++) world_run_ms(a->world, 1);
    assert_true(a->under_way->ended);
    return a->under_way->status;
}

static void end(struct asker *a)
{
    request_close(a->under_way);
    free(a->under_way);
    a->under_way = NULL;
}

void ask_start_decide(struct asker *a, enum decide_what what)
{
    decide_open(under_way(a), a, what);
    start(a);
}

enum record_state ask_await_decide(struct asker *a)
{
    assert_int_equal(await(a), STATUS_OK);
    enum record_state state = state_of(a->under_way, a);
    end(a);
    return state;
}

void ask_start_prepare(struct asker *a, const char *keys, const char *value)
{
    prepare_open(under_way(a), a, keys, value, 0);
    start(a);
}

enum status ask_await_prepare(struct asker *a)
{
    enum status status = await(a);
    if (status == STATUS_OK) take_lb(a, a->under_way);
    end(a);
    return status;
}

enum status ask_staged(struct asker *a, const char *keys, bool *all_out, uint64_t *lb_out)
{
    struct request q;
    request_open(&q, a, RPC_STAGED, keys[0]);
    put_name(&q.body, a);
    put_attempt(&q.body, a);
    put_keys(&q.body, keys, 1);
    enum status status = request_send(&q, a);
    if (status == STATUS_OK) {
        assert_u64_equal(q.reply.size, 9);
        *all_out = q.reply.data[0] == 1;
        *lb_out = load_le64(q.reply.data + 1);
    }
    request_close(&q);
    return status;
}

enum txn_outcome ask_outcome(struct asker *a)
{
    struct request q;
    request_open(&q, a, RPC_OUTCOME, a->anchor);
    put_attempt(&q.body, a);
    assert_int_equal(request_send(&q, a), STATUS_OK);
    enum txn_outcome found = (enum txn_outcome)q.reply.data[0];
    request_close(&q);
    return found;
}

static void resolve_open(struct request *q, const struct asker *a, const struct asked_resolve *items, uint32_t count)
{
    request_open(q, a, RPC_RESOLVE, items[0].key);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t key[] = {KEY_PREFIX_TABLE, (uint8_t)items[i].key};
        struct bytes at = bytes_make(key, sizeof key);
        resolve_encode(&q->body, items[i].asker->attempt, items[i].ct, at, at);
    }
}

enum status ask_resolve(struct asker *a, const struct asked_resolve *items, uint32_t count)
{
    struct request q;
    resolve_open(&q, a, items, count);
    enum status status = request_send(&q, a);
    request_close(&q);
    return status;
}

void ask_start_resolve(struct asker *a, const struct asked_resolve *items, uint32_t count)
{
    resolve_open(under_way(a), a, items, count);
    start(a);
}

enum status ask_await_resolve(struct asker *a)
{
    enum status status = await(a);
    end(a);
    return status;
}
