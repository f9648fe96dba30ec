/* Text under construction, for sql/function_format*.c. */
#ifndef OSTRAKA_SQL_FUNCTION_FORMAT_INT_H
#define OSTRAKA_SQL_FUNCTION_FORMAT_INT_H

#include "sql/function_int.h"

#define FORMAT_STEPS_PER_ITEM 256 /* of a pattern, as sql_eval_effort counts */

struct format_text {
    uint8_t *data;
    size_t size, capacity;
};
/* Appends; the memory doubles. */
MUST_USE enum status format_put(struct sql_eval *e, struct format_text *t, struct bytes text);

/* to_char of a number: sql/function_format_number.c. */
enum status function_format_number(struct sql_eval *e, const struct sql_call *call,
                                   struct sql_datum *out);

#endif
