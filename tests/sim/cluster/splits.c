#include "tests/sim/cluster/splits.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/shard_int.h"
#include "txn/txn.h"

#define ASK_NS (10 * SIM_SEC)
#define KEYS_LOOKED 200

struct split_request {
    struct split_request *next;
    struct rpc_call call;
    struct split_result result;
};

struct splits {
    struct cluster *cluster;
    struct split_request *requests;
    bool kept;
};

struct splits *splits_create(struct cluster *c)
{
    struct splits *s = calloc(1, sizeof *s);
    ASSERT(s != NULL);
    s->cluster = c;
    return s;
}

void splits_destroy(struct splits *s)
{
    while (s->requests != NULL) {
        struct split_request *q = s->requests;
        s->requests = q->next;
        free(q);
    }
    free(s);
}

void splits_keep(struct splits *s, bool kept)
{
    s->kept = kept;
}

uint32_t splits_count(const struct splits *s)
{
    uint32_t count = 0;
    for (const struct split_request *q = s->requests; q != NULL; q = q->next)
        count += q->result.done && q->result.status == STATUS_OK;
    return count;
}

static void on_reply(struct rpc_call *call, enum status status, struct bytes body)
{
    struct split_request *q = CONTAINER_OF(call, struct split_request, call);
    q->result.done = true;
    q->result.status = status;
    if (status == STATUS_OK) {
        ASSERT(body.size == 8);
        q->result.right = load_le64(body.data);
    }
}

const struct split_result *splits_order(struct splits *s, struct range_id range, struct bytes key)
{
    uint64_t leader = cluster_leader(s->cluster, range);
    if (leader == 0) return NULL;
    struct cluster_machine *m = cluster_machine(s->cluster, leader);
    struct store *store = core_store(m->core);
    struct split_request *q = calloc(1, sizeof *q);
    ASSERT(q != NULL);
    q->call.on_done = on_reply;
    q->next = s->requests;
    s->requests = q;
    struct buf body;
    buf_init(&body, 1 << 16);
    put_u64(&body, range.value);
    put_u64(&body, 0);
    put_sized(&body, key);
    put_u8(&body, s->kept);
    enum status status =
        rpc_start(store_rpc(store), &q->call, store_identity(store)->node, RPC_RANGE_SPLIT, buf_view(&body), ASK_NS);
    buf_deinit(&body);
    if (status != STATUS_OK) q->result = (struct split_result){.done = true, .status = status};
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    sim_trace(cluster_sim(s->cluster), "split of range %llu ordered", (unsigned long long)range.value);
    return &q->result;
}

/* A key that the range holds, or the one above it, for there may be too few. */
static bool some_key(struct sim *sim, struct replica *r, uint8_t *key, size_t *size)
{
    static const uint8_t tables[] = {KEY_PREFIX_TABLE};
    struct lsm_iter *it;
    struct bytes start = replica_descriptor(r)->start;
    if (bytes_compare(start, bytes_make(tables, 1)) < 0) start = bytes_make(tables, 1);
    if (lsm_iter_open(store_lsm(replica_store(r)), replica_range(r), LSM_SPACE_VERSIONS, start, BYTES_EMPTY, LSM_TS_MAX,
                      LSM_ITER_NEWEST, false, &it) != STATUS_OK)
        return false;
    uint64_t skip = sim_below(sim, KEYS_LOOKED);
    struct lsm_item item;
    *size = 0;
    for (uint64_t i = 0; i <= skip && lsm_iter_next(it, NULL, &item) == STATUS_OK; i++) {
        if (item.key.size > SHARD_KEY_BYTES_MAX) continue;
        memcpy(key, item.key.data, item.key.size);
        *size = item.key.size;
    }
    lsm_iter_close(it);
    return *size > 0;
}

bool splits_strike(struct splits *s)
{
    struct cluster *c = s->cluster;
    struct sim *sim = cluster_sim(c);
    uint64_t range = 2 + sim_below(sim, cluster_range_max(c) - 1), leader = cluster_leader(c, (struct range_id){range});
    if (leader == 0) return false;
    struct replica *r = store_replica(core_store(cluster_machine(c, leader)->core), (struct range_id){range});
    uint8_t key[LSM_KEY_BYTES_MAX];
    size_t size;
    return some_key(sim, r, key, &size) && splits_order(s, (struct range_id){range}, bytes_make(key, size)) != NULL;
}

uint64_t cluster_range_max(struct cluster *c)
{
    uint64_t max = RANGE_DATA.value;
    for (uint64_t i = 1; i <= cluster_size(c); i++) {
        struct cluster_machine *m = cluster_machine(c, i);
        if (m->env == NULL || m->ended || core_store(m->core) == NULL) continue;
        struct replica *r = NULL;
        while ((r = store_replica_next(core_store(m->core), r)) != NULL)
            if (replica_range(r).value > max) max = replica_range(r).value;
    }
    return max;
}
