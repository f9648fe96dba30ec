#include "sql/setting_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "sql/idempotency.h"

/* Turns a text into the value as it is kept, in arena, and applies it; NULL with the error set. */
typedef const char *setting_check(struct settings *s, struct arena *arena, const char *name,
                                  const char *value, struct sql_error *error);

struct setting {
    const char *name, *initial;
    bool reported;
    setting_check *check; /* NULL: it cannot be changed */
};

/* ---- values ---- */

static const char *invalid(struct arena *arena, const char *name, const char *value,
                           struct sql_error *error)
{
    sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                  "invalid value for parameter \"%s\": \"%s\"", name, value);
    return NULL;
}

static const char *not_yet(struct arena *arena, const char *name, const char *value,
                           struct sql_error *error)
{
    sql_error_set(error, arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0,
                  "the value \"%s\" of parameter \"%s\" is not supported yet", value, name);
    return NULL;
}

static const char *check_text(struct settings *s, struct arena *arena, const char *name,
                              const char *value, struct sql_error *error)
{
    (void)s;
    (void)arena;
    (void)name;
    (void)error;
    return value;
}

static bool begins(const char *word, const char *value, size_t least)
{
    size_t size = strlen(value);
    return size >= least && size <= strlen(word) && strncasecmp(word, value, size) == 0;
}

/* "on" or "off" for what PostgreSQL takes as a Boolean. */
static const char *boolean_of(const char *value)
{
    if (begins("true", value, 1) || begins("yes", value, 1) || strcasecmp(value, "on") == 0 ||
        strcmp(value, "1") == 0)
        return "on";
    if (begins("false", value, 1) || begins("no", value, 1) || begins("off", value, 2) ||
        strcmp(value, "0") == 0)
        return "off";
    return NULL;
}

bool settings_boolean(const char *value, bool *out)
{
    const char *canonical = boolean_of(value);
    if (canonical != NULL) *out = strcmp(canonical, "on") == 0;
    return canonical != NULL;
}

static const char *check_boolean(struct settings *s, struct arena *arena, const char *name,
                                 const char *value, struct sql_error *error)
{
    const char *canonical = boolean_of(value);
    if (canonical == NULL) {
        sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "parameter \"%s\" requires a Boolean value", name);
        return NULL;
    }
    if (strcmp(name, "default_transaction_read_only") == 0)
        s->read_only_default = strcmp(canonical, "on") == 0;
    if (strcmp(name, "default_transaction_deferrable") == 0)
        s->deferrable_default = strcmp(canonical, "on") == 0;
    return canonical;
}

static const char *check_on(struct settings *s, struct arena *arena, const char *name,
                            const char *value, struct sql_error *error)
{
    const char *canonical = check_boolean(s, arena, name, value, error);
    if (canonical == NULL || strcmp(canonical, "on") == 0) return canonical;
    return not_yet(arena, name, value, error);
}

/* Not one of the words. */
static const char *invalid_word(struct arena *arena, const char *name, const char *value,
                                const char *const *words, struct sql_error *error)
{
    const char *list = "";
    invalid(arena, name, value, error);
    for (; *words != NULL && list != NULL; words++)
        list = arena_printf(arena, "%s%s%s", list, list[0] == 0 ? "" : ", ", *words);
    if (list != NULL) sql_error_hint(error, arena, "Available values: %s.", list);
    return NULL;
}

static const char *one_of(const char *const *words, const char *value)
{
    for (; *words != NULL; words++)
        if (strcasecmp(*words, value) == 0) return *words;
    return NULL;
}

static const char *check_level(struct settings *s, struct arena *arena, const char *name,
                               const char *value, struct sql_error *error)
{
    static const char *const words[] = {"debug5", "debug4", "debug3",  "debug2", "debug1",
                                        "log",    "notice", "warning", "error",  NULL};
    const char *word = one_of(words, value);
    if (word == NULL) return invalid_word(arena, name, value, words, error);
    s->notice_level = strcmp(word, "error") == 0     ? SETTING_LEVEL_ERROR
                      : strcmp(word, "warning") == 0 ? SETTING_LEVEL_WARNING
                                                     : SETTING_LEVEL_NOTICE;
    return word;
}

/* All levels are served by the strictest, and that is what SHOW tells. */
static const char *check_isolation(struct settings *s, struct arena *arena, const char *name,
                                   const char *value, struct sql_error *error)
{
    static const char *const words[] = {"serializable", "repeatable read", "read committed",
                                        "read uncommitted", NULL};
    (void)s;
    return one_of(words, value) != NULL ? "serializable" : invalid_word(arena, name, value, words, error);
}

static const char *check_commit(struct settings *s, struct arena *arena, const char *name,
                                const char *value, struct sql_error *error)
{
    static const char *const words[] = {"local", "remote_write", "remote_apply", "on", "off", NULL};
    (void)s;
    const char *word = boolean_of(value) != NULL ? boolean_of(value) : one_of(words, value);
    return word != NULL ? word : invalid_word(arena, name, value, words, error);
}

/* Only PostgreSQL's own default is served. */
static const char *check_first(struct settings *s, struct arena *arena, const char *name,
                               const char *value, struct sql_error *error)
{
    static const char *const intervals[] = {"postgres", "postgres_verbose", "sql_standard",
                                            "iso_8601", NULL};
    static const char *const outputs[] = {"escape", "hex", NULL};
    bool is_interval = strcmp(name, "IntervalStyle") == 0;
    const char *const *words = is_interval ? intervals : outputs;
    const char *word = one_of(words, value);
    (void)s;
    if (word == NULL) return invalid_word(arena, name, value, words, error);
    return word == words[is_interval ? 0 : 1] ? word : not_yet(arena, name, value, error);
}

static const char *check_role(struct settings *s, struct arena *arena, const char *name,
                              const char *value, struct sql_error *error)
{
    (void)s;
    (void)name;
    if (strcmp(value, "postgres") == 0 || strcmp(value, "default") == 0) return "postgres";
    sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0, "role \"%s\" does not exist",
                  value);
    return NULL;
}

static const char *check_set_role(struct settings *s, struct arena *arena, const char *name,
                                  const char *value, struct sql_error *error)
{
    return strcmp(value, "none") == 0 ? "none" : check_role(s, arena, name, value, error);
}

/* Clients write UTF8 in many ways, with quotes even (asyncpg). */
static const char *check_encoding(struct settings *s, struct arena *arena, const char *name,
                                  const char *value, struct sql_error *error)
{
    char plain[16];
    size_t n = 0;
    (void)s;
    for (const char *p = value; *p != 0 && n + 1 < sizeof plain; p++)
        if (*p != '\'' && *p != '-' && *p != '_') plain[n++] = *p;
    plain[n] = 0;
    /* SQL_ASCII is what a client says that wants its bytes as they are, and they are UTF8. */
    if (strcasecmp(plain, "sqlascii") == 0) return "SQL_ASCII";
    bool ours = strcasecmp(plain, "utf8") == 0 || strcasecmp(plain, "unicode") == 0;
    return ours ? "UTF8" : not_yet(arena, name, value, error);
}

/* Words in any order: ISO, and how 1/2/2003 is read. */
static const char *check_date_style(struct settings *s, struct arena *arena, const char *name,
                                    const char *value, struct sql_error *error)
{
    static const char *const orders[] = {"MDY", "DMY", "YMD"};
    enum sql_date_order order = s->date_order;
    for (const char *p = value; *p != 0;) {
        size_t size = strcspn(p, ", ");
        if (size == 3 && strncasecmp(p, "iso", 3) == 0)
            size = 3;
        else if ((size == 3 && strncasecmp(p, "mdy", 3) == 0) ||
                 (size == 2 && strncasecmp(p, "us", 2) == 0) ||
                 (size >= 7 && strncasecmp(p, "noneuro", 7) == 0))
            order = SQL_DATE_ORDER_MDY;
        else if ((size == 3 && strncasecmp(p, "dmy", 3) == 0) ||
                 (size >= 4 && strncasecmp(p, "euro", 4) == 0))
            order = SQL_DATE_ORDER_DMY;
        else if (size == 3 && strncasecmp(p, "ymd", 3) == 0)
            order = SQL_DATE_ORDER_YMD;
        else if ((size == 3 && strncasecmp(p, "sql", 3) == 0) ||
                 (size == 6 && strncasecmp(p, "german", 6) == 0) ||
                 (size == 8 && strncasecmp(p, "postgres", 8) == 0))
            return not_yet(arena, name, value, error);
        else if (size > 0)
            return invalid(arena, name, value, error);
        p += size;
        p += strspn(p, ", ");
    }
    s->date_order = order;
    return arena_printf(arena, "ISO, %s", orders[order]);
}

static const char *check_zone(struct settings *s, struct arena *arena, const char *name,
                              const char *value, struct sql_error *error)
{
    struct sql_zone zone;
    if (sql_zone_resolve_setting(s->zones, bytes_of_string(value), &zone) != STATUS_OK)
        return invalid(arena, name, value, error);
    s->zone = zone;
    return arena_strdup(arena, zone.name);
}

/* Names without "public" would have to hide the tables that are there. */
static const char *check_path(struct settings *s, struct arena *arena, const char *name,
                              const char *value, struct sql_error *error)
{
    (void)s;
    for (const char *p = value; *p != 0;) {
        size_t size = strcspn(p, ", ");
        if (size == 6 && strncmp(p, "public", 6) == 0) return value;
        p += size;
        p += strspn(p, ", ");
    }
    return not_yet(arena, name, value, error);
}

/* ---- numbers ---- */

static const char *check_digits(struct settings *s, struct arena *arena, const char *name,
                                const char *value, struct sql_error *error)
{
    char *end;
    long n = strtol(value, &end, 10);
    if (end == value || *end != 0) return invalid(arena, name, value, error);
    if (n < -15 || n > 3) {
        sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "%ld is outside the valid range for parameter \"%s\" (-15 .. 3)", n, name);
        return NULL;
    }
    s->extra_float_digits = (int32_t)n;
    return arena_printf(arena, "%ld", n);
}

static const struct {
    const char *name;
    double ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000},
             {"s", 1000},     {"ms", 1},      {"us", 0.001}};
#define UNIT_COUNT (sizeof units / sizeof units[0])

/* Milliseconds without a unit; shown in the largest unit that has no fraction. */
static const char *check_timeout(struct settings *s, struct arena *arena, const char *name,
                                 const char *value, struct sql_error *error)
{
    char *end;
    double ms = strtod(value, &end), unit = 1;
    bool known = end != value && isfinite(ms);
    while (*end == ' ')
        end++;
    if (known && *end != 0) {
        known = false;
        for (size_t i = 0; i < UNIT_COUNT && !known; i++) {
            known = strcmp(units[i].name, end) == 0;
            if (known) unit = units[i].ms;
        }
    }
    if (!known) {
        invalid(arena, name, value, error);
        if (end != value)
            sql_error_hint(error, arena,
                           "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", "
                           "\"h\", and \"d\".");
        return NULL;
    }
    ms = rint(ms * unit);
    if (ms < 0 || ms > INT32_MAX) {
        sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "%.0f ms is outside the valid range for parameter \"%s\" (0 .. %d)", ms, name,
                      INT32_MAX);
        return NULL;
    }
    if (strcmp(name, "statement_timeout") == 0) s->statement_timeout_ns = (uint64_t)ms * 1000000;
    if (strcmp(name, "idle_session_timeout") == 0) s->idle_timeout_ns = (uint64_t)ms * 1000000;
    if (strcmp(name, "idle_in_transaction_session_timeout") == 0)
        s->idle_in_transaction_timeout_ns = (uint64_t)ms * 1000000;
    if (strcmp(name, "lock_timeout") == 0) s->lock_timeout_ns = (uint64_t)ms * 1000000;
    if (strcmp(name, "ostraka.idempotency_ttl") == 0) s->idempotency_ttl_ns = (uint64_t)ms * 1000000;
    if (strcmp(name, "ostraka.read_staleness") == 0) s->read_staleness_ns = (uint64_t)ms * 1000000;
    if (strcmp(name, "ostraka.no_quorum_timeout") == 0) s->no_quorum_timeout_ns = (uint64_t)ms * 1000000;
    for (size_t i = 0; ms > 0 && i < UNIT_COUNT; i++)
        if (fmod(ms, units[i].ms) == 0)
            return arena_printf(arena, "%.0f%s", ms / units[i].ms, units[i].name);
    return "0";
}

/* As a time-out, but -1 is never and 0 is always. */
static const char *check_log_duration(struct settings *s, struct arena *arena, const char *name, const char *value,
                                      struct sql_error *error)
{
    if (strcmp(value, "-1") == 0) {
        s->log_slow_ns = UINT64_MAX;
        return value;
    }
    struct settings parsed = *s;
    const char *kept = check_timeout(&parsed, arena, "statement_timeout", value, error);
    if (kept == NULL) {
        sql_error_clear(error);
        return invalid(arena, name, value, error);
    }
    s->log_slow_ns = parsed.statement_timeout_ns;
    return kept;
}

/* ---- idempotency keys ---- */

static const char *check_key(struct settings *s, struct arena *arena, const char *name, const char *value,
                             struct sql_error *error)
{
    const char *problem = idempotency_key_problem(value);
    if (problem != NULL) {
        invalid(arena, name, value, error);
        sql_error_detail(error, arena, "%s", problem);
        return NULL;
    }
    memcpy(s->idempotency_key, value, strlen(value) + 1); /* with every SET of a key: no printf */
    return value;
}

/* What it says is looked at where the key takes effect: it takes the catalog. */
static const char *check_anchor(struct settings *s, struct arena *arena, const char *name, const char *value,
                                struct sql_error *error)
{
    size_t size = strlen(value);
    if (size >= sizeof s->idempotency_anchor) {
        sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0, "the value of parameter \"%s\" is too long", name);
        sql_error_detail(error, arena, "An anchor has at most %zu bytes.", sizeof s->idempotency_anchor - 1);
        return NULL;
    }
    memcpy(s->idempotency_anchor, value, size + 1);
    return value;
}

static const char *check_ttl(struct settings *s, struct arena *arena, const char *name, const char *value,
                             struct sql_error *error)
{
    uint64_t before_ns = s->idempotency_ttl_ns;
    const char *text = check_timeout(s, arena, name, value, error);
    if (text == NULL) return NULL;
    if (s->idempotency_ttl_ns >= 1000000000 && s->idempotency_ttl_ns <= IDEMPOTENCY_LIFE_NS) return text;
    s->idempotency_ttl_ns = before_ns;
    sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                  "%s is outside the valid range for parameter \"%s\" (1s .. 7d)", text, name);
    return NULL;
}

#define WRITE_BYTES_MIN (1u << 20)
#define WRITE_BYTES_MAX (64u << 20) /* what a session's arena holds of it, with what belongs to each */

/* In bytes or with a unit, as PostgreSQL's memory parameters. */
static const char *check_write_bytes(struct settings *s, struct arena *arena, const char *name, const char *value,
                                     struct sql_error *error)
{
    static const struct { const char *name; uint64_t bytes; } units_of_bytes[] = {{"MB", 1u << 20}, {"kB", 1u << 10}, {"B", 1}, {"", 1}};
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    while (*end == ' ') end++;
    uint64_t unit = 0;
    for (size_t i = 0; i < sizeof units_of_bytes / sizeof units_of_bytes[0]; i++)
        if (strcmp(end, units_of_bytes[i].name) == 0) unit = units_of_bytes[i].bytes;
    if (unit == 0 || value[0] < '0' || value[0] > '9') {
        sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0, "invalid value for parameter \"%s\": \"%s\"", name, value);
        sql_error_hint(error, arena, "Valid units for this parameter are \"B\", \"kB\" and \"MB\".");
        return NULL;
    }
    if (errno != 0 || number > WRITE_BYTES_MAX / unit || number * unit < WRITE_BYTES_MIN) {
        sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "%s is outside the valid range for parameter \"%s\" (1MB .. 64MB)", value, name);
        return NULL;
    }
    s->write_bytes_max = number * unit;
    return s->write_bytes_max % (1u << 20) == 0 ? arena_printf(arena, "%lluMB", (unsigned long long)(s->write_bytes_max >> 20))
                                                : arena_printf(arena, "%lluB", (unsigned long long)s->write_bytes_max);
}

/* ---- the table ---- */

/* The thirteen that PostgreSQL 15 reports, then others that clients set or show. */
static const struct setting settings[SETTING_COUNT] = {
    {"application_name", "", true, check_text},
    {"client_encoding", "UTF8", true, check_encoding},
    {"DateStyle", "ISO, MDY", true, check_date_style},
    {"default_transaction_read_only", "off", true, check_boolean},
    {"in_hot_standby", "off", true, NULL},
    {"integer_datetimes", "on", true, NULL},
    {"IntervalStyle", "postgres", true, check_first},
    {"is_superuser", "on", true, NULL},
    {"server_encoding", "UTF8", true, NULL},
    {"server_version", "15.0 (Ostraka " OSTRAKA_VERSION ")", true, NULL},
    {"session_authorization", "postgres", true, check_role},
    {"standard_conforming_strings", "on", true, check_on},
    {"TimeZone", "UTC", true, check_zone},
    {"extra_float_digits", "1", false, check_digits},
    {"search_path", "\"$user\", public", false, check_path},
    {"client_min_messages", "notice", false, check_level},
    {"statement_timeout", "0", false, check_timeout},
    {"ostraka.no_quorum_timeout", "5s", false, check_timeout},
    {"ostraka.read_staleness", "0", false, check_timeout},
    {"lock_timeout", "0", false, check_timeout},
    {"idle_in_transaction_session_timeout", "0", false, check_timeout},
    {"idle_session_timeout", "0", false, check_timeout},
    {"default_transaction_isolation", "serializable", false, check_isolation},
    {"transaction_isolation", "serializable", false, check_isolation},
    {"default_transaction_deferrable", "off", false, check_boolean},
    {"synchronous_commit", "on", false, check_commit},
    {"bytea_output", "hex", false, check_first},
    {"role", "none", false, check_set_role},
    {"row_security", "on", false, check_boolean},
    {"server_version_num", "150000", false, NULL},
    {"max_identifier_length", "63", false, NULL},
    {"log_min_duration_statement", "-1", false, check_log_duration},
    {"ostraka.idempotency_key", "", false, check_key},
    {"ostraka.idempotency_anchor", "", false, check_anchor},
    {"ostraka.idempotency_ttl", "1d", false, check_ttl},
    {"ostraka.transaction_write_limit", "32MB", false, check_write_bytes},
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
