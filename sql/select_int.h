/* Private to select*.c.
 *   select_bind.c   from the tree to expressions    select.c        how a query is opened and read
 *   select_group.c  GROUP BY and aggregates         select_sort.c   DISTINCT, ORDER BY */
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
    struct select *next;       /* of the statement */
    struct exec *x;
    struct binder binder;
    const struct sql_select *node;
    const struct sql_type *want; /* what targets of undecided type become */
    uint32_t want_count;
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
    struct expr *limit_expr, *offset_expr;
    bool grouped;
    /* running */
    struct arena *run_arena;   /* what stays until it is closed */
    struct arena *row_arena;   /* of the current row */
    bool open, sorted_by_scan, keeps, filled;
    bool input_done;           /* no FROM: the one row was given, or the condition does not hold */
    uint64_t limit, offset;    /* UINT64_MAX: none */
    uint64_t sent, skipped;
    struct sql_datum *values;  /* of the row that is made: targets, sort keys */
    struct out_row *rows;
    uint32_t row_count, row_capacity, row_at;
    struct map groups;
    struct group **group_list;
    uint32_t group_count, group_capacity, group_at;
    struct sql_datum *finals;  /* of the group; NULL: the input has not been read */
};

/* Binds s->node. */
bool select_bind(struct select *s);
/* The expression that a sort key stands for. */
const struct expr *select_sort_expr(const struct select *s, uint32_t at);
/* Equal values have equal hashes; null is a value. Never 0. */
uint64_t select_hash(struct expr **exprs, const struct sql_datum *values, uint32_t count);
/* The next row of FROM that passes WHERE. */
bool select_input(struct select *s, const struct sql_datum **row_out, bool *found_out);
/* Evaluates targets and sort keys of one input row (or group) into s->values. */
bool select_compute(struct select *s, const struct sql_datum *row, const struct sql_datum *aggregates);
/* Keeps a row to be sorted; DISTINCT and ORDER BY of what was kept. */
bool select_keep(struct select *s, const struct sql_datum *values);
bool select_order_kept(struct select *s);
/* Reads all input first, then gives its groups; NULL at the end. */
bool select_next_group(struct select *s, const struct sql_datum **values_out);
void select_forget_groups(struct select *s);

#endif
