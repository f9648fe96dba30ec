/* Random appends of every kind over a few ranges. */
#include "tests/wal/rig.h"

static size_t random_size(struct prng *prng)
{
    switch (prng_below(prng, 8)) {
    case 0: return 0;
    case 1: return (size_t)prng_between(prng, 3000, 9000);
    case 2: return (size_t)prng_between(prng, 600, 4000);
    default: return (size_t)prng_between(prng, 1, 200);
    }
}

static enum status random_entry(struct rig *r, struct prng *prng, uint64_t range)
{
    const struct model_range *m = &r->model.ranges[range];
    uint64_t last = model_last(m), index = last + 1;
    uint64_t term = m->count > 0 ? m->entries[m->count - 1].term : m->start.term;
    if (m->count > 0 && prng_chance(prng, 1, 12)) { /* a new leader overwrites */
        index = prng_between(prng, m->start.index + 1, last);
        term++;
    } else if (term == 0) {
        term = 1;
    }
    uint64_t seed = prng_next(prng);
    return rig_entry(r, range, term, index, rig_pattern(seed, random_size(prng)));
}

static enum status random_start(struct rig *r, struct prng *prng, uint64_t range)
{
    const struct model_range *m = &r->model.ranges[range];
    if (m->count > 0 && prng_chance(prng, 9, 10))
        return rig_truncate(r, range, prng_between(prng, m->start.index + 1, model_last(m)));
    uint64_t index = m->start.index + prng_below(prng, m->count + 4);
    uint64_t term = m->start.term + m->count + prng_below(prng, 2) + 1;
    return rig_start(r, range, (struct log_pos){term, index});
}

static enum status random_append(struct rig *r, struct prng *prng)
{
    uint64_t range = 1 + prng_below(prng, 3);
    uint64_t value = prng_next(prng);
    switch (prng_below(prng, 16)) {
    case 0: return rig_hard_state(r, range, value % 50, value % 7, value % 90);
    case 1: return random_start(r, prng, range);
    case 2: return rig_fact(r, (uint32_t)value % MODEL_FACTS, rig_pattern(value, value % 1025));
    case 3: return rig_marker(r);
    case 4:
        if (prng_chance(prng, 1, 6)) return rig_dropped(r, range);
        return random_start(r, prng, range);
    default: return random_entry(r, prng, range);
    }
}

bool rig_workload(struct rig *r, struct prng *prng, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (random_append(r, prng) != STATUS_OK) return false;
        if (prng_chance(prng, 1, 3)) wal_submit(r->wal);
        if (prng_chance(prng, 1, 5) && !rig_flush(r)) return false;
    }
    return rig_flush(r);
}
