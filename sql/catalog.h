/* Tables as the catalog keeps them: in the data keyspace, read and written by the same transactions as the
 * rows. A statement reads the descriptor of every table it names, so that a commit never straddles a
 * change of it (CAT-1). Formats and keys: sql/README.md. */
#ifndef OSTRAKA_SQL_CATALOG_H
#define OSTRAKA_SQL_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "sql/datum.h"
#include "sql/rowcode.h"
#include "txn/txn.h"

#define SQL_COLUMNS_MAX 1600
#define SQL_CHECKS_MAX 1000
#define SQL_KEY_COLUMNS_MAX 32

struct sql_table_column {
    const char *name;
    uint16_t id;             /* never used again within the table; from 1 */
    struct sql_type type;
    bool not_null;
    const char *default_text; /* an expression, or NULL */
    struct bytes missing;     /* what rows that were written before it was added have, as a row of it alone; empty: NULL */
    struct sql_datum missing_value;
};

struct sql_table {
    uint32_t id, version;
    const char *name;
    struct sql_table_column *columns;
    uint32_t column_count;
    uint16_t next_column_id;
    uint16_t key[SQL_KEY_COLUMNS_MAX]; /* places in columns, in key order */
    uint32_t key_count;                /* 0: rows are told apart by a hidden row id */
    const char *key_name;              /* the constraint's */
    const char *const *checks;         /* CHECK expressions as text */
    const char *const *check_names;
    uint32_t check_count;
    bool has_missing;         /* some column has such a value */
    /* Idempotency keys made up to then may have been used with rows that this table, or another of its name, had once;
     * 0: none were. UINT64_MAX: up to when the record was written (catalog_table_written). */
    uint64_t keys_after;
    struct sql_row_column *row_columns; /* as rowcode wants them; in the order of columns */
    uint64_t known_as;        /* the session's number for this record (catalog_cache.h); 0: it remembers none */
    const struct virtual_table *from;   /* its rows are made when they are read (virtual.h); NULL: they are stored */
};

/* [fiber] STATUS_NOT_FOUND; other statuses as txn_get; STATUS_CORRUPT when the record cannot be read. */
MUST_USE enum status catalog_table(struct txn *t, struct arena *arena, const char *name,
                                   struct sql_table **table_out);
/* The key of a table's record, and what the record says (names and texts are copied into arena). STATUS_CORRUPT,
 * STATUS_VERSION, STATUS_NO_MEMORY. */
void catalog_table_key(const char *name, struct buf *key);
MUST_USE enum status catalog_table_decode(struct arena *arena, struct bytes record, struct sql_table **table_out);
/* The record that was decoded is of this timestamp; 0: of the transaction itself. */
void catalog_table_written(struct sql_table *table, uint64_t ts);
/* [fiber] Gives the table its id and buffers its record. STATUS_EXISTS. */
MUST_USE enum status catalog_create(struct txn *t, struct arena *arena, struct sql_table *table);
/* Buffers the removal of the record. Ids are never used again, so the rows can be reached no more; they are put on
 * record as garbage. */
MUST_USE enum status catalog_drop(struct txn *t, const struct sql_table *table);

/* ---- rows that no table has any more (reclaim.h) ---- */

/* The rows of a table id that was given up lie in [next, end). */
struct catalog_garbage {
    uint32_t table_id;
    struct bytes next, end;
};
/* [fiber] The garbage of the lowest table id; views live in the arena. STATUS_NOT_FOUND: there is none. */
MUST_USE enum status catalog_garbage_first(struct txn *t, struct arena *arena,
                                           struct catalog_garbage *garbage_out);
/* Buffers that the rows before garbage->next are gone; that all of them are. */
MUST_USE enum status catalog_garbage_move(struct txn *t, const struct catalog_garbage *garbage);
MUST_USE enum status catalog_garbage_end(struct txn *t, const struct catalog_garbage *garbage);
/* Where these records begin: the range that holds it is the one whose leader reclaims. */
struct bytes catalog_garbage_key(void);

/* The records of all tables lie in [start, end). */
void catalog_tables_span(struct bytes *start, struct bytes *end);
/* What all keys of a table begin with, and no others. */
void catalog_table_scope(uint32_t table_id, struct buf *scope);
/* Every row of a table lies in [start, end). */
void catalog_table_span(const struct sql_table *table, struct buf *start, struct buf *end);

/* ---- rows ---- */

/* Appends the key of row k of the first table that a cluster gets, if its primary key is one bigint: a place to
 * split a cluster at before there is a table. */
void catalog_first_table_key(int64_t k, struct buf *key);
/* The key of a row. values: one per column of the table. row_id: 16 bytes, only for tables without a primary
 * key. STATUS_TOO_LARGE: over TXN_KEY_BYTES_MAX. */
MUST_USE enum status catalog_row_key(const struct sql_table *table, const struct sql_datum *values,
                                     const uint8_t row_id[16], struct buf *key);
/* The key's first part, for the first `count` columns of the primary key. */
MUST_USE enum status catalog_key_prefix(const struct sql_table *table, const struct sql_datum *key_values,
                                        uint32_t count, struct buf *key);
MUST_USE enum status catalog_row_value(const struct sql_table *table, const struct sql_datum *values,
                                       struct buf *value);
/* Values are views into value, or in the arena. STATUS_CORRUPT. */
MUST_USE enum status catalog_row_decode(struct arena *arena, const struct sql_table *table,
                                        struct bytes value, struct sql_datum *values_out);
/* Buffers a new record for a table that exists; [fiber] no. What its rows look like may have changed. */
MUST_USE enum status catalog_update(struct txn *t, struct sql_table *table);
/* [fiber] The table is called otherwise from now on. STATUS_EXISTS: another one is. */
MUST_USE enum status catalog_rename(struct txn *t, struct arena *arena, struct sql_table *table, const char *name);
/* The rows that are there have this value in a column that is being added. STATUS_NO_MEMORY. */
MUST_USE enum status catalog_column_missing(struct arena *arena, struct sql_table_column *column,
                                            const struct sql_datum *value);
/* After a change of the columns. False: no memory. */
MUST_USE bool catalog_columns_changed(struct arena *arena, struct sql_table *table);
/* Makes every row of the table unreachable at once, by giving it another id. [fiber] */
MUST_USE enum status catalog_truncate(struct txn *t, struct sql_table *table);

#endif
