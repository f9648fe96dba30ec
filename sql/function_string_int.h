/* What the functions of strings share: arguments, and results being made. */
#ifndef OSTRAKA_SQL_FUNCTION_STRING_INT_H
#define OSTRAKA_SQL_FUNCTION_STRING_INT_H

#include <string.h>

#include "sql/function_int.h"

static inline struct bytes function_bytes(const struct sql_call *call, uint32_t i)
{
    ASSERT(i < call->count);
    return call->args[i].bytes;
}

static inline int64_t function_integer(const struct sql_call *call, uint32_t i)
{
    ASSERT(i < call->count);
    return call->args[i].integer;
}

static inline bool function_takes_bytea(const struct sql_call *call)
{
    return call->types[0].oid == SQL_TYPE_BYTEA;
}

/* `size` bytes of the statement's memory as the result, to be filled in. */
static inline enum status function_make_bytes(struct sql_eval *e, size_t size,
                                              struct sql_datum *out, uint8_t **data_out)
{
    *data_out = sql_eval_alloc(e, size);
    if (*data_out == NULL) return STATUS_NO_MEMORY;
    out->bytes = bytes_make(*data_out, size);
    return STATUS_OK;
}

/* Returns the end. */
static inline uint8_t *function_put(uint8_t *to, struct bytes bytes)
{
    if (bytes.size > 0) memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

#endif
