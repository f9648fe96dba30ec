/* A split as every replica of the range applies it (README, Splits): the left side ends at the key, the right side is a
 * range of its own with the same members, whose log begins behind the entry that made it. Nothing is written for it: when
 * the engine flushes what was there before the split, one edit of its manifest says both, and until then the
 * log of the left side keeps the entry, which makes the right side again after a crash.
 *
 * The log may then know more of the right side than the engine: votes it gave, entries it took. Such a replica is
 * *unborn* (recover.c); it is kept until its split is applied here again, and begins with all it had. */
#include <stdlib.h>

#include "shard/range_change.h"

/* ---- the command ---- */

enum status split_decode(struct bytes body, struct range_change *out)
{
    struct reader in = reader_make(body);
    struct range_change c = {.kind = (enum range_command)get_u8(&in)};
    c.epoch = get_u64(&in);
    c.right.value = get_u64(&in);
    c.key = get_sized(&in);
    c.part = get_sized(&in);
    if (reader_left(&in) > 0) {
        c.kept = get_u8(&in) == 1;
        if (!c.kept) return STATUS_VERSION;
    }
    if (!reader_done(&in) || c.kind != RANGE_COMMAND_SPLIT) return STATUS_VERSION;
    if (c.right.value <= RANGE_DATA.value || c.key.size == 0 || c.key.size > SHARD_KEY_BYTES_MAX) return STATUS_VERSION;
    *out = c;
    return STATUS_OK;
}

/* The split that an entry is. */
static bool split_of(const struct raft_entry *e, struct range_change *out)
{
    if (e->kind != RAFT_ENTRY_COMMAND || e->payload.size < 1 || e->payload.data[0] != SHARD_COMMAND_RANGE) return false;
    return split_decode(bytes_make(e->payload.data + 1, e->payload.size - 1), out) == STATUS_OK;
}

bool split_counts(const struct replica *r, const struct range_change *c)
{
    const struct descriptor *d = &r->descriptor;
    if (c->epoch != d->epoch && !MUTANT("split_epoch_ignored")) return false;
    if (replica_frozen(r)) return false;
    return d->config.outgoing_count == 0 && descriptor_contains(d, c->key) && !bytes_equal(d->start, c->key);
}

bool split_waits(const struct replica *r, const struct raft_entry *e)
{
    struct range_change c;
    if (!split_of(e, &c) || !birth_under_way(r->store, c.right, r->range)) return false;
    COVER("shard_split_waits_for_birth");
    return true;
}

/* ---- unborn replicas ---- */

static void unborn_free(struct unborn *u)
{
    list_remove(&u->link);
    for (uint32_t i = 0; i < u->count; i++) free((void *)(uintptr_t)u->entries[i].payload.data);
    free(u->entries);
    free(u);
}

struct unborn *unborn_find(struct store *s, struct range_id range)
{
    LIST_FOR_EACH(item, &s->unborn) {
        struct unborn *u = CONTAINER_OF(item, struct unborn, link);
        if (u->range.value == range.value) return u;
    }
    return NULL;
}

void unborn_forget(struct store *s, struct range_id range)
{
    struct unborn *u = unborn_find(s, range);
    if (u != NULL) unborn_free(u);
}

void unborn_deinit(struct store *s)
{
    while (!list_empty(&s->unborn)) unborn_free(CONTAINER_OF(s->unborn.next, struct unborn, link));
}

/* The entry that made this range, among those of another one: it was applied here, so it is committed. */
bool split_made(const struct raft_entry *entries, uint32_t count, struct range_id right, struct log_pos start)
{
    if (count == 0 || start.index < entries[0].index || start.index > entries[count - 1].index) return false;
    const struct raft_entry *e = &entries[start.index - entries[0].index];
    struct range_change c;
    return e->term == start.term && split_of(e, &c) && c.right.value == right.value;
}

uint64_t newborn_silent_until(const struct store *s)
{
    if (s->identity.incarnation <= 1 || s->options.no_leases) return 0;
    uint64_t until_ns = s->started_ns + s->options.support_ns;
    if (env_now_ns(s->env) < until_ns) COVER("shard_newborn_in_silence");
    return until_ns;
}

/* ---- applying ---- */

struct division {
    struct replica *left;
    const struct range_change *change;
    struct log_pos pos;
    struct descriptor left_now, right_now; /* assigned */
    struct buf app_state;                  /* both sides begin with it */
};

static enum status division_begin(struct division *v, struct replica *r, const struct range_change *c)
{
    *v = (struct division){.left = r, .change = c, .pos = r->applied};
    buf_init(&v->app_state, SHARD_APP_STATE_BYTES_MAX);
    r->store->options.app->state_encode(r->app, &v->app_state);
    ASSERT(!v->app_state.failed);
    struct descriptor left = r->descriptor;
    left.keys = NULL;
    left.epoch++;
    left.end = c->key;
    struct descriptor right = left;
    right.range = c->right;
    right.created = r->range;
    right.start = c->key;
    right.end = r->descriptor.end;
    right.kept = c->kept && !MUTANT("split_by_hand_forgotten"); /* of its start; the left side keeps what is said of its own */
    enum status status = descriptor_assign(&v->left_now, &left);
    return status == STATUS_OK ? descriptor_assign(&v->right_now, &right) : status;
}

static void division_end(struct division *v)
{
    descriptor_clear(&v->left_now);
    descriptor_clear(&v->right_now);
    buf_deinit(&v->app_state);
}

/* The engine's side. *shared_out: the right side is there, with what was the left one's. */
static enum status divide_engine(struct division *v, bool wanted, bool *shared_out)
{
    struct replica *r = v->left;
    struct lsm *lsm = r->store->lsm;
    struct buf meta;
    buf_init(&meta, 1 << 20);
    range_meta_encode(&v->left_now, r->id, v->pos, buf_view(&v->app_state), &meta);
    ASSERT(!meta.failed);
    lsm_range_set_meta(lsm, r->range, buf_view(&meta)); /* of the moment that the engine now freezes */
    buf_reset(&meta);
    range_meta_encode(&v->right_now, r->id, v->pos, buf_view(&v->app_state), &meta);
    enum status status = wanted ? lsm_range_split(lsm, r->range, v->change->right, v->change->key, buf_view(&meta))
                                : lsm_range_shrink(lsm, r->range, v->change->key);
    *shared_out = wanted && status == STATUS_OK;
    buf_deinit(&meta);
    return status == STATUS_EXISTS ? STATUS_OK : status; /* then, too, the left one has shrunk */
}

/* Every replica of the right side begins one term beyond the entry that made it, so nobody ever stands in that term:
 * it is that of who inherits (SHARD-19). */
static struct raft_hard_state first_state(struct log_pos pos)
{
    return (struct raft_hard_state){.term = pos.term + 1, .commit = pos.index};
}

/* What the log knows of it, or a group that begins here and now. */
static enum status right_create(struct division *v, struct replica **right_out)
{
    struct store *s = v->left->store;
    struct unborn *u = unborn_find(s, v->change->right);
    struct replica_start start = {
        .range = v->change->right,
        .id = v->left->id,
        .descriptor = &v->right_now,
        .restore = {.hard_state = first_state(v->pos),
                    .start = v->pos,
                    .config = v->right_now.config,
                    .applied_index = v->pos.index,
                    .newborn = u == NULL && !s->log_in_doubt,
                    .silent_until_ns = newborn_silent_until(s)},
        .uncertain = s->log_in_doubt,
        .app_state = buf_view(&v->app_state),
    };
    struct descriptor unknown = {.range = v->change->right, .start = v->right_now.start, .end = v->right_now.end};
    if (u != NULL && (u->lost || u->start.index != v->pos.index || u->start.term != v->pos.term)) {
        COVER("shard_unborn_lost");
        start.descriptor = &unknown;
        start.restore = (struct raft_restore){.hard_state = {.term = u->hard_state.term}, .lost = true};
        start.app_state = BYTES_EMPTY;
        start.uncertain = false;
    } else if (u != NULL) {
        COVER("shard_unborn_born");
        uint64_t term = u->hard_state.term;
        start.restore.hard_state = u->hard_state;
        if (term <= v->pos.term) start.restore.hard_state = first_state(v->pos); /* it had said nothing yet */
        if (u->hard_state.commit < v->pos.index) start.restore.hard_state.commit = v->pos.index;
        start.entries = u->entries;
        start.entry_count = u->count;
    }
    if (MUTANT("split_forgets_unborn")) {
        start.entry_count = 0;
        start.restore.hard_state = first_state(v->pos);
    }
    enum status status = replica_create(s, &start, right_out);
    if (status != STATUS_OK) return status;
    struct replica *right = *right_out;
    if (right->lost) {
        right->floor = v->pos.index;
        if (!u->lost) journal_write_lost(right, u->hard_state.term);
    } else if (u == NULL) {
        journal_write_start(right, v->pos);
        journal_write_term(right, start.restore.hard_state);
    }
    if (u != NULL) unborn_free(u);
    if (!right->lost) replica_limit_flush(right);
    return STATUS_OK;
}

static void log_split(const struct division *v, bool made)
{
    struct store *s = v->left->store;
    s->metrics.splits++;
    LOG_INFO(s->logger, "shard", "range split", "range=%llu right=%llu index=%llu epoch=%llu made=%d",
             (unsigned long long)v->left->range.value, (unsigned long long)v->change->right.value,
             (unsigned long long)v->pos.index, (unsigned long long)v->left_now.epoch, made);
}

/* Whoever led the left side leads the right one: its clients are here, and the others wait for it. One leader at most
 * applies the split in the term of its entry, while it leads in that: it leads the right side's first term at once (SHARD-19).
 * Who applies it later has to be elected. */
static void lead_on(struct replica *left, struct replica *right, uint64_t split_term)
{
    struct raft_event inherit = {.kind = RAFT_EVENT_INHERIT}, campaign = {.kind = RAFT_EVENT_CAMPAIGN};
    struct raft_event announce = {.kind = RAFT_EVENT_ANNOUNCE};
    bool heir = replica_term(left) == split_term || MUTANT("split_inherited_by_later_leader");
    if (heir && replica_step(right, &inherit) == STATUS_OK) COVER("shard_split_inherited");
    else if (replica_step(right, &campaign) != STATUS_OK) COVER("shard_split_campaign_refused");
    if (replica_step(left, &announce) != STATUS_OK) COVER("shard_split_not_announced"); /* they need it, to follow */
}

enum status split_carry_out(struct replica *r, const struct range_change *c)
{
    struct store *s = r->store;
    struct division v;
    enum status status = division_begin(&v, r, c);
    /* Whoever is no member any more, or has been one of the right side before it got here, keeps but the left half. */
    bool wanted = store_replica(s, c->right) == NULL && raft_config_has(&r->descriptor.config, r->id);
    bool made = false;
    struct replica *right = NULL;
    if (!wanted) COVER("shard_split_only_shrinks");
    if (status == STATUS_OK) status = divide_engine(&v, wanted, &made);
    if (status == STATUS_OK) {
        log_split(&v, made);
        replica_describe(r, &v.left_now);
        if (made) status = right_create(&v, &right);
    }
    if (status == STATUS_OK) {
        bool serves = right != NULL && !right->lost;
        s->options.app->divide(r->app, serves ? right->app : NULL, c->key, c->part);
        store_route_learn(s, &r->descriptor);
    }
    division_end(&v);
    autosplit_pause(r);
    if (status != STATUS_OK || right == NULL) return status;
    autosplit_pause(right);
    birth_deliver_early(right);
    if (raft_leads(r->raft)) lead_on(r, right, v.pos.term);
    return STATUS_OK;
}
