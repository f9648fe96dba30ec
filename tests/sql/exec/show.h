/* Results as text, the same for our own session and for a server behind libpq:
 *
 *     a int4, b text                       columns and their types
 *     | 1 | x |                            a row; <null>; a newline inside a value is written \n
 *     copy of 2 columns                    COPY TO; its lines follow
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
/* Data of COPY TO: the head, then its lines behind "> ", or a message in hexadecimal. */
void show_copy(struct show *s, uint32_t column_count, bool binary);
void show_copy_data(struct show *s, struct bytes data, bool binary);
/* What a client sends for COPY FROM: the text of a script as it is or, when its first line is "hex:", the bytes that
 * the others spell. Initialises `out`. */
void show_copy_input(const char *copy, struct buf *out);
/* NULL: null. */
void show_value(struct show *s, const char *text);
void show_row_end(struct show *s);
void show_tag(struct show *s, const char *tag);
void show_message(struct show *s, const char *severity, const struct sql_error *error);
void show_parameter(struct show *s, const char *name, const char *value);
void show_state(struct show *s, char state);

#endif
