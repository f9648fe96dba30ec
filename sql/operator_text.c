/* Operators of strings: ||, LIKE and regular expressions. */
#include "sql/function_int.h"
#include "sql/text.h"
#include "sql/text_regex.h"
#include "sql/types_io.h"

/* --- Concatenation --------------------------------------------------------------------------- */

static enum status join(struct sql_eval *e, struct bytes a, struct bytes b, struct sql_datum *out)
{
    uint8_t *to = sql_eval_alloc(e, a.size + b.size);
    if (to == NULL) return STATUS_NO_MEMORY;
    if (a.size > 0) memcpy(to, a.data, a.size);
    if (b.size > 0) memcpy(to + a.size, b.data, b.size);
    out->bytes = bytes_make(to, a.size + b.size);
    return STATUS_OK;
}

EVALUATE(join_bytes)
{
    return join(e, call->args[0].bytes, call->args[1].bytes, out);
}

/* One side is of any type and is cast to text as if asked for: true is 'true', char(n) is trimmed.
 */
EVALUATE(join_any)
{
    struct sql_datum texts[2];
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t oid = call->types[i].oid;
        texts[i] = call->args[i];
        if (oid == SQL_TYPE_UNKNOWN) continue;
        enum status status = sql_cast(e, oid, sql_type_of(SQL_TYPE_TEXT), SQL_CAST_EXPLICIT,
                                      &call->args[i], &texts[i]);
        if (status != STATUS_OK) return status;
    }
    return join(e, texts[0].bytes, texts[1].bytes, out);
}

/* --- LIKE ------------------------------------------------------------------------------------ */

EVALUATE(like)
{
    bool bytewise = call->types[0].oid == SQL_TYPE_BYTEA;
    return text_like(e, call->args[0].bytes, call->args[1].bytes, bytewise, &out->boolean);
}

EVALUATE(ilike)
{
    struct bytes text, pattern;
    enum status status = text_change_case(e, call->args[0].bytes, TEXT_LOWER, &text);
    if (status == STATUS_OK)
        status = text_change_case(e, call->args[1].bytes, TEXT_LOWER, &pattern);
    return status != STATUS_OK ? status : text_like(e, text, pattern, false, &out->boolean);
}

#define NOT(name, of) \
    EVALUATE(name) \
    { \
        enum status status = of(e, call, out); \
        out->boolean = !out->boolean; \
        return status; \
    }
NOT(not_like, like)
NOT(not_ilike, ilike)

EVALUATE(starts_with)
{
    out->boolean = bytes_has_prefix(call->args[0].bytes, call->args[1].bytes);
    return STATUS_OK;
}

/* --- Regular expressions --------------------------------------------------------------------- */

static enum status match(struct sql_eval *e, const struct sql_call *call, bool ignore_case,
                         struct sql_datum *out)
{
    struct text_regex *regex;
    enum status status = text_regex_compile(
        e, call->args[1].bytes, (struct text_regex_options){.ignore_case = ignore_case}, &regex);
    if (status != STATUS_OK) return status;
    struct text_regex_match found;
    return text_regex_search(e, regex, call->args[0].bytes, 0, &out->boolean, &found);
}

EVALUATE(matches)
{
    return match(e, call, false, out);
}
EVALUATE(matches_ignoring_case)
{
    return match(e, call, true, out);
}
NOT(not_matches, matches)
NOT(not_matches_ignoring_case, matches_ignoring_case)
#undef NOT

#define ROW(o, n, l, r, result, f) \
    { \
        (o), (n), SQL_TYPE_##l, SQL_TYPE_##r, SQL_TYPE_##result, SQL_RELATION_NONE, (f) \
    }
#define MATCH(n, name_, text_, bpchar_, f) \
    ROW(name_, n, NAME, TEXT, BOOL, f), ROW(text_, n, TEXT, TEXT, BOOL, f), \
        ROW(bpchar_, n, BPCHAR, TEXT, BOOL, f)

static const struct sql_operator rows[] = {
    ROW(654, "||", TEXT, TEXT, TEXT, join_bytes),
    ROW(2018, "||", BYTEA, BYTEA, BYTEA, join_bytes),
    ROW(2779, "||", TEXT, ANY, TEXT, join_any),
    ROW(2780, "||", ANY, TEXT, TEXT, join_any),
    MATCH("~~", 1207, 1209, 1211, like),
    MATCH("!~~", 1208, 1210, 1212, not_like),
    MATCH("~~*", 1625, 1627, 1629, ilike),
    MATCH("!~~*", 1626, 1628, 1630, not_ilike),
    ROW(2016, "~~", BYTEA, BYTEA, BOOL, like),
    ROW(2017, "!~~", BYTEA, BYTEA, BOOL, not_like),
    MATCH("~", 639, 641, 1055, matches),
    MATCH("!~", 640, 642, 1056, not_matches),
    MATCH("~*", 1226, 1228, 1234, matches_ignoring_case),
    MATCH("!~*", 1227, 1229, 1235, not_matches_ignoring_case),
    ROW(3877, "^@", TEXT, TEXT, BOOL, starts_with),
};

const struct operator_table operator_text_table = {rows, sizeof rows / sizeof rows[0], "|~!^"};
