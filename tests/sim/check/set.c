#include "tests/sim/check/set.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define REPORTED_MAX 4 /* of each kind */

struct insert {
    const struct history_op *op;
    size_t txn, first; /* first: place of another insert of its transaction, the same for all of them */
};

struct read {
    const struct history_op *op;
    size_t txn;
    int64_t *values; /* sorted */
};

struct set {
    const struct history *h;
    struct insert *inserts; /* by value */
    struct read *reads;     /* from the smallest to the largest */
    size_t insert_count, read_count;
    bool *seen; /* by the read that is being judged */
    struct set_result *out;
    struct buf *report;
};

static void found(struct set *s, enum set_anomaly anomaly, int64_t value, size_t reader)
{
#define SET_ANOMALY_TEXT(id, text) text,
    static const char *const texts[] = {SET_ANOMALIES(SET_ANOMALY_TEXT)};
#undef SET_ANOMALY_TEXT
    s->out->result = CHECK_INVALID;
    if (s->out->counts[anomaly]++ >= REPORTED_MAX) return;
    buf_printf(s->report, "%s: value %lld as seen by T%zu process %llu\n", texts[anomaly], (long long)value, reader,
               (unsigned long long)s->h->txns[reader].process);
}

static const struct history_txn *txn_of(const struct set *s, size_t txn)
{
    return &s->h->txns[txn];
}

/* ---- collecting ---- */

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int compare_inserts(const void *a, const void *b)
{
    const struct insert *x = a, *y = b;
    return compare_values(&x->op->value, &y->op->value);
}

static int compare_reads(const void *a, const void *b)
{
    const struct read *x = a, *y = b;
    if (x->op->list_count != y->op->list_count) return x->op->list_count < y->op->list_count ? -1 : 1;
    return (x->txn > y->txn) - (x->txn < y->txn);
}

static bool is_read(const struct history_txn *t, const struct history_op *op, uint64_t key)
{
    return t->outcome == HISTORY_OK && op->kind == HISTORY_READ_ALL && op->key == key && op->known;
}

static void add_read(struct set *s, const struct history_op *op, size_t txn)
{
    struct read *r = &s->reads[s->read_count++];
    *r = (struct read){.op = op, .txn = txn, .values = check_alloc(op->list_count + 1, sizeof *r->values)};
    if (op->list_count > 0) memcpy(r->values, op->list, op->list_count * sizeof *r->values);
    qsort(r->values, op->list_count, sizeof *r->values, compare_values);
}

static void collect(struct set *s, uint64_t key)
{
    const struct history *h = s->h;
    size_t ops = 0;
    for (size_t i = 0; i < h->txn_count; i++)
        for (const struct history_op *op = h->txns[i].first; op != NULL; op = op->next) ops++;
    s->inserts = check_alloc(ops + 1, sizeof *s->inserts);
    s->reads = check_alloc(ops + 1, sizeof *s->reads);
    s->seen = check_alloc(ops + 1, sizeof *s->seen);
    for (size_t i = 0; i < h->txn_count; i++)
        for (const struct history_op *op = h->txns[i].first; op != NULL; op = op->next) {
            if (op->kind == HISTORY_INSERT && op->key == key)
                s->inserts[s->insert_count++] = (struct insert){.op = op, .txn = i};
            if (is_read(&h->txns[i], op, key)) add_read(s, op, i);
        }
    qsort(s->inserts, s->insert_count, sizeof *s->inserts, compare_inserts);
    qsort(s->reads, s->read_count, sizeof *s->reads, compare_reads);
    size_t *first = check_alloc(h->txn_count + 1, sizeof *first); /* + 1: 0 is none */
    for (size_t i = 0; i < s->insert_count; i++) {
        struct insert *insert = &s->inserts[i];
        ASSERT(i == 0 || s->inserts[i - 1].op->value != insert->op->value);
        if (first[insert->txn] == 0) first[insert->txn] = i + 1;
        insert->first = first[insert->txn] - 1;
    }
    free(first);
}

/* ---- one read ---- */

/* Which inserts it shows. */
static void look(struct set *s, const struct read *r)
{
    size_t at = 0;
    memset(s->seen, 0, s->insert_count * sizeof *s->seen);
    for (size_t i = 0; i < r->op->list_count; i++) {
        if (i > 0 && r->values[i] == r->values[i - 1]) {
            found(s, SET_TWICE, r->values[i], r->txn);
            continue;
        }
        while (at < s->insert_count && s->inserts[at].op->value < r->values[i]) at++;
        if (at == s->insert_count || s->inserts[at].op->value != r->values[i]) found(s, SET_NOWHERE, r->values[i], r->txn);
        else s->seen[at] = true;
    }
}

static bool stands_before(const struct history_op *op, const struct history_op *later)
{
    for (; op != NULL; op = op->next)
        if (op == later) return true;
    return false;
}

static void judge(struct set *s, const struct read *r, size_t i)
{
    const struct insert *insert = &s->inserts[i];
    const struct history_txn *writer = txn_of(s, insert->txn), *reader = txn_of(s, r->txn);
    bool seen = s->seen[i];
    int64_t value = insert->op->value;
    if (insert->txn == r->txn) {
        if (seen != stands_before(insert->op, r->op)) found(s, SET_OWN, value, r->txn);
        return;
    }
    if (seen && writer->outcome == HISTORY_FAIL) found(s, SET_FAILED, value, r->txn);
    if (seen && writer->invoke_index > reader->complete_index) found(s, SET_FUTURE, value, r->txn);
    bool acknowledged = writer->outcome == HISTORY_OK && writer->complete_index < reader->invoke_index;
    if (acknowledged && !seen) found(s, SET_LOST, value, r->txn);
    if (seen != s->seen[insert->first]) found(s, SET_TORN, value, r->txn);
}

/* Who began last of what it shows began when all that was acknowledged by then was there. */
static void judge_order(struct set *s, const struct read *r)
{
    uint64_t last = 0;
    for (size_t i = 0; i < s->insert_count; i++) {
        uint64_t invoked = txn_of(s, s->inserts[i].txn)->invoke_index;
        if (s->seen[i] && s->inserts[i].txn != r->txn && invoked > last) last = invoked;
    }
    for (size_t i = 0; i < s->insert_count; i++) {
        const struct history_txn *writer = txn_of(s, s->inserts[i].txn);
        if (!s->seen[i] && writer->outcome == HISTORY_OK && writer->complete_index < last)
            found(s, SET_REVERSE, s->inserts[i].op->value, r->txn);
    }
}

/* ---- reads against each other ---- */

static bool includes(const struct read *large, const struct read *small, int64_t *missing_out)
{
    size_t at = 0;
    for (size_t i = 0; i < small->op->list_count; i++) {
        while (at < large->op->list_count && large->values[at] < small->values[i]) at++;
        if (at < large->op->list_count && large->values[at] == small->values[i]) continue;
        *missing_out = small->values[i];
        return false;
    }
    return true;
}

/* A read begins, or is over. */
struct moment {
    uint64_t index;
    size_t read;
    bool over;
};

static int compare_moments(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* A set that grows never shows less than it did to somebody who was done before. */
static void judge_times(struct set *s)
{
    struct moment *moments = check_alloc(2 * s->read_count + 1, sizeof *moments);
    size_t count = 0, most = 0;
    for (size_t i = 0; i < s->read_count; i++) {
        const struct history_txn *t = txn_of(s, s->reads[i].txn);
        moments[count++] = (struct moment){t->invoke_index, i, false};
        moments[count++] = (struct moment){t->complete_index, i, true};
    }
    size_t *floors = check_alloc(s->read_count + 1, sizeof *floors);
    qsort(moments, count, sizeof *moments, compare_moments);
    for (size_t i = 0; i < count; i++) {
        size_t read = moments[i].read, size = s->reads[read].op->list_count;
        if (!moments[i].over) floors[read] = most;
        else if (size > most) most = size;
    }
    for (size_t i = 0; i < s->read_count; i++)
        if (s->reads[i].op->list_count < floors[i]) found(s, SET_BACK, (int64_t)s->reads[i].op->list_count, s->reads[i].txn);
    free(floors);
    free(moments);
}

struct set_result set_check(const struct history *h, uint64_t key, struct buf *report)
{
    struct set_result result = {.result = CHECK_VALID};
    struct set s = {.h = h, .out = &result, .report = report};
    int64_t missing;
    collect(&s, key);
    for (size_t i = 0; i < s.read_count; i++) {
        look(&s, &s.reads[i]);
        for (size_t k = 0; k < s.insert_count; k++) judge(&s, &s.reads[i], k);
        judge_order(&s, &s.reads[i]);
        if (i > 0 && !includes(&s.reads[i], &s.reads[i - 1], &missing)) found(&s, SET_FORK, missing, s.reads[i].txn);
    }
    judge_times(&s);
    for (size_t i = 0; i < s.read_count; i++) free(s.reads[i].values);
    free(s.inserts);
    free(s.reads);
    free(s.seen);
    return result;
}
