#include "lsm/lsm_int.h"

static bool is_input(const struct tombstone_check *c, const struct table *t)
{
    for (uint32_t i = 0; i < c->input_count; i++)
        if (c->inputs[i] == t) return true;
    return false;
}

/* Is the key, at any timestamp, within the table's bounds? */
static bool spans(const struct table *t, enum lsm_space space, struct bytes key)
{
    const struct item_key *first = &t->facts.first, *last = &t->facts.last;
    if (first->space > space || last->space < space) return false;
    if (first->space == space && bytes_compare(first->key, key) > 0) return false;
    return last->space != space || bytes_compare(last->key, key) >= 0;
}

/* In LSM_SPACE_VERSIONS any other table may hold an older version, newer ones too: nothing demands
 * that a key's versions arrive in the order of their timestamps. In the other spaces what newer
 * tables hold replaces the tombstone anyway; asking them too costs little and keeps one rule. */
bool tombstone_may_go(void *ctx, const struct lsm_item *tombstone)
{
    const struct tombstone_check *c = ctx;
    bool versions = tombstone->space == LSM_SPACE_VERSIONS;
    if (versions && c->oldest_ts <= tombstone->ts) return false;
    uint32_t count = version_table_count(c->version);
    for (uint32_t i = 0; i < count; i++) {
        const struct table *t = c->version->tables[i];
        if (versions && t->facts.oldest_ts > tombstone->ts) continue;
        if (spans(t, tombstone->space, tombstone->key) && !is_input(c, t)) return false;
    }
    return true;
}

uint64_t memtables_oldest_ts(const struct range *r, const struct memtable *excluded)
{
    uint64_t oldest = r->active->oldest_ts;
    LIST_FOR_EACH(link, &r->frozen)
    {
        const struct memtable *m = CONTAINER_OF(link, struct memtable, link);
        if (m != excluded && m->oldest_ts < oldest) oldest = m->oldest_ts;
    }
    return oldest;
}
