/* Values. A datum says nothing of its type: whoever holds one holds a struct sql_type beside it. */
#ifndef OSTRAKA_SQL_DATUM_H
#define OSTRAKA_SQL_DATUM_H

#include "sql/types.h"

/* Months, days and microseconds are kept apart: how long a month or a day is depends on where it is
 * added. */
struct sql_interval {
    int64_t us;
    int32_t days, months;
};

/* 24 bytes, passed by pointer. When is_null the rest means nothing. Variable-size values are views:
 * into a row, a message or the arena of the statement, never owned. */
struct sql_datum {
    bool is_null;
    union {
        bool boolean;
        int64_t integer;    /* int2, int4, int8; oid and reg*: 0 to 2^32 - 1;
                             * date: days since 2000-01-01; time: us since midnight;
                             * timestamp, timestamptz: us since 2000-01-01 (UTC); infinities see
                             * datetime.h */
        double real;        /* float8, and float4 as the float that it is */
        struct bytes bytes; /* text, varchar, char(n), name, unknown: UTF-8; "char": 0 or 1 byte;
                             * bytea; uuid: 16 bytes; numeric: see numeric.h */
        struct sql_interval interval;
    };
};
_Static_assert(sizeof(struct sql_datum) == 24, "datums are copied a lot");

#define SQL_NULL ((struct sql_datum){.is_null = true})

static inline struct sql_datum sql_boolean(bool v)
{
    return (struct sql_datum){.boolean = v};
}
static inline struct sql_datum sql_integer(int64_t v)
{
    return (struct sql_datum){.integer = v};
}
static inline struct sql_datum sql_real(double v)
{
    return (struct sql_datum){.real = v};
}
static inline struct sql_datum sql_bytes(struct bytes v)
{
    return (struct sql_datum){.bytes = v};
}
static inline struct sql_datum sql_interval(struct sql_interval v)
{
    return (struct sql_datum){.interval = v};
}

struct sql_zone; /* sql/datetime_zone.h */
struct sql_zones;

/* How 1/2/2003 is read (the second word of DateStyle); output is ISO always. */
enum sql_date_order { SQL_DATE_ORDER_MDY, SQL_DATE_ORDER_DMY, SQL_DATE_ORDER_YMD };

struct sql_eval;

/* What functions may ask of the session they run in. */
struct sql_surroundings {
    /* The value of a setting, valid until it changes; NULL: there is none of that name. */
    const char *(*setting_get)(void *session_ctx, const char *name);
    /* As SET does; value NULL: the default. False: e->error is set. */
    bool (*setting_set)(void *session_ctx, struct sql_eval *e, const char *name, const char *value, bool local);
    /* [fiber] Waits. When it is interrupted e->error is set. */
    enum status (*sleep)(void *session_ctx, struct sql_eval *e, uint64_t duration_us);
    int64_t (*now_us)(void *session_ctx); /* of the clock, since 2000-01-01 */
    /* [fiber] Lets others go on. When the statement has been interrupted e->error is set. */
    enum status (*breathe)(void *session_ctx, struct sql_eval *e);
};

/* Everything a function may know besides its arguments. Evaluation reads no clock, no locale and no
 * environment: the same context and arguments give the same result on every node. */
struct sql_eval {
    struct arena *arena;     /* results are allocated here; "out of memory" is STATUS_NO_MEMORY */
    struct sql_error *error; /* set whenever the answer is not STATUS_OK */
    const struct sql_zones
        *zones; /* named zones, or NULL: then only UTC and fixed offsets are known */
    const struct sql_zone *zone;                    /* the session's TimeZone; NULL is UTC */
    int64_t transaction_us, statement_us, clock_us; /* us since 2000-01-01 UTC */
    /* Fills `size` bytes with randomness good enough for identifiers. */
    void (*random)(void *random_ctx, uint8_t *out, size_t size);
    void *random_ctx;
    enum sql_date_order date_order;
    int32_t
        extra_float_digits; /* -15 to 3; above 0 is the shortest text that reads back the same */
    /* The session: its pid, and how to end another one's statement, or another one. signal may wait for other nodes; *found_out
     * false: there is no session of that pid. */
    int32_t backend_pid;
    enum status (*signal)(void *signal_ctx, int32_t pid, bool terminate, bool *found_out);
    void *signal_ctx;
    const char *user_name, *session_user_name, *database_name, *schema_name, *version;
    /* Names of catalogue objects, for regclass and its kin. Either may be NULL: then only numbers
     * are read and written. `oid` is the reg* type. STATUS_NOT_FOUND: there is no such object. */
    enum status (*object_find)(void *catalog_ctx, uint32_t oid, struct bytes name, uint32_t *out);
    enum status (*object_name)(void *catalog_ctx, uint32_t oid, uint32_t object,
                               struct arena *arena, struct bytes *name_out);
    void *catalog_ctx;
    /* What became of a transaction, by its id; e->error is set when it cannot be told. NULL: nobody to ask. */
    enum status (*txn_status)(void *txn_ctx, struct sql_eval *e, struct bytes id, const char **status_out);
    /* A timestamp that replicas mostly know of, and the one that the transaction reads at (0: not known yet). */
    void (*read_times)(void *txn_ctx, uint64_t *follower_ts_out, uint64_t *read_ts_out);
    void *txn_ctx;
    const struct sql_surroundings *session; /* NULL: there is none */
    void *session_ctx;
    const struct sql_datum *parameters; /* values of the prepared statement's, from $1 on */
    size_t effort; /* since others could go on (sql_eval_effort) */
};

/* A context with defaults: UTC, the epoch, no randomness, empty names. */
void sql_eval_init(struct sql_eval *e, struct arena *arena, struct sql_error *error);

/* Sets e->error and answers STATUS_INVALID, so that a function can `return sql_eval_fail(...)`. */
__attribute__((format(printf, 3, 4))) enum status
sql_eval_fail(struct sql_eval *e, const char *sqlstate, const char *format, ...);
/* Arguments for "%.*s" that show a text a client sent, as far as a message goes. */
#define SQL_SHOWN(text) \
    (int)((text).size < SQL_ERROR_TEXT_BYTES_MAX ? (text).size : SQL_ERROR_TEXT_BYTES_MAX), \
        (const char *)(text).data
/* Told by what may work for long: so many steps, of some nanoseconds each. Now and then
 * others go on, and an interrupt ends the statement. Only on the session's fiber, as all that is evaluated, and in
 * nothing that reads a value from a text or a message (sql_type_input). */
#define SQL_EVAL_STEPS_PER_BREATH 262144 /* about a millisecond */
MUST_USE enum status sql_eval_breathe(struct sql_eval *e);
MUST_USE static inline enum status sql_eval_effort(struct sql_eval *e, size_t steps)
{
    e->effort += steps;
    return e->effort < SQL_EVAL_STEPS_PER_BREATH ? STATUS_OK : sql_eval_breathe(e);
}
/* For a loop over bytes that is at `at`: tells of the next 64 KiB when these begin there. */
#define SQL_EVAL_PIECE_BYTES 65536
MUST_USE static inline enum status sql_eval_effort_at(struct sql_eval *e, size_t at)
{
    return at % SQL_EVAL_PIECE_BYTES != 0 ? STATUS_OK : sql_eval_effort(e, SQL_EVAL_PIECE_BYTES / 4);
}
/* For a function, operator or cast whose work is linear in these: told for each of them, whatever it is. */
MUST_USE enum status sql_eval_effort_call(struct sql_eval *e, const struct sql_type *types, const struct sql_datum *args,
                                          uint32_t count, uint32_t result, const struct sql_datum *out);
/* 53200 and STATUS_NO_MEMORY. */
enum status sql_eval_no_memory(struct sql_eval *e);
/* 22003 "TYPE out of range", as PostgreSQL says it for arithmetic and casts. */
enum status sql_eval_out_of_range(struct sql_eval *e, uint32_t oid);
/* Arena memory, or NULL with 53200 set. */
void *sql_eval_alloc(struct sql_eval *e, size_t size);

/* Order of two values that are not null and of one type that can_be_key (sql/types.h): negative,
 * zero or positive. It is the order of ORDER BY, indexes, min and max: NaN is equal to itself and
 * above all numbers, char(n) ignores trailing blanks, text compares by its bytes. */
int sql_datum_compare(uint32_t oid, const struct sql_datum *a, const struct sql_datum *b);
/* Equal values have equal hashes, also where several representations are equal (1.0 and 1.00). */
uint64_t sql_datum_hash(uint32_t oid, const struct sql_datum *value, uint64_t seed);
/* True when the value is null or one that its type can have: in range, canonical, UTF-8. May scan.
 */
bool sql_datum_check(uint32_t oid, const struct sql_datum *value);
/* A copy whose bytes are in `arena`. STATUS_NO_MEMORY. */
MUST_USE enum status sql_datum_copy(struct arena *arena, uint32_t oid,
                                    const struct sql_datum *value, struct sql_datum *out);

#endif
