/* The catalogue of functions, put together from its parts. */
#include "sql/function_int.h"

static const struct function_table *const tables[] = {
    &function_math_table,        &function_string_table,    &function_code_table,
    &function_time_table,        &function_system_table,    &function_ostraka_table,
    &function_aggregate_table,   &function_regex_table,     &function_format_table,
    &function_hash_table,        &function_trig_table,      &function_session_table,
    &function_format_text_table, &function_read_date_table,
};

const struct sql_function *sql_function_at(size_t index)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (index < tables[i]->count) return &tables[i]->rows[index];
        index -= tables[i]->count;
    }
    return NULL;
}

const struct sql_function *sql_function_find(uint32_t oid)
{
    const struct sql_function *f;
    for (size_t i = 0; (f = sql_function_at(i)) != NULL; i++)
        if (f->oid == oid) return f;
    return NULL;
}

bool sql_function_exists(struct bytes name)
{
    const struct sql_function *f;
    for (size_t i = 0; (f = sql_function_at(i)) != NULL; i++)
        if (bytes_equal(name, bytes_of_string(f->name))) return true;
    return false;
}

enum status sql_function_call(struct sql_eval *e, const struct sql_function *f,
                              const struct sql_call *call, struct sql_datum *out)
{
    ASSERT(f->evaluate != NULL);
    ASSERT(call->count >= f->arg_count);
    if (f->strict)
        for (uint32_t i = 0; i < call->count; i++)
            if (call->args[i].is_null) {
                *out = SQL_NULL;
                return STATUS_OK;
            }
    for (uint32_t i = 0; i < call->count; i++)
        ASSERT_SLOW(sql_datum_check(call->types[i].oid, &call->args[i]));
    *out = (struct sql_datum){.is_null = false};
    enum status status = f->evaluate(e, call, out);
    ASSERT(status == STATUS_OK || sql_error_is_set(e->error));
    if (status != STATUS_OK) return status;
    ASSERT_SLOW(sql_datum_check(call->result, out));
    return sql_eval_effort_call(e, call->types, call->args, call->count, call->result, out);
}
