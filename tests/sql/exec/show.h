/* Results as text, the same for our own session and for a server behind libpq:
 *
 *     a int4, b text                       columns and their types
 *     | 1 | x |                            a row; <null>; a newline inside a value is written \n
 *     SELECT 1                             the command tag
 *     ERROR 42703 at 8: column ...         severity, SQLSTATE, position, message
 *       detail: ...                        detail, hint and context when there are any
 *     [T]                                  the transaction state after the text, unless idle */
#ifndef OSTRAKA_TESTS_SQL_SHOW_H
#define OSTRAKA_TESTS_SQL_SHOW_H

#include "base/buf.h"
#include "sql/error.h"
#include "sql/types.h"

struct show {
    struct buf *out;
    struct sql_type *types;
    uint32_t column_count;
};

void show_init(struct show *s, struct buf *out);
void show_deinit(struct show *s);
void show_begin(struct show *s);
void show_column(struct show *s, const char *name, struct sql_type type);
void show_columns_end(struct show *s);
/* NULL: null. */
void show_value(struct show *s, const char *text);
void show_row_end(struct show *s);
void show_tag(struct show *s, const char *tag);
void show_message(struct show *s, const char *severity, const struct sql_error *error);
void show_parameter(struct show *s, const char *name, const char *value);
void show_state(struct show *s, char state);

#endif
