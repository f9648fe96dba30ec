/* What the files of the append checker share. */
#ifndef OSTRAKA_TESTS_SIM_CHECK_APPEND_INT_H
#define OSTRAKA_TESTS_SIM_CHECK_APPEND_INT_H

#include "base/assert.h"
#include "base/map.h"
#include "tests/sim/check/append.h"

#define APPEND_REPORTS_PER_KIND 3

/* One appended value. */
struct append_version {
    int64_t value;
    size_t txn;
    bool last_of_txn; /* its transaction's final append to that key */
    bool ordered;     /* part of the longest read */
};

struct append_key {
    uint64_t key;
    struct map versions;      /* value -> struct append_version */
    struct append_version **all; /* in order of the history */
    size_t all_count, all_capacity;
    const struct history_op *longest; /* read; NULL: none */
    size_t longest_txn;
    uint64_t latest_read_invoke; /* index; of the last certain reads of this key */
    size_t latest_reader;
    bool was_read;
};

enum append_edge_kind { EDGE_WW = 1 << 0, EDGE_WR = 1 << 1, EDGE_RW = 1 << 2, EDGE_RT = 1 << 3 };

struct append_edge {
    uint32_t from, to;
    enum append_edge_kind kind;
    uint64_t key;
    int64_t value; /* ww, rw: the later version; wr: the version read */
};

struct append_check {
    const struct history *h;
    struct buf *report;
    struct append_result result;
    struct map keys; /* key -> struct append_key */
    struct append_key **key_list;
    size_t key_count, key_capacity;
    bool *committed; /* per transaction: took effect for certain */
    struct append_edge *edges;
    size_t edge_count, edge_capacity;
    size_t *edge_start; /* per transaction, once sorted: its edges are [start, next start) */
};

struct append_key *append_key_of(struct append_check *c, uint64_t key);
/* Counts an anomaly; true when it is still to be described. */
bool append_found(struct append_check *c, enum append_anomaly anomaly);
static inline struct append_version *append_version_of(const struct append_key *k, int64_t value)
{
    return map_get(&k->versions, (uint64_t)value);
}
static inline bool append_is_certain_read(const struct history_txn *t, const struct history_op *op)
{
    return t->outcome == HISTORY_OK && op->kind == HISTORY_READ_LIST && op->known;
}

void append_build_graph(struct append_check *c); /* append_graph.c */
void append_find_cycles(struct append_check *c); /* append_cycle.c */

#endif
