/* What functions may ask of the session: its settings, and to wait. */
#include "sql/session_int.h"

static const char *setting_get(void *ctx, const char *name)
{
    const struct sql_session *s = ctx;
    return session_setting(s, name);
}

static bool setting_set(void *ctx, struct sql_eval *e, const char *name, const char *value, bool local)
{
    struct sql_session *s = ctx;
    return settings_set(&s->settings, e->arena, name, value, local ? SETTING_LOCAL : SETTING_SESSION, e->error);
}

static enum status waited(struct sql_eval *e, enum status status)
{
    if (status == STATUS_TIMEOUT)
        sql_error_set(e->error, e->arena, SQLSTATE_QUERY_CANCELED, 0, "canceling statement due to statement timeout");
    else if (status != STATUS_OK)
        sql_error_set(e->error, e->arena, SQLSTATE_ADMIN_SHUTDOWN, 0,
                      "terminating connection due to administrator command");
    return status;
}

static enum status sleep_us(void *ctx, struct sql_eval *e, uint64_t duration_us)
{
    struct sql_session *s = ctx;
    return waited(e, s->txn == NULL ? STATUS_OK : txn_sleep(s->txn, duration_us * 1000));
}

static enum status breathe(void *ctx, struct sql_eval *e)
{
    struct sql_session *s = ctx;
    return waited(e, s->txn == NULL ? STATUS_OK : txn_breathe(s->txn));
}

static int64_t now_us(void *ctx)
{
    const struct sql_session *s = ctx;
    return session_now_us(s);
}

const struct sql_surroundings session_surroundings = {setting_get, setting_set, sleep_us, now_us, breathe};
