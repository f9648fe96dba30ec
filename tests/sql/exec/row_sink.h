/* A sink for tests that want the rows of a statement and nothing else of its answer. */
#ifndef OSTRAKA_TESTS_SQL_EXEC_ROW_SINK_H
#define OSTRAKA_TESTS_SQL_EXEC_ROW_SINK_H

#include "sql/session.h"

static bool row_sink_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    (void)ctx, (void)columns, (void)count;
    return true;
}

static bool row_sink_complete(void *ctx, const char *tag)
{
    (void)ctx, (void)tag;
    return true;
}

static bool row_sink_empty(void *ctx)
{
    (void)ctx;
    return true;
}

static void row_sink_notice(void *ctx, const char *severity, const struct sql_error *notice)
{
    (void)ctx, (void)severity, (void)notice;
}

static void row_sink_parameter(void *ctx, const char *name, const char *value)
{
    (void)ctx, (void)name, (void)value;
}

/* ctx is borrowed: row gets it. */
static inline struct sql_sink row_sink(bool (*row)(void *ctx, struct sql_eval *eval, const struct sql_datum *values), void *ctx)
{
    return (struct sql_sink){.begin = row_sink_begin, .row = row, .complete = row_sink_complete, .empty = row_sink_empty,
                             .notice = row_sink_notice, .parameter = row_sink_parameter, .ctx = ctx};
}

#endif
