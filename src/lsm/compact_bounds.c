#include "lsm/compact_int.h"

static int key_compare(const struct item_key *a, const struct item_key *b)
{
    if (a->space != b->space) return a->space < b->space ? -1 : 1;
    return bytes_compare(a->key, b->key);
}

int bounds_reach(const struct bounds *a, const struct bounds *b)
{
    int order = key_compare(&a->last, &b->last);
    return order != 0 ? order : (int)b->last_excluded - (int)a->last_excluded;
}

struct bounds bounds_of_piece(const struct piece *p)
{
    return (struct bounds){p->first, p->last, p->last_excluded};
}

struct bounds bounds_of(struct piece *const *pieces, uint32_t count)
{
    struct bounds b = bounds_of_piece(pieces[0]);
    for (uint32_t i = 1; i < count; i++) {
        struct bounds other = bounds_of_piece(pieces[i]);
        if (key_compare(&other.first, &b.first) < 0) b.first = other.first;
        if (bounds_reach(&other, &b) <= 0) continue;
        b.last = other.last;
        b.last_excluded = other.last_excluded;
    }
    return b;
}

bool bounds_before(const struct bounds *a, const struct bounds *b)
{
    int order = key_compare(&a->last, &b->first);
    return a->last_excluded ? order <= 0 : order < 0;
}

void level_overlap(const struct version *v, uint32_t level, const struct bounds *b, uint32_t *begin,
                   uint32_t *end)
{
    uint32_t i = 0, count = v->counts[level];
    for (; i < count; i++) {
        struct bounds one = bounds_of_piece(v->levels[level][i]);
        if (!bounds_before(&one, b)) break;
    }
    *begin = i;
    for (; i < count; i++) {
        struct bounds one = bounds_of_piece(v->levels[level][i]);
        if (bounds_before(b, &one)) break;
    }
    *end = i;
}

uint64_t level_overlap_bytes(const struct version *v, uint32_t level, const struct piece *p)
{
    struct bounds b = bounds_of_piece(p);
    uint32_t begin, end;
    uint64_t bytes = 0;
    level_overlap(v, level, &b, &begin, &end);
    for (uint32_t i = begin; i < end; i++)
        bytes += v->levels[level][i]->size_bytes;
    return bytes;
}
