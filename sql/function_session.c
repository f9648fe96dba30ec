/* The session and its surroundings: settings, waiting, and what clients ask of a server before they work with it. Where
 * there are no rights, no descriptions and no standby, the answers say so. */
#include <stdio.h>
#include <strings.h>

#include "sql/function_int.h"

#define OID_OF_POSTGRES 10
#define ENCODING_UTF8 6

static enum status give_text(struct sql_eval *e, const char *text, struct sql_datum *out)
{
    char *copy = arena_strdup(e->arena, text);
    if (copy == NULL) return sql_eval_no_memory(e);
    out->bytes = bytes_of_string(copy);
    return STATUS_OK;
}

static const char *arg_text(struct sql_eval *e, const struct sql_call *call, uint32_t i)
{
    struct bytes copy = arena_copy(e->arena, call->args[i].bytes); /* with a NUL behind it */
    return (const char *)copy.data;
}

static enum status no_session(struct sql_eval *e)
{
    return sql_eval_fail(e, SQLSTATE_FEATURE_NOT_SUPPORTED, "there is no session here");
}

/* ---- settings ---- */

static enum status setting(struct sql_eval *e, const struct sql_call *call, bool missing_ok, struct sql_datum *out)
{
    const char *name = arg_text(e, call, 0);
    if (name == NULL) return sql_eval_no_memory(e);
    if (e->session == NULL) return no_session(e);
    const char *value = e->session->setting_get(e->session_ctx, name);
    if (value != NULL) return give_text(e, value, out);
    if (!missing_ok)
        return sql_eval_fail(e, SQLSTATE_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"", name);
    *out = SQL_NULL;
    return STATUS_OK;
}

EVALUATE(current_setting)
{
    return setting(e, call, call->count > 1 && call->args[1].boolean, out);
}

/* set_config(name, value, is_local): value NULL goes back to the default, as SET does. */
EVALUATE(set_config)
{
    if (call->args[0].is_null)
        return sql_eval_fail(e, SQLSTATE_NULL_VALUE_NOT_ALLOWED, "SET requires parameter name");
    const char *name = arg_text(e, call, 0), *value = call->args[1].is_null ? NULL : arg_text(e, call, 1);
    if (name == NULL || (value == NULL && !call->args[1].is_null)) return sql_eval_no_memory(e);
    bool local = !call->args[2].is_null && call->args[2].boolean;
    if (e->session == NULL) return no_session(e);
    if (!e->session->setting_set(e->session_ctx, e, name, value, local)) return STATUS_INVALID;
    return setting(e, call, false, out);
}

/* ---- waiting ---- */

static enum status sleep_for(struct sql_eval *e, double us)
{
    if (e->session == NULL) return no_session(e);
    if (!(us > 0)) return STATUS_OK;
    return e->session->sleep(e->session_ctx, e, us > 9e15 ? 9000000000000000 : (uint64_t)us);
}

EVALUATE(sleep_seconds)
{
    return sleep_for(e, call->args[0].real * 1e6);
}

EVALUATE(sleep_interval)
{
    const struct sql_interval *i = &call->args[0].interval;
    return sleep_for(e, (double)i->us + ((double)i->days + 30.0 * (double)i->months) * 86400e6);
}

EVALUATE(sleep_until)
{
    if (e->session == NULL) return no_session(e);
    return sleep_for(e, (double)call->args[0].integer - (double)e->session->now_us(e->session_ctx));
}

/* ---- answers that are the same for everybody ---- */

EVALUATE(yes)
{
    out->boolean = true;
    return STATUS_OK;
}

EVALUATE(no)
{
    out->boolean = false;
    return STATUS_OK;
}

EVALUATE(zero)
{
    out->integer = 0;
    return STATUS_OK;
}

EVALUATE(null)
{
    *out = SQL_NULL;
    return STATUS_OK;
}

EVALUATE(user_of)
{
    if (call->args[0].integer == OID_OF_POSTGRES) return give_text(e, "postgres", out);
    char text[40];
    snprintf(text, sizeof text, "unknown (OID=%lld)", (long long)call->args[0].integer);
    return give_text(e, text, out);
}

EVALUATE(encoding_name)
{
    return give_text(e, call->count == 0 || call->args[0].integer == ENCODING_UTF8 ? "UTF8" : "", out);
}

EVALUATE(encoding_number)
{
    struct bytes name = call->args[0].bytes;
    bool utf8 = (name.size == 4 && strncasecmp((const char *)name.data, "utf8", 4) == 0) ||
                (name.size == 5 && strncasecmp((const char *)name.data, "utf-8", 5) == 0);
    out->integer = utf8 ? ENCODING_UTF8 : -1;
    return STATUS_OK;
}

/* ---- sizes for people ---- */

/* PostgreSQL's pg_size_pretty: the unit in which fewer than 10 * 1024 are left, rounded half away from zero. */
EVALUATE(size_pretty)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    int64_t size = call->args[0].integer;
    unsigned unit = 0;
    bool half = false; /* the value is kept doubled from kB on, for rounding */
    for (; unit < 5; unit++) {
        int64_t limit = half ? 20 * 1024 - 1 : 10 * 1024;
        if (size > -limit && size < limit) break;
        size /= half ? 1024 : 512;
        half = true;
    }
    if (half) size = (size + (size > 0) - (size < 0)) / 2;
    char text[40];
    snprintf(text, sizeof text, "%lld %s", (long long)size, units[unit]);
    return give_text(e, text, out);
}

#define T(t) SQL_TYPE_##t
#define STABLE(o, n, r, f, ...) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = SQL_STABLE, SIGNATURE(__VA_ARGS__) \
    }
#define STABLE_0(o, n, r, f) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = SQL_STABLE \
    }
#define VOLATILE(o, n, r, f, ...) \
    { \
        .oid = (o), .name = (n), .result = SQL_TYPE_##r, .evaluate = (f), .strict = true, \
        .volatility = SQL_VOLATILE, SIGNATURE(__VA_ARGS__) \
    }
/* (user, object, right), (object, right), with names or OIDs. */
#define PRIVILEGE(n, o1, o2, o3, o4, o5, o6) \
    STABLE(o1, n, BOOL, yes, T(NAME), T(TEXT), T(TEXT)), STABLE(o2, n, BOOL, yes, T(NAME), T(OID), T(TEXT)), \
        STABLE(o3, n, BOOL, yes, T(OID), T(TEXT), T(TEXT)), STABLE(o4, n, BOOL, yes, T(OID), T(OID), T(TEXT)), \
        STABLE(o5, n, BOOL, yes, T(TEXT), T(TEXT)), STABLE(o6, n, BOOL, yes, T(OID), T(TEXT))

static const struct sql_function rows[] = {
    STABLE(2077, "current_setting", TEXT, current_setting, T(TEXT)),
    STABLE(3294, "current_setting", TEXT, current_setting, T(TEXT), T(BOOL)),
    {.oid = 2078,
     .name = "set_config",
     .result = T(TEXT),
     .evaluate = set_config,
     .volatility = SQL_VOLATILE,
     SIGNATURE(T(TEXT), T(TEXT), T(BOOL))},
    VOLATILE(2626, "pg_sleep", VOID, sleep_seconds, T(FLOAT8)),
    VOLATILE(3935, "pg_sleep_for", VOID, sleep_interval, T(INTERVAL)),
    VOLATILE(3936, "pg_sleep_until", VOID, sleep_until, T(TIMESTAMPTZ)),
    STABLE_0(3810, "pg_is_in_recovery", BOOL, no),
    STABLE_0(315, "pg_jit_available", BOOL, no),
    STABLE_0(2854, "pg_my_temp_schema", OID, zero),
    STABLE(2855, "pg_is_other_temp_schema", BOOL, no, T(OID)),
    STABLE_0(3163, "pg_trigger_depth", INT4, zero),
    STABLE_0(3296, "pg_notification_queue_usage", FLOAT8, zero),
    STABLE_0(2196, "inet_client_addr", TEXT, null), /* there is no type inet */
    STABLE_0(2198, "inet_server_addr", TEXT, null),
    STABLE_0(2197, "inet_client_port", INT4, null),
    STABLE_0(2199, "inet_server_port", INT4, null),
    STABLE(2079, "pg_table_is_visible", BOOL, yes, T(OID)),
    STABLE(2080, "pg_type_is_visible", BOOL, yes, T(OID)),
    STABLE(2081, "pg_function_is_visible", BOOL, yes, T(OID)),
    STABLE(2082, "pg_operator_is_visible", BOOL, yes, T(OID)),
    STABLE(2083, "pg_opclass_is_visible", BOOL, yes, T(OID)),
    STABLE(3815, "pg_collation_is_visible", BOOL, yes, T(OID)),
    STABLE(1215, "obj_description", TEXT, null, T(OID), T(NAME)),
    STABLE(1348, "obj_description", TEXT, null, T(OID)),
    STABLE(1216, "col_description", TEXT, null, T(OID), T(INT4)),
    STABLE(1993, "shobj_description", TEXT, null, T(OID), T(NAME)),
    STABLE(1642, "pg_get_userbyid", NAME, user_of, T(OID)),
    STABLE(1597, "pg_encoding_to_char", NAME, encoding_name, T(INT4)),
    STABLE(1264, "pg_char_to_encoding", INT4, encoding_number, T(NAME)),
    STABLE_0(810, "pg_client_encoding", NAME, encoding_name),
    STABLE_0(1039, "getdatabaseencoding", NAME, encoding_name),
    FUNCTION(2288, "pg_size_pretty", TEXT, size_pretty, T(INT8)),
    PRIVILEGE("has_table_privilege", 1922, 1923, 1924, 1925, 1926, 1927),
    PRIVILEGE("has_database_privilege", 2250, 2251, 2252, 2253, 2254, 2255),
    PRIVILEGE("has_schema_privilege", 2268, 2269, 2270, 2271, 2272, 2273),
    PRIVILEGE("has_sequence_privilege", 2181, 2182, 2183, 2184, 2185, 2186),
    PRIVILEGE("has_function_privilege", 2256, 2257, 2258, 2259, 2260, 2261),
    PRIVILEGE("has_any_column_privilege", 3024, 3025, 3026, 3027, 3028, 3029),
    PRIVILEGE("pg_has_role", 2705, 2706, 2707, 2708, 2709, 2710),
};

const struct function_table function_session_table = {rows, sizeof rows / sizeof rows[0]};
