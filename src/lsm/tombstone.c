#include "lsm/lsm_int.h"

static bool is_input(const struct tombstone_check *c, const struct piece *p)
{
    for (uint32_t i = 0; i < c->input_count; i++)
        if (c->inputs[i] == p) return true;
    return false;
}

/* Is the key, at any timestamp, within the piece's bounds? */
static bool spans(const struct piece *p, enum lsm_space space, struct bytes key)
{
    struct item_key newest = {space, key, LSM_TS_MAX}, oldest = {space, key, 0};
    return item_key_compare(&p->first, &oldest) <= 0 && !piece_ends_before(p, &newest);
}

/* What ends by itself does not stand under other keys. */
static bool is_of_other_keys(const struct piece *p, const struct lsm_item *tombstone)
{
    const struct lsm_options *o = &p->table->lsm->options;
    return piece_is_ending(p) && o->key_may_end != NULL && !o->key_may_end(tombstone->key);
}

/* In LSM_SPACE_VERSIONS any other table may hold an older version, newer ones too: nothing demands
 * that a key's versions arrive in the order of their timestamps. In the other spaces what newer
 * tables hold replaces the tombstone anyway; asking them too costs little and keeps one rule. */
bool tombstone_may_go(void *ctx, const struct lsm_item *tombstone)
{
    const struct tombstone_check *c = ctx;
    bool versions = tombstone->space == LSM_SPACE_VERSIONS;
    if (versions && c->oldest_ts <= tombstone->ts) return false;
    uint32_t count = version_piece_count(c->version);
    for (uint32_t i = 0; i < count; i++) {
        const struct piece *p = c->version->pieces[i];
        if (versions && p->table->facts.oldest_ts > tombstone->ts) continue;
        if (is_of_other_keys(p, tombstone)) continue;
        if (spans(p, tombstone->space, tombstone->key) && !is_input(c, p)) return false;
    }
    return true;
}

static uint64_t own_oldest_ts(const struct range *r, const struct memtable *excluded)
{
    uint64_t oldest = r->active->oldest_ts;
    LIST_FOR_EACH(link, &r->frozen)
    {
        const struct memtable *m = CONTAINER_OF(link, struct frozen, link)->memtable;
        if (m != excluded && m->oldest_ts < oldest) oldest = m->oldest_ts;
    }
    return oldest;
}

uint64_t memtables_oldest_ts(struct range *r, const struct memtable *excluded)
{
    uint64_t oldest = LSM_TS_MAX;
    for (struct range *one = r; one != NULL; one = split_next(r, one)) {
        uint64_t ts = own_oldest_ts(one, excluded);
        if (ts < oldest) oldest = ts;
    }
    return oldest;
}
