/* The service of one core: wires the leader's side and the gateway's side to the store. */
#include <stdlib.h>

#include "txn/divide.h"
#include "txn/gateway.h"
#include "txn/leader.h"
#include "txn/lock.h"
#include "txn/spill.h"
#include "txn/two_phase.h"
#include "txn/two_phase_leader.h"

enum status kv_create(struct kv **kv_out)
{
    struct kv *kv = calloc(1, sizeof *kv);
    if (kv == NULL) return STATUS_NO_MEMORY;
    pool_init(&kv->pool);
    kv->app = (struct shard_app){.open = range_open,
                                 .close = range_close,
                                 .apply = command_apply,
                                 .state_encode = gc_state_encode,
                                 .state_restore = gc_state_restore,
                                 .role_changed = range_role_changed,
                                 .installed = range_installed,
                                 .value_ends = txn_aside_ends,
                                 .key_may_end = txn_aside_key_like,
                                 .handing_over = locks_hand_over,
                                 .divide_near = txn_aside_row,
                                 .divide_may = divide_may,
                                 .divide_begin = divide_begin,
                                 .divide_end = divide_end,
                                 .divide_part_valid = divide_part_valid,
                                 .divide = divide_apply,
                                 .unite_begin = unite_begin,
                                 .unite_part = unite_part,
                                 .unite_end = unite_reopen,
                                 .unite_part_valid = unite_part_valid,
                                 .unite = unite_apply,
                                 .ctx = kv};
    list_init(&kv->ranges);
    list_init(&kv->calls);
    list_init(&kv->inquiries);
    list_init(&kv->tellings);
    list_init(&kv->unlocks);
    list_init(&kv->two_phase);
    list_init(&kv->promises);
    map_init(&kv->locking);
    map_init(&kv->settling);
    clock_init(&kv->clock, kv);
    histogram_init(&kv->metrics.read_ns);
    histogram_init(&kv->metrics.commit_ns);
    histogram_init(&kv->metrics.lock_wait_ns);
    histogram_init(&kv->metrics.split_closed_ns);
    histogram_init(&kv->metrics.merge_closed_ns);
    kv->no_quorum_timeout_ns = NO_QUORUM_TIMEOUT_NS;
    kv->version_retention_ns = KV_VERSION_RETENTION_NS;
    kv->entry_bytes = TXN_ENTRY_BYTES_MAX;
    kv->spill = (struct kv_spill){SPILL_KEPT_BYTES_MAX, SPILL_VALUE_BYTES_MIN, SPILL_BUFFER_BYTES};
    *kv_out = kv;
    return STATUS_OK;
}

const struct shard_app *kv_app(struct kv *kv)
{
    return &kv->app;
}

void kv_attach(struct kv *kv, struct store *store)
{
    ASSERT(kv->store == NULL);
    kv->store = store;
    uint64_t seed = env_random_u64(store_env(store));
    prng_init(&kv->prng, seed);
    kv->key_seed = MUTANT("keys_hashed_alike") ? 0 : hash_u64(seed);
    clock_attach(&kv->clock);
    gc_attach(kv);
    lock_attach(kv);
    locks_handed_attach(kv);
    deadlock_attach(kv);
    outcome_attach(kv);
    refresh_attach(kv);
    prepare_attach(kv);
    decide_attach(kv);
    resolve_attach(kv);
    resolver_attach(kv);
    later_attach(kv);
    known_attach(kv);
    staged_attach(kv);
    two_phase_sweep_attach(kv);
    catalog_lease_attach(kv);
    promise_attach(kv);
    replica_read_attach(kv);
    handover_attach(&kv->handover, kv);
    spill_sweep(kv);
    rpc_serve(store_rpc(store), RPC_READ, read_serve, kv);
    rpc_serve(store_rpc(store), RPC_COMMIT, commit_serve, kv);
}

void kv_stop(struct kv *kv)
{
    kv->stopping = true;
    if (kv->store == NULL) return;
    clock_stop(&kv->clock);
    gc_stop(kv);
    lock_stop(kv);
    locks_handed_stop(kv);
    two_phase_sweep_stop(kv);
    two_phase_settle_stop(kv);
    resolver_stop(kv);
    later_stop(kv);
    known_stop(kv);
    catalog_lease_stop(kv);
    promise_stop(kv);
    txn_unlocks_stop(kv);
    handover_stop(&kv->handover, kv);
    gateway_stop(kv);
}

void kv_destroy(struct kv *kv)
{
    ASSERT(list_empty(&kv->ranges) && list_empty(&kv->calls));
    ASSERT(kv->locking.count == 0 && kv->settling.count == 0);
    map_deinit(&kv->locking);
    map_deinit(&kv->settling);
    txn_kept_free(kv);
    pool_deinit(&kv->pool);
    free(kv);
}

const struct kv_metrics *kv_metrics(const struct kv *kv)
{
    return &kv->metrics;
}

void kv_set_witness(struct kv *kv, const struct kv_witness *witness)
{
    kv->witness = witness;
}

void kv_set_no_quorum_timeout(struct kv *kv, uint64_t timeout_ns)
{
    kv->no_quorum_timeout_ns = timeout_ns;
}

void kv_set_clock_source(struct kv *kv, enum kv_clock_source source)
{
    ASSERT(kv->store == NULL);
    kv->clock.source = source;
}

void kv_clock_status(const struct kv *kv, struct kv_clock_status *out)
{
    const struct clock *c = &kv->clock;
    *out = (struct kv_clock_status){.source = c->source, .known = c->seen != 0 && !c->differs, .differs = c->differs};
    if (c->source == KV_CLOCK_ORACLE || kv->store == NULL) return;
    uint64_t low = 0, high = 0;
    out->known = clock_interval_at(c, &low, &high);
    out->width_ns = out->known ? high - low : 0;
    out->epoch = c->bounds.epoch;
}

void kv_set_version_retention(struct kv *kv, uint64_t retention_ns)
{
    ASSERT(retention_ns > 0);
    kv->version_retention_ns = retention_ns;
}

void kv_set_entry_bytes(struct kv *kv, uint64_t bytes)
{
    ASSERT(bytes > 0 && bytes <= TXN_ENTRY_BYTES_MAX);
    kv->entry_bytes = bytes;
}

void kv_set_spill(struct kv *kv, const struct kv_spill *spill)
{
    ASSERT(spill->value_bytes > 0); /* an empty value needs no place */
    ASSERT(spill->buffer_bytes > 0 && spill->buffer_bytes <= SPILL_BUFFER_BYTES);
    kv->spill = *spill;
}

void kv_set_parallel_commit(struct kv *kv, bool on)
{
    kv->no_parallel_commit = !on;
}

uint64_t kv_version_retention(const struct kv *kv)
{
    return kv->version_retention_ns;
}

bool kv_leads(const struct kv *kv, struct bytes key)
{
    struct replica *r = store_replica_for_key(kv->store, key);
    if (r == NULL || !replica_serving(r)) return false;
    const struct range *g = replica_app(r);
    return g->ready;
}

struct store *kv_store(const struct kv *kv)
{
    return kv->store;
}

uint64_t kv_timestamp_seen(const struct kv *kv)
{
    return clock_seen(&kv->clock);
}
