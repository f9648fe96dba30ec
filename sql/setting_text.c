/* Values of settings that are words, names and texts. */
#include <string.h>
#include <strings.h>

#include "sql/idempotency.h"
#include "sql/setting_int.h"

const char *setting_invalid(struct arena *arena, const char *name, const char *value,
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

const char *setting_check_text(struct settings *s, struct arena *arena, const char *name,
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

const char *setting_check_boolean(struct settings *s, struct arena *arena, const char *name,
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

const char *setting_check_on(struct settings *s, struct arena *arena, const char *name,
                             const char *value, struct sql_error *error)
{
    const char *canonical = setting_check_boolean(s, arena, name, value, error);
    if (canonical == NULL || strcmp(canonical, "on") == 0) return canonical;
    return not_yet(arena, name, value, error);
}

/* Not one of the words. */
static const char *invalid_word(struct arena *arena, const char *name, const char *value,
                                const char *const *words, struct sql_error *error)
{
    const char *list = "";
    setting_invalid(arena, name, value, error);
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

const char *setting_check_level(struct settings *s, struct arena *arena, const char *name,
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
const char *setting_check_isolation(struct settings *s, struct arena *arena, const char *name,
                                    const char *value, struct sql_error *error)
{
    static const char *const words[] = {"serializable", "repeatable read", "read committed",
                                        "read uncommitted", NULL};
    (void)s;
    return one_of(words, value) != NULL ? "serializable" : invalid_word(arena, name, value, words, error);
}

const char *setting_check_commit(struct settings *s, struct arena *arena, const char *name,
                                 const char *value, struct sql_error *error)
{
    static const char *const words[] = {"local", "remote_write", "remote_apply", "on", "off", NULL};
    (void)s;
    const char *word = boolean_of(value) != NULL ? boolean_of(value) : one_of(words, value);
    return word != NULL ? word : invalid_word(arena, name, value, words, error);
}

/* Only PostgreSQL's own default is served. */
const char *setting_check_first(struct settings *s, struct arena *arena, const char *name,
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

const char *setting_check_role(struct settings *s, struct arena *arena, const char *name,
                               const char *value, struct sql_error *error)
{
    (void)s;
    (void)name;
    if (strcmp(value, "postgres") == 0 || strcmp(value, "default") == 0) return "postgres";
    sql_error_set(error, arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0, "role \"%s\" does not exist",
                  value);
    return NULL;
}

const char *setting_check_set_role(struct settings *s, struct arena *arena, const char *name,
                                   const char *value, struct sql_error *error)
{
    return strcmp(value, "none") == 0 ? "none" : setting_check_role(s, arena, name, value, error);
}

/* Clients write UTF8 in many ways, with quotes even (asyncpg). */
const char *setting_check_encoding(struct settings *s, struct arena *arena, const char *name,
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
const char *setting_check_date_style(struct settings *s, struct arena *arena, const char *name,
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
            return setting_invalid(arena, name, value, error);
        p += size;
        p += strspn(p, ", ");
    }
    s->date_order = order;
    return arena_printf(arena, "ISO, %s", orders[order]);
}

const char *setting_check_zone(struct settings *s, struct arena *arena, const char *name,
                               const char *value, struct sql_error *error)
{
    struct sql_zone zone;
    if (sql_zone_resolve_setting(s->zones, bytes_of_string(value), &zone) != STATUS_OK)
        return setting_invalid(arena, name, value, error);
    s->zone = zone;
    return arena_strdup(arena, zone.name);
}

/* Names without "public" would have to hide the tables that are there. */
const char *setting_check_path(struct settings *s, struct arena *arena, const char *name,
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

const char *setting_check_key(struct settings *s, struct arena *arena, const char *name, const char *value,
                              struct sql_error *error)
{
    const char *problem = idempotency_key_problem(value);
    if (problem != NULL) {
        setting_invalid(arena, name, value, error);
        sql_error_detail(error, arena, "%s", problem);
        return NULL;
    }
    memcpy(s->idempotency_key, value, strlen(value) + 1); /* with every SET of a key: no printf */
    return value;
}

/* What it says is looked at where the key takes effect: it takes the catalog. */
const char *setting_check_anchor(struct settings *s, struct arena *arena, const char *name, const char *value,
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
