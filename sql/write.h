/* Private to the statements that change rows.
 *   writer.c     what every written row goes through   insert.c     INSERT
 *   update.c     UPDATE and DELETE                     conflict.c   ON CONFLICT
 *   returning.c  RETURNING                             copy_in.c    COPY FROM */
#ifndef OSTRAKA_SQL_WRITE_H
#define OSTRAKA_SQL_WRITE_H

#include "sql/query.h"

/* ---- writer.c ---- */

/* An INSERT's row that waits to be looked for together with others. */
struct writer_row {
    struct bytes key, value;
    uint64_t line; /* of COPY's data */
};

struct writer {
    const struct sql_table *table;
    struct expr **defaults;   /* per column; NULL: null */
    struct expr **checks;
    struct writer_row *rows;  /* rows whose keys have to be looked for now: see writer_flush */
    uint32_t row_count, row_capacity;
    size_t row_bytes;
    bool deferred;            /* rows wait for writer_flush: what feeds them must not meet them */
    uint64_t line;            /* given to the rows that are added; after an error: that of the row it is about */
    bool line_failed;         /* the error is about a row that was added earlier */
};

/* table: borrowed as long as the writer. False with the error set, like everything below. */
bool writer_open(struct exec *x, struct writer *w, const struct sql_table *table);
/* The default of a column. */
bool writer_default(struct exec *x, struct writer *w, uint32_t column, struct sql_datum *out);
/* NOT NULL and CHECK: 23502, 23514. */
bool writer_check(struct exec *x, const struct writer *w, const struct sql_datum *values);
/* [fiber] Checks constraints and buffers a new row: 23505 when one with its key exists. Where that has to be known
 * before the commit (x->check_now) the row may wait for others. */
bool writer_insert(struct exec *x, struct writer *w, const struct sql_datum *values);
/* [fiber] Writes the rows that wait, before the statement ends. */
bool writer_flush(struct exec *x, struct writer *w);
/* [fiber] Checks constraints and buffers what replaces the row with old_key. */
bool writer_update(struct exec *x, struct writer *w, const struct sql_datum *values, struct bytes old_key);
/* Encodes key and value of a new row into x->key and x->value. */
bool writer_encode(struct exec *x, const struct writer *w, const struct sql_datum *values);
/* 23505. Returns false. */
bool writer_refuse_duplicate(struct exec *x, const struct sql_table *t, const struct sql_datum *values);

/* The values of some columns, as an error shows them; places NULL: of the first ones. */
const char *writer_show_values(struct exec *x, const struct sql_table *t, const struct sql_datum *values,
                               const uint16_t *places, uint32_t count);
/* The columns of the primary key, quoted where they have to be. */
const char *writer_show_key_columns(struct exec *x, const struct sql_table *t);

/* ---- columns that are assigned to: update.c ---- */

struct assignment {
    uint32_t place;
    struct expr *expr; /* NULL: DEFAULT */
};
/* The column's place: 42703, with its position, when the table has none of that name. */
bool write_find_column(struct exec *x, const struct sql_table *t, const char *name, uint32_t position,
                       uint32_t *place_out);
/* SET of UPDATE and of DO UPDATE. out: room for set->count. */
bool write_bind_assignments(struct exec *x, const struct sql_set_clauses *set, struct binder *b,
                            const struct sql_table *t, struct assignment **out, uint32_t *count_out);
/* Assigns, as the expressions say of `row`. */
bool write_assign(struct exec *x, struct writer *w, const struct assignment *assignments, uint32_t count,
                  const struct sql_datum *row, struct sql_datum *values);

/* ---- update_from.c ---- */

/* [fiber] With FROM, USING or WITH. */
bool exec_update_from(struct exec *x, const struct sql_update *n);
bool exec_delete_using(struct exec *x, const struct sql_delete *n);

/* ---- returning.c ---- */

struct returning {
    struct expr **exprs;
    struct sql_result_column *columns;
    uint32_t count; /* 0: no RETURNING */
};
/* Binds the list in the scope that b has, and tells the columns (exec_columns). */
bool returning_bind(struct exec *x, struct returning *r, struct binder *b, const struct sql_targets *targets);
/* Holds one row of the result: what the list says of `row`. Does nothing without RETURNING. */
bool returning_row(struct exec *x, const struct returning *r, const struct sql_datum *row);

/* ---- conflict.c ---- */

struct conflict_row;

/* ON CONFLICT of one INSERT. */
struct conflict {
    enum sql_conflict_action action; /* NONE: there is none, or none can happen */
    struct assignment *set;
    uint32_t set_count;
    struct expr *where;
    bool unread;              /* whatever row there is, it is replaced by one that does not depend on it */
    struct conflict_row *rows;
    uint32_t row_count, row_capacity;
};
bool conflict_bind(struct exec *x, struct conflict *c, const struct sql_insert *n, const struct sql_table *t);
/* Keeps a row that is proposed for insertion; its constraints hold. */
bool conflict_propose(struct exec *x, struct conflict *c, struct writer *w, const struct sql_datum *values);
/* [fiber] Inserts, updates or passes over what was proposed. *count_out: the rows that were written. */
bool conflict_run(struct exec *x, struct conflict *c, struct writer *w, const struct returning *r,
                  uint64_t *count_out);

#endif
