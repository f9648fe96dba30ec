/* `init`: the first node of a new cluster makes itself the only voter of the metadata range and of one data range
 * or several. Every step is durable before the next and may be repeated: ranges, then identity, then the metadata
 * records. A node that died in between goes on at its next start (or its next init, for the same ranges). */
#include <stdlib.h>

#include "shard/nodes.h"

/* Fibers that make ranges: what they write to the manifest together costs one sync. */
#define MAKERS_MAX       64
#define RANGES_PER_MAKER 16

static const uint8_t DATA_START[] = {0x02}; /* range 1 holds the keys below, range 2 begins here */

/* The ranges of a cluster that is being founded: range i + 1 begins at starts[i]. */
struct founding {
    struct store *store;
    struct fiber *fiber; /* waits for the makers */
    struct bytes *starts;
    uint32_t count, next, makers;
    enum status status; /* of the first failure */
    uint8_t *keys;      /* what starts points into */
};

static enum status range_make(struct store *s, struct range_id range, struct bytes start, struct bytes end)
{
    const struct replica *there = store_replica(s, range);
    if (there != NULL) {
        /* Of an init that was cut short. */
        const struct descriptor *known = &there->descriptor;
        bool same = bytes_compare(known->start, start) == 0 && bytes_compare(known->end, end) == 0;
        return same ? STATUS_OK : STATUS_INVALID;
    }
    struct descriptor d = {
        .range = range,
        .epoch = 1,
        .next_replica_id = 2,
        .start = start,
        .end = end,
        .kept = range.value > RANGE_DATA.value, /* who founds the cluster asked for it to begin there */
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

static void founding_free(struct founding *f)
{
    free(f->starts);
    free(f->keys);
    free(f);
}

static void make_run(void *arg)
{
    struct founding *f = arg;
    struct store *s = f->store;
    while (f->next < f->count && f->status == STATUS_OK && !s->failed) {
        uint32_t i = f->next++;
        struct bytes end = i + 1 < f->count ? f->starts[i + 1] : BYTES_EMPTY;
        enum status status = range_make(s, (struct range_id){i + 1}, f->starts[i], end);
        if (f->status == STATUS_OK) f->status = status;
    }
    ASSERT(f->makers > 0);
    if (--f->makers == 0) fiber_resume(f->fiber);
    store_fiber_end(s);
}

/* On a fiber, which waits until all ranges are made. */
static enum status ranges_make(struct founding *f)
{
    struct store *s = f->store;
    /* A cut-short init for more ranges than now left some that nobody asked for. */
    if (s->metrics.replicas > f->count) return STATUS_INVALID;
    f->fiber = fiber_current(s->options.fibers);
    uint32_t wanted = 1 + f->count / RANGES_PER_MAKER;
    while (f->makers < wanted && f->makers < MAKERS_MAX) {
        f->makers++;
        enum status status = store_fiber(s, make_run, f);
        if (status == STATUS_OK) continue;
        f->makers--;
        if (f->status == STATUS_OK && f->makers == 0) f->status = status;
        break;
    }
    while (f->makers > 0) fiber_suspend(s->options.fibers);
    return f->status;
}

static void init_run(void *arg)
{
    struct founding *f = arg;
    struct store *s = f->store;
    s->identity.node.value = 1; /* members name it; undone below when a range cannot be made */
    enum status status = ranges_make(f);
    if (status != STATUS_OK) {
        s->identity.node.value = 0;
        init_end(s, status);
    } else if (!s->failed) {
        store_le64(s->identity.cluster_id, env_random_u64(s->env));
        store_le64(s->identity.cluster_id + 8, env_random_u64(s->env) | 1);
        s->join_token = env_random_u64(s->env) | 1;
        identity_write(s);
        LOG_INFO(s->logger, "node", "cluster created", "id=%llu ranges=%u",
                 (unsigned long long)s->identity.node.value, f->count);
    }
    founding_free(f);
    store_fiber_end(s);
}

/* Copies the starts of all ranges. STATUS_INVALID: keys out of order or out of bounds. */
static enum status founding_fill(struct founding *f, const struct bytes *split_keys, uint32_t split_count)
{
    size_t size = 0, described = 0;
    struct bytes before = bytes_make(DATA_START, sizeof DATA_START);
    for (uint32_t i = 0; i < split_count; i++) {
        struct bytes key = split_keys[i];
        if (key.size == 0 || key.size > SHARD_KEY_BYTES_MAX || key.data[0] < SHARD_SPLIT_BYTE_MIN ||
            bytes_compare(before, key) >= 0)
            return STATUS_INVALID;
        before = key;
        size += key.size;
        described += 2 * key.size + SHARD_DESCRIPTOR_HEAD_MAX;
    }
    if (described > SHARD_FOUND_BYTES_MAX) return STATUS_TOO_LARGE;
    f->count = split_count + 2;
    f->starts = calloc(f->count, sizeof *f->starts);
    f->keys = malloc(size + 1);
    if (f->starts == NULL || f->keys == NULL) return STATUS_NO_MEMORY;
    f->starts[0] = BYTES_EMPTY;
    f->starts[1] = bytes_make(DATA_START, sizeof DATA_START);
    uint8_t *at = f->keys;
    for (uint32_t i = 0; i < split_count; i++) {
        memcpy(at, split_keys[i].data, split_keys[i].size);
        f->starts[i + 2] = bytes_make(at, split_keys[i].size);
        at += split_keys[i].size;
    }
    return STATUS_OK;
}

void store_init_cluster(struct store *s, const struct bytes *split_keys, uint32_t split_count,
                        void (*done)(void *ctx, enum status status), void *ctx)
{
    if (s->identity.node.value != 0 || s->init_done != NULL) {
        done(ctx, STATUS_EXISTS);
        return;
    }
    s->init_done = done;
    s->init_ctx = ctx;
    struct founding *f = calloc(1, sizeof *f);
    if (f == NULL) {
        init_end(s, STATUS_NO_MEMORY);
        return;
    }
    f->store = s;
    enum status status = founding_fill(f, split_keys, split_count);
    if (status == STATUS_OK) status = store_fiber(s, init_run, f);
    if (status == STATUS_OK) return;
    founding_free(f);
    init_end(s, status);
}

/* A guest's INIT: sized keys at which data ranges are split, perhaps none. */
void bootstrap_init(struct store *s, struct bytes payload, void (*done)(void *ctx, enum status status), void *ctx)
{
    struct reader counting = reader_make(payload), in = counting;
    uint32_t count = 0;
    while (reader_left(&counting) > 0 && !counting.failed) {
        get_sized(&counting);
        count++;
    }
    if (counting.failed) {
        done(ctx, STATUS_INVALID);
        return;
    }
    struct bytes *keys = calloc(count + 1, sizeof *keys);
    if (keys == NULL) {
        done(ctx, STATUS_NO_MEMORY);
        return;
    }
    for (uint32_t i = 0; i < count; i++) keys[i] = get_sized(&in);
    store_init_cluster(s, keys, count, done, ctx);
    free(keys);
}

static void on_init_applied(struct proposal *p, enum status status, struct bytes result)
{
    (void)status;
    (void)result;
    free(p);
}

static bool all_serve(struct store *s)
{
    LIST_FOR_EACH(item, &s->replicas)
        if (!replica_serving(CONTAINER_OF(item, struct replica, link))) return false;
    return true;
}

/* The first leader of range 1 writes the first records, whoever asked for the cluster. */
void bootstrap_tick(struct store *s)
{
    struct replica *meta = store_replica(s, RANGE_META);
    if (meta == NULL || !replica_serving(meta) || !s->identity_durable) return;
    if (s->meta.initialized) {
        if (s->init_done != NULL && all_serve(s)) init_end(s, STATUS_OK);
        return;
    }
    if (!list_empty(&meta->proposals)) return;
    struct proposal *p = calloc(1, sizeof *p);
    if (p == NULL) return;
    p->on_done = on_init_applied;
    if (meta_propose_init(s, p) != STATUS_OK) free(p);
}
