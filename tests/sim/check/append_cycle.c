/* Cycles of the dependency graph, and their names.
 *
 * Within a strongly connected component, the weakest set of edges that still makes a cycle names
 * it:
 *
 *   G0         ww                          G-single  ww, wr and exactly one rw
 *   G1c        ww and at least one wr      G2-item   ww, wr and two rw or more
 *
 * and the same with "-realtime" when it also takes an rt edge. */
#include <stdlib.h>

#include "tests/sim/check/append_int.h"

#define NONE UINT32_MAX
#define TRIES_PER_COMPONENT 2000 /* edges from which a cycle is looked for */

/* ---- strongly connected components (Tarjan 1972, with an explicit stack) ---- */

struct tarjan {
    const struct append_check *c;
    uint32_t *index, *low, *component; /* component: NONE while open */
    uint32_t *stack, *path;
    size_t *next_edge;
    size_t stack_count, path_count;
    uint32_t next_index, component_count;
};

static void visit(struct tarjan *t, uint32_t node)
{
    t->index[node] = t->low[node] = ++t->next_index;
    t->next_edge[node] = t->c->edge_start[node];
    t->stack[t->stack_count++] = node;
    t->path[t->path_count++] = node;
}

static void close_component(struct tarjan *t, uint32_t node)
{
    uint32_t member;
    do {
        member = t->stack[--t->stack_count];
        t->component[member] = t->component_count;
    } while (member != node);
    t->component_count++;
}

static void leave(struct tarjan *t, uint32_t node)
{
    if (t->low[node] == t->index[node]) close_component(t, node);
    t->path_count--;
    if (t->path_count == 0) return;
    uint32_t parent = t->path[t->path_count - 1];
    if (t->component[node] == NONE && t->low[node] < t->low[parent]) t->low[parent] = t->low[node];
}

static void explore(struct tarjan *t, uint32_t root)
{
    visit(t, root);
    while (t->path_count > 0) {
        uint32_t node = t->path[t->path_count - 1];
        if (t->next_edge[node] == t->c->edge_start[node + 1]) {
            leave(t, node);
            continue;
        }
        uint32_t to = t->c->edges[t->next_edge[node]++].to;
        if (t->index[to] == 0) visit(t, to);
        else if (t->component[to] == NONE && t->index[to] < t->low[node])
            t->low[node] = t->index[to];
    }
}

/* The component of every transaction. */
static uint32_t *find_components(const struct append_check *c, uint32_t *count_out)
{
    size_t n = c->h->txn_count;
    struct tarjan t = {.c = c};
    t.index = check_alloc(n, sizeof *t.index);
    t.low = check_alloc(n, sizeof *t.low);
    t.component = check_alloc(n, sizeof *t.component);
    t.stack = check_alloc(n, sizeof *t.stack);
    t.path = check_alloc(n, sizeof *t.path);
    t.next_edge = check_alloc(n, sizeof *t.next_edge);
    for (size_t i = 0; i < n; i++) t.component[i] = NONE;
    for (size_t i = 0; i < n; i++)
        if (t.index[i] == 0) explore(&t, (uint32_t)i);
    free(t.index);
    free(t.low);
    free(t.stack);
    free(t.path);
    free(t.next_edge);
    *count_out = t.component_count;
    return t.component;
}

/* ---- one cycle: an edge, and the shortest way back ---- */

struct finder {
    struct append_check *c;
    const uint32_t *component;
    uint32_t *queue;
    size_t *parent; /* the edge a transaction was reached by */
    uint32_t *seen; /* in which search */
    uint32_t search;
    struct append_edge *cycle;
    size_t cycle_count;
};

/* From `start` to `goal` over edges of these kinds within the component; fills f->cycle behind what
 * is already there. */
static bool find_way(struct finder *f, uint32_t start, uint32_t goal, unsigned kinds)
{
    const struct append_check *c = f->c;
    size_t head = 0, tail = 0;
    f->search++;
    f->seen[start] = f->search;
    f->queue[tail++] = start;
    while (head < tail && f->seen[goal] != f->search) {
        uint32_t node = f->queue[head++];
        for (size_t i = c->edge_start[node]; i < c->edge_start[node + 1]; i++) {
            uint32_t to = c->edges[i].to;
            if ((c->edges[i].kind & kinds) == 0 || f->seen[to] == f->search) continue;
            if (f->component[to] != f->component[start]) continue;
            f->seen[to] = f->search;
            f->parent[to] = i;
            f->queue[tail++] = to;
        }
    }
    if (f->seen[goal] != f->search) return false;
    size_t length = 0;
    for (uint32_t at = goal; at != start; at = c->edges[f->parent[at]].from) length++;
    size_t place = f->cycle_count + length;
    for (uint32_t at = goal; at != start; at = c->edges[f->parent[at]].from)
        f->cycle[--place] = c->edges[f->parent[at]];
    f->cycle_count += length;
    return true;
}

/* ---- names ---- */

static enum append_anomaly name_cycle(const struct append_edge *cycle, size_t count)
{
    size_t wr = 0, rw = 0, rt = 0;
    for (size_t i = 0; i < count; i++) {
        wr += cycle[i].kind == EDGE_WR;
        rw += cycle[i].kind == EDGE_RW;
        rt += cycle[i].kind == EDGE_RT;
    }
    if (rw > 1) return rt > 0 ? APPEND_G2_ITEM_REALTIME : APPEND_G2_ITEM;
    if (rw == 1) return rt > 0 ? APPEND_G_SINGLE_REALTIME : APPEND_G_SINGLE;
    if (wr > 0) return rt > 0 ? APPEND_G1C_REALTIME : APPEND_G1C;
    return rt > 0 ? APPEND_G0_REALTIME : APPEND_G0;
}

static void describe_edge(struct buf *report, const struct append_edge *e)
{
    unsigned long long key = e->key;
    long long value = e->value;
    switch (e->kind) {
    case EDGE_WW:
        buf_printf(report, "    ww: T%u's version of %llu is followed by %lld of T%u\n", e->from,
                   key, value, e->to);
        return;
    case EDGE_WR:
        buf_printf(report, "    wr: T%u appended %lld to %llu, which T%u read\n", e->from, value,
                   key, e->to);
        return;
    case EDGE_RW:
        buf_printf(report, "    rw: T%u read %llu without the next value, %lld of T%u\n", e->from,
                   key, value, e->to);
        return;
    case EDGE_RT:
        buf_printf(report, "    rt: T%u completed before T%u was invoked\n", e->from, e->to);
        return;
    }
    UNREACHABLE();
}

static void report_cycle(struct finder *f)
{
    struct append_check *c = f->c;
    enum append_anomaly anomaly = name_cycle(f->cycle, f->cycle_count);
    ASSERT(f->cycle_count >= 2);
    ASSERT(f->cycle[f->cycle_count - 1].to == f->cycle[0].from);
    if (!append_found(c, anomaly)) return;
    buf_printf(c->report, "%s: a cycle of %zu\n", append_anomaly_name(anomaly), f->cycle_count);
    for (size_t i = 0; i < f->cycle_count; i++) {
        buf_append_string(c->report, "  ");
        check_print_txn(c->report, c->h, f->cycle[i].from);
        buf_append_string(c->report, "\n");
        describe_edge(c->report, &f->cycle[i]);
    }
}

/* ---- the search: from the weakest set of edges to the strongest ---- */

/* A cycle is looked for through each edge of kind `through`, closed by edges of `kinds`. */
static const struct cycle_rule {
    enum append_edge_kind through;
    unsigned kinds;
} rules[] = {
    {EDGE_WW, EDGE_WW},
    {EDGE_WR, EDGE_WW | EDGE_WR},
    {EDGE_RW, EDGE_WW | EDGE_WR},
    {EDGE_RW, EDGE_WW | EDGE_WR | EDGE_RW},
    {EDGE_WW, EDGE_WW | EDGE_RT},
    {EDGE_WR, EDGE_WW | EDGE_WR | EDGE_RT},
    {EDGE_RW, EDGE_WW | EDGE_WR | EDGE_RT},
    {EDGE_RW, EDGE_WW | EDGE_WR | EDGE_RW | EDGE_RT},
};

/* The edges of a component by member: nodes sorted by component. */
struct members {
    uint32_t *nodes;
    size_t *start;
};

/* True when a cycle of this rule was found in the component; one is enough. */
static bool apply_rule(struct finder *f, const struct cycle_rule *rule, const uint32_t *nodes,
                       size_t node_count)
{
    const struct append_check *c = f->c;
    size_t tries = 0;
    for (size_t n = 0; n < node_count; n++)
        for (size_t i = c->edge_start[nodes[n]]; i < c->edge_start[nodes[n] + 1]; i++) {
            const struct append_edge *e = &c->edges[i];
            if (e->kind != rule->through || f->component[e->to] != f->component[e->from]) continue;
            if (++tries > TRIES_PER_COMPONENT) return false;
            f->cycle[0] = *e;
            f->cycle_count = 1;
            if (!find_way(f, e->to, e->from, rule->kinds)) continue;
            report_cycle(f);
            return true;
        }
    return false;
}

/* The first cycle without real time and, if none, the first with it: stronger ones in the same
 * component usually contain it. */
static void search_component(struct finder *f, const uint32_t *nodes, size_t node_count)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (apply_rule(f, &rules[i], nodes, node_count)) return;
    /* Too large to search through: it is a cycle all the same. */
    if (append_found(f->c, APPEND_G2_ITEM_REALTIME))
        buf_printf(f->c->report, "a component of %zu transactions that depend on each other\n",
                   node_count);
}

static struct members sort_members(const uint32_t *component, size_t n, uint32_t count)
{
    struct members m = {check_alloc(n, sizeof *m.nodes), check_alloc(count + 1, sizeof *m.start)};
    size_t *fill = check_alloc(count + 1, sizeof *fill);
    for (size_t i = 0; i < n; i++) m.start[component[i] + 1]++;
    for (size_t i = 0; i < count; i++) m.start[i + 1] += m.start[i];
    memcpy(fill, m.start, (count + 1) * sizeof *fill);
    for (size_t i = 0; i < n; i++) m.nodes[fill[component[i]]++] = (uint32_t)i;
    free(fill);
    return m;
}

void append_find_cycles(struct append_check *c)
{
    size_t n = c->h->txn_count;
    uint32_t count = 0;
    uint32_t *component = find_components(c, &count);
    struct members m = sort_members(component, n, count);
    struct finder f = {.c = c, .component = component};
    f.queue = check_alloc(n, sizeof *f.queue);
    f.parent = check_alloc(n, sizeof *f.parent);
    f.seen = check_alloc(n, sizeof *f.seen);
    f.cycle = check_alloc(n + 1, sizeof *f.cycle);
    for (uint32_t i = 0; i < count; i++)
        if (m.start[i + 1] - m.start[i] > 1)
            search_component(&f, m.nodes + m.start[i], m.start[i + 1] - m.start[i]);
    free(f.queue);
    free(f.parent);
    free(f.seen);
    free(f.cycle);
    free(m.nodes);
    free(m.start);
    free(component);
}
