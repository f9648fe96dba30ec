/* Values of settings that are numbers, durations and sizes. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sql/idempotency.h"
#include "sql/setting_int.h"

const char *setting_check_digits(struct settings *s, struct arena *arena, const char *name,
                                 const char *value, struct sql_error *error)
{
    char *end;
    long n = strtol(value, &end, 10);
    if (end == value || *end != 0) return setting_invalid(arena, name, value, error);
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
const char *setting_check_timeout(struct settings *s, struct arena *arena, const char *name,
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
        setting_invalid(arena, name, value, error);
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
const char *setting_check_log_duration(struct settings *s, struct arena *arena, const char *name, const char *value,
                                       struct sql_error *error)
{
    if (strcmp(value, "-1") == 0) {
        s->log_slow_ns = UINT64_MAX;
        return value;
    }
    struct settings parsed = *s;
    const char *kept = setting_check_timeout(&parsed, arena, "statement_timeout", value, error);
    if (kept == NULL) {
        sql_error_clear(error);
        return setting_invalid(arena, name, value, error);
    }
    s->log_slow_ns = parsed.statement_timeout_ns;
    return kept;
}

const char *setting_check_ttl(struct settings *s, struct arena *arena, const char *name, const char *value,
                              struct sql_error *error)
{
    uint64_t before_ns = s->idempotency_ttl_ns;
    const char *text = setting_check_timeout(s, arena, name, value, error);
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
const char *setting_check_write_bytes(struct settings *s, struct arena *arena, const char *name, const char *value,
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
