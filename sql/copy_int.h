/* Private to COPY.
 *   copy.c          the statement, its columns       copy_option.c   WITH (...)
 *   copy_in.c       FROM STDIN: rows to the table    copy_parse.c    its text and csv formats
 *   copy_out.c      TO STDOUT: rows to the client    copy_write.c    its text and csv formats
 *   copy_binary.c   the binary format, read */
#ifndef OSTRAKA_SQL_COPY_INT_H
#define OSTRAKA_SQL_COPY_INT_H

#include "sql/copy_binary.h"
#include "sql/copy_parse.h"
#include "sql/copy_write.h"
#include "sql/types_io.h"
#include "sql/write.h"

struct copy {
    struct exec *x;
    const struct sql_copy *node;
    const struct sql_table *table; /* NULL: a query */
    bool binary;
    struct copy_options options;
    const struct sql_option *force_not_null, *force_null, *force_quote;
    uint32_t *places;              /* of the columns of the data, in the table */
    const char **names;
};

/* ---- copy_option.c ---- */

bool copy_read_options(struct copy *c);
/* FORCE_NULL (a, b): one flag per column of the data; a star means all of them. NULL when the option is not given. */
bool copy_force_flags(struct copy *c, const struct sql_option *o, const char *what, const bool **out);

/* ---- copy_in.c, copy_out.c; [fiber] ---- */

bool copy_receive(struct copy *c);
bool copy_send(struct copy *c);

#endif
