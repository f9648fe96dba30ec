/* What statements cost: counted by fingerprint, timed by class, and logged when they take long. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "sql/activity_int.h"
#include "sql/fingerprint.h"
#include "sql/session_int.h"

/* ---- what is known by fingerprint ---- */

static void stats_free(struct sql_activity *a, struct statement_stats *st)
{
    list_remove(&st->link);
    map_remove(&a->by_fingerprint, st->fingerprint);
    a->statement_count--;
    free(st->text);
    free(st);
}

void activity_statements_deinit(struct sql_activity *a)
{
    while (!list_empty(&a->statements))
        stats_free(a, CONTAINER_OF(a->statements.next, struct statement_stats, link));
    map_deinit(&a->by_fingerprint);
    arena_deinit(&a->work);
    buf_deinit(&a->normalized);
}

static struct statement_stats *stats_new(struct sql_activity *a, uint64_t fingerprint,
                                         struct bytes text)
{
    arena_reset(&a->work);
    buf_reset(&a->normalized);
    fingerprint_normalize(&a->work, text, &a->normalized);
    if (a->normalized.failed) return NULL;
    struct bytes normalized = buf_view(&a->normalized);
    if (a->statement_count == STATEMENT_STATS_MAX) {
        COVER("sql_statement_stats_forgotten");
        stats_free(a, CONTAINER_OF(a->statements.prev, struct statement_stats, link));
    }
    size_t size =
        normalized.size < STATEMENT_STATS_TEXT_BYTES ? normalized.size : STATEMENT_STATS_TEXT_BYTES;
    while (size > 0 && size < normalized.size && (normalized.data[size] & 0xC0) == 0x80)
        size--;
    struct statement_stats *st = calloc(1, sizeof *st);
    if (st == NULL) return NULL;
    st->fingerprint = fingerprint;
    st->text = strndup((const char *)normalized.data, size);
    if (st->text == NULL || map_put(&a->by_fingerprint, fingerprint, st) != STATUS_OK) goto fail;
    list_push_front(&a->statements, &st->link);
    a->statement_count++;
    return st;
fail:
    free(st->text);
    free(st);
    return NULL;
}

/* The session's last text is the most likely next one. NULL: out of memory. */
static struct statement_stats *stats_of(struct session_activity *sa, struct bytes text)
{
    struct sql_activity *a = sa->of;
    uint64_t text_hash = hash64(text.data, text.size, 0);
    if (sa->text_hash != text_hash || sa->fingerprint == 0) {
        sa->text_hash = text_hash;
        sa->fingerprint = fingerprint_hash(text);
    }
    struct statement_stats *st = map_get(&a->by_fingerprint, sa->fingerprint);
    if (st == NULL) return stats_new(a, sa->fingerprint, text);
    list_remove(&st->link);
    list_push_front(&a->statements, &st->link);
    return st;
}

/* ---- one statement ---- */

static struct statement_cost cost_now(const struct sql_session *s)
{
    struct statement_cost c = s->activity.cost;
    if (s->txn == NULL) return c;
    struct txn_inspection t;
    txn_inspect(s->txn, &t);
    c.requests += t.requests;
    c.retries += t.repeats;
    c.lock_ns += t.lock_ns;
    return c;
}

void activity_transaction_end(struct sql_session *s)
{
    if (s->activity.of != NULL) s->activity.cost = cost_now(s);
}

void activity_retry(struct sql_session *s)
{
    s->activity.cost.retries++;
    if (s->activity.of != NULL) s->activity.of->metrics.retries++;
}

void sql_session_tagged(struct sql_session *s, const char *tag)
{
    const char *number = strrchr(tag, ' ');
    if (number != NULL) s->activity.cost.rows += strtoull(number + 1, NULL, 10);
}

void activity_statement_begin(struct sql_session *s)
{
    if (s->activity.of == NULL) return;
    s->activity.start_ns = env_lately_ns(s->options.env);
    s->activity.before = cost_now(s);
}

static enum sql_statement_class class_of(const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_SELECT: return SQL_CLASS_SELECT;
    case SQL_STMT_INSERT: return SQL_CLASS_INSERT;
    case SQL_STMT_UPDATE: return SQL_CLASS_UPDATE;
    case SQL_STMT_DELETE: return SQL_CLASS_DELETE;
    case SQL_STMT_COPY: return SQL_CLASS_COPY;
    case SQL_STMT_TRANSACTION: return SQL_CLASS_TRANSACTION;
    case SQL_STMT_CREATE_TABLE:
    case SQL_STMT_DROP:
    case SQL_STMT_TRUNCATE:
    case SQL_STMT_ALTER_TABLE: return SQL_CLASS_DDL;
    default: return SQL_CLASS_OTHER;
    }
}

const char *sql_statement_class_name(enum sql_statement_class c)
{
    static const char *const names[SQL_CLASS_COUNT] = {[SQL_CLASS_SELECT] = "select",
                                                       [SQL_CLASS_INSERT] = "insert",
                                                       [SQL_CLASS_UPDATE] = "update",
                                                       [SQL_CLASS_DELETE] = "delete",
                                                       [SQL_CLASS_COPY] = "copy",
                                                       [SQL_CLASS_DDL] = "ddl",
                                                       [SQL_CLASS_TRANSACTION] = "transaction",
                                                       [SQL_CLASS_OTHER] = "other"};
    return names[c];
}

static void log_slow(struct sql_session *s, struct bytes text, uint32_t parameters,
                     uint64_t took_ns, const struct statement_cost *cost,
                     const struct sql_error *error)
{
    const struct session_activity *a = &s->activity;
    const char *name, *application = settings_get(&s->settings, "application_name", &name);
    size_t size = text.size < ACTIVITY_TEXT_BYTES ? text.size : ACTIVITY_TEXT_BYTES;
    while (size > 0 && size < text.size && (text.data[size] & 0xC0) == 0x80)
        size--;
    a->of->metrics.slow++;
    LOG_INFO(a->of->options.logger, "sql", "slow statement",
             "ms=%.3f rows=%llu requests=%llu retries=%llu lock_ms=%.3f parameters=%u sqlstate=%s "
             "pid=%d client=%s "
             "application=\"%.64s\" text=\"%.*s%s\"",
             (double)took_ns / 1e6, (unsigned long long)cost->rows,
             (unsigned long long)cost->requests, (unsigned long long)cost->retries,
             (double)cost->lock_ns / 1e6, parameters, error == NULL ? "00000" : error->sqlstate,
             (int)a->pid, s->client_address[0] != '\0' ? s->client_address : "-",
             application == NULL ? "" : application, (int)size, (const char *)text.data,
             size < text.size ? "..." : "");
}

static void count_error(struct sql_activity *a, const struct sql_error *error)
{
    if (sql_error_is(error, SQLSTATE_SERIALIZATION_FAILURE)) a->metrics.serialization_failures++;
    if (sql_error_is(error, SQLSTATE_DEADLOCK_DETECTED)) a->metrics.deadlocks++;
}

void activity_statement_end(struct sql_session *s, const struct sql_node *node, struct bytes text,
                            uint32_t parameters, const struct sql_error *error)
{
    struct session_activity *a = &s->activity;
    if (a->of == NULL || a->start_ns == 0) return;
    uint64_t took_ns = env_now_ns(s->options.env) - a->start_ns;
    struct statement_cost cost = cost_now(s);
    cost.requests -= a->before.requests;
    cost.retries -= a->before.retries;
    cost.lock_ns -= a->before.lock_ns;
    cost.rows -= a->before.rows;
    a->start_ns = 0;
    histogram_add(&a->of->metrics.class_ns[class_of(node)], took_ns);
    if (error != NULL) count_error(a->of, error);
    if (took_ns >= s->settings.log_slow_ns) log_slow(s, text, parameters, took_ns, &cost, error);
    struct statement_stats *st = stats_of(a, text);
    if (st == NULL) return;
    st->calls++;
    st->errors += error != NULL;
    st->rows += cost.rows;
    st->requests += cost.requests;
    st->retries += cost.retries;
    st->lock_ns += cost.lock_ns;
    st->total_ns += took_ns;
    if (took_ns > st->max_ns) st->max_ns = took_ns;
}
