/* The catalogue of SQL types: PostgreSQL's OIDs, names and modifiers, so that clients which know
 * PostgreSQL's catalogue know ours. What a value of a type looks like in memory is sql/datum.h; how
 * it is read and written is sql/types_io.h. */
#ifndef OSTRAKA_SQL_TYPES_H
#define OSTRAKA_SQL_TYPES_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "sql/error.h"

/* pg_type.oid of PostgreSQL 15: on the wire, in the catalogue and in row schemas. */
enum sql_type_oid {
    SQL_TYPE_BOOL = 16,
    SQL_TYPE_BYTEA = 17,
    SQL_TYPE_CHAR = 18, /* "char", one byte; char(n) is SQL_TYPE_BPCHAR */
    SQL_TYPE_NAME = 19,
    SQL_TYPE_INT8 = 20,
    SQL_TYPE_INT2 = 21,
    SQL_TYPE_INT4 = 23,
    SQL_TYPE_REGPROC = 24,
    SQL_TYPE_TEXT = 25,
    SQL_TYPE_OID = 26,
    SQL_TYPE_FLOAT4 = 700,
    SQL_TYPE_FLOAT8 = 701,
    SQL_TYPE_UNKNOWN = 705, /* a quoted literal or parameter whose type is not yet decided */
    SQL_TYPE_BPCHAR = 1042,
    SQL_TYPE_VARCHAR = 1043,
    SQL_TYPE_DATE = 1082,
    SQL_TYPE_TIME = 1083,
    SQL_TYPE_TIMESTAMP = 1114,
    SQL_TYPE_TIMESTAMPTZ = 1184,
    SQL_TYPE_INTERVAL = 1186,
    SQL_TYPE_NUMERIC = 1700,
    SQL_TYPE_REGCLASS = 2205,
    SQL_TYPE_REGTYPE = 2206,
    SQL_TYPE_RECORD = 2249,
    SQL_TYPE_ANY = 2276, /* in function signatures only */
    SQL_TYPE_VOID = 2278,
    SQL_TYPE_UUID = 2950,
    SQL_TYPE_REGNAMESPACE = 4089,
    SQL_TYPE_REGROLE = 4096,
};

#define SQL_TYPMOD_NONE (-1)
/* varchar(n) and char(n) carry n + 4, numeric(p, s) carries (p << 16 | s) + 4: the 4 is
 * PostgreSQL's length word, which clients subtract when they read RowDescription. */
#define SQL_TYPMOD_EXTRA       4
#define SQL_VARCHAR_LENGTH_MAX 10485760
#define SQL_NAME_BYTES_MAX     63
#define SQL_TIME_PRECISION_MAX 6

/* A type as a column or expression has it: which type, and the modifier or SQL_TYPMOD_NONE. */
struct sql_type {
    uint32_t oid;
    int32_t typmod;
};

static inline struct sql_type sql_type_of(uint32_t oid)
{
    return (struct sql_type){.oid = oid, .typmod = SQL_TYPMOD_NONE};
}

/* Which member of struct sql_datum holds a value of the type. */
enum sql_storage {
    SQL_STORAGE_NONE, /* pseudo-types: no value */
    SQL_STORAGE_BOOLEAN,
    SQL_STORAGE_INTEGER,
    SQL_STORAGE_REAL,
    SQL_STORAGE_BYTES,
    SQL_STORAGE_INTERVAL,
};

/* pg_type.typcategory: resolution prefers types of one category over another (function.h). */
enum sql_category {
    SQL_CATEGORY_BOOLEAN = 'B',
    SQL_CATEGORY_NUMERIC = 'N',
    SQL_CATEGORY_STRING = 'S',
    SQL_CATEGORY_DATETIME = 'D',
    SQL_CATEGORY_TIMESPAN = 'T',
    SQL_CATEGORY_USER = 'U',
    SQL_CATEGORY_UNKNOWN = 'X',
    SQL_CATEGORY_INTERNAL = 'Z',
    SQL_CATEGORY_PSEUDO = 'P',
};

struct sql_type_info {
    uint32_t oid;
    const char *name;     /* pg_type.typname: int4 */
    const char *sql_name; /* what format_type and messages say: integer */
    int16_t size_bytes;   /* pg_type.typlen: -1 variable, -2 NUL-terminated */
    enum sql_category category;
    bool preferred;  /* wins within its category */
    bool can_be_key; /* has an order and a key encoding (sql/keycode.h) */
    enum sql_storage storage;
    uint32_t array_oid; /* pg_type.typarray, 0 when none */
};

/* NULL when the type is not one of ours. */
const struct sql_type_info *sql_type_find(uint32_t oid);
/* By what may stand in SQL: the catalogue name or a standard spelling of it in lower case with
 * single spaces ("int4", "integer", "double precision", "timestamp with time zone"). The bare words
 * char and character give char(n)'s type; only "char" in quotes is SQL_TYPE_CHAR, so the parser
 * says which. NULL when there is no such type. */
const struct sql_type_info *sql_type_find_name(struct bytes name, bool quoted);
/* True for PostgreSQL's types that are not ours, and the serial pseudo-types: they may come to be supported. */
bool sql_type_is_known(const char *name);
/* For the catalogue tables: every type in OID order; NULL past the end. */
const struct sql_type_info *sql_type_at(size_t index);

/* The modifier of `type_name(arguments...)`. An empty list gives SQL_TYPMOD_NONE.
 * STATUS_INVALID: error_out says which bound was broken (22023), or that the type takes none
 * (42601). */
MUST_USE enum status sql_type_make_typmod(struct arena *arena, uint32_t oid,
                                          const int64_t *arguments, size_t count,
                                          int32_t *typmod_out, struct sql_error *error_out);
/* n of char(n) or varchar(n); -1 when there is no limit. */
int32_t sql_typmod_length(int32_t typmod);
int32_t sql_typmod_numeric_precision(int32_t typmod);
int32_t sql_typmod_numeric_scale(int32_t typmod); /* -1000 to 1000 */

/* What PostgreSQL's format_type answers: "character varying(10)", "numeric(10,2)". NULL when the
 * arena is full. An OID that is not ours becomes "???". */
const char *sql_type_format(struct arena *arena, struct sql_type type);

#endif
