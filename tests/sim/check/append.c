/* The append checker: what can be seen without a graph, and the order of versions. */
#include "tests/sim/check/append.h"

#include <stdlib.h>

#include "tests/sim/check/append_int.h"

const char *append_anomaly_name(enum append_anomaly anomaly)
{
    static const char *const names[] = {
#define APPEND_ANOMALY_NAME(id, text) text,
        APPEND_ANOMALIES(APPEND_ANOMALY_NAME)
#undef APPEND_ANOMALY_NAME
    };
    ASSERT(anomaly < APPEND_ANOMALY_COUNT);
    return names[anomaly];
}

bool append_found(struct append_check *c, enum append_anomaly anomaly)
{
    c->result.result = CHECK_INVALID;
    return c->result.counts[anomaly]++ < APPEND_REPORTS_PER_KIND;
}

static void describe(struct append_check *c, enum append_anomaly anomaly, size_t txn, uint64_t key,
                     int64_t value)
{
    if (!append_found(c, anomaly)) return;
    buf_printf(c->report, "%s: key %llu value %lld: ", append_anomaly_name(anomaly),
               (unsigned long long)key, (long long)value);
    check_print_txn(c->report, c->h, txn);
    buf_append_string(c->report, "\n");
}

/* ---- keys and versions ---- */

struct append_key *append_key_of(struct append_check *c, uint64_t key)
{
    struct append_key *k = map_get(&c->keys, key);
    if (k != NULL) return k;
    k = check_alloc(1, sizeof *k);
    k->key = key;
    map_init(&k->versions);
    ASSERT(map_put(&c->keys, key, k) == STATUS_OK);
    if (c->key_count == c->key_capacity) {
        c->key_capacity = c->key_capacity == 0 ? 64 : c->key_capacity * 2;
        c->key_list = realloc(c->key_list, c->key_capacity * sizeof *c->key_list);
        ASSERT(c->key_list != NULL);
    }
    c->key_list[c->key_count++] = k;
    return k;
}

static void add_version(struct append_check *c, size_t txn, const struct history_op *op)
{
    struct append_key *k = append_key_of(c, op->key);
    struct append_version *v = check_alloc(1, sizeof *v);
    *v = (struct append_version){.value = op->value, .txn = txn, .last_of_txn = true};
    ASSERT(append_version_of(k, op->value) == NULL); /* the workload appends unique values */
    ASSERT(map_put(&k->versions, (uint64_t)op->value, v) == STATUS_OK);
    if (k->all_count == k->all_capacity) {
        k->all_capacity = k->all_capacity == 0 ? 16 : k->all_capacity * 2;
        k->all = realloc(k->all, k->all_capacity * sizeof *k->all);
        ASSERT(k->all != NULL);
    }
    if (k->all_count > 0 && k->all[k->all_count - 1]->txn == txn)
        k->all[k->all_count - 1]->last_of_txn = false;
    k->all[k->all_count++] = v;
}

static void collect_versions(struct append_check *c)
{
    for (size_t i = 0; i < c->h->txn_count; i++)
        for (const struct history_op *op = c->h->txns[i].first; op != NULL; op = op->next)
            if (op->kind == HISTORY_APPEND) add_version(c, i, op);
}

static void collect_reads(struct append_check *c)
{
    for (size_t i = 0; i < c->h->txn_count; i++) {
        const struct history_txn *t = &c->h->txns[i];
        for (const struct history_op *op = t->first; op != NULL; op = op->next) {
            if (!append_is_certain_read(t, op)) continue;
            struct append_key *k = append_key_of(c, op->key);
            if (k->longest == NULL || op->list_count > k->longest->list_count) {
                k->longest = op;
                k->longest_txn = i;
            }
            if (!k->was_read || t->invoke_index > k->latest_read_invoke) {
                k->latest_read_invoke = t->invoke_index;
                k->latest_reader = i;
            }
            k->was_read = true;
        }
    }
}

/* ---- one read by itself ---- */

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void check_duplicates(struct append_check *c, size_t txn, const struct history_op *op)
{
    int64_t *values = check_alloc(op->list_count, sizeof *values);
    if (op->list_count > 0) memcpy(values, op->list, op->list_count * sizeof *values);
    qsort(values, op->list_count, sizeof *values, compare_values);
    for (size_t i = 1; i < op->list_count; i++)
        if (values[i] == values[i - 1]) describe(c, APPEND_DUPLICATE, txn, op->key, values[i]);
    free(values);
}

/* Only the longest read of a key is looked at in full: the others are its start, or reported. */
static void check_elements(struct append_check *c, size_t txn, const struct history_op *op)
{
    const struct append_key *k = append_key_of(c, op->key);
    const struct history_txn *reader = &c->h->txns[txn];
    for (size_t i = 0; i < op->list_count; i++) {
        const struct append_version *v = append_version_of(k, op->list[i]);
        if (v == NULL) {
            describe(c, APPEND_PHANTOM, txn, op->key, op->list[i]);
            continue;
        }
        const struct history_txn *writer = &c->h->txns[v->txn];
        if (writer->outcome == HISTORY_FAIL) describe(c, APPEND_G1A, txn, op->key, op->list[i]);
        if (writer->invoke_index > reader->complete_index)
            describe(c, APPEND_FUTURE, txn, op->key, op->list[i]);
    }
}

static void check_intermediate(struct append_check *c, size_t txn, const struct history_op *op)
{
    if (op->list_count == 0) return;
    int64_t last = op->list[op->list_count - 1];
    const struct append_version *v = append_version_of(append_key_of(c, op->key), last);
    if (v != NULL && v->txn != txn && !v->last_of_txn) describe(c, APPEND_G1B, txn, op->key, last);
}

static bool is_prefix(const struct history_op *op, const struct history_op *of)
{
    return op->list_count <= of->list_count &&
           (op->list_count == 0 ||
            memcmp(op->list, of->list, op->list_count * sizeof *op->list) == 0);
}

static void check_reads(struct append_check *c)
{
    for (size_t i = 0; i < c->h->txn_count; i++)
        for (const struct history_op *op = c->h->txns[i].first; op != NULL; op = op->next) {
            if (!append_is_certain_read(&c->h->txns[i], op)) continue;
            const struct append_key *k = append_key_of(c, op->key);
            bool prefix = is_prefix(op, k->longest);
            check_intermediate(c, i, op);
            if (prefix && op != k->longest) continue;
            check_duplicates(c, i, op);
            check_elements(c, i, op);
            if (!prefix)
                describe(c, APPEND_INCOMPATIBLE, i, op->key,
                         op->list_count > 0 ? op->list[op->list_count - 1] : 0);
        }
}

/* ---- one transaction by itself ---- */

/* What the transaction must see at `op`: what it last read of the key and has appended since. */
static bool internally_consistent(const struct history_txn *t, const struct history_op *op)
{
    const struct history_op *read = NULL;
    size_t appended = 0, expected;
    for (const struct history_op *p = t->first; p != op; p = p->next) {
        if (p->key != op->key) continue;
        if (p->kind == HISTORY_READ_LIST && p->known) {
            read = p;
            appended = 0;
        } else if (p->kind == HISTORY_APPEND) {
            appended++;
        }
    }
    expected = (read != NULL ? read->list_count : 0) + appended;
    if (read != NULL && op->list_count != expected) return false;
    if (op->list_count < expected) return false;
    if (read != NULL && !is_prefix(read, op)) return false;
    size_t at = op->list_count - appended;
    for (const struct history_op *p = read != NULL ? read : t->first; p != op; p = p->next)
        if (p->kind == HISTORY_APPEND && p->key == op->key && op->list[at++] != p->value)
            return false;
    return true;
}

static void check_internal(struct append_check *c)
{
    for (size_t i = 0; i < c->h->txn_count; i++)
        for (const struct history_op *op = c->h->txns[i].first; op != NULL; op = op->next) {
            if (!append_is_certain_read(&c->h->txns[i], op)) continue;
            if (internally_consistent(&c->h->txns[i], op)) continue;
            describe(c, APPEND_INTERNAL, i, op->key,
                     op->list_count > 0 ? op->list[op->list_count - 1] : 0);
        }
}

/* ---- versions against the longest read ---- */

static void order_versions(struct append_check *c)
{
    for (size_t i = 0; i < c->key_count; i++) {
        const struct append_key *k = c->key_list[i];
        for (size_t j = 0; k->longest != NULL && j < k->longest->list_count; j++) {
            struct append_version *v = append_version_of(k, k->longest->list[j]);
            if (v != NULL) v->ordered = true;
        }
    }
}

/* Acknowledged before some later read of the key began, and in no read at all. */
static void check_lost(struct append_check *c)
{
    for (size_t i = 0; i < c->key_count; i++) {
        const struct append_key *k = c->key_list[i];
        for (size_t j = 0; j < k->all_count; j++) {
            const struct append_version *v = k->all[j];
            const struct history_txn *t = &c->h->txns[v->txn];
            if (v->ordered || t->outcome != HISTORY_OK || !k->was_read) continue;
            if (t->complete_index < k->latest_read_invoke)
                describe(c, APPEND_LOST, v->txn, k->key, v->value);
        }
    }
}

/* A transaction of unknown outcome whose append was read took effect. */
static void find_committed(struct append_check *c)
{
    c->committed = check_alloc(c->h->txn_count, sizeof *c->committed);
    for (size_t i = 0; i < c->h->txn_count; i++)
        c->committed[i] = c->h->txns[i].outcome == HISTORY_OK;
    for (size_t i = 0; i < c->key_count; i++)
        for (size_t j = 0; j < c->key_list[i]->all_count; j++) {
            const struct append_version *v = c->key_list[i]->all[j];
            if (v->ordered && c->h->txns[v->txn].outcome != HISTORY_FAIL)
                c->committed[v->txn] = true;
        }
    for (size_t i = 0; i < c->h->txn_count; i++) c->result.committed_count += c->committed[i];
}

static void check_free(struct append_check *c)
{
    for (size_t i = 0; i < c->key_count; i++) {
        struct append_key *k = c->key_list[i];
        for (size_t j = 0; j < k->all_count; j++) free(k->all[j]);
        map_deinit(&k->versions);
        free(k->all);
        free(k);
    }
    map_deinit(&c->keys);
    free(c->key_list);
    free(c->committed);
    free(c->edges);
    free(c->edge_start);
}

struct append_result append_check(const struct history *h, struct buf *report)
{
    struct append_check c = {.h = h, .report = report, .result = {.result = CHECK_VALID}};
    ASSERT(h->txn_count < UINT32_MAX);
    map_init(&c.keys);
    collect_versions(&c);
    collect_reads(&c);
    order_versions(&c);
    check_reads(&c);
    check_internal(&c);
    check_lost(&c);
    find_committed(&c);
    append_build_graph(&c);
    append_find_cycles(&c);
    check_free(&c);
    return c.result;
}
