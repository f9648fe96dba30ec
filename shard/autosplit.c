/* Ranges that divide by themselves, when the cluster's settings let them: their leader sees first that one is too
 * large, or too busy. A large one is divided in the middle of its bytes. A busy one it divides where the sampled keys
 * have as many requests on one side as on the other; where keys only rise, behind the last one, so that those to come
 * fall into a fresh range, which another node may lead while the old one cools down. Neither side is divided again at
 * once: a sequence would leave a trail of small ranges. One key that alone is too hot is left as it is. */
#include <stdlib.h>

#include "shard/range_change.h"

#define SAMPLE_NS      UINT64_C(10000000000) /* older requests tell nothing any more */
#define SPLIT_AGAIN_NS UINT64_C(10000000000)
#define CALL_TIMEOUT_NS 5000000000u

void replica_note_request(struct replica *r, struct bytes key)
{
    r->requests++;
    if (r->sample != NULL) key_sample_add(r->sample, key, prng_next(&r->store->prng));
}

void autosplit_forget(struct replica *r)
{
    free(r->sample);
    r->sample = NULL;
}

void autosplit_pause(struct replica *r)
{
    if (MUTANT("autosplit_without_pause")) return;
    r->split_after_ns = env_now_ns(r->store->env) + SPLIT_AGAIN_NS;
}

static void on_split(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    if (status == STATUS_OK) COVER("shard_split_by_itself");
    else COVER("shard_split_by_itself_refused"); /* the reason goes on, and so does the looking */
    free(call);
}

static void split_at(struct replica *r, struct bytes key, const char *why)
{
    struct store *s = r->store;
    struct rpc_call *call = calloc(1, sizeof *call);
    if (call == NULL) return;
    call->on_done = on_split;
    buf_reset(&s->scratch);
    put_u64(&s->scratch, r->range.value);
    put_u64(&s->scratch, r->descriptor.epoch);
    put_sized(&s->scratch, key);
    put_u8(&s->scratch, 0);
    LOG_INFO(s->logger, "shard", "a range is divided", "range=%llu why=\"%s\" requests_per_second=%llu",
             (unsigned long long)r->range.value, why, (unsigned long long)r->load);
    if (rpc_start(s->rpc, call, s->identity.node, RPC_RANGE_SPLIT, buf_view(&s->scratch), CALL_TIMEOUT_NS) != STATUS_OK)
        free(call);
}

static void sample_anew(struct replica *r, uint64_t now_ns)
{
    key_sample_begin(r->sample);
    r->sample_since_ns = now_ns;
}

static void divide(struct replica *r, uint64_t now_ns)
{
    struct buf key;
    buf_init(&key, KEY_SAMPLE_BYTES + 1);
    bool found = key_sample_tail(r->sample, &key) || key_sample_median(r->sample, &key);
    if (found && !key.failed) split_near(r, &key);
    bool inside = found && !key.failed && descriptor_contains(&r->descriptor, buf_view(&key)) &&
                  !bytes_equal(buf_view(&key), r->descriptor.start);
    if (inside) {
        autosplit_pause(r); /* also when nothing comes of it */
        split_at(r, buf_view(&key), "too busy");
        sample_anew(r, now_ns);
    }
    buf_deinit(&key);
}

void autosplit_consider(struct replica *r, uint64_t bytes, uint64_t now_ns)
{
    struct store *s = r->store;
    uint64_t limit = store_setting(s, SETTING_RANGE_SPLIT_LOAD, BYTES_EMPTY);
    bool wanted = store_setting(s, SETTING_AUTO_SPLIT, BYTES_EMPTY) != 0 && r->range.value != RANGE_META.value;
    if (wanted && bytes > store_setting(s, SETTING_RANGE_SPLIT_BYTES, BYTES_EMPTY) && now_ns >= r->split_after_ns &&
        replica_serving(r)) {
        autosplit_pause(r);
        split_at(r, BYTES_EMPTY, "too large"); /* the engine knows its middle */
        return;
    }
    if (!wanted || r->load < limit / 2 || !replica_serving(r)) {
        autosplit_forget(r);
        return;
    }
    if (r->sample == NULL) {
        r->sample = malloc(sizeof *r->sample);
        if (r->sample != NULL) sample_anew(r, now_ns);
        return;
    }
    if (r->load >= limit && now_ns >= r->split_after_ns) divide(r, now_ns);
    if (now_ns - r->sample_since_ns > SAMPLE_NS) sample_anew(r, now_ns);
}
