/* Takes the constants out of a statement: "WHERE k = 7" becomes "WHERE k = $1" and 7. For clients that write
 * statements as text and want to send them with parameters. Knows numbers and strings of single quotes. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_SQL_LIFT_H
#define OSTRAKA_TESTS_SIM_CLUSTER_SQL_LIFT_H

#include <stdbool.h>

#include "base/buf.h"

#define SQL_LIFT_MAX 16 /* constants; those behind stay where they are */

struct sql_lifted_value {
    bool is_number;
    int64_t number;
    size_t at, size; /* of a string, in sql_lifted.strings */
};
struct sql_lifted {
    struct sql_lifted_value values[SQL_LIFT_MAX];
    uint32_t count;
};

/* Appends the statement with $1, $2, ... to `out`, and the strings' contents to `strings`. */
void sql_lift(const char *text, struct sql_lifted *lifted, struct buf *out, struct buf *strings);

#endif
