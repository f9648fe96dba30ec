/* Functions of the schema "ostraka": what PostgreSQL has no name for. */
#include "sql/function_int.h"

EVALUATE(txn_status)
{
    const char *word;
    if (e->txn_status == NULL)
        return sql_eval_fail(e, SQLSTATE_FEATURE_NOT_SUPPORTED, "ostraka.txn_status cannot be called here");
    enum status status = e->txn_status(e->txn_ctx, e, call->args[0].bytes, &word);
    if (status != STATUS_OK) return status;
    out->bytes = bytes_of_string(word);
    return STATUS_OK;
}

/* OIDs from 60100 on: no function of PostgreSQL has them. */
static const struct sql_function rows[] = {
    {.oid = 60100,
     .name = "ostraka.txn_status",
     .result = SQL_TYPE_TEXT,
     .evaluate = txn_status,
     .strict = true,
     .volatility = SQL_VOLATILE,
     SIGNATURE(SQL_TYPE_TEXT)},
};

const struct function_table function_ostraka_table = {rows, sizeof rows / sizeof rows[0]};
