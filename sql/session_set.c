/* SET, SHOW, RESET, SET TRANSACTION, DISCARD. */
#include "sql/session_int.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"

#define ZONE_SECONDS_MAX (167 * 3600) /* as PostgreSQL */

/* ---- SHOW ---- */

/* What the transaction has for itself. */
static const char *own_value(const struct sql_session *s, const char *name, const char **name_out)
{
    static const char *const names[] = {"transaction_read_only", "transaction_deferrable"};
    const bool values[] = {s->read_only, s->deferrable};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(names[i], name) != 0) continue;
        *name_out = names[i];
        return values[i] ? "on" : "off";
    }
    return NULL;
}

const char *session_setting(const struct sql_session *s, const char *name)
{
    const char *value = own_value(s, name, &name);
    return value != NULL ? value : settings_get(&s->settings, name, &name);
}

static bool show_all(struct sql_session *s, struct exec *x)
{
    static const struct sql_result_column columns[] = {{.name = "name", .type = {SQL_TYPE_TEXT, -1}},
                                                       {.name = "setting", .type = {SQL_TYPE_TEXT, -1}},
                                                       {.name = "description", .type = {SQL_TYPE_TEXT, -1}}};
    snprintf(x->tag, sizeof x->tag, "SHOW");
    if (!exec_columns(x, columns, 3)) return false;
    if (x->describe) return true;
    if (!x->sink->begin(x->sink->ctx, columns, 3)) return exec_fail(x, STATUS_CANCELLED);
    const char *name, *about;
    for (uint32_t i = 0; (name = settings_sorted(i, &about)) != NULL; i++) {
        const char *value = own_value(s, name, &name);
        if (value == NULL) value = settings_get(&s->settings, name, &name);
        struct sql_datum row[3] = {sql_bytes(bytes_of_string(name)), sql_bytes(bytes_of_string(value)),
                                   sql_bytes(bytes_of_string(about))};
        x->rows_sent = true;
        if (!x->sink->row(x->sink->ctx, &x->eval, row)) return exec_fail(x, STATUS_CANCELLED);
    }
    return true;
}

bool session_show(struct sql_session *s, struct exec *x, const struct sql_show *n)
{
    if (n->name == NULL) return show_all(s, x);
    if (exec_show_exists(n->name)) return exec_show(x, n->name);
    const char *name, *value = own_value(s, n->name, &name);
    if (value == NULL) value = settings_get(&s->settings, n->name, &name);
    if (value == NULL)
        return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_OBJECT, 0,
                             "unrecognized configuration parameter \"%s\"", n->name);
    struct sql_result_column column = {.name = name, .type = sql_type_of(SQL_TYPE_TEXT)};
    struct sql_datum text = sql_bytes(bytes_of_string(value));
    if (!exec_columns(x, &column, 1)) return false;
    if (x->describe) return true;
    if (!x->sink->begin(x->sink->ctx, &column, 1) || !x->sink->row(x->sink->ctx, &x->eval, &text))
        return exec_fail(x, STATUS_CANCELLED);
    snprintf(x->tag, sizeof x->tag, "SHOW");
    return true;
}

/* ---- the modes of a transaction ---- */

static bool too_late(struct exec *x, const char *message)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0, "%s", message);
}

/* As PostgreSQL: what would change the transaction comes before its first query, and not behind a
 * savepoint. */
static bool set_isolation(struct sql_session *s, struct exec *x, enum sql_isolation level)
{
    if (level == SQL_ISOLATION_NONE || level == SQL_ISOLATION_SERIALIZABLE) return true; /* as it is anyway */
    if (s->queried) return too_late(x, "SET TRANSACTION ISOLATION LEVEL must be called before any query");
    if (s->savepoint_count > 0)
        return too_late(x, "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction");
    return true;
}

static bool set_read_only(struct sql_session *s, struct exec *x, bool read_only)
{
    if (!read_only && s->txn != NULL && txn_reads_past(s->txn))
        return sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0,
                             "a transaction that reads the past cannot be made read-write");
    if (s->read_only && !read_only && s->state == TRANSACTION_OPEN) {
        if (s->savepoint_count > 0)
            return too_late(x, "cannot set transaction read-write mode inside a read-only transaction");
        if (s->queried) return too_late(x, "transaction read-write mode must be set before any query");
    }
    s->read_only = read_only;
    return true;
}

static bool set_deferrable(struct sql_session *s, struct exec *x, bool deferrable)
{
    if (s->savepoint_count > 0)
        return too_late(x, "SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction");
    if (s->queried) return too_late(x, "SET TRANSACTION [NOT] DEFERRABLE must be called before any query");
    s->deferrable = deferrable;
    return true;
}

bool session_set_modes(struct sql_session *s, struct exec *x, const struct sql_transaction_modes *modes)
{
    if (modes->as_of != NULL && s->txn != NULL && !as_of_set(s, x, modes->as_of, modes->read_only == SQL_CHOICE_NO)) return false;
    return set_isolation(s, x, modes->isolation) &&
           (modes->read_only == SQL_CHOICE_NONE || set_read_only(s, x, modes->read_only == SQL_CHOICE_YES)) &&
           (modes->deferrable == SQL_CHOICE_NONE || set_deferrable(s, x, modes->deferrable == SQL_CHOICE_YES));
}

static bool set_default(struct sql_session *s, struct exec *x, const char *name, enum sql_choice choice)
{
    const char *value = choice == SQL_CHOICE_YES ? "on" : "off";
    return choice == SQL_CHOICE_NONE ||
           settings_set(&s->settings, x->arena, name, value, SETTING_SESSION, x->error);
}

bool session_set_transaction(struct sql_session *s, struct exec *x, const struct sql_set_transaction *n)
{
    snprintf(x->tag, sizeof x->tag, "SET");
    if (n->modes.as_of != NULL && n->session) return exec_unsupported(x, n->node.position, "AS OF SYSTEM TIME for a session");
    if (n->session)
        return set_default(s, x, "default_transaction_read_only", n->modes.read_only) &&
               set_default(s, x, "default_transaction_deferrable", n->modes.deferrable);
    if (s->state != TRANSACTION_OPEN)
        exec_notice(x, "WARNING", SQLSTATE_NO_ACTIVE_SQL_TRANSACTION,
                    "SET TRANSACTION can only be used in transaction blocks", "");
    return session_set_modes(s, x, &n->modes);
}

/* ---- SET ---- */

/* INTERVAL '-08:00' HOUR TO MINUTE, or '3' HOUR: what the fields say is said by the text. */
static bool without_fields(struct exec *x, const struct sql_cast *cast, struct sql_cast *out, struct sql_const *text)
{
    const unsigned fields = cast->type.interval_fields;
    *out = *cast;
    if (fields == 0 || cast->arg->kind != SQL_EXPR_CONST) return true;
    *text = *sql_as_const(cast->arg);
    if (text->text != NULL && strchr(text->text, ':') == NULL) {
        text->text = arena_printf(x->arena, "%s %s", text->text, fields == SQL_INTERVAL_HOUR ? "hour" : "minute");
        if (text->text == NULL) return sql_error_out_of_memory(x->error);
        text->text_size = (uint32_t)strlen(text->text);
    }
    out->type.interval_fields = 0;
    out->arg = &text->node;
    return true;
}

/* SET TIME ZONE INTERVAL '-08:00': as the name of that zone. */
static const char *zone_text(struct exec *x, const struct sql_node *v)
{
    struct binder b;
    struct sql_cast cast;
    struct sql_const text;
    struct sql_datum value;
    struct sql_zone zone;
    exec_binder(x, &b);
    if (!without_fields(x, sql_as_cast(v), &cast, &text)) return NULL;
    const struct expr *e = bind_expr(&b, &cast.node);
    if (e == NULL || e->type.oid != SQL_TYPE_INTERVAL || !expr_eval(&x->eval, e, NULL, NULL, &value)) return NULL;
    int64_t seconds = value.interval.us / 1000000;
    if (value.is_null || value.interval.months != 0 || value.interval.days != 0 || seconds > ZONE_SECONDS_MAX ||
        seconds < -ZONE_SECONDS_MAX)
        return NULL;
    sql_zone_fixed((int32_t)seconds, &zone);
    return arena_strdup(x->arena, zone.name);
}

/* One value of SET as text; NULL: none that is done yet. */
static const char *value_text(struct exec *x, const struct sql_set *n, const struct sql_node *v)
{
    if (v->kind == SQL_EXPR_CAST) return zone_text(x, v);
    if (v->kind != SQL_EXPR_CONST) return NULL;
    const struct sql_const *c = sql_as_const(v);
    if (c->type == SQL_CONST_INTEGER) return arena_printf(x->arena, "%lld", (long long)c->integer);
    if (c->type == SQL_CONST_BOOL) return c->integer ? "on" : "off";
    if (!settings_quotes(n->name) || c->text == NULL) return c->text;
    struct buf quoted;
    buf_init(&quoted, 4 * SQL_NAME_BYTES_MAX);
    sql_ast_print_identifier(c->text, &quoted);
    struct bytes copy = quoted.failed ? BYTES_EMPTY : arena_copy(x->arena, buf_view(&quoted));
    buf_deinit(&quoted);
    return (const char *)copy.data;
}

/* The values of SET joined as PostgreSQL joins them: "a, b". */
const char *session_set_text(struct exec *x, const struct sql_set *n)
{
    const char *text = "";
    for (uint32_t i = 0; i < n->values.count && text != NULL; i++) {
        const char *one = value_text(x, n, n->values.items[i]);
        text = one == NULL ? NULL : arena_printf(x->arena, "%s%s%s", text, i > 0 ? ", " : "", one);
    }
    return text;
}

/* transaction_read_only and transaction_deferrable; without a value: as the session's transactions
 * begin. */
static bool set_own(struct sql_session *s, struct exec *x, const char *name, const char *value)
{
    bool is_read_only = strcmp(name, "transaction_read_only") == 0, on;
    if (value == NULL) {
        on = is_read_only ? s->settings.read_only_default : s->settings.deferrable_default;
    } else if (!settings_boolean(value, &on)) {
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "parameter \"%s\" requires a Boolean value", name);
    }
    return is_read_only ? set_read_only(s, x, on) : set_deferrable(s, x, on);
}

/* A key takes its anchor along: that of another key must not be left to it. */
static bool set_key(struct sql_session *s, struct exec *x, const struct sql_set *n)
{
    static const char anchor_name[] = "ostraka.idempotency_anchor";
    enum setting_scope scope = n->local ? SETTING_LOCAL : SETTING_SESSION;
    const char *key = NULL, *anchor = NULL; /* as the session began */
    if (n->set == SQL_SET_VALUE && n->values.count > 2)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "SET %s takes a key, or a key and its anchor", n->name);
    if (n->set == SQL_SET_VALUE) {
        key = value_text(x, n, n->values.items[0]);
        anchor = n->values.count == 2 ? value_text(x, n, n->values.items[1]) : "";
        if (key == NULL || anchor == NULL) return exec_unsupported(x, n->node.position, "this value");
    }
    bool same = !s->settings.any_changed && anchor != NULL && strcmp(anchor, s->settings.idempotency_anchor) == 0;
    return (same || settings_set(&s->settings, x->arena, anchor_name, anchor, scope, x->error)) &&
           settings_set(&s->settings, x->arena, n->name, key, scope, x->error);
}

bool session_set(struct sql_session *s, struct exec *x, const struct sql_set *n)
{
    snprintf(x->tag, sizeof x->tag, n->set == SQL_SET_RESET || n->set == SQL_SET_RESET_ALL ? "RESET" : "SET");
    if (n->local && s->state != TRANSACTION_OPEN)
        exec_notice(x, "WARNING", SQLSTATE_NO_ACTIVE_SQL_TRANSACTION,
                    "SET LOCAL can only be used in transaction blocks", "");
    if (n->set == SQL_SET_RESET_ALL) return settings_reset_all(&s->settings) || sql_error_out_of_memory(x->error);
    if (!idem_may_set(s, x, n)) return false;
    if (strcasecmp(n->name, "ostraka.idempotency_key") == 0) return set_key(s, x, n);
    if (n->set == SQL_SET_VALUE && n->values.count > 1 && !settings_is_list(n->name))
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "SET %s takes only one argument", n->name);
    const char *value = n->set == SQL_SET_VALUE ? session_set_text(x, n) : NULL;
    if (sql_error_is_set(x->error)) return false;
    if (n->set == SQL_SET_VALUE && value == NULL) return exec_unsupported(x, n->node.position, "this value");
    const char *own;
    if (own_value(s, n->name, &own) != NULL) return set_own(s, x, own, value);
    return settings_set(&s->settings, x->arena, n->name, value, n->local ? SETTING_LOCAL : SETTING_SESSION,
                        x->error);
}

/* ---- DISCARD ---- */

bool session_discard(struct sql_session *s, struct exec *x, const struct sql_discard *n)
{
    static const char *const tags[] = {[SQL_DISCARD_ALL] = "DISCARD ALL", [SQL_DISCARD_PLANS] = "DISCARD PLANS",
                                       [SQL_DISCARD_SEQUENCES] = "DISCARD SEQUENCES",
                                       [SQL_DISCARD_TEMP] = "DISCARD TEMP"};
    snprintf(x->tag, sizeof x->tag, "%s", tags[n->discard]);
    if (n->discard != SQL_DISCARD_ALL) return true; /* nothing of that kind is kept */
    if (s->state == TRANSACTION_OPEN || !x->alone)
        return sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0,
                             "DISCARD ALL cannot run inside a transaction block");
    session_prepared_close_all(s);
    session_portals_close(s);
    return settings_reset_all(&s->settings) || sql_error_out_of_memory(x->error);
}

