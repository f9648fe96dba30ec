/* Private to select*.c.
 *   select.c        binding, and how it is run     select_group.c  GROUP BY and aggregates
 *   select_sort.c   DISTINCT, ORDER BY, LIMIT, and rows to the client */
#ifndef OSTRAKA_SQL_SELECT_INT_H
#define OSTRAKA_SQL_SELECT_INT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "sql/query.h"

#define SORT_KEYS_MAX 64

struct sort_key {
    struct expr *expr;
    uint32_t target; /* place in the targets when expr is NULL */
    bool descending, nulls_first;
};

/* One output row that waits to be sorted: targets, then sort keys. */
struct out_row {
    struct sql_datum *values;
    uint64_t order;
};

struct group;

struct select {
    struct exec *x;
    struct binder binder;
    const struct sql_select *node;
    const struct sql_table *table;
    struct access access;
    bool has_access;
    enum txn_lock_mode lock;   /* FOR UPDATE and its kind; 0: none */
    enum txn_lock_wait lock_wait;
    struct expr **targets;
    struct sql_result_column *columns;
    uint32_t target_count;
    struct sort_key sorts[SORT_KEYS_MAX];
    uint32_t sort_count;
    struct expr **keys; /* GROUP BY */
    uint32_t key_count;
    struct expr *having;
    struct expr *where;
    bool grouped, sorted_by_scan;
    bool begun;             /* the client knows the columns */
    bool no_input;          /* the condition holds for no row */
    uint64_t limit, offset; /* UINT64_MAX: none */
    uint64_t sent, skipped;
    struct out_row *rows;
    uint32_t row_count, row_capacity;
    struct map groups;
    struct group **group_list;
    uint32_t group_count, group_capacity;
};

/* Tells the client the columns, once: with the first row or at the end, so that until then the
 * statement may be run again unseen. */
bool select_begin(struct select *s);
/* The expression that a sort key stands for. */
const struct expr *select_sort_expr(const struct select *s, uint32_t at);
/* Equal values have equal hashes; null is a value. Never 0. */
uint64_t select_hash(struct expr **exprs, const struct sql_datum *values, uint32_t count);
/* Evaluates targets and sort keys of one input row (or group) into values, and sends or keeps the
 * result. */
bool select_emit(struct select *s, const struct sql_datum *row, const struct sql_datum *aggregates,
                 struct sql_datum *values, bool *more_out);
/* Sends what was kept. */
bool select_send_kept(struct select *s);
/* Reads all input and emits its groups. */
bool select_run_grouped(struct select *s, struct sql_datum *values);

#endif
