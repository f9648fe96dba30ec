/* Tables that hold what nodes know when they are asked: pg_stat_activity, ostraka.sessions and
 * their kind. They are read like any other (WHERE, ORDER BY, aggregates), take no part in
 * transactions, and cannot be written.
 *
 * A table says how this node makes its rows; rows of a table of the whole cluster are asked of
 * every node (virtual_gather.c), which makes them the same way. */
#ifndef OSTRAKA_SQL_VIRTUAL_H
#define OSTRAKA_SQL_VIRTUAL_H

#include "sql/catalog.h"

struct exec;
struct kv;
struct sql_activity;
struct sql_session;

#define VIRTUAL_COLUMNS_MAX 32

struct virtual_column {
    const char *name;
    uint32_t type;
};

/* Rows while they are made. Cells are added in the order of the columns. */
struct virtual_rows {
    struct arena *arena; /* of texts and rows */
    uint32_t column_count;
    struct sql_datum **rows;
    uint32_t count, capacity;
    uint32_t at; /* the next cell of the last row */
    bool failed; /* out of memory: rows are missing */
};

/* What rows are made from. */
struct virtual_source {
    struct sql_activity *activity; /* of the node; NULL: sessions are not listed */
    struct kv *kv;
    struct sql_session *session; /* that asks; NULL: another node does */
};

enum virtual_scope {
    VIRTUAL_HERE = 1, /* what this node knows */
    VIRTUAL_CLUSTER,  /* of all nodes */
};

struct virtual_table {
    uint32_t id; /* never changes: nodes ask each other by it */
    const char *schema, *name;
    enum virtual_scope scope;
    const struct virtual_column *columns;
    uint32_t column_count;
    void (*fill)(const struct virtual_source *source, struct virtual_rows *rows);
    /* [fiber] Once the rows of all nodes are there: what only a transaction can find out. NULL:
     * nothing. */
    bool (*finish)(struct exec *x, struct virtual_rows *rows);
};

/* Found by schema ("pg_catalog", "ostraka") and name; without a schema what begins with "pg_" is
 * looked for in pg_catalog. NULL: there is none. */
const struct virtual_table *virtual_find(const char *schema, const char *name);
const struct virtual_table *virtual_find_id(uint32_t id);
/* In a fixed order; NULL past the end. */
const struct virtual_table *virtual_at(size_t index);
/* A schema of which tables cannot be made, changed or dropped. */
bool virtual_schema(const char *schema);
/* As statements see it; NULL: out of memory. */
struct sql_table *virtual_describe(struct arena *arena, const struct virtual_table *v);

/* [fiber] All rows of the table, in the arena. False: the error is set. */
bool virtual_read(struct exec *x, struct arena *arena, const struct virtual_table *v, struct virtual_rows *rows);

/* ---- for the tables ---- */

void virtual_rows_init(struct virtual_rows *r, struct arena *arena, const struct virtual_table *v);
/* Begins a row; the one before must be whole. */
void virtual_row(struct virtual_rows *r);
void virtual_null(struct virtual_rows *r);
void virtual_cell(struct virtual_rows *r, struct sql_datum value); /* bytes are borrowed */
void virtual_text(struct virtual_rows *r, const char *text);       /* copied; NULL: null */
void virtual_bytes(struct virtual_rows *r, struct bytes text);     /* copied; data NULL: null */
void virtual_integer(struct virtual_rows *r, int64_t value);
void virtual_count(struct virtual_rows *r, uint64_t value);
void virtual_real(struct virtual_rows *r, double value);
void virtual_boolean(struct virtual_rows *r, bool value);
/* Microseconds since 2000-01-01; INT64_MIN: null. */
void virtual_moment(struct virtual_rows *r, int64_t us);

/* How a transaction is called in lock tables: "node/number" in hex. NULL: it has no name there. */
#define LOCK_NAME_BYTES 40
const char *virtual_lock_name(uint64_t node, uint64_t number, char name[LOCK_NAME_BYTES]);

/* A key as it is, "\\x04..."; its end is cut off when it is very long. */
void virtual_key(struct virtual_rows *r, struct bytes key);
/* [fiber] Says of these cells, which virtual_key has made, what they are of: the name of the table goes into the other column of the
 * row, "(1, abc)" in place of the key. What is no table's stays as it is. */
void virtual_keys_name(struct exec *x, struct virtual_rows *rows, uint32_t table_column, uint32_t key_column);

/* The tables of the database. */
struct virtual_tables {
    const struct sql_table **list;
    uint32_t count, capacity;
};
/* [fiber] Read apart from the transaction under way: what an operator looks at is nothing that a commit has to validate.
 * Without a quorum there are none: then keys are shown as they are. */
void virtual_tables_read(struct exec *x, struct virtual_tables *t);
const struct sql_table *virtual_tables_find(const struct virtual_tables *t, uint32_t id); /* or NULL */

/* ---- virtual_catalog.c ---- */

/* Of pg_namespace; 0, NULL: there is none. */
uint32_t virtual_schema_oid(const char *name);
const char *virtual_schema_name(uint32_t oid);
enum { VIRTUAL_OID_OWNER = 10 }; /* the role that owns everything */

/* ---- virtual_object.c: struct sql_eval.object_find and object_name, for the statement that ctx is of ---- */

/* [fiber] 'kv'::regclass and its kind. */
enum status virtual_object_find(void *exec, uint32_t oid, struct bytes name, uint32_t *out);
enum status virtual_object_name(void *exec, uint32_t oid, uint32_t object, struct arena *arena,
                                struct bytes *name_out);

/* ---- virtual_gather.c ---- */

/* [fiber] The rows of all nodes but this one, added; nodes that do not answer in time are named in
 * a warning. False: the error is set. */
bool virtual_gather(struct exec *x, const struct virtual_table *v, struct virtual_rows *rows);

/* Rows as they travel; those that do not fit are left out, and it is said so. */
void virtual_encode(const struct virtual_table *v, const struct virtual_rows *rows,
                    struct buf *out);
/* Adds the rows that another node has sent. Shape, types and texts are checked, since everything
 * behind relies on them. *whole_out: nothing was left out. False: not what was asked for; some rows
 * may have been added. */
bool virtual_decode(const struct virtual_table *v, struct bytes body, struct virtual_rows *rows,
                    bool *whole_out);

extern const struct virtual_table virtual_session_tables[], virtual_cluster_tables[],
    virtual_placement_tables[], virtual_prepared_tables[], virtual_catalog_tables[];
extern const size_t virtual_session_table_count, virtual_cluster_table_count, virtual_placement_table_count,
    virtual_prepared_table_count, virtual_catalog_table_count;

#endif
