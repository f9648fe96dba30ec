/* Which settings there are, and what SET, RESET and the transaction's end do to them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "sql/setting_int.h"

struct setting {
    const char *name, *initial;
    bool reported;
    setting_check *check; /* NULL: it cannot be changed */
};

/* ---- the table ---- */

/* The thirteen that PostgreSQL 15 reports, then others that clients set or show. */
static const struct setting settings[SETTING_COUNT] = {
    {"application_name", "", true, setting_check_text},
    {"client_encoding", "UTF8", true, setting_check_encoding},
    {"DateStyle", "ISO, MDY", true, setting_check_date_style},
    {"default_transaction_read_only", "off", true, setting_check_boolean},
    {"in_hot_standby", "off", true, NULL},
    {"integer_datetimes", "on", true, NULL},
    {"IntervalStyle", "postgres", true, setting_check_first},
    {"is_superuser", "on", true, NULL},
    {"server_encoding", "UTF8", true, NULL},
    {"server_version", "15.0 (Ostraka " OSTRAKA_VERSION ")", true, NULL},
    {"session_authorization", "postgres", true, setting_check_role},
    {"standard_conforming_strings", "on", true, setting_check_on},
    {"TimeZone", "UTC", true, setting_check_zone},
    {"extra_float_digits", "1", false, setting_check_digits},
    {"search_path", "\"$user\", public", false, setting_check_path},
    {"client_min_messages", "notice", false, setting_check_level},
    {"statement_timeout", "0", false, setting_check_timeout},
    {"ostraka.no_quorum_timeout", "5s", false, setting_check_timeout},
    {"ostraka.read_staleness", "0", false, setting_check_timeout},
    {"lock_timeout", "0", false, setting_check_timeout},
    {"idle_in_transaction_session_timeout", "0", false, setting_check_timeout},
    {"idle_session_timeout", "0", false, setting_check_timeout},
    {"default_transaction_isolation", "serializable", false, setting_check_isolation},
    {"transaction_isolation", "serializable", false, setting_check_isolation},
    {"default_transaction_deferrable", "off", false, setting_check_boolean},
    {"synchronous_commit", "on", false, setting_check_commit},
    {"bytea_output", "hex", false, setting_check_first},
    {"role", "none", false, setting_check_set_role},
    {"row_security", "on", false, setting_check_boolean},
    {"server_version_num", "150000", false, NULL},
    {"max_identifier_length", "63", false, NULL},
    {"log_min_duration_statement", "-1", false, setting_check_log_duration},
    {"ostraka.idempotency_key", "", false, setting_check_key},
    {"ostraka.idempotency_anchor", "", false, setting_check_anchor},
    {"ostraka.idempotency_ttl", "1d", false, setting_check_ttl},
    {"ostraka.transaction_write_limit", "32MB", false, setting_check_write_bytes},
};

static int find(const char *name)
{
    for (int i = 0; i < SETTING_COUNT; i++) /* most begin otherwise; 32 tells the cases of a letter apart */
        if ((settings[i].name[0] | 32) == (name[0] | 32) && strcasecmp(settings[i].name, name) == 0) return i;
    return -1;
}

static const char *start_value(const struct settings *s, int at)
{
    return s->values[at].start != NULL ? s->values[at].start : settings[at].initial;
}

static const char *value_of(const struct settings *s, int at)
{
    return s->values[at].current != NULL ? s->values[at].current : start_value(s, at);
}

const char *settings_get(const struct settings *s, const char *name, const char **name_out)
{
    int at = find(name);
    if (at < 0) return NULL;
    *name_out = settings[at].name;
    return value_of(s, at);
}

bool settings_view(const struct settings *s, const char *name, struct setting_view *out)
{
    int at = find(name);
    if (at < 0) return false;
    *out = (struct setting_view){.value = value_of(s, at),
                                 .start = start_value(s, at),
                                 .boot = settings[at].initial,
                                 .fixed = settings[at].check == NULL};
    return true;
}

bool settings_is_list(const char *name)
{
    return settings_quotes(name) || strcasecmp(name, "DateStyle") == 0;
}

bool settings_quotes(const char *name)
{
    return strcasecmp(name, "search_path") == 0;
}

/* ---- changes ---- */

/* What the value says takes effect again: it was valid once. */
static void apply(struct settings *s, int at)
{
    if (settings[at].check == NULL) return;
    struct arena arena;
    struct sql_error error = {.message = NULL};
    arena_init(&arena, 4096);
    settings[at].check(s, &arena, settings[at].name, value_of(s, at), &error);
    arena_deinit(&arena);
}

void setting_replace(struct settings *s, int at, char *value)
{
    struct setting_value *v = &s->values[at];
    bool same = value != NULL && strcmp(value, value_of(s, at)) == 0;
    free(v->current);
    v->current = value;
    if (same) return;
    apply(s, at);
    v->unreported = settings[at].reported;
    if (v->unreported) s->any_unreported = true;
}

/* Remembers what the transaction's end may have to go back to. */
static bool remember(struct settings *s, int at)
{
    struct setting_value *v = &s->values[at];
    if (v->changed) return true;
    v->before = strdup(value_of(s, at));
    v->committed = strdup(value_of(s, at));
    if (v->before == NULL || v->committed == NULL) {
        free(v->before);
        free(v->committed);
        return false;
    }
    v->changed = s->any_changed = true;
    return true;
}

static bool change(struct settings *s, int at, const char *value, enum setting_scope scope)
{
    struct setting_value *v = &s->values[at];
    char *current = strdup(value), *kept = strdup(value);
    if (current == NULL || kept == NULL || !setting_keep_undo(s, at) || (scope != SETTING_START && !remember(s, at))) {
        free(current);
        free(kept);
        return false;
    }
    if (scope == SETTING_START) {
        free(v->start);
        v->start = kept;
    } else if (scope == SETTING_SESSION) {
        free(v->committed);
        v->committed = kept;
    } else {
        free(kept);
    }
    setting_replace(s, at, current);
    return true;
}

bool settings_set(struct settings *s, struct arena *arena, const char *name, const char *value,
                  enum setting_scope scope, struct sql_error *error)
{
    int at = find(name);
    if (at < 0)
        return sql_error_set(error, arena, SQLSTATE_UNDEFINED_OBJECT, 0,
                             "unrecognized configuration parameter \"%s\"", name);
    const struct setting *g = &settings[at];
    if (g->check == NULL)
        return sql_error_set(error, arena, SQLSTATE_CANT_CHANGE_RUNTIME_PARAM, 0,
                             "parameter \"%s\" cannot be changed", g->name);
    if (value != NULL && strlen(value) > SETTING_VALUE_BYTES_MAX)
        return sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "the value of \"%s\" is longer than %d bytes", g->name,
                             SETTING_VALUE_BYTES_MAX);
    const char *kept =
        g->check(s, arena, g->name, value != NULL ? value : start_value(s, at), error);
    if (kept == NULL) {
        if (!sql_error_is_set(error)) sql_error_out_of_memory(error);
        return false;
    }
    return change(s, at, kept, scope) || sql_error_out_of_memory(error);
}

bool settings_reset_all(struct settings *s)
{
    bool ok = true;
    for (int i = 0; i < SETTING_COUNT; i++)
        if (strcmp(value_of(s, i), start_value(s, i)) != 0 &&
            !change(s, i, start_value(s, i), SETTING_SESSION))
            ok = false;
    return ok;
}

void settings_end(struct settings *s, bool committed)
{
    settings_level(s, 0);
    if (!s->any_changed) return;
    s->any_changed = false;
    for (int i = 0; i < SETTING_COUNT; i++) {
        struct setting_value *v = &s->values[i];
        if (!v->changed) continue;
        v->changed = false;
        setting_replace(s, i, committed ? v->committed : v->before);
        free(committed ? v->before : v->committed);
        v->committed = v->before = NULL;
    }
}

/* ---- reports ---- */

const char *settings_reported(const struct settings *s, uint32_t index, const char **value_out)
{
    uint32_t seen = 0;
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (!settings[i].reported || seen++ != index) continue;
        *value_out = value_of(s, i);
        return settings[i].name;
    }
    return NULL;
}

const char *settings_unreported(struct settings *s, const char **value_out)
{
    if (!s->any_unreported) return NULL;
    for (int i = 0; i < SETTING_COUNT; i++) {
        if (!s->values[i].unreported) continue;
        s->values[i].unreported = false;
        *value_out = value_of(s, i);
        return settings[i].name;
    }
    s->any_unreported = false;
    return NULL;
}

/* ---- lifecycle ---- */

void settings_init(struct settings *s, const struct sql_zones *zones)
{
    *s = (struct settings){.zones = zones};
    for (int i = 0; i < SETTING_COUNT; i++)
        apply(s, i);
    ASSERT(strcmp(s->zone.name, "UTC") == 0);
}

void settings_deinit(struct settings *s)
{
    settings_level(s, 0);
    for (int i = 0; i < SETTING_COUNT; i++) {
        struct setting_value *v = &s->values[i];
        free(v->start);
        free(v->current);
        free(v->committed);
        free(v->before);
    }
}
