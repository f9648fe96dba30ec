#include "tests/lsm/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"

void model_init(struct model *m)
{
    *m = (struct model){0};
}

void model_deinit(struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->items[i].key);
        free(m->items[i].value);
    }
    free(m->items);
    *m = (struct model){0};
}

static uint8_t *copy(const void *data, size_t size)
{
    uint8_t *to = malloc(size + 1);
    ASSERT(to != NULL);
    if (size > 0) memcpy(to, data, size);
    return to;
}

static int place_compare(const struct model_item *i, enum lsm_space space, struct bytes key,
                         uint64_t ts)
{
    if (i->space != space) return i->space < space ? -1 : 1;
    int order = bytes_compare(model_key(i), key);
    if (order != 0) return order;
    return i->ts > ts ? -1 : i->ts < ts;
}

size_t model_seek(const struct model *m, enum lsm_space space, struct bytes key, uint64_t ts)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (place_compare(&m->items[middle], space, key, ts) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct model *m, size_t at, struct model_item item)
{
    if (m->count == m->capacity) {
        m->capacity = m->capacity == 0 ? 64 : m->capacity * 2;
        m->items = realloc(m->items, m->capacity * sizeof *m->items);
        ASSERT(m->items != NULL);
    }
    memmove(m->items + at + 1, m->items + at, (m->count - at) * sizeof *m->items);
    m->items[at] = item;
    m->count++;
}

void model_write(struct model *m, const struct lsm_write *w)
{
    size_t at = model_seek(m, w->space, w->key, w->ts);
    bool same = at < m->count && place_compare(&m->items[at], w->space, w->key, w->ts) == 0;
    if (same) {
        struct model_item *i = &m->items[at];
        free(i->value);
        i->value = copy(w->value.data, w->value.size);
        i->value_size = w->value.size;
        i->tombstone = w->tombstone;
        return;
    }
    insert(m, at,
           (struct model_item){w->space, w->tombstone, w->ts, copy(w->key.data, w->key.size),
                               copy(w->value.data, w->value.size), w->key.size, w->value.size});
}

void model_copy(struct model *to, const struct model *from)
{
    model_init(to);
    for (size_t i = 0; i < from->count; i++) {
        const struct model_item *item = &from->items[i];
        struct lsm_write w = {item->space, item->tombstone, model_key(item), item->ts,
                              model_value(item), false};
        model_write(to, &w);
    }
}

const struct model_item *model_get(const struct model *m, enum lsm_space space, struct bytes key,
                                   uint64_t ts_max)
{
    size_t at = model_seek(m, space, key, ts_max);
    if (at == m->count) return NULL;
    const struct model_item *i = &m->items[at];
    return i->space == space && bytes_equal(model_key(i), key) ? i : NULL;
}

/* ---- what ends by itself ---- */

#define ENDING_MARK "END!"
#define ENDING_BYTES 12 /* mark and timestamp */

uint64_t model_value_ends(struct bytes value)
{
    if (value.size < ENDING_BYTES || memcmp(value.data, ENDING_MARK, 4) != 0) return 0;
    return load_le64(value.data + 4);
}

uint64_t model_key_ends(struct bytes key)
{
    uint64_t h = hash64(key.data, key.size, 0);
    return h % 3 == 0 ? 1 + (h >> 8) % 4000 : 0;
}

bool model_key_may_end(struct bytes key)
{
    return model_key_ends(key) != 0;
}

void random_writes_end(struct random_writes *w, uint64_t *ts)
{
    for (uint32_t i = w->count; i-- > 0;) {
        struct lsm_write *one = &w->writes[i];
        uint64_t end = model_key_ends(one->key);
        if (end == 0 || one->space != LSM_SPACE_VERSIONS) continue;
        one->ts = ++*ts; /* such a place is written once */
        if (one->tombstone) continue;
        if (one->value.size < ENDING_BYTES) one->value = bytes_make(w->values[i], ENDING_BYTES);
        memcpy(w->values[i], ENDING_MARK, 4);
        store_le64(w->values[i] + 4, end);
    }
}

static bool has_ended(const struct model_item *i, uint64_t gc_ts)
{
    if (i->space != LSM_SPACE_VERSIONS || i->tombstone) return false;
    uint64_t end = model_value_ends(model_value(i));
    return end != 0 && end <= gc_ts;
}

void model_collect(struct model *m, uint64_t gc_ts)
{
    size_t kept = 0;
    bool covered = false;
    for (size_t i = 0; i < m->count; i++) {
        struct model_item item = m->items[i];
        const struct model_item *before = i == 0 ? NULL : &m->items[i - 1];
        if (before == NULL || before->space != item.space ||
            !bytes_equal(bytes_make(before->key, before->key_size), model_key(&item)))
            covered = false;
        bool old = item.space != LSM_SPACE_VERSIONS || item.ts <= gc_ts;
        bool drop = old && (covered || item.tombstone || has_ended(&item, gc_ts));
        if (old) covered = true;
        item.ts = item.ts | 0;
        m->items[i] = item;
        if (drop) m->items[i].value_size |= (size_t)1 << 62; /* marked: keys are compared above */
    }
    for (size_t i = 0; i < m->count; i++) {
        struct model_item item = m->items[i];
        if ((item.value_size >> 62) != 0) {
            free(item.key);
            free(item.value);
            continue;
        }
        m->items[kept++] = item;
    }
    m->count = kept;
}

bool model_equal(const struct model *a, const struct model *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct model_item *x = &a->items[i], *y = &b->items[i];
        if (place_compare(x, y->space, model_key(y), y->ts) != 0) return false;
        if (x->tombstone != y->tombstone || !bytes_equal(model_value(x), model_value(y)))
            return false;
    }
    return true;
}

/* ---- logs ---- */

static void entry_free(struct entry *e)
{
    for (uint32_t i = 0; i < e->count; i++) {
        free((void *)(uintptr_t)e->writes[i].key.data);
        free((void *)(uintptr_t)e->writes[i].value.data);
    }
    free(e->writes);
}

void entries_deinit(struct entries *e)
{
    for (size_t i = 0; i < e->count; i++)
        entry_free(&e->items[i]);
    free(e->items);
    *e = (struct entries){0};
}

void entries_add(struct entries *e, uint64_t index, const struct lsm_write *writes, uint32_t count)
{
    if (e->count == e->capacity) {
        e->capacity = e->capacity == 0 ? 64 : e->capacity * 2;
        e->items = realloc(e->items, e->capacity * sizeof *e->items);
        ASSERT(e->items != NULL);
    }
    struct entry entry = {index, calloc(count + 1, sizeof *writes), count};
    ASSERT(entry.writes != NULL);
    for (uint32_t i = 0; i < count; i++) {
        entry.writes[i] = writes[i];
        entry.writes[i].key.data = copy(writes[i].key.data, writes[i].key.size);
        entry.writes[i].value.data = copy(writes[i].value.data, writes[i].value.size);
    }
    e->items[e->count++] = entry;
}

void model_replay(struct model *m, const struct entries *e, uint64_t last)
{
    for (size_t i = 0; i < e->count && e->items[i].index <= last; i++)
        for (uint32_t j = 0; j < e->items[i].count; j++)
            model_write(m, &e->items[i].writes[j]);
}

/* ---- chance ---- */

void random_key(struct prng *p, uint64_t key_count, uint8_t key[600], size_t *size_out)
{
    uint64_t n = prng_below(p, key_count);
    int size = 0;
    switch (n % 8) {
    case 0:
        size = snprintf((char *)key, 600, "%.*s", (int)(n / 8 % 20), "aaaaaaaaaaaaaaaaaaaaaaaa");
        break;
    case 1:
        size = snprintf((char *)key, 600, "table/1/row/%08llu/%0*d", (unsigned long long)n,
                        (int)(n * 7 % 300) + 1, 0);
        break;
    case 2:
        key[0] = 0xff;
        memset(key + 1, (int)(n / 8 % 3), 9);
        key[9] = (uint8_t)n;
        size = 10;
        break;
    default: size = snprintf((char *)key, 600, "table/1/row/%08llu", (unsigned long long)n); break;
    }
    *size_out = (size_t)size;
}

void random_writes_make(struct random_writes *w, struct prng *p, uint64_t key_count, uint64_t *ts)
{
    w->count = (uint32_t)prng_below(p, WRITES_MAX + 1);
    *ts += prng_below(p, 10);
    for (uint32_t i = 0; i < w->count; i++) {
        size_t key_size;
        random_key(p, key_count, w->keys[i], &key_size);
        size_t value_size = (size_t)prng_below(p, prng_chance(p, 1, 8) ? 2000 : 60);
        memset(w->values[i], (int)prng_below(p, 256), value_size);
        for (size_t j = 0; j < value_size / 2; j++)
            w->values[i][j] = (uint8_t)prng_next(p);
        enum lsm_space space = (enum lsm_space)prng_between(p, 1, 3);
        if (prng_chance(p, 1, 2)) space = LSM_SPACE_VERSIONS;
        bool tombstone = prng_chance(p, 1, 4);
        w->writes[i] = (struct lsm_write){
            .space = space,
            .tombstone = tombstone,
            .key = bytes_make(w->keys[i], key_size),
            .ts = space == LSM_SPACE_VERSIONS ? *ts + 1 : 0,
            .value = bytes_make(w->values[i], tombstone ? 0 : value_size),
        };
    }
    *ts += 1;
}

static bool is_there(const struct random_writes *w, uint32_t before, const struct model *m, struct bytes key)
{
    for (uint32_t i = before; i-- > 0;)
        if (w->writes[i].space == LSM_SPACE_INTENTS && bytes_equal(w->writes[i].key, key)) return !w->writes[i].tombstone;
    const struct model_item *item = model_get(m, LSM_SPACE_INTENTS, key, 0);
    return item != NULL && !item->tombstone;
}

void random_writes_alone(struct random_writes *w, const struct model *m)
{
    struct prng p;
    prng_init(&p, w->count == 0 ? 0 : hash64(w->values[0], 8, w->writes[0].key.size));
    for (uint32_t i = 0; i < w->count; i++) {
        struct lsm_write *one = &w->writes[i];
        if (one->space != LSM_SPACE_INTENTS) continue;
        bool there = is_there(w, i, m, one->key);
        if (there && prng_chance(&p, 3, 4)) {
            one->tombstone = true;
            one->value = BYTES_EMPTY;
        }
        one->alone = !one->tombstone && !there && prng_chance(&p, 7, 8);
    }
}
