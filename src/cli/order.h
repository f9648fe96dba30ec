/* Statements that commands send for those who would rather not type them. Words of the command line never become SQL as
 * they are: names and values are quoted. */
#ifndef OSTRAKA_CLI_ORDER_H
#define OSTRAKA_CLI_ORDER_H

#include <libpq-fe.h>

#include "cli/cli.h"

#define ORDER_BYTES     8192
#define ORDER_WORDS_MAX 36 /* a table and as many values as a key has columns, at most */

struct order {
    const char *url, *locality;
    uint64_t timeout_ns; /* 0: not given */
    bool force, dry_run, wait;
    const char *words[ORDER_WORDS_MAX];
    size_t count;
};

/* A statement being written. */
struct order_text {
    char text[ORDER_BYTES];
    size_t size;
    bool failed; /* too long */
};
void order_add(struct order_text *t, const char *text);
/* A name as it stands, in quotes: it is not folded to lower case. */
void order_add_name(struct order_text *t, const char *name);
/* "table" or "schema.table". */
void order_add_table(struct order_text *t, const char *word);
void order_add_literal(struct order_text *t, const char *text);

/* The words are this verb and so many words with it; numbers: from that word on all are. */
bool order_is(const struct order *o, const char *verb, size_t count);
bool order_numbers(const struct order *o, size_t from);

/* NULL: it said why, *status_out is the exit status. Notices are printed. */
PGconn *order_connect(const char *name, const struct order *o, int *status_out);
/* Prints rows, or why there are none. Exit status. */
int order_run(const char *name, PGconn *connection, const char *statement);
/* What an error means as an exit status; it is printed. */
int order_fail(const char *name, PGconn *connection, const PGresult *result);

#endif
