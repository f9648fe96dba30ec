/* Private to the files that execute queries.
 *   select_bind.c   from the tree to expressions    select.c        how a query is opened and read
 *   select_group.c  GROUP BY and aggregates         select_sort.c   DISTINCT, ORDER BY
 *   select_with.c   WITH                            select_set.c    VALUES, UNION and its kind
 *   from.c          what FROM names                 from_plan.c     which conditions go where, which join comes first
 *   source.c        tables, queries, functions      source_join.c   joins
 *   row_table.c     rows that are kept              subquery.c      queries within expressions
 *
 * A query has one row of values; every table, query or function of its FROM fills a part of it, so that columns
 * are places in that row wherever an expression is evaluated. */
#ifndef OSTRAKA_SQL_SELECT_INT_H
#define OSTRAKA_SQL_SELECT_INT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "sql/query.h"

#define SORT_KEYS_MAX 64
#define FROM_ITEMS_MAX 64      /* of one query: sets of them are the bits of a word */
#define QUERY_NESTING_MAX 64   /* queries within queries: each takes its part of the fiber's stack */

/* ---- rows that are kept (row_table.c) ---- */

struct row_entry {
    struct sql_datum *values;
    uint64_t hash;
    uint32_t next;  /* of the same bucket, from 1; 0: none */
    uint32_t count; /* the owner's */
};

struct row_table {
    struct arena *arena;
    const struct sql_type *types;
    uint32_t width;
    struct row_entry *rows;
    uint32_t count, capacity;
    uint32_t *buckets;
    uint32_t bucket_count;  /* 0, or a power of two */
};

/* The rows live in arena: reset it, and init again, to forget them. */
void row_table_init(struct row_table *t, struct arena *arena, const struct sql_type *types, uint32_t width);
/* Copies a row. hash: what it is found by. NULL: out of memory. */
struct row_entry *row_table_add(struct row_table *t, const struct sql_datum *values, uint64_t hash);
/* Those of a hash, newest first: first (previous NULL), then the next; NULL: no more. */
struct row_entry *row_table_find(const struct row_table *t, uint64_t hash, const struct row_entry *previous);
/* Null is a value: of DISTINCT, UNION. */
uint64_t row_hash(const struct sql_type *types, const struct sql_datum *values, uint32_t count);
bool row_equal(const struct sql_type *types, const struct sql_datum *a, const struct sql_datum *b, uint32_t count);
struct row_entry *row_table_find_equal(const struct row_table *t, const struct sql_datum *values, uint64_t hash);

/* ---- where rows come from ---- */

struct select;
struct source;
struct explain;
struct explain_node;

struct source_ops {
    bool (*open)(struct source *o);  /* again, too: from the start, with the values the row has now */
    bool (*next)(struct source *o, bool *found_out);
    void (*close)(struct source *o);
    void (*release)(struct source *o); /* what is not in the statement's arena; may be NULL */
    void (*explain)(struct explain *e, struct explain_node *above, const struct source *o);
};

/* Fills its part of the query's row, again and again. */
struct source {
    const struct source_ops *ops;
    struct select *query;
    struct source *made_before;      /* of the query: all are released together */
    uint32_t offset, count;          /* its part of the row */
    bool keyed;                      /* a table: its last place holds the row's key, which nothing can name */
    uint64_t bits, needs;            /* the items of FROM it gives; those it reads values of */
    const struct sql_table *table;   /* of a table; else NULL */
    const char *alias;
    struct expr *filter;             /* what its rows have to pass; NULL: nothing */
    struct arena arena;              /* of the current row */
    bool is_open;
    uint64_t loops, rows;            /* for EXPLAIN ANALYZE */
};

void source_init(struct source *o, const struct source_ops *ops, struct select *query);
bool source_open(struct source *o);
/* The next row that passes the filter. */
bool source_next(struct source *o, bool *found_out);
void source_close(struct source *o);
/* Evaluates a condition over the row; temporary values live in the source's arena until it is next reset. */
bool source_passes(struct source *o, const struct expr *condition, bool *passes_out);
/* NULL: the error is set. */
struct source *source_of_table(struct select *s, const struct sql_table *table);
struct source *source_of_query(struct select *s, struct select *child);
struct source *source_of_cte(struct select *s, struct cte *cte);
struct source *source_of_values(struct select *s, struct expr ***rows, uint32_t row_count, uint32_t width);
struct source *source_of_set(struct select *s, struct select **sides, uint32_t count);
struct source *source_of_call(struct select *s, struct expr *call, bool ordinality);
struct source *source_of_series(struct select *s, struct expr **args, uint32_t count, bool ordinality);
/* True when the source is one table: then its key may be looked up by the rows of a join. */
bool source_is_table(const struct source *o);
const struct select *source_child(const struct source *o);
/* A table's key for the values that the row has now: *key_out when it is one whole key, else its data is NULL. */
bool source_find_key(struct source *o, struct arena *arena, struct bytes *key_out);
/* Opens a table at one key, whose value (data NULL: it has none) has been read. */
void source_open_at(struct source *o, struct bytes key, struct bytes value);

enum join_method {
    JOIN_LOOP = 1, /* the right side is opened for every left row: it uses its values */
    JOIN_KEPT,     /* all rows of the right side are kept and tried */
    JOIN_HASH,     /* those that have equal keys are */
};
struct join_key {
    struct expr *left, *right;
    uint32_t type;   /* that both are compared as */
};
/* What a join is made of. */
struct join {
    enum sql_join_type type; /* INNER, LEFT, FULL */
    enum join_method method;
    struct source *left, *right;
    struct expr *on;         /* besides the keys and what the right side has to pass */
    const struct join_key *keys;
    uint32_t key_count;
    /* A table whose key is looked up: it is read as a whole instead when the left side turns out to be long. */
    bool may_hash;
    struct expr *hash_on, *hash_filter; /* then on, and what the right side has to pass */
};
struct source *source_of_join(struct select *s, const struct join *join);

/* ---- FROM ---- */

/* FROM as it is written: an item or a join of two. */
struct from_node {
    struct source *source;           /* NULL: a join */
    enum sql_join_type type;
    struct from_node *left, *right;
    struct expr *on;
    uint64_t bits, needs;
    uint32_t offset, count;
};

/* A query of WITH. */
struct cte {
    struct cte *next;
    const char *name;
    struct select *query;
    const char *const *names;        /* of its columns, as far as given */
    uint32_t name_count;
    uint32_t uses;
    bool started, complete;
    struct row_table rows;           /* what was read so far, when it is used more than once */
};

bool from_bind(struct select *s);
/* Adds one thing that can be named: columns of the source, called names[i] or as it calls them. */
bool from_add_item(struct select *s, const char *alias, const char *table_name, struct source *o,
                   const struct sql_result_column *columns, uint32_t count, const struct sql_alias *renamed);
/* Decides what s->root is, from s->from and s->where. */
bool from_plan(struct select *s);
/* The items of FROM that an expression reads. */
uint64_t from_bits(const struct select *s, const struct expr *e);

/* The type that an equality of both may be decided as by comparing values and hashes; 0: none. */
uint32_t from_key_type(uint32_t left, uint32_t right);

bool select_bind_with(struct select *s);
struct cte *select_find_cte(const struct binder *b, const char *name);
bool select_bind_values(struct select *s);
bool select_bind_set(struct select *s);

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
    bool exists_only;          /* nobody looks at its values */
    bool keyed;                /* the first table of FROM gives the keys of its rows, too */
    bool settles;              /* targets of undecided type become text */
    /* FROM: nothing, one table (then access reads it), or what root gives */
    const struct sql_table *table;
    struct access access;
    bool has_access;
    struct from_node *from;
    struct source *root, *made; /* made: all sources, newest first */
    struct source **items;     /* of FROM */
    uint32_t item_count;
    struct expr *gate;         /* conditions that read no column: they hold for all rows or none */
    struct sql_datum *row;
    struct sql_type *row_types;
    const char **row_names;
    uint8_t *row_items;        /* which of items fills the place */
    uint32_t width, width_capacity;
    struct cte *ctes;
    enum txn_lock_mode lock;   /* FOR UPDATE and its kind; 0: none */
    enum txn_lock_wait lock_wait;
    struct expr **targets;
    struct sql_result_column *columns;
    uint32_t target_count;
    struct sort_key *sorts;
    uint32_t sort_count;
    uint32_t on_count;  /* of DISTINCT ON: so many sort keys tell rows apart */
    struct expr **keys; /* GROUP BY */
    uint32_t key_count;
    struct expr *having;
    struct expr *where;
    struct expr *limit_expr, *offset_expr;
    bool grouped;
    /* running */
    struct arena *run_arena;   /* what stays until it is closed */
    struct arena *row_arena;   /* of the current row */
    bool is_child;             /* then these are its own: */
    struct arena own_run, own_row, own_outer;
    bool open, sorted_by_scan, keeps, filled;
    bool input_done;           /* no FROM: the one row was given, or the condition does not hold */
    uint64_t limit, offset;    /* UINT64_MAX: none */
    uint64_t sent, skipped;
    uint64_t loops, inputs, rows_total; /* for EXPLAIN ANALYZE */
    struct sql_datum *values;  /* of the row that is made: targets, sort keys */
    struct out_row *rows;
    uint32_t row_count, row_capacity, row_at;
    struct map groups;
    struct group **group_list;
    uint32_t group_count, group_capacity, group_at;
    struct sql_datum *finals;  /* of the group; NULL: the input has not been read */
};

/* [fiber] The rows of a table joined with what stands in FROM or USING of a change, which go into s->row: first the
 * table's columns, then the row's key. Bound up to WHERE, in s->binder; select_finish follows. NULL: the error is set. */
struct select *select_of_change(struct exec *x, const struct sql_with *with, const struct sql_name *table,
                                const char *alias, const struct sql_list *more, const struct sql_node *where);
/* A query within another one: bound, and not planned until select_finish. parent: whose names it may use; around: of
 * the query that it stands in. settles: columns of undecided type become text. */
struct select *select_child(struct binder *around, struct binder *parent, const struct sql_select *node, bool settles);
bool select_bind(struct select *s);
/* Folds and plans what was bound; nothing when the statement is only described. */
bool select_finish(struct select *s);
/* For EXPLAIN: finds the keys of a query that has not been opened, as far as its own constants tell. */
bool select_foresee(struct select *s);
bool select_fold(struct select *s);
/* Casts a column of the result, before select_finish. */
bool select_coerce(struct select *s, uint32_t column, struct sql_type type);
/* The child takes from the query around s; it will be opened by s, which takes that in its place. */
bool select_hand_through(struct select *s, struct select *child);
/* Evaluates what a child takes from the query around it, over that query's row. */
bool select_take_outers(struct select *child, const struct sql_datum *row, const struct sql_datum *aggregates);
/* The type of a place in the row. */
struct sql_type select_row_type(const struct select *s, uint32_t index);
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
/* Whether two rows that were kept are equal in the order. */
bool select_ties(const struct select *s, const struct sql_datum *a, const struct sql_datum *b);
/* Reads all input first, then gives its groups; NULL at the end. */
bool select_next_group(struct select *s, const struct sql_datum **values_out);
void select_forget_groups(struct select *s);

#endif
