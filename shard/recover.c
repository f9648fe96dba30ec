/* Start-up: what the engine's manifest and the log say, made into replicas again.
 *
 * The engine holds each range as of its flushed position F (term, index). The log holds entries after its
 * start S. Normally S <= F and the entries up to F are there for followers only. When the log does not
 * contain F's entry with F's term (a crash between adopting a snapshot and resetting the log), what it has
 * is of another history, and the replica starts at F with an empty log (trap K21). */
#include <stdio.h>
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/range_change.h"

#define ENTRIES_MIN 8 /* room of a range at first: there may be thousands, and most are idle */

struct recovering {
    struct list link;
    struct range_id range;
    struct range_id left; /* of one that is unborn: who makes it */
    uint64_t id;
    struct descriptor descriptor;
    struct log_pos flushed, start;
    struct app_state app_state;
    struct raft_hard_state hard_state;
    bool in_engine, corrupt, dropped;
    bool lost; /* its log says that it was fenced */
    struct raft_entry *entries; /* payloads owned */
    uint32_t count, capacity;
};

struct recovery {
    struct store *store;
    struct list ranges;
    struct map by_id; /* the same: each record of the log asks */
};

static void free_entries(struct recovering *g, uint32_t from)
{
    for (uint32_t i = from; i < g->count; i++) free((void *)(uintptr_t)g->entries[i].payload.data);
    if (from < g->count) g->count = from;
}

static void range_free(struct recovering *g)
{
    free_entries(g, 0);
    free(g->entries);
    descriptor_clear(&g->descriptor);
    free(g);
}

static struct recovering *range_find(struct recovery *rec, struct range_id range)
{
    struct recovering *g = map_get(&rec->by_id, range.value);
    if (g != NULL) return g;
    g = calloc(1, sizeof *g);
    if (g == NULL) return NULL;
    if (map_put(&rec->by_id, range.value, g) != STATUS_OK) {
        free(g);
        return NULL;
    }
    g->range = range;
    list_push_back(&rec->ranges, &g->link);
    return g;
}

/* ---- from the engine ---- */

static enum status on_range(void *ctx, const struct lsm_range_info *info)
{
    struct recovery *rec = ctx;
    struct recovering *g = range_find(rec, info->range);
    if (g == NULL) return STATUS_NO_MEMORY;
    struct descriptor d; /* views into the manifest */
    enum status status = range_meta_decode(info->meta, &d, &g->id, &g->flushed, &g->app_state);
    if (status == STATUS_OK) status = descriptor_assign(&g->descriptor, &d);
    if (status != STATUS_OK) return status;
    if (g->flushed.index != info->flushed_index) return STATUS_CORRUPT;
    g->in_engine = true;
    g->corrupt = info->corrupt;
    return STATUS_OK;
}

/* ---- from the log ---- */

static enum status on_entry(void *ctx, struct range_id range, uint64_t term, uint64_t index,
                            uint8_t kind, struct bytes payload)
{
    struct recovering *g = range_find(ctx, range);
    if (g == NULL) return STATUS_NO_MEMORY;
    if (g->count > 0 && index <= g->entries[g->count - 1].index) {
        uint64_t first = g->entries[0].index;
        free_entries(g, index <= first ? 0 : (uint32_t)(index - first));
    }
    if (g->count > 0 && index != g->entries[g->count - 1].index + 1) return STATUS_CORRUPT;
    if (g->count == g->capacity) {
        uint32_t capacity = g->capacity == 0 ? ENTRIES_MIN : g->capacity * 2;
        struct raft_entry *entries = realloc(g->entries, capacity * sizeof *entries);
        if (entries == NULL) return STATUS_NO_MEMORY;
        g->entries = entries;
        g->capacity = capacity;
    }
    uint8_t *copy = malloc(payload.size + 1);
    if (copy == NULL) return STATUS_NO_MEMORY;
    if (payload.size > 0) memcpy(copy, payload.data, payload.size);
    g->entries[g->count++] = (struct raft_entry){
        .term = term, .index = index, .kind = kind, .payload = bytes_make(copy, payload.size)};
    return STATUS_OK;
}

static enum status on_hard_state(void *ctx, struct range_id range, uint64_t term, uint64_t vote,
                                 uint64_t commit)
{
    struct recovering *g = range_find(ctx, range);
    if (g == NULL) return STATUS_NO_MEMORY;
    g->lost = vote == HARD_STATE_LOST;
    g->hard_state = (struct raft_hard_state){term, g->lost ? 0 : vote, commit};
    return STATUS_OK;
}

static void drop_up_to(struct recovering *g, uint64_t index)
{
    if (g->count == 0 || index < g->entries[0].index) return;
    uint64_t last = g->entries[g->count - 1].index;
    uint32_t dropped = index >= last ? g->count : (uint32_t)(index - g->entries[0].index + 1);
    for (uint32_t i = 0; i < dropped; i++) free((void *)(uintptr_t)g->entries[i].payload.data);
    g->count -= dropped;
    memmove(g->entries, g->entries + dropped, g->count * sizeof *g->entries);
}

static enum status on_start(void *ctx, struct range_id range, struct log_pos pos)
{
    struct recovering *g = range_find(ctx, range);
    if (g == NULL) return STATUS_NO_MEMORY;
    g->start = pos;
    drop_up_to(g, pos.index);
    return STATUS_OK;
}

static enum status on_dropped(void *ctx, struct range_id range)
{
    struct recovering *g = range_find(ctx, range);
    if (g == NULL) return STATUS_NO_MEMORY;
    free_entries(g, 0);
    g->hard_state = (struct raft_hard_state){0, 0, 0};
    g->lost = false;
    g->dropped = true;
    g->start = (struct log_pos){0, 0};
    return STATUS_OK;
}

static enum status on_fact(void *ctx, uint32_t key, struct bytes value)
{
    struct recovery *rec = ctx;
    struct store *s = rec->store;
    struct reader r = reader_make(value);
    if (key == FACT_IDENTITY) {
        struct bytes cluster = get_bytes(&r, sizeof s->identity.cluster_id);
        uint64_t node = get_u64(&r);
        uint64_t incarnation = get_u64(&r);
        for (int i = 0; i < NET_START_MARKS; i++) s->identity.start_marks[i] = get_u64(&r);
        if (r.failed) return STATUS_CORRUPT;
        memcpy(s->identity.cluster_id, cluster.data, cluster.size);
        s->identity.node.value = node;
        s->identity.incarnation = incarnation;
        return STATUS_OK;
    }
    if (key < FACT_NODE_BASE) return STATUS_VERSION;
    struct node_record record;
    enum status status = node_record_decode(&r, &record);
    if (status != STATUS_OK) return status == STATUS_VERSION ? status : STATUS_CORRUPT;
    nodes_learn(s, &record);
    struct node_entry *n = nodes_find(s, record.node);
    if (n != NULL) n->fact_stale = false;
    return STATUS_OK;
}

/* ---- replicas ---- */

/* Decides where the log of the range begins (see the top of this file). True: where the log says so. */
static bool settle_start(struct recovering *g)
{
    uint64_t flushed = g->flushed.index;
    bool joins = false;
    if (g->start.index == flushed) {
        joins = g->start.term == g->flushed.term;
    } else if (g->start.index < flushed && g->count > 0 &&
               g->entries[0].index == g->start.index + 1 &&
               g->entries[g->count - 1].index >= flushed) {
        joins = g->entries[flushed - g->entries[0].index].term == g->flushed.term;
    }
    if (joins || MUTANT("k21_log_of_another_history_joins")) return true;
    COVER("shard_recovery_log_of_another_history");
    free_entries(g, 0);
    g->start = g->flushed;
    return false;
}

/* Why the replica must not go on from what is there; NULL: it may. */
static const char *reason_to_fence(const struct recovering *g, const struct wal_recovery *log)
{
    if (g->lost) return "it was fenced before and is not refetched yet";
    if (log->damaged) return "acknowledged log bytes are damaged";
    if (g->corrupt) return "a file of the range is damaged";
    /* A log is only cut at what was flushed: the manifest has lost its end, or is an old one. */
    if (g->start.index > g->flushed.index && !MUTANT("k21_gap_taken_for_a_snapshot"))
        return "the log begins after what the engine holds";
    return NULL;
}

static enum status revive_fenced(struct store *s, const struct recovering *g, const char *why)
{
    struct descriptor unknown = {.range = g->range, .start = g->descriptor.start, .end = g->descriptor.end};
    struct replica_start start = {
        .range = g->range,
        .id = g->id,
        .descriptor = &unknown,
        .restore = {.hard_state = {.term = g->hard_state.term}, .lost = true},
    };
    struct replica *r;
    enum status status = replica_create(s, &start, &r);
    if (status != STATUS_OK) return status;
    COVER("shard_replica_fenced_at_start");
    r->floor = g->start.index > g->flushed.index ? g->start.index : g->flushed.index;
    if (!g->lost) {
        s->metrics.replicas_fenced++;
        journal_write_lost(r, g->hard_state.term);
    }
    LOG_ERROR(s->logger, "shard", "replica fenced", "range=%llu why=\"%s\"",
              (unsigned long long)g->range.value, why);
    return STATUS_OK;
}

static enum status replica_revive(struct store *s, struct recovering *g, bool uncertain)
{
    bool as_logged = settle_start(g);
    /* The manifest may be ahead of the log: nobody of a range that a split made was ever in an older term. */
    if (g->hard_state.term == 0 && g->descriptor.created.value != 0) g->hard_state.term = g->start.term + 1;
    struct replica_start start = {
        .range = g->range,
        .id = g->id,
        .descriptor = &g->descriptor,
        .restore = {.hard_state = g->hard_state,
                    .start = g->start,
                    .config = g->descriptor.config,
                    .applied_index = g->flushed.index},
        .entries = g->entries,
        .entry_count = g->count,
        .uncertain = uncertain,
        .app_state = bytes_make(g->app_state.data, g->app_state.size),
    };
    struct replica *r;
    enum status status = replica_create(s, &start, &r);
    if (status != STATUS_OK) return status;
    r->applied = g->flushed;
    if (!as_logged) journal_write_start(r, g->start);
    return STATUS_OK;
}

/* ---- what a split made, and the engine does not have yet ---- */

static bool is_unborn(const struct recovering *g)
{
    return !g->in_engine && !g->dropped && (g->start.index > 0 || g->hard_state.term > 0 || g->lost);
}

/* Its log begins with an entry of another range, which was applied here, so it is committed: that range may go as far
 * at once, and makes it again. */
static void find_left(struct recovery *rec, struct recovering *right)
{
    LIST_FOR_EACH(item, &rec->ranges) {
        struct recovering *g = CONTAINER_OF(item, struct recovering, link);
        if (g == right || !split_made(g->entries, g->count, right->range, right->start)) continue;
        if (g->hard_state.commit < right->start.index) g->hard_state.commit = right->start.index;
        right->left = g->range;
        return;
    }
}

static enum status keep_unborn(struct recovery *rec, struct recovering *g, bool damaged)
{
    struct unborn *u = calloc(1, sizeof *u);
    if (u == NULL) return STATUS_NO_MEMORY;
    *u = (struct unborn){.range = g->range, .left = g->left, .start = g->start, .hard_state = g->hard_state,
                         .lost = g->lost || damaged, .entries = g->entries, .count = g->count};
    g->entries = NULL;
    g->count = 0;
    list_push_back(&rec->store->unborn, &u->link);
    COVER("shard_unborn_kept");
    LOG_INFO(rec->store->logger, "shard", "a range waits for the split that made it",
             "range=%llu left=%llu index=%llu entries=%u", (unsigned long long)u->range.value,
             (unsigned long long)u->left.value, (unsigned long long)u->start.index, u->count);
    return STATUS_OK;
}

/* Before anything is revived. Each looks for its left side while all still have their entries: there may be chains. */
static enum status keep_all_unborn(struct recovery *rec, bool damaged)
{
    LIST_FOR_EACH(item, &rec->ranges) {
        struct recovering *g = CONTAINER_OF(item, struct recovering, link);
        if (is_unborn(g)) find_left(rec, g);
    }
    LIST_FOR_EACH(item, &rec->ranges) {
        struct recovering *g = CONTAINER_OF(item, struct recovering, link);
        enum status status = is_unborn(g) ? keep_unborn(rec, g, damaged) : STATUS_OK;
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

static enum status revive(struct store *s, struct recovering *g, const struct wal_recovery *log)
{
    if (!g->in_engine) return STATUS_OK; /* dropped, or unborn, or it said nothing */
    const char *why = reason_to_fence(g, log);
    return why != NULL ? revive_fenced(s, g, why) : replica_revive(s, g, log->uncertain);
}

/* What was found of a range goes when its replica is there, which takes the same room: memory that is used once, by all
 * of them together, is not given back to the machine. */
static enum status revive_all(struct recovery *rec, const struct wal_recovery *log)
{
    enum status status = keep_all_unborn(rec, log->damaged);
    struct list *item;
    while (status == STATUS_OK && (item = list_pop_front(&rec->ranges)) != NULL) {
        struct recovering *g = CONTAINER_OF(item, struct recovering, link);
        status = revive(rec->store, g, log);
        map_remove(&rec->by_id, g->range.value);
        range_free(g);
    }
    return status;
}

/* Starts that a damaged log may have forgotten: each begins a segment that repeats all facts, so only
 * those whose segment is damaged. */
#define FORGOTTEN_STARTS 64
_Static_assert(FORGOTTEN_STARTS > NET_START_MARKS, "peers do not ask for marks that may be forgotten");

/* Replicas without an identity are those of an init that was cut short (bootstrap.c), unless the log may
 * have held one: then they must not be taken for a new node's. */
static enum status revive_identity(struct recovery *rec, const struct wal_recovery *log)
{
    struct store *s = rec->store;
    bool forgetful = log->damaged || log->uncertain;
    bool any = false;
    LIST_FOR_EACH(item, &rec->ranges)
        any |= CONTAINER_OF(item, struct recovering, link)->in_engine;
    if (s->identity.node.value == 0) return any && (forgetful || log->created) ? STATUS_CORRUPT : STATUS_OK;
    /* A number that was used before would make peers take new requests for old ones (RPC-1). */
    if (forgetful) s->identity.incarnation += FORGOTTEN_STARTS;
    identity_write(s); /* a new incarnation */
    return STATUS_OK;
}

static void recovery_deinit(struct recovery *rec)
{
    struct list *item;
    map_deinit(&rec->by_id);
    while ((item = list_pop_front(&rec->ranges)) != NULL) range_free(CONTAINER_OF(item, struct recovering, link));
}

/* What a person can do about a data directory that is of no use any more. */
#define START_ANEW "; move the data directory away and start with an empty --data and --join: the node joins as a new one"

static const char *explain(enum status status, const char *what)
{
    switch (status) {
    case STATUS_VERSION:
        return "the data directory is of another version of ostraka; start the version that wrote it, or"
               " move the directory away and start with an empty --data and --join as a new node";
    case STATUS_INVALID: return "the data directory belongs to another store" START_ANEW;
    case STATUS_NO_SPACE: return "the disk is full; make room, then start the node again";
    case STATUS_CORRUPT: return what;
    default: return "the data directory cannot be read or written";
    }
}

static enum status open_engine(struct store *s, struct recovery *rec, const char *directory)
{
    struct lsm_options o = {
        .env = s->env,
        .fibers = s->options.fibers,
        .logger = s->logger,
        .directory = directory,
        .store_id = s->options.store_id,
        .memtable_bytes = s->options.memtable_bytes,
        .cache_bytes = s->options.cache_bytes,
        .table_bytes = s->options.table_bytes,
        .compress = true,
        .seed = prng_next(&s->prng),
    };
    store_engine_callbacks(&o, s);
    struct lsm_range_visitor visitor = {on_range, rec};
    return lsm_open(&o, &visitor, &s->lsm);
}

static enum status open_log(struct store *s, struct recovery *rec, const char *directory,
                            struct wal_recovery *found)
{
    struct wal_options o = {
        .env = s->env,
        .fibers = s->options.fibers,
        .logger = s->logger,
        .directory = directory,
        .store_id = s->options.store_id,
        .segment_bytes = s->options.wal_segment_bytes,
        .sync_mode = s->options.wal_sync_mode,
    };
    store_log_callbacks(&o, s);
    struct wal_visitor visitor = {on_entry, on_hard_state, on_start, on_dropped, on_fact, rec};
    return wal_open(&o, &visitor, found, &s->wal);
}

/* True when the engine has been here before: its manifest is older than any log. */
static enum status find_engine(struct fio *fio, const char *directory, bool *found_out)
{
    char path[300];
    env_file file;
    snprintf(path, sizeof path, "%s/manifest", directory);
    enum status status = fio_open(fio, path, ENV_OPEN_READ, &file);
    *found_out = status == STATUS_OK;
    if (status == STATUS_OK) fio_close(fio, file);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status recover_store(struct store *s, const char **why)
{
    bool had_engine = false;
    struct recovery rec = {.store = s};
    list_init(&rec.ranges);
    map_init(&rec.by_id);
    char path[256];
    struct wal_recovery found = {0};
    struct fio fio = {s->env, s->options.fibers, 0};
    enum status status = fio_dir_make(&fio, s->options.directory);
    if (status == STATUS_OK) status = fio_dir_sync(&fio, "."); /* trap K23 */
    snprintf(path, sizeof path, "%s/lsm", s->options.directory);
    if (status == STATUS_OK) status = find_engine(&fio, path, &had_engine);
    if (status == STATUS_OK) status = open_engine(s, &rec, path);
    if (status != STATUS_OK) *why = explain(status, "the engine's manifest is damaged" START_ANEW);
    snprintf(path, sizeof path, "%s/wal", s->options.directory);
    if (status == STATUS_OK) {
        status = open_log(s, &rec, path, &found);
        if (status != STATUS_OK) *why = explain(status, "the log is damaged" START_ANEW);
        if (status == STATUS_OK && !had_engine && !found.created) {
            status = STATUS_CORRUPT;
            *why = "there is a log, and the engine's files are gone" START_ANEW;
        }
    }
    if (status == STATUS_OK) {
        LOG_INFO(s->logger, "shard", "log recovered",
                 "generation=%llu frames=%llu entries=%llu torn=%d uncertain=%d damaged=%d detail=\"%s\"",
                 (unsigned long long)found.generation, (unsigned long long)found.frame_count,
                 (unsigned long long)found.entry_count, found.torn, found.uncertain, found.damaged,
                 found.detail);
        s->log_in_doubt = found.uncertain || found.damaged;
        status = revive_identity(&rec, &found);
        if (status != STATUS_OK) *why = "the log has lost whose replicas these are" START_ANEW;
    }
    if (status == STATUS_OK) {
        status = revive_all(&rec, &found);
        if (status != STATUS_OK) *why = explain(status, "log and engine contradict each other" START_ANEW);
    }
    struct replica *meta = status == STATUS_OK ? store_replica(s, RANGE_META) : NULL;
    if (meta != NULL && meta->state == REPLICA_STATE_RUNNING) {
        status = meta_load(s);
        if (status == STATUS_CORRUPT && meta->state == REPLICA_STATE_RUNNING)
            replica_fence(meta, "the metadata cannot be read");
        if (status == STATUS_CORRUPT) status = STATUS_OK;
        if (status != STATUS_OK) *why = explain(status, "");
    }
    recovery_deinit(&rec);
    return status;
}
