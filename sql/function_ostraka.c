/* Functions of the schema "ostraka": what PostgreSQL has no name for. */
#include "sql/datetime.h"
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

static enum status read_times(struct sql_eval *e, uint64_t *follower_ts, uint64_t *read_ts)
{
    if (e->read_times == NULL)
        return sql_eval_fail(e, SQLSTATE_FEATURE_NOT_SUPPORTED, "there is no transaction here");
    e->read_times(e->txn_ctx, follower_ts, read_ts);
    return STATUS_OK;
}

/* Nanoseconds since 1970, as AS OF SYSTEM TIME takes them; NULL before the first read. */
EVALUATE(read_timestamp)
{
    uint64_t follower_ts, read_ts;
    enum status status = read_times(e, &follower_ts, &read_ts);
    if (status == STATUS_OK) *out = read_ts == 0 ? SQL_NULL : sql_integer((int64_t)read_ts);
    return status;
}

EVALUATE(follower_read_timestamp)
{
    uint64_t follower_ts, read_ts;
    enum status status = read_times(e, &follower_ts, &read_ts);
    if (status == STATUS_OK)
        *out = follower_ts == 0 ? SQL_NULL : sql_integer((int64_t)(follower_ts / 1000) - SQL_UNIX_EPOCH_DAYS * US_PER_DAY);
    return status;
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
    {.oid = 60101,
     .name = "ostraka.read_timestamp",
     .result = SQL_TYPE_INT8,
     .evaluate = read_timestamp,
     .volatility = SQL_VOLATILE},
    {.oid = 60102,
     .name = "follower_read_timestamp",
     .result = SQL_TYPE_TIMESTAMPTZ,
     .evaluate = follower_read_timestamp,
     .volatility = SQL_STABLE},
};

const struct function_table function_ostraka_table = {rows, sizeof rows / sizeof rows[0]};
