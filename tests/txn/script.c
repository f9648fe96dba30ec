#include "tests/txn/script.h"

#include <stdio.h>

#include "tests/test.h"

static void take_key(struct reader *in, char out[32])
{
    struct bytes key = get_sized(in);
    assert_true(!in->failed && key.size > 0 && key.size < 32);
    snprintf(out, 32, "%.*s", (int)key.size - 1, (const char *)key.data + 1);
}

static void take_keys(struct bytes keys, char *out, size_t size)
{
    struct reader in = reader_make(keys);
    size_t at = 0;
    for (uint16_t count = keys.size == 0 ? 0 : get_u16(&in); count > 0; count--) {
        char key[32];
        take_key(&in, key);
        at += (size_t)snprintf(out + at, size - at, "%s ", key);
        assert_true(at < size);
    }
    if (keys.size > 0) assert_true(reader_done(&in));
}

static struct sent *note(struct script *s, enum rpc_kind kind, struct reader *in)
{
    assert_true(s->count < SENT_MAX);
    struct sent *sent = &s->sent[s->count++];
    *sent = (struct sent){.kind = kind, .range = get_u64(in)};
    get_u64(in);
    return sent;
}

static void answer(struct node *n, struct rpc_token token, struct answers *a, struct bytes body)
{
    struct rpc *rpc = store_rpc(core_store(n->core));
    uint8_t reading[8];
    if (a->silent) {
        n->script->unanswered = token;
        n->script->unanswered_by = (uint32_t)(n - n->script->nodes) + 1;
        return;
    }
    enum status status = a->at < a->count ? a->status[a->at] : STATUS_OK;
    store_le64(reading, a->at < a->count ? a->reading[a->at] : 0);
    a->at++;
    if (status == STATUS_OK) rpc_reply(rpc, token, STATUS_OK, body);
    else rpc_reply(rpc, token, status, status == STATUS_BUSY ? bytes_make(reading, 8) : BYTES_EMPTY);
}

uint64_t script_clock(const struct script *s)
{
    uint64_t seen = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t here = clock_seen(&core_kv(s->nodes[i].core)->clock);
        if (here > seen) seen = here;
    }
    return seen;
}

static void on_prepare(void *ctx, struct rpc_token token, struct bytes body)
{
    struct node *n = ctx;
    struct reader in = reader_make(body);
    struct sent *sent = note(n->script, RPC_PREPARE, &in);
    sent->size = body.size;
    memcpy(sent->body, body.data, body.size < sizeof sent->body ? body.size : sizeof sent->body);
    sent->node = get_u64(&in);
    sent->number = get_u64(&in);
    sent->read_ts = get_u64(&in);
    sent->sent_ts = get_u64(&in);
    sent->tag = get_u64(&in);
    sent->last_ct = get_u64(&in);
    sent->gated = get_u8(&in) == 1;
    take_key(&in, sent->anchor);
    take_keys(get_sized(&in), sent->staged, sizeof sent->staged);
    sent->spans = get_u32(&in);
    struct span span;
    for (uint32_t i = 0; i < sent->spans; i++) assert_true(decode_span(&in, &span));
    sent->writes = get_u32(&in);
    struct write write;
    for (uint32_t i = 0; i < sent->writes; i++) {
        assert_true(decode_write(&in, &write));
        snprintf(i == 0 ? sent->low : sent->high, 32, "%.*s", (int)write.key.size - 1, (const char *)write.key.data + 1);
    }
    assert_true(reader_done(&in));
    uint8_t lb[8];
    store_le64(lb, script_clock(n->script) + 1 + n->script->lb[sent->range]);
    answer(n, token, &n->script->prepare[sent->range], bytes_make(lb, 8));
}

static void on_decide(void *ctx, struct rpc_token token, struct bytes body)
{
    struct node *n = ctx;
    struct reader in = reader_make(body);
    struct sent *sent = note(n->script, RPC_DECIDE, &in);
    sent->node = get_u64(&in);
    sent->number = get_u64(&in);
    sent->sent_ts = get_u64(&in);
    sent->tag = get_u64(&in);
    sent->what = get_u8(&in);
    sent->ct = get_u64(&in);
    take_key(&in, sent->anchor);
    sent->participants = get_u16(&in);
    for (uint32_t i = 0; i < sent->participants; i++) {
        take_key(&in, sent->low);
        take_key(&in, sent->high);
    }
    assert_true(reader_done(&in));
    uint8_t reply[9] = {n->script->decided != 0 ? n->script->decided : 1};
    store_le64(reply + 1, n->script->decided_ct != 0 ? n->script->decided_ct : sent->ct);
    n->script->decided = 0;
    answer(n, token, &n->script->decide, bytes_make(reply, 9));
}

static void on_resolve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct node *n = ctx;
    struct reader in = reader_make(body);
    struct sent *sent = note(n->script, RPC_RESOLVE, &in);
    sent->sent_ts = get_u64(&in);
    sent->tag = get_u64(&in);
    sent->ct = get_u64(&in);
    take_key(&in, sent->low);
    take_key(&in, sent->high);
    assert_true(reader_done(&in));
    rpc_reply(store_rpc(core_store(n->core)), token, STATUS_OK, BYTES_EMPTY);
}

void script_open(struct script *s, bool parallel)
{
    *s = (struct script){.count = 0};
    world_open_three(&s->w, 3);
    s->gateway = world_leader_of(&s->w, WORLD_LEFT);
    for (uint64_t i = 0; i < 3; i++) {
        struct node *n = &s->nodes[i];
        *n = (struct node){s, cluster_machine(s->w.cluster, i + 1)->core};
        struct rpc *rpc = store_rpc(core_store(n->core));
        rpc_serve_instead(rpc, RPC_PREPARE, on_prepare, n);
        rpc_serve_instead(rpc, RPC_DECIDE, on_decide, n);
        rpc_serve_instead(rpc, RPC_RESOLVE, on_resolve, n);
        kv_set_parallel_commit(core_kv(n->core), parallel);
    }
}

void script_put_both(struct actor *a)
{
    actor_put(a, "b", "1");
    actor_put(a, "a", "1");
    actor_put(a, "z", "1");
}

void script_begin_both(struct script *s, struct actor *a)
{
    actor_begin(a, &s->w, s->gateway);
    script_put_both(a);
}

void script_will_answer(struct answers *a, enum status status, uint64_t reading)
{
    a->status[a->count] = status;
    a->reading[a->count++] = reading;
}

void script_answer_late(struct script *s, enum status status)
{
    assert_true(s->unanswered_by != 0);
    struct cluster_machine *m = cluster_machine(s->w.cluster, s->unanswered_by);
    rpc_reply(store_rpc(core_store(m->core)), s->unanswered, status, BYTES_EMPTY);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    s->unanswered_by = 0;
}

const struct sent *script_nth(const struct script *s, enum rpc_kind kind, uint32_t nth)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->sent[i].kind == kind && nth-- == 0) return &s->sent[i];
    return NULL;
}

uint32_t script_count(const struct script *s, enum rpc_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->count; i++) count += s->sent[i].kind == kind;
    return count;
}

const struct sent *script_to_range(const struct script *s, enum rpc_kind kind, uint64_t range)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->sent[i].kind == kind && s->sent[i].range == range) return &s->sent[i];
    return NULL;
}

struct range *script_range(struct world *w, uint64_t range)
{
    uint64_t machine = cluster_leader(w->cluster, (struct range_id){range});
    assert_true(machine != 0);
    return replica_app(store_replica(core_store(cluster_machine(w->cluster, machine)->core), (struct range_id){range}));
}

const struct kv_metrics *script_metrics(struct world *w, uint64_t machine)
{
    return kv_metrics(core_kv(cluster_machine(w->cluster, machine)->core));
}
