/* SQL errors: what an ErrorResponse tells the client. A function that can fail in SQL takes a
 * `struct sql_error *` and returns false (or NULL, or a status) once it has set it. The first error
 * wins: setting one over another changes nothing, so a caller may report a failure it saw without
 * asking whether somebody below has said it better. Texts live in the arena that was handed in. */
#ifndef OSTRAKA_SQL_ERROR_H
#define OSTRAKA_SQL_ERROR_H

#include "base/arena.h"

#include <stdarg.h>

/* The SQLSTATEs Ostraka gives, named as PostgreSQL's errcodes.txt names them. */
#define SQLSTATE_SUCCESSFUL_COMPLETION                 "00000"
#define SQLSTATE_WARNING                               "01000"
#define SQLSTATE_NO_DATA                               "02000"
#define SQLSTATE_CONNECTION_EXCEPTION                  "08000"
#define SQLSTATE_TRANSACTION_RESOLUTION_UNKNOWN        "08007"
#define SQLSTATE_PROTOCOL_VIOLATION                    "08P01"
#define SQLSTATE_FEATURE_NOT_SUPPORTED                 "0A000"
#define SQLSTATE_CARDINALITY_VIOLATION                 "21000"
#define SQLSTATE_DATA_EXCEPTION                        "22000"
#define SQLSTATE_STRING_DATA_RIGHT_TRUNCATION          "22001"
#define SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE            "22003"
#define SQLSTATE_NULL_VALUE_NOT_ALLOWED                "22004"
#define SQLSTATE_INVALID_DATETIME_FORMAT               "22007"
#define SQLSTATE_DATETIME_FIELD_OVERFLOW               "22008"
#define SQLSTATE_INVALID_TIME_ZONE_DISPLACEMENT_VALUE  "22009"
#define SQLSTATE_INVALID_USE_OF_ESCAPE_CHARACTER       "2200C"
#define SQLSTATE_SUBSTRING_ERROR                       "22011"
#define SQLSTATE_DIVISION_BY_ZERO                      "22012"
#define SQLSTATE_INVALID_PRECEDING_OR_FOLLOWING_SIZE   "22013"
#define SQLSTATE_INTERVAL_FIELD_OVERFLOW               "22015"
#define SQLSTATE_INVALID_ESCAPE_CHARACTER              "22019"
#define SQLSTATE_INVALID_REGULAR_EXPRESSION            "2201B"
#define SQLSTATE_INVALID_ARGUMENT_FOR_LOG              "2201E"
#define SQLSTATE_INVALID_ARGUMENT_FOR_POWER_FUNCTION   "2201F"
#define SQLSTATE_INVALID_ROW_COUNT_IN_LIMIT_CLAUSE     "2201W"
#define SQLSTATE_INVALID_ROW_COUNT_IN_OFFSET_CLAUSE    "2201X"
#define SQLSTATE_CHARACTER_NOT_IN_REPERTOIRE           "22021"
#define SQLSTATE_INVALID_PARAMETER_VALUE               "22023"
#define SQLSTATE_INVALID_ESCAPE_SEQUENCE               "22025"
#define SQLSTATE_ARRAY_SUBSCRIPT_ERROR                 "2202E"
#define SQLSTATE_INVALID_TEXT_REPRESENTATION           "22P02"
#define SQLSTATE_INVALID_BINARY_REPRESENTATION         "22P03"
#define SQLSTATE_BAD_COPY_FILE_FORMAT                  "22P04"
#define SQLSTATE_UNTRANSLATABLE_CHARACTER              "22P05"
#define SQLSTATE_NONSTANDARD_USE_OF_ESCAPE_CHARACTER   "22P06"
/* Not PostgreSQL's: subclasses from I on are for implementations. */
#define SQLSTATE_IDEMPOTENCY_KEY_MISMATCH              "22K01"
#define SQLSTATE_IDEMPOTENCY_KEY_EXPIRED               "22K02"
#define SQLSTATE_INTEGRITY_CONSTRAINT_VIOLATION        "23000"
#define SQLSTATE_NOT_NULL_VIOLATION                    "23502"
#define SQLSTATE_FOREIGN_KEY_VIOLATION                 "23503"
#define SQLSTATE_UNIQUE_VIOLATION                      "23505"
#define SQLSTATE_CHECK_VIOLATION                       "23514"
#define SQLSTATE_INVALID_CURSOR_STATE                  "24000"
#define SQLSTATE_INVALID_TRANSACTION_STATE             "25000"
#define SQLSTATE_ACTIVE_SQL_TRANSACTION                "25001"
#define SQLSTATE_READ_ONLY_SQL_TRANSACTION             "25006"
#define SQLSTATE_NO_ACTIVE_SQL_TRANSACTION             "25P01"
#define SQLSTATE_IN_FAILED_SQL_TRANSACTION             "25P02"
#define SQLSTATE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT   "25P03"
#define SQLSTATE_INVALID_SQL_STATEMENT_NAME            "26000"
#define SQLSTATE_INVALID_AUTHORIZATION_SPECIFICATION   "28000"
#define SQLSTATE_INVALID_PASSWORD                      "28P01"
#define SQLSTATE_DEPENDENT_OBJECTS_STILL_EXIST         "2BP01"
#define SQLSTATE_INVALID_CURSOR_NAME                   "34000"
#define SQLSTATE_SAVEPOINT_EXCEPTION                   "3B000"
#define SQLSTATE_INVALID_SAVEPOINT_SPECIFICATION       "3B001"
#define SQLSTATE_INVALID_CATALOG_NAME                  "3D000"
#define SQLSTATE_INVALID_SCHEMA_NAME                   "3F000"
#define SQLSTATE_SERIALIZATION_FAILURE                 "40001"
#define SQLSTATE_STATEMENT_COMPLETION_UNKNOWN          "40003"
#define SQLSTATE_DEADLOCK_DETECTED                     "40P01"
#define SQLSTATE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION "42000"
#define SQLSTATE_INSUFFICIENT_PRIVILEGE                "42501"
#define SQLSTATE_SYNTAX_ERROR                          "42601"
#define SQLSTATE_INVALID_NAME                          "42602"
#define SQLSTATE_INVALID_COLUMN_DEFINITION             "42611"
#define SQLSTATE_NAME_TOO_LONG                         "42622"
#define SQLSTATE_DUPLICATE_COLUMN                      "42701"
#define SQLSTATE_AMBIGUOUS_COLUMN                      "42702"
#define SQLSTATE_UNDEFINED_COLUMN                      "42703"
#define SQLSTATE_UNDEFINED_OBJECT                      "42704"
#define SQLSTATE_DUPLICATE_OBJECT                      "42710"
#define SQLSTATE_DUPLICATE_ALIAS                       "42712"
#define SQLSTATE_DUPLICATE_FUNCTION                    "42723"
#define SQLSTATE_AMBIGUOUS_FUNCTION                    "42725"
#define SQLSTATE_GROUPING_ERROR                        "42803"
#define SQLSTATE_DATATYPE_MISMATCH                     "42804"
#define SQLSTATE_WRONG_OBJECT_TYPE                     "42809"
#define SQLSTATE_INVALID_FOREIGN_KEY                   "42830"
#define SQLSTATE_CANNOT_COERCE                         "42846"
#define SQLSTATE_UNDEFINED_FUNCTION                    "42883"
#define SQLSTATE_GENERATED_ALWAYS                      "428C9"
#define SQLSTATE_RESERVED_NAME                         "42939"
#define SQLSTATE_UNDEFINED_TABLE                       "42P01"
#define SQLSTATE_UNDEFINED_PARAMETER                   "42P02"
#define SQLSTATE_DUPLICATE_CURSOR                      "42P03"
#define SQLSTATE_DUPLICATE_DATABASE                    "42P04"
#define SQLSTATE_DUPLICATE_PREPARED_STATEMENT          "42P05"
#define SQLSTATE_DUPLICATE_SCHEMA                      "42P06"
#define SQLSTATE_DUPLICATE_TABLE                       "42P07"
#define SQLSTATE_AMBIGUOUS_PARAMETER                   "42P08"
#define SQLSTATE_AMBIGUOUS_ALIAS                       "42P09"
#define SQLSTATE_INVALID_COLUMN_REFERENCE              "42P10"
#define SQLSTATE_INVALID_CURSOR_DEFINITION             "42P11"
#define SQLSTATE_INVALID_TABLE_DEFINITION              "42P16"
#define SQLSTATE_INDETERMINATE_DATATYPE                "42P18"
#define SQLSTATE_INVALID_RECURSION                     "42P19"
#define SQLSTATE_WINDOWING_ERROR                       "42P20"
#define SQLSTATE_COLLATION_MISMATCH                    "42P21"
#define SQLSTATE_INDETERMINATE_COLLATION               "42P22"
#define SQLSTATE_DISK_FULL                             "53100"
#define SQLSTATE_OUT_OF_MEMORY                         "53200"
#define SQLSTATE_TOO_MANY_CONNECTIONS                  "53300"
#define SQLSTATE_CONFIGURATION_LIMIT_EXCEEDED          "53400"
#define SQLSTATE_PROGRAM_LIMIT_EXCEEDED                "54000"
#define SQLSTATE_STATEMENT_TOO_COMPLEX                 "54001"
#define SQLSTATE_TOO_MANY_COLUMNS                      "54011"
#define SQLSTATE_TOO_MANY_ARGUMENTS                    "54023"
#define SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE      "55000"
#define SQLSTATE_OBJECT_IN_USE                         "55006"
#define SQLSTATE_CANT_CHANGE_RUNTIME_PARAM             "55P02"
#define SQLSTATE_LOCK_NOT_AVAILABLE                    "55P03"
#define SQLSTATE_QUERY_CANCELED                        "57014"
#define SQLSTATE_ADMIN_SHUTDOWN                        "57P01"
#define SQLSTATE_CANNOT_CONNECT_NOW                    "57P03"
#define SQLSTATE_IDLE_SESSION_TIMEOUT                  "57P05"
#define SQLSTATE_IO_ERROR                              "58030"
#define SQLSTATE_SNAPSHOT_TOO_OLD                      "72000"
#define SQLSTATE_INTERNAL_ERROR                        "XX000"
#define SQLSTATE_DATA_CORRUPTED                        "XX001"

/* All fields but sqlstate and message may be absent: NULL or 0. Texts are UTF-8, owned by the arena
 * (or constant), never longer than SQL_ERROR_TEXT_BYTES_MAX. */
#define SQL_ERROR_TEXT_BYTES_MAX 4096
struct sql_error {
    char sqlstate[6];  /* "" while there is no error */
    uint32_t position; /* 1-based, in characters of the statement text; 0: none */
    const char *message, *detail, *hint, *context;
    const char *schema_name, *table_name, *column_name, *datatype_name, *constraint_name;
};

static inline bool sql_error_is_set(const struct sql_error *e)
{
    return e->sqlstate[0] != 0;
}

/* True when an error is set and has this SQLSTATE. */
bool sql_error_is(const struct sql_error *e, const char *sqlstate);
void sql_error_clear(struct sql_error *e);

/* Sets state, position and message, unless an error is set already. Returns false always, so that a
 * bool function may `return sql_error_set(...)`. When the arena cannot hold the message the error
 * becomes 53200 "out of memory", which needs no memory. sqlstate has five characters. */
__attribute__((cold, format(printf, 5, 6))) bool sql_error_set(struct sql_error *e, struct arena *arena,
                                                               const char *sqlstate, uint32_t position,
                                                               const char *format, ...);
__attribute__((cold)) bool sql_error_vset(struct sql_error *e, struct arena *arena, const char *sqlstate,
                                          uint32_t position, const char *format, va_list args);
/* Sets 53200: for a failed allocation. */
bool sql_error_out_of_memory(struct sql_error *e);

/* These add to the error that is set. One that was given before stays; a text that the arena cannot
 * hold is left out. A new message usually follows at once:
 *     sql_error_set(e, arena, SQLSTATE_UNDEFINED_COLUMN, node->position, ...);
 *     sql_error_hint(e, arena, "Perhaps you meant to reference the column \"%s\".", name); */
__attribute__((format(printf, 3, 4))) void
sql_error_detail(struct sql_error *e, struct arena *arena, const char *format, ...);
__attribute__((format(printf, 3, 4))) void sql_error_hint(struct sql_error *e, struct arena *arena,
                                                          const char *format, ...);
/* Where the error happened when that is not a place in the statement: "COPY t, line 3, column a". */
__attribute__((format(printf, 3, 4))) void
sql_error_context(struct sql_error *e, struct arena *arena, const char *format, ...);
/* The names of fields s, t, c, d and n; a NULL one is left as it is. The texts are borrowed and
 * must live as long as the error. */
void sql_error_names(struct sql_error *e, const char *schema, const char *table, const char *column,
                     const char *datatype, const char *constraint);
/* Gives the error the position of the construct that failed, when it has none yet. */
void sql_error_at(struct sql_error *e, uint32_t position);

/* Copies an error with all its texts into another arena, for it to outlive the first one. *to must
 * not be set. When that arena is full, *to becomes 53200. */
void sql_error_copy(struct sql_error *to, struct arena *arena, const struct sql_error *from);

#endif
