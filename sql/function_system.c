/* What a session can ask of its surroundings, and of the values themselves. */
#include "sql/function_int.h"
#include "sql/types_io.h"

static enum status give_text(struct sql_eval *e, const char *text, struct sql_datum *out)
{
    ASSERT(text != NULL);
    char *copy = arena_strdup(e->arena, text);
    if (copy == NULL) return sql_eval_no_memory(e);
    out->bytes = bytes_of_string(copy);
    return STATUS_OK;
}

EVALUATE(version)
{
    return give_text(e, e->version, out);
}
EVALUATE(current_user)
{
    return give_text(e, e->user_name, out);
}
EVALUATE(session_user)
{
    return give_text(e, e->session_user_name, out);
}
EVALUATE(current_database)
{
    return give_text(e, e->database_name, out);
}

EVALUATE(current_schema)
{
    out->is_null = e->schema_name == NULL || e->schema_name[0] == 0;
    return out->is_null ? STATUS_OK : give_text(e, e->schema_name, out);
}

EVALUATE(type_of)
{
    out->integer = call->types[0].oid;
    return STATUS_OK;
}

EVALUATE(format_type)
{
    if (call->args[0].is_null) {
        *out = SQL_NULL;
        return STATUS_OK;
    }
    uint32_t oid = (uint32_t)call->args[0].integer;
    const struct sql_type_info *info = sql_type_find(oid);
    const char *text = "???";
    if (oid == 0)
        text = "-";
    else if (info != NULL && call->args[1].is_null)
        text = info->sql_name;
    else if (info != NULL)
        text = sql_type_format(e->arena, (struct sql_type){oid, (int32_t)call->args[1].integer});
    return text == NULL ? sql_eval_no_memory(e) : give_text(e, text, out);
}

/* There are no advisory locks, so none is held; pools ask for this when a connection is given back. */
EVALUATE(nothing)
{
    ASSERT(call->count == 0);
    ASSERT(!out->is_null);
    return STATUS_OK;
}

/* Expressions are kept as text. */
EVALUATE(get_expr)
{
    *out = call->args[0];
    return STATUS_OK;
}

static int64_t count_nulls(const struct sql_call *call)
{
    int64_t count = 0;
    for (uint32_t i = 0; i < call->count; i++)
        count += call->args[i].is_null;
    return count;
}

EVALUATE(null_count)
{
    out->integer = count_nulls(call);
    return STATUS_OK;
}

EVALUATE(value_count)
{
    out->integer = call->count - count_nulls(call);
    return STATUS_OK;
}

/* RFC 9562, version 4: all random but the version and the variant. */
EVALUATE(random_uuid)
{
    ASSERT(e->random != NULL);
    uint8_t *uuid = sql_eval_alloc(e, SQL_UUID_BYTES);
    if (uuid == NULL) return STATUS_NO_MEMORY;
    e->random(e->random_ctx, uuid, SQL_UUID_BYTES);
    uuid[6] = (uint8_t)((uuid[6] & 0x0F) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3F) | 0x80);
    out->bytes = bytes_make(uuid, SQL_UUID_BYTES);
    return STATUS_OK;
}

EVALUATE(backend_pid)
{
    out->integer = e->backend_pid;
    return STATUS_OK;
}

static enum status signal_backend(struct sql_eval *e, const struct sql_call *call, bool terminate,
                                  struct sql_datum *out)
{
    if (e->signal == NULL) return STATUS_OK; /* no session is there */
    return e->signal(e->signal_ctx, (int32_t)call->args[0].integer, terminate, &out->boolean);
}

EVALUATE(cancel_backend)
{
    return signal_backend(e, call, false, out);
}

/* The second argument, how long to wait for the end, is taken and not waited for: the answer says that the session was told. */
EVALUATE(terminate_backend)
{
    return signal_backend(e, call, true, out);
}

#define T(t) SQL_TYPE_##t
#define SESSION(o, n, r, f) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = SQL_STABLE \
    }

static const struct sql_function rows[] = {
    SESSION(89, "version", TEXT, version),
    SESSION(745, "current_user", NAME, current_user),
    SESSION(60010, "user", NAME, current_user),
    SESSION(60011, "current_role", NAME, current_user),
    SESSION(746, "session_user", NAME, session_user),
    SESSION(861, "current_database", NAME, current_database),
    SESSION(60012, "current_catalog", NAME, current_database),
    SESSION(1402, "current_schema", NAME, current_schema),
    {.oid = 2892,
     .name = "pg_advisory_unlock_all",
     .result = T(VOID),
     .evaluate = nothing,
     .strict = true,
     .volatility = SQL_VOLATILE},
    {.oid = 1619,
     .name = "pg_typeof",
     .result = T(REGTYPE),
     .evaluate = type_of,
     .volatility = SQL_STABLE,
     SIGNATURE(T(ANY))},
    {.oid = 1081,
     .name = "format_type",
     .result = T(TEXT),
     .evaluate = format_type,
     .volatility = SQL_STABLE,
     SIGNATURE(T(OID), T(INT4))},
    {.oid = 438,
     .name = "num_nulls",
     .result = T(INT4),
     .evaluate = null_count,
     .variadic = true,
     .volatility = SQL_IMMUTABLE,
     SIGNATURE(T(ANY))},
    {.oid = 440,
     .name = "num_nonnulls",
     .result = T(INT4),
     .evaluate = value_count,
     .variadic = true,
     .volatility = SQL_IMMUTABLE,
     SIGNATURE(T(ANY))},
#define ABOUT(o, n, r, f, ...) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = SQL_STABLE, SIGNATURE(__VA_ARGS__) \
    }
    ABOUT(1716, "pg_get_expr", TEXT, get_expr, T(TEXT), T(OID)),
    ABOUT(2509, "pg_get_expr", TEXT, get_expr, T(TEXT), T(OID), T(BOOL)),
    SESSION(2026, "pg_backend_pid", INT4, backend_pid),
    {.oid = 2171,
     .name = "pg_cancel_backend",
     .result = T(BOOL),
     .evaluate = cancel_backend,
     .strict = true,
     .volatility = SQL_VOLATILE,
     SIGNATURE(T(INT4))},
    {.oid = 2096,
     .name = "pg_terminate_backend",
     .result = T(BOOL),
     .evaluate = terminate_backend,
     .strict = true,
     .volatility = SQL_VOLATILE,
     SIGNATURE(T(INT4))},
    {.oid = 60020,
     .name = "pg_terminate_backend",
     .result = T(BOOL),
     .evaluate = terminate_backend,
     .strict = true,
     .volatility = SQL_VOLATILE,
     SIGNATURE(T(INT4), T(INT8))},
    {.oid = 3432,
     .name = "gen_random_uuid",
     .result = T(UUID),
     .evaluate = random_uuid,
     .strict = true,
     .volatility = SQL_VOLATILE},
};

const struct function_table function_system_table = {rows, sizeof rows / sizeof rows[0]};
