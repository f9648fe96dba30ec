#include "tests/wal/model.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

void model_init(struct model *m)
{
    *m = (struct model){0};
}

void model_deinit(struct model *m)
{
    for (size_t i = 0; i <= MODEL_RANGES; i++) free(m->ranges[i].entries);
    *m = (struct model){0};
}

void model_copy(struct model *to, const struct model *from)
{
    model_deinit(to);
    *to = *from;
    for (size_t i = 0; i <= MODEL_RANGES; i++) {
        struct model_range *r = &to->ranges[i];
        r->entries = NULL;
        r->capacity = r->count;
        if (r->count == 0) continue;
        r->entries = malloc(r->count * sizeof r->entries[0]);
        ASSERT(r->entries != NULL);
        memcpy(r->entries, from->ranges[i].entries, r->count * sizeof r->entries[0]);
    }
}

uint64_t model_last(const struct model_range *r)
{
    return r->start.index + r->count;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return hash_u64(hash ^ value) + value;
}

static uint64_t range_digest(const struct model_range *r, uint64_t hash)
{
    const uint64_t fields[] = {r->start.term, r->start.index, r->term,
                               r->vote,       r->commit,      r->count};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) hash = mix(hash, fields[i]);
    for (size_t i = 0; i < r->count; i++) {
        hash = mix(hash, r->entries[i].term);
        hash = mix(hash, r->entries[i].payload_hash);
        hash = mix(hash, (uint64_t)r->entries[i].size << 8 | r->entries[i].kind);
    }
    return hash;
}

uint64_t model_digest(const struct model *m)
{
    uint64_t hash = 1;
    for (uint64_t i = 1; i <= MODEL_RANGES; i++)
        if (m->ranges[i].exists) hash = range_digest(&m->ranges[i], mix(hash, i));
    for (uint64_t i = 0; i < MODEL_FACTS; i++)
        if (m->facts[i].exists) hash = mix(mix(hash, 1000 + i), m->facts[i].hash);
    return hash;
}

static struct model_range *range_of(struct model *m, uint64_t range)
{
    ASSERT(range >= 1 && range <= MODEL_RANGES);
    m->ranges[range].exists = true;
    return &m->ranges[range];
}

void model_entry(struct model *m, uint64_t range, uint64_t term, uint64_t index, uint8_t kind,
                 struct bytes payload)
{
    struct model_range *r = range_of(m, range);
    if (index <= r->start.index || index > model_last(r) + 1) {
        m->hole = true;
        return;
    }
    r->count = (size_t)(index - r->start.index - 1);
    if (r->count == r->capacity) {
        r->capacity = r->capacity * 2 + 16;
        r->entries = realloc(r->entries, r->capacity * sizeof r->entries[0]);
        ASSERT(r->entries != NULL);
    }
    uint64_t hash = payload.size == 0 ? 7 : hash64(payload.data, payload.size, 7);
    r->entries[r->count++] = (struct model_entry){term, hash, (uint32_t)payload.size, kind};
}

void model_hard_state(struct model *m, uint64_t range, uint64_t term, uint64_t vote,
                      uint64_t commit)
{
    struct model_range *r = range_of(m, range);
    r->term = term;
    r->vote = vote;
    r->commit = commit;
}

void model_start(struct model *m, uint64_t range, struct log_pos pos)
{
    struct model_range *r = range_of(m, range);
    size_t gone = r->count;
    if (pos.index == r->start.index) {
        if (pos.term == r->start.term) gone = 0;
    } else if (pos.index > r->start.index && pos.index <= model_last(r)) {
        size_t at = (size_t)(pos.index - r->start.index - 1);
        if (r->entries[at].term == pos.term) gone = at + 1;
    }
    if (r->count > 0)
        memmove(r->entries, r->entries + gone, (r->count - gone) * sizeof r->entries[0]);
    r->count -= gone;
    r->start = pos;
}

void model_dropped(struct model *m, uint64_t range)
{
    free(m->ranges[range].entries);
    m->ranges[range] = (struct model_range){0};
}

void model_fact(struct model *m, uint32_t key, struct bytes value)
{
    ASSERT(key < MODEL_FACTS);
    m->facts[key].exists = true;
    m->facts[key].hash = value.size == 0 ? 3 : hash64(value.data, value.size, 3);
}

/* ---- the visitor ---- */

static enum status on_entry(void *ctx, struct range_id range, uint64_t term, uint64_t index,
                            uint8_t kind, struct bytes payload)
{
    model_entry(ctx, range.value, term, index, kind, payload);
    return STATUS_OK;
}

static enum status on_hard_state(void *ctx, struct range_id range, uint64_t term, uint64_t vote,
                                 uint64_t commit)
{
    model_hard_state(ctx, range.value, term, vote, commit);
    return STATUS_OK;
}

static enum status on_start(void *ctx, struct range_id range, struct log_pos pos)
{
    model_start(ctx, range.value, pos);
    return STATUS_OK;
}

static enum status on_dropped(void *ctx, struct range_id range)
{
    struct model *m = ctx;
    ASSERT(!m->ranges[range.value].exists);
    return STATUS_OK;
}

static enum status on_fact(void *ctx, uint32_t key, struct bytes value)
{
    model_fact(ctx, key, value);
    return STATUS_OK;
}

struct wal_visitor model_visitor(struct model *m)
{
    return (struct wal_visitor){on_entry, on_hard_state, on_start, on_dropped, on_fact, m};
}
