#include "lsm/merge_int.h"

#include <stdlib.h>

void merge_init(struct merge *m, bool reverse)
{
    *m = (struct merge){.reverse = reverse, .current = MERGE_NONE, .second = MERGE_NONE};
}

void merge_deinit(struct merge *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        m->sources[i].cursor->table->close(m->sources[i].cursor);
    free(m->sources);
    *m = (struct merge){.current = MERGE_NONE, .second = MERGE_NONE};
}

enum status merge_add(struct merge *m, struct cursor *cursor)
{
    if (m->count == m->capacity) {
        uint32_t capacity = m->capacity == 0 ? 4 : m->capacity * 2;
        struct merge_source *sources = realloc(m->sources, capacity * sizeof *sources);
        if (sources == NULL) {
            cursor->table->close(cursor);
            return STATUS_NO_MEMORY;
        }
        m->sources = sources;
        m->capacity = capacity;
    }
    m->sources[m->count++] = (struct merge_source){cursor, MERGE_STATE_END};
    return STATUS_OK;
}

void merge_seek(struct merge *m, const struct item_key *target)
{
    m->target = *target;
    for (uint32_t i = 0; i < m->count; i++)
        m->sources[i].state = MERGE_STATE_SEEK;
    m->current = m->second = MERGE_NONE;
    m->settled = false;
}

void merge_step(struct merge *m)
{
    ASSERT(m->settled);
    ASSERT(m->current != MERGE_NONE);
    m->sources[m->current].state = MERGE_STATE_STEP;
    m->settled = false;
}

static enum status source_settle(struct merge *m, struct merge_source *s, struct lsm_waiter *waiter)
{
    enum status status = STATUS_OK;
    if (s->state == MERGE_STATE_SEEK)
        status = s->cursor->table->seek(s->cursor, &m->target, waiter);
    else if (s->state == MERGE_STATE_STEP)
        status = s->cursor->table->step(s->cursor, waiter);
    else
        return STATUS_OK;
    if (status == STATUS_OK) s->state = MERGE_STATE_ITEM;
    if (status == STATUS_NOT_FOUND) s->state = MERGE_STATE_END;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* All sources that have to move are moved even when one waits, so that their reads run side by
 * side. Who is told of an error waits for nothing: the waiter may be gone when the other read ends. */
static enum status settle_all(struct merge *m, struct lsm_waiter *waiter)
{
    enum status result = STATUS_OK;
    for (uint32_t i = 0; i < m->count; i++) {
        enum status status = source_settle(m, &m->sources[i], waiter);
        if (status == STATUS_OK) continue;
        if (status != STATUS_WAIT) {
            if (waiter != NULL) lsm_waiter_cancel(waiter);
            return status;
        }
        result = STATUS_WAIT;
    }
    return result;
}

/* Negative when source a's item comes first in the merge's direction. */
static int source_compare(const struct merge *m, uint32_t a, uint32_t b)
{
    int order = item_compare(&m->sources[a].cursor->item, &m->sources[b].cursor->item);
    return m->reverse ? -order : order;
}

/* Finds the first two sources. An item equal to one of a newer source is replaced by it, so its
 * source moves on; returns true when that happened: the sources must settle and compare again. */
static bool pick(struct merge *m)
{
    bool shadowed = false;
    m->current = m->second = MERGE_NONE;
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->sources[i].state != MERGE_STATE_ITEM) continue;
        if (m->current == MERGE_NONE) {
            m->current = i;
            continue;
        }
        int order = source_compare(m, m->current, i);
        if (order == 0 && !MUTANT("lsm_merge_shows_replaced")) {
            m->sources[i].state = MERGE_STATE_STEP;
            shadowed = true;
        } else if (order > 0) {
            m->second = m->current;
            m->current = i;
        } else if (m->second == MERGE_NONE || source_compare(m, m->second, i) > 0) {
            m->second = i;
        }
    }
    if (shadowed)
        m->current = m->second = MERGE_NONE; /* may be others once the sources have moved */
    return shadowed;
}

/* Most steps stay within one source: one comparison with the runner-up tells. */
static bool still_first(const struct merge *m)
{
    if (m->current == MERGE_NONE) return false;
    if (m->sources[m->current].state != MERGE_STATE_ITEM) return false;
    return m->second == MERGE_NONE || source_compare(m, m->current, m->second) < 0;
}

enum status merge_settle(struct merge *m, struct lsm_waiter *waiter,
                         const struct lsm_item **item_out)
{
    if (!m->settled) {
        enum status status = settle_all(m, waiter);
        if (status != STATUS_OK) return status;
        if (!still_first(m)) {
            while (pick(m)) {
                status = settle_all(m, waiter);
                if (status != STATUS_OK) return status;
            }
        }
        m->settled = true;
    }
    if (m->current == MERGE_NONE) return STATUS_NOT_FOUND;
    *item_out = &m->sources[m->current].cursor->item;
    return STATUS_OK;
}
