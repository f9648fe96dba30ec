/* ALTER SYSTEM SET, RESET, and ALTER TABLE t SET (replication_factor = n): settings of the whole cluster, which the metadata
 * range keeps. They take effect at once, and are no part of a transaction. */
#include <stdio.h>
#include <string.h>

#include "shard/admin.h"
#include "shard/allocator.h"
#include "sql/query.h"
#include "sql/session_int.h"

/* One change. */
struct change {
    const struct cluster_setting_info *info;
    struct bytes scope; /* empty: for all keys */
    bool reset, dry_run;
    uint64_t value;
};

static struct store *store_of(const struct exec *x)
{
    return kv_store(x->session->options.kv);
}

/* ---- values ---- */

static const char *format_value(struct exec *x, const struct cluster_setting_info *info, uint64_t value)
{
    struct buf b;
    buf_init(&b, 64);
    cluster_setting_format(info, value, &b);
    struct bytes copy = b.failed ? BYTES_EMPTY : arena_copy(x->arena, buf_view(&b));
    buf_deinit(&b);
    return copy.data == NULL ? "" : arena_printf(x->arena, "%.*s", (int)copy.size, (const char *)copy.data);
}

static bool bad_value(struct exec *x, const struct cluster_setting_info *info, const char *text)
{
    static const char *const forms[] = {[SETTING_UNIT_COUNT] = "a whole number",
                                        [SETTING_UNIT_BYTES] = "a size, as 64MiB",
                                        [SETTING_UNIT_DURATION] = "a time, as 30s or 5m",
                                        [SETTING_UNIT_SWITCH] = "on or off"};
    sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0, "invalid value for parameter \"%s\": \"%s\"",
                  info->name, text);
    const char *min = format_value(x, info, info->min), *max = format_value(x, info, info->max);
    if (info->unit == SETTING_UNIT_SWITCH) sql_error_hint(x->error, x->arena, "It is on or off.");
    else if (min != NULL && max != NULL)
        sql_error_hint(x->error, x->arena, "It is %s, from %s to %s.", forms[info->unit], min, max);
    return false;
}

static bool parse_value(struct exec *x, struct change *c, const char *text)
{
    enum status status = cluster_setting_parse(c->info, bytes_of_string(text), &c->value);
    return status == STATUS_OK || bad_value(x, c->info, text);
}

/* ---- the change ---- */

/* How many voters will be wanted there. */
static uint32_t factor_then(const struct exec *x, const struct change *c)
{
    if (!c->reset) return (uint32_t)c->value;
    return c->scope.size == 0 ? (uint32_t)c->info->fallback
                              : (uint32_t)store_setting(store_of(x), c->info->id, BYTES_EMPTY);
}

/* [fiber] What another number of voters means: told before it is so. */
static bool tell_factor(struct exec *x, const struct change *c)
{
    struct admin_answer *a = ARENA_NEW(x->arena, struct admin_answer);
    if (a == NULL) return sql_error_out_of_memory(x->error);
    const struct admin_question q = {.flags = ADMIN_ASK, .factor = factor_then(x, c), .scope = c->scope};
    enum status status = txn_admin(x->txn, &q, a);
    if (status != STATUS_OK) return exec_fail(x, status);
    const char *warning = allocator_factor_warning(q.factor);
    if (warning != NULL && !exec_notice(x, "WARNING", SQLSTATE_WARNING, "%s", warning)) return false;
    if (a->fewer > 0 &&
        !exec_notice(x, "WARNING", SQLSTATE_WARNING, "%s",
                     "there are not enough nodes for so many voters: ranges get the missing ones when nodes are added"))
        return false;
    return cluster_notice(x, a);
}

static bool carry_out(struct exec *x, const struct change *c)
{
    if (c->info->id == SETTING_REPLICATION_FACTOR && !tell_factor(x, c)) return false;
    if (c->dry_run) return true;
    enum status status = c->reset ? txn_setting_reset(x->txn, c->info->id, c->scope)
                                  : txn_setting_put(x->txn, c->info->id, c->scope, c->value);
    if (status != STATUS_TOO_LARGE) return status == STATUS_OK || exec_fail(x, status);
    sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0, "there are too many settings");
    sql_error_hint(x->error, x->arena, "SHOW CLUSTER SETTINGS tells for which tables some were made.");
    return false;
}

static bool must_be_alone(struct exec *x, const char *what)
{
    return x->alone || sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0,
                                     "%s cannot run inside a transaction block", what);
}

/* ---- ALTER SYSTEM ---- */

static bool reset_all(struct exec *x, bool dry_run)
{
    for (uint32_t i = 0; i < cluster_setting_count(); i++) {
        struct change c = {.info = cluster_setting_at(i), .reset = true, .dry_run = dry_run};
        uint64_t was;
        if (!cluster_settings_find(store_settings(store_of(x)), c.info->id, BYTES_EMPTY, &was)) continue;
        if (!carry_out(x, &c)) return false;
    }
    return true;
}

bool exec_alter_system(struct exec *x, const struct sql_alter_system *n)
{
    const struct sql_set *set = &n->set;
    snprintf(x->tag, sizeof x->tag, "ALTER SYSTEM");
    if (x->describe) return true;
    if (!must_be_alone(x, "ALTER SYSTEM")) return false;
    if (set->set == SQL_SET_RESET_ALL) return reset_all(x, n->dry_run);
    struct change c = {.info = cluster_setting_by_name(bytes_of_string(set->name)),
                       .reset = set->set != SQL_SET_VALUE,
                       .dry_run = n->dry_run};
    if (c.info == NULL) {
        sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_OBJECT, 0, "unrecognized configuration parameter \"%s\"",
                      set->name);
        sql_error_hint(x->error, x->arena, "SHOW CLUSTER SETTINGS lists what there is; SET changes what belongs to a session.");
        return false;
    }
    if (c.reset) return carry_out(x, &c);
    const char *text = session_set_text(x, set);
    if (text == NULL) return !sql_error_is_set(x->error) && exec_unsupported(x, set->node.position, "this value");
    return parse_value(x, &c, text) && carry_out(x, &c);
}

/* ---- tables ---- */

static const char *option_text(struct exec *x, const struct sql_option *o)
{
    if (o->value == NULL || o->value->kind != SQL_EXPR_CONST) return "";
    const struct sql_const *v = sql_as_const(o->value);
    if (v->type == SQL_CONST_INTEGER) return arena_printf(x->arena, "%lld", (long long)v->integer);
    return v->text == NULL ? "" : v->text;
}

/* [fiber] c: all but the scope. */
static bool change_table(struct exec *x, uint32_t id, struct change *c)
{
    struct buf scope;
    buf_init(&scope, SETTING_SCOPE_BYTES_MAX);
    catalog_table_scope(id, &scope);
    c->scope = buf_view(&scope);
    bool ok = carry_out(x, c);
    buf_deinit(&scope);
    return ok;
}

bool cluster_table_option(struct exec *x, const struct sql_table *t, const struct sql_alter_action *n)
{
    const struct sql_option *o = &n->options.items[0];
    struct change c = {.info = cluster_setting_info(SETTING_REPLICATION_FACTOR),
                       .reset = n->kind == SQL_ALTER_RESET_OPTIONS,
                       .dry_run = n->dry_run};
    if (n->options.count != 1 || o->name_space != NULL || strcmp(o->name, c.info->name) != 0)
        return exec_unsupported(x, n->position, "a storage parameter");
    if (c.reset && o->value != NULL)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, 0, "RESET must not include values for parameters");
    if (x->describe) return true;
    if (!must_be_alone(x, "ALTER TABLE ... SET (replication_factor)")) return false;
    const char *text = option_text(x, o);
    if (text == NULL) return sql_error_out_of_memory(x->error);
    return (c.reset || parse_value(x, &c, text)) && change_table(x, t->id, &c);
}

/* What was set for the table itself; false: nothing. */
static bool table_factor(struct exec *x, uint32_t id, uint64_t *factor_out)
{
    struct buf scope;
    buf_init(&scope, SETTING_SCOPE_BYTES_MAX);
    catalog_table_scope(id, &scope);
    bool found = x->session->options.kv != NULL && cluster_settings_find(store_settings(store_of(x)), SETTING_REPLICATION_FACTOR,
                                                                          buf_view(&scope), factor_out);
    buf_deinit(&scope);
    return found;
}

static bool set_quietly(struct exec *x, uint32_t id, bool reset, uint64_t factor)
{
    struct buf scope;
    buf_init(&scope, SETTING_SCOPE_BYTES_MAX);
    catalog_table_scope(id, &scope);
    enum status status = reset ? txn_setting_reset(x->txn, SETTING_REPLICATION_FACTOR, buf_view(&scope))
                               : txn_setting_put(x->txn, SETTING_REPLICATION_FACTOR, buf_view(&scope), factor);
    buf_deinit(&scope);
    return status == STATUS_OK || exec_fail(x, status);
}

bool cluster_table_renumbered(struct exec *x, uint32_t old_id, uint32_t new_id)
{
    uint64_t factor;
    return table_factor(x, old_id, &factor) ? set_quietly(x, new_id, false, factor) : cluster_table_new(x, new_id);
}

bool cluster_table_new(struct exec *x, uint32_t id)
{
    uint64_t factor; /* of a TRUNCATE that was rolled back: it had this id for a moment */
    return !table_factor(x, id, &factor) || set_quietly(x, id, true, 0);
}
