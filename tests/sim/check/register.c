#include "tests/sim/check/register.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/prng.h"

#define STEP_MAX_DEFAULT 10000000u

/* ---- one key's operations ---- */

struct reg_op {
    size_t txn;
    const struct history_op *op;
    bool must; /* completed for certain */
};

/* A call or a return, in the order of real time, on a list from which linearized operations are
 * lifted. */
struct entry {
    struct entry *next, *prev;
    struct reg_op *op;
    struct entry *match; /* of a call: its return, or NULL */
    bool is_return;
};

struct fingerprint {
    uint64_t low, high;
};

struct reg_check {
    const struct history *h;
    uint64_t key;
    struct reg_op *ops;
    size_t op_count, must_count;
    struct entry *entries, head;
    size_t entry_count;
    struct fingerprint *marks; /* one random mark per operation: their sum names a set */
    struct fingerprint *cache;
    size_t cache_count, cache_capacity;
    struct step {
        struct entry *call;
        int64_t state;
    } *stack;
    size_t depth;
    /* the furthest point reached, for the report */
    size_t best_done;
    int64_t best_state;
    const struct reg_op *best_stuck;
};

static bool observed(const struct reg_check *c, int64_t value)
{
    for (size_t i = 0; i < c->op_count; i++) {
        const struct history_op *op = c->ops[i].op;
        if (op->kind == HISTORY_CAS && op->expected == value) return true;
        if (op->kind == HISTORY_READ && op->list_count > 0 && op->list[0] == value) return true;
    }
    return false;
}

/* What nobody saw and nobody vouches for might as well not have happened, and each such operation
 * would double the search. */
static void drop_unobserved(struct reg_check *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->op_count; i++) {
        const struct reg_op *op = &c->ops[i];
        if (!op->must && op->op->kind == HISTORY_READ) continue;
        if (!op->must && !observed(c, op->op->value)) continue;
        c->ops[kept++] = *op;
    }
    c->op_count = kept;
}

/* ---- the list ---- */

static void list_push(struct reg_check *c, struct entry *e)
{
    e->prev = c->head.prev;
    e->next = &c->head;
    c->head.prev->next = e;
    c->head.prev = e;
}

struct moment {
    uint64_t index;
    struct entry *entry;
};

static int compare_moments(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static void build_entries(struct reg_check *c)
{
    struct moment *moments = check_alloc(2 * c->op_count, sizeof *moments);
    size_t count = 0;
    c->entries = check_alloc(2 * c->op_count, sizeof *c->entries);
    c->head.next = c->head.prev = &c->head;
    for (size_t i = 0; i < c->op_count; i++) {
        struct reg_op *op = &c->ops[i];
        struct entry *call = &c->entries[2 * i], *ret = &c->entries[2 * i + 1];
        const struct history_txn *t = &c->h->txns[op->txn];
        *call = (struct entry){.op = op, .match = op->must ? ret : NULL};
        *ret = (struct entry){.op = op, .is_return = true};
        moments[count++] = (struct moment){t->invoke_index, call};
        if (op->must) moments[count++] = (struct moment){t->complete_index, ret};
        c->must_count += op->must;
    }
    qsort(moments, count, sizeof *moments, compare_moments);
    for (size_t i = 0; i < count; i++) list_push(c, moments[i].entry);
    free(moments);
}

static void unlink_entry(struct entry *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
}

static void relink_entry(struct entry *e)
{
    e->prev->next = e;
    e->next->prev = e;
}

static void lift(struct entry *call)
{
    unlink_entry(call);
    if (call->match != NULL) unlink_entry(call->match);
}

/* In the reverse order of lifting. */
static void unlift(struct entry *call)
{
    if (call->match != NULL) relink_entry(call->match);
    relink_entry(call);
}

/* ---- the cache of configurations: (set of linearized operations, value), by 128-bit fingerprint
 * ---- */

static struct fingerprint *cache_slot(struct fingerprint *cache, size_t capacity,
                                      struct fingerprint f)
{
    size_t at = (size_t)f.low & (capacity - 1);
    while (cache[at].low != 0 && (cache[at].low != f.low || cache[at].high != f.high))
        at = (at + 1) & (capacity - 1);
    return &cache[at];
}

static void cache_grow(struct reg_check *c)
{
    size_t capacity = c->cache_capacity == 0 ? 1024 : c->cache_capacity * 2;
    struct fingerprint *cache = check_alloc(capacity, sizeof *cache);
    for (size_t i = 0; i < c->cache_capacity; i++)
        if (c->cache[i].low != 0) *cache_slot(cache, capacity, c->cache[i]) = c->cache[i];
    free(c->cache);
    c->cache = cache;
    c->cache_capacity = capacity;
}

/* True when it was not there. */
static bool cache_add(struct reg_check *c, struct fingerprint set, int64_t state)
{
    struct fingerprint f = {set.low + hash_u64((uint64_t)state + 1),
                            set.high + hash_u64(~(uint64_t)state)};
    if (f.low == 0) f.low = 1;
    if (2 * c->cache_count >= c->cache_capacity) cache_grow(c);
    struct fingerprint *slot = cache_slot(c->cache, c->cache_capacity, f);
    if (slot->low != 0) return false;
    *slot = f;
    c->cache_count++;
    return true;
}

/* ---- the search ---- */

static bool apply(const struct history_op *op, int64_t state, int64_t *after_out)
{
    *after_out = state;
    switch (op->kind) {
    case HISTORY_READ: return state == (op->list_count > 0 ? op->list[0] : HISTORY_NIL);
    case HISTORY_CAS:
        *after_out = op->value;
        return state == op->expected;
    case HISTORY_WRITE:
        *after_out = op->value;
        return true;
    default: UNREACHABLE();
    }
}

static void note_progress(struct reg_check *c, size_t done, int64_t state,
                          const struct reg_op *stuck)
{
    if (c->best_stuck != NULL && done <= c->best_done) return;
    c->best_done = done;
    c->best_state = state;
    c->best_stuck = stuck;
}

struct search {
    struct entry *at;
    struct fingerprint set;
    int64_t state;
    size_t done; /* of those that must be */
};

static void advance(struct reg_check *c, struct search *s, int64_t after)
{
    struct entry *call = s->at;
    const struct fingerprint *mark = &c->marks[call->op - c->ops];
    c->stack[c->depth++] = (struct step){call, s->state};
    s->set.low += mark->low;
    s->set.high += mark->high;
    s->state = after;
    s->done += call->op->must;
    lift(call);
    s->at = c->head.next;
}

/* Takes back the latest choice. A read is never a choice: once it fits, placing it at once is as
 * good as anything else. False: nothing is left to take back. */
static bool retreat(struct reg_check *c, struct search *s)
{
    struct entry *call;
    do {
        if (c->depth == 0) return false;
        struct step step = c->stack[--c->depth];
        call = step.call;
        const struct fingerprint *mark = &c->marks[call->op - c->ops];
        s->set.low -= mark->low;
        s->set.high -= mark->high;
        s->state = step.state;
        s->done -= call->op->must;
        unlift(call);
    } while (call->op->op->kind == HISTORY_READ);
    s->at = call->next;
    return true;
}

static enum check_result search(struct reg_check *c, uint64_t step_max)
{
    struct search s = {c->head.next, {0, 0}, HISTORY_NIL, 0};
    for (uint64_t steps = 0; s.done < c->must_count; steps++) {
        int64_t after;
        if (steps == step_max) return CHECK_UNKNOWN;
        ASSERT(s.at != &c->head); /* the return of what must be done lies ahead */
        if (s.at->is_return) {
            note_progress(c, s.done, s.state, s.at->op);
            if (!retreat(c, &s)) return CHECK_INVALID;
            continue;
        }
        const struct fingerprint *mark = &c->marks[s.at->op - c->ops];
        struct fingerprint set = {s.set.low + mark->low, s.set.high + mark->high};
        if (apply(s.at->op->op, s.state, &after) && cache_add(c, set, after)) advance(c, &s, after);
        else s.at = s.at->next;
    }
    return CHECK_VALID;
}

/* ---- reporting ---- */

static void report_failure(struct reg_check *c, struct buf *report)
{
    const struct history_txn *stuck = &c->h->txns[c->best_stuck->txn];
    buf_printf(report, "register %llu is not linearizable: after %zu of %zu operations the value "
               "is ", (unsigned long long)c->key, c->best_done, c->must_count);
    if (c->best_state == HISTORY_NIL) buf_append_string(report, "nil");
    else buf_printf(report, "%lld", (long long)c->best_state);
    buf_append_string(report, ", and this cannot be placed:\n  ");
    check_print_txn(report, c->h, c->best_stuck->txn);
    buf_append_string(report, "\n concurrent with it:\n");
    for (size_t i = 0; i < c->op_count; i++) {
        const struct history_txn *t = &c->h->txns[c->ops[i].txn];
        if (t == stuck || t->invoke_index > stuck->complete_index) continue;
        if (t->complete_index < stuck->invoke_index) continue;
        buf_append_string(report, "  ");
        check_print_txn(report, c->h, c->ops[i].txn);
        buf_append_string(report, "\n");
    }
}

static enum check_result check_key(struct reg_check *c, uint64_t step_max, struct buf *report)
{
    struct prng prng;
    drop_unobserved(c);
    build_entries(c);
    prng_init(&prng, c->key);
    c->marks = check_alloc(c->op_count, sizeof *c->marks);
    c->stack = check_alloc(c->op_count, sizeof *c->stack);
    for (size_t i = 0; i < c->op_count; i++)
        c->marks[i] = (struct fingerprint){prng_next(&prng), prng_next(&prng)};
    enum check_result result = search(c, step_max);
    if (result == CHECK_INVALID) report_failure(c, report);
    if (result == CHECK_UNKNOWN)
        buf_printf(report, "register %llu: gave up\n", (unsigned long long)c->key);
    free(c->marks);
    free(c->stack);
    free(c->cache);
    free(c->entries);
    return result;
}

/* ---- one search per key ---- */

static bool takes_part(const struct history_txn *t)
{
    const struct history_op *op = t->first;
    if (op == NULL || op->next != NULL || t->outcome == HISTORY_FAIL) return false;
    if (op->kind == HISTORY_READ) return op->known || t->outcome != HISTORY_OK;
    return op->kind == HISTORY_WRITE || op->kind == HISTORY_CAS;
}

struct keyed_op {
    uint64_t key;
    size_t txn;
};

static int compare_keyed(const void *a, const void *b)
{
    const struct keyed_op *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? 1 : -1;
    return (x->txn > y->txn) - (x->txn < y->txn);
}

enum check_result register_check(const struct history *h, uint64_t step_max, struct buf *report)
{
    struct keyed_op *all = check_alloc(h->txn_count, sizeof *all);
    struct reg_op *ops = check_alloc(h->txn_count, sizeof *ops);
    enum check_result result = CHECK_VALID;
    size_t count = 0;
    for (size_t i = 0; i < h->txn_count; i++)
        if (takes_part(&h->txns[i])) all[count++] = (struct keyed_op){h->txns[i].first->key, i};
    qsort(all, count, sizeof *all, compare_keyed);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start; end < count && all[end].key == all[start].key; end++) {
            const struct history_txn *t = &h->txns[all[end].txn];
            ops[end - start] = (struct reg_op){all[end].txn, t->first, t->outcome == HISTORY_OK};
        }
        struct reg_check c = {.h = h, .key = all[start].key, .ops = ops, .op_count = end - start};
        enum check_result one = check_key(&c, step_max > 0 ? step_max : STEP_MAX_DEFAULT, report);
        if (one == CHECK_INVALID || result == CHECK_VALID) result = one;
    }
    free(all);
    free(ops);
    return result;
}
