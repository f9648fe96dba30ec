/* Replays the files in tests/data/sql/types: questions that PostgreSQL 15 has answered. */
#ifndef OSTRAKA_TESTS_SQL_TYPES_GOLDEN_H
#define OSTRAKA_TESTS_SQL_TYPES_GOLDEN_H

#include "sql/datum.h"

#define GOLDEN_COLUMNS_MAX 32

/* One line, unescaped. is_null: \N. */
struct golden_row {
    uint32_t line, count;
    struct bytes columns[GOLDEN_COLUMNS_MAX];
    bool is_null[GOLDEN_COLUMNS_MAX];
};

/* An evaluation context with its memory; reset before every row. */
struct golden {
    struct arena arena;
    struct sql_error error;
    struct sql_eval eval;
    struct sql_zones *zones;
    struct sql_zone *zone;
    const char *file;
    uint32_t rows, failures;
};

/* zone: the session's TimeZone, NULL for UTC. */
void golden_init(struct golden *g, const char *zone);
void golden_deinit(struct golden *g);

/* Calls `check` for every line of tests/data/sql/types/`file`; the test fails when any check has
 * called golden_fail. */
void golden_replay(struct golden *g, const char *file,
                   void (*check)(struct golden *g, const struct golden_row *row));
__attribute__((format(printf, 3, 4))) void
golden_fail(struct golden *g, const struct golden_row *row, const char *format, ...);

/* "numeric(5,2)", "interval day to second", "\"char\"". Aborts the test when there is no such type.
 */
struct sql_type golden_type(struct golden *g, struct bytes name);
/* The value of a text as a literal of the type (uncast when the type is unknown). */
enum status golden_value(struct golden *g, struct sql_type type, const struct golden_row *row,
                         uint32_t column, struct sql_datum *out);
/* Compares with "=text", "null" or "!SQLSTATE message". */
void golden_expect(struct golden *g, const struct golden_row *row, uint32_t column,
                   enum status status, uint32_t oid, const struct sql_datum *value);

/* A context for tests without files. */
struct sql_eval *golden_reset(struct golden *g);

#endif
