/* `init`: the first node of a new cluster makes itself the only voter of ranges 1 and 2. Every step is
 * durable before the next and may be repeated: ranges, then identity, then the metadata records. A node
 * that died in between goes on at its next start (or its next init). */
#include <stdlib.h>

#include "shard/shard_int.h"

static const uint8_t DATA_START[] = {0x02}; /* range 1 holds the keys below, range 2 the rest */

static enum status range_make(struct store *s, struct range_id range, struct bytes start, struct bytes end)
{
    if (store_replica(s, range) != NULL) return STATUS_OK;
    struct descriptor d = {
        .range = range,
        .epoch = 1,
        .next_replica_id = 2,
        .start = start,
        .end = end,
        .config = {.voter_count = 1, .voters = {{1, s->identity.node.value}}},
    };
    /* The log starts after a made-up entry, so that whoever joins later needs a snapshot. */
    struct log_pos origin = {1, 1};
    struct lsm_ingest *ingest;
    enum status status = lsm_ingest_begin(s->lsm, range, &ingest);
    if (status == STATUS_OK) {
        struct buf meta;
        buf_init(&meta, 1 << 16);
        range_meta_encode(&d, 1, origin, BYTES_EMPTY, &meta);
        status = lsm_ingest_commit(ingest, origin.index, buf_view(&meta));
        buf_deinit(&meta);
    }
    if (status == STATUS_OK && !s->failed) {
        struct replica_start start_state = {
            .range = range, .id = 1, .descriptor = &d,
            .restore = {.hard_state = {.term = 1}, .start = origin, .config = d.config,
                        .applied_index = origin.index}};
        struct replica *r;
        status = replica_create(s, &start_state, &r);
        if (status == STATUS_OK) {
            r->applied = origin;
            journal_write_start(r, origin);
        }
    }
    return status;
}

static void init_end(struct store *s, enum status status)
{
    if (s->init_done == NULL) return;
    void (*done)(void *ctx, enum status status) = s->init_done;
    s->init_done = NULL;
    done(s->init_ctx, status);
}

static void init_run(void *arg)
{
    struct store *s = arg;
    s->identity.node.value = 1; /* members name it; undone below when a range cannot be made */
    enum status status = range_make(s, RANGE_META, BYTES_EMPTY, bytes_make(DATA_START, 1));
    if (status == STATUS_OK) status = range_make(s, RANGE_DATA, bytes_make(DATA_START, 1), BYTES_EMPTY);
    if (status != STATUS_OK) {
        s->identity.node.value = 0;
        init_end(s, status);
    } else if (!s->failed) {
        store_le64(s->identity.cluster_id, env_random_u64(s->env));
        store_le64(s->identity.cluster_id + 8, env_random_u64(s->env) | 1);
        s->join_token = env_random_u64(s->env) | 1;
        identity_write(s);
        LOG_INFO(s->logger, "node", "cluster created", "id=%llu",
                 (unsigned long long)s->identity.node.value);
    }
    store_fiber_end(s);
}

void store_init_cluster(struct store *s, void (*done)(void *ctx, enum status status), void *ctx)
{
    if (s->identity.node.value != 0 || s->init_done != NULL) {
        done(ctx, STATUS_EXISTS);
        return;
    }
    s->init_done = done;
    s->init_ctx = ctx;
    enum status status = store_fiber(s, init_run, s);
    if (status != STATUS_OK) init_end(s, status);
}

static void on_init_applied(struct proposal *p, enum status status, struct bytes result)
{
    (void)status;
    (void)result;
    free(p);
}

/* The first leader of range 1 writes the first records, whoever asked for the cluster. */
void bootstrap_tick(struct store *s)
{
    struct replica *meta = store_replica(s, RANGE_META);
    if (meta == NULL || !replica_serving(meta) || !s->identity_durable) return;
    struct replica *data = store_replica(s, RANGE_DATA);
    if (s->meta.initialized) {
        if (data != NULL && replica_serving(data)) init_end(s, STATUS_OK);
        return;
    }
    if (data == NULL || !list_empty(&meta->proposals)) return;
    struct proposal *p = calloc(1, sizeof *p);
    if (p == NULL) return;
    p->on_done = on_init_applied;
    if (meta_propose_init(s, p) != STATUS_OK) free(p);
}
