/* The dependency graph of a list-append history. */
#include <stdlib.h>

#include "tests/sim/check/append_int.h"

/* Unread appends of one key that get edges: those acknowledged first. Fewer edges never accuse. */
#define UNREAD_MAX 64

static void add_edge(struct append_check *c, size_t from, size_t to, enum append_edge_kind kind,
                     uint64_t key, int64_t value)
{
    if (from == to || !c->committed[from] || !c->committed[to]) return;
    if (c->edge_count == c->edge_capacity) {
        c->edge_capacity = c->edge_capacity == 0 ? 1024 : c->edge_capacity * 2;
        c->edges = realloc(c->edges, c->edge_capacity * sizeof *c->edges);
        ASSERT(c->edges != NULL);
    }
    c->edges[c->edge_count++] =
        (struct append_edge){(uint32_t)from, (uint32_t)to, kind, key, value};
}

/* ---- appends that nobody read: they come after everything that was ---- */

struct unread {
    struct append_version *versions[UNREAD_MAX];
    size_t count;
};

static uint64_t acknowledged(const struct append_check *c, const struct append_version *v)
{
    return c->h->txns[v->txn].complete_index;
}

static struct unread find_unread(const struct append_check *c, const struct append_key *k)
{
    struct unread u = {.count = 0};
    for (size_t i = 0; i < k->all_count; i++) {
        struct append_version *v = k->all[i];
        if (v->ordered || !c->committed[v->txn]) continue;
        size_t at = u.count;
        while (at > 0 && acknowledged(c, u.versions[at - 1]) > acknowledged(c, v)) at--;
        if (at == UNREAD_MAX) continue;
        if (u.count < UNREAD_MAX) u.count++;
        for (size_t j = u.count - 1; j > at; j--) u.versions[j] = u.versions[j - 1];
        u.versions[at] = v;
    }
    return u;
}

static void add_to_unread(struct append_check *c, const struct append_key *k, size_t from,
                          enum append_edge_kind kind, const struct unread *unread)
{
    for (size_t i = 0; i < unread->count; i++)
        add_edge(c, from, unread->versions[i]->txn, kind, k->key, unread->versions[i]->value);
}

/* ---- ww ---- */

static void add_version_edges(struct append_check *c, const struct append_key *k,
                              const struct unread *unread)
{
    const struct append_version *before = NULL;
    for (size_t i = 0; k->longest != NULL && i < k->longest->list_count; i++) {
        const struct append_version *v = append_version_of(k, k->longest->list[i]);
        if (v == NULL) continue;
        if (before != NULL) add_edge(c, before->txn, v->txn, EDGE_WW, k->key, v->value);
        before = v;
    }
    if (before != NULL) add_to_unread(c, k, before->txn, EDGE_WW, unread);
}

/* ---- wr, rw ---- */

static void add_read_edges(struct append_check *c, const struct append_key *k, size_t reader,
                           const struct history_op *op, const struct unread *unread)
{
    const struct history_op *longest = k->longest;
    size_t seen = op->list_count; /* what it appended itself hangs on the chain of ww as well */
    if (seen > 0) {
        const struct append_version *v = append_version_of(k, op->list[seen - 1]);
        if (v != NULL) add_edge(c, v->txn, reader, EDGE_WR, k->key, v->value);
    }
    /* A list that is no start of the longest was reported, and does not tell what came next. */
    ASSERT(seen <= longest->list_count);
    if (seen > 0 && memcmp(op->list, longest->list, seen * sizeof *op->list) != 0) return;
    if (seen < longest->list_count) {
        const struct append_version *next = append_version_of(k, longest->list[seen]);
        if (next != NULL) add_edge(c, reader, next->txn, EDGE_RW, k->key, next->value);
    } else {
        add_to_unread(c, k, reader, EDGE_RW, unread);
    }
}

static void add_data_edges(struct append_check *c)
{
    struct map unread_of;
    map_init(&unread_of);
    for (size_t i = 0; i < c->key_count; i++) {
        struct unread *u = check_alloc(1, sizeof *u);
        *u = find_unread(c, c->key_list[i]);
        ASSERT(map_put(&unread_of, c->key_list[i]->key, u) == STATUS_OK);
        add_version_edges(c, c->key_list[i], u);
    }
    for (size_t i = 0; i < c->h->txn_count; i++)
        for (const struct history_op *op = c->h->txns[i].first; op != NULL; op = op->next) {
            if (!append_is_certain_read(&c->h->txns[i], op)) continue;
            const struct unread *u = map_get(&unread_of, op->key);
            add_read_edges(c, append_key_of(c, op->key), i, op, u);
        }
    for (size_t i = 0; i < c->key_count; i++) free(map_get(&unread_of, c->key_list[i]->key));
    map_deinit(&unread_of);
}

/* ---- rt: the transitive reduction of an interval order ----
 *
 * `frontier` holds the completed transactions that no other completed one came wholly after.
 * Whoever is invoked comes after exactly these (and, through them, after all earlier ones); whoever
 * completes replaces those it came after. The frontier is never larger than the concurrency. */

struct frontier {
    size_t *txns;
    size_t count;
};

static void invoke(struct append_check *c, const struct frontier *f, size_t txn)
{
    for (size_t i = 0; i < f->count; i++) add_edge(c, f->txns[i], txn, EDGE_RT, 0, 0);
}

static void complete(const struct append_check *c, struct frontier *f, size_t txn)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++)
        if (c->h->txns[f->txns[i]].complete_index > c->h->txns[txn].invoke_index)
            f->txns[kept++] = f->txns[i];
    f->txns[kept++] = txn;
    f->count = kept;
}

static void add_realtime_edges(struct append_check *c)
{
    const struct history *h = c->h;
    struct frontier f = {check_alloc(h->txn_count, sizeof *f.txns), 0};
    for (size_t i = 0; i < h->event_count; i++) {
        size_t txn = h->events[i].txn;
        if (!c->committed[txn]) continue;
        if (!h->events[i].completes) invoke(c, &f, txn);
        else if (h->txns[txn].outcome == HISTORY_OK) complete(c, &f, txn);
    }
    free(f.txns);
}

/* ---- sorting by source ---- */

static void sort_edges(struct append_check *c)
{
    size_t txn_count = c->h->txn_count;
    struct append_edge *sorted = check_alloc(c->edge_count, sizeof *sorted);
    size_t *fill = check_alloc(txn_count + 1, sizeof *fill);
    c->edge_start = check_alloc(txn_count + 1, sizeof *c->edge_start);
    for (size_t i = 0; i < c->edge_count; i++) c->edge_start[c->edges[i].from + 1]++;
    for (size_t i = 0; i < txn_count; i++) c->edge_start[i + 1] += c->edge_start[i];
    memcpy(fill, c->edge_start, (txn_count + 1) * sizeof *fill);
    for (size_t i = 0; i < c->edge_count; i++) sorted[fill[c->edges[i].from]++] = c->edges[i];
    free(fill);
    free(c->edges);
    c->edges = sorted;
}

void append_build_graph(struct append_check *c)
{
    add_data_edges(c);
    add_realtime_edges(c);
    sort_edges(c);
    c->result.edge_count = c->edge_count;
}
