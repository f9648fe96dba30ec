#include "sql/activity_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sql/fingerprint.h"
#include "sql/session_int.h"

#define POSTGRES_EPOCH_US 946684800000000 /* 2000-01-01 since 1970 */
/* A pid is a node and a number: positive in 32 bits, as clients expect. */
#define PID_NUMBER_BITS      20
#define PID_NUMBER_MASK      ((1u << PID_NUMBER_BITS) - 1)
#define MEMORY_BYTES_DEFAULT ((size_t)1 << 30)
#define PID_NODE_MAX         2047u /* of nodes beyond, sessions can be ended only where they are */

enum status sql_activity_create(const struct sql_activity_options *options,
                                struct sql_activity **a_out)
{
    struct sql_activity *a = calloc(1, sizeof *a);
    if (a == NULL) return STATUS_NO_MEMORY;
    a->options = *options;
    a->memory.held_max = options->memory_bytes != 0 ? options->memory_bytes : MEMORY_BYTES_DEFAULT;
    list_init(&a->sessions);
    list_init(&a->gathers);
    list_init(&a->statements);
    map_init(&a->by_fingerprint);
    arena_init(&a->work, 1u << 20);
    buf_init(&a->normalized, FINGERPRINT_BYTES_MAX);
    for (int i = 0; i < SQL_CLASS_COUNT; i++)
        histogram_init(&a->metrics.class_ns[i]);
    *a_out = a;
    return STATUS_OK;
}

void sql_activity_destroy(struct sql_activity *a)
{
    if (a == NULL) return;
    ASSERT(list_empty(&a->sessions));
    ASSERT(list_empty(&a->gathers));
    ASSERT(a->memory.held == 0);
    activity_statements_deinit(a);
    free(a);
}

struct arena_account *sql_activity_memory(struct sql_activity *a)
{
    return &a->memory;
}

/* ---- pids ---- */

uint64_t activity_pid_node(int32_t pid)
{
    return pid <= 0 ? 0 : (uint32_t)pid >> PID_NUMBER_BITS;
}

int32_t sql_activity_new_pid(struct sql_activity *a)
{
    uint64_t node =
        a->kv == NULL || kv_store(a->kv) == NULL ? 0 : store_identity(kv_store(a->kv))->node.value;
    int32_t pid;
    do {
        a->next_pid = (a->next_pid + 1) & PID_NUMBER_MASK;
        pid =
            (int32_t)((node <= PID_NODE_MAX ? (uint32_t)node << PID_NUMBER_BITS : 0) | a->next_pid);
        a->pids_repeat |= a->next_pid == PID_NUMBER_MASK;
    } while (a->next_pid == 0 || (a->pids_repeat && activity_find(a, pid) != NULL));
    return pid;
}

struct session_activity *activity_find(struct sql_activity *a, int32_t pid)
{
    LIST_FOR_EACH(item, &a->sessions)
    {
        struct session_activity *s = CONTAINER_OF(item, struct session_activity, link);
        if (s->pid == pid) return s;
    }
    return NULL;
}

bool activity_signal(struct sql_activity *a, int32_t pid, bool terminate)
{
    struct session_activity *s = activity_find(a, pid);
    if (s == NULL || s->owner == NULL) return false;
    a->options.signal(s->owner, terminate);
    return true;
}

/* ---- sessions ---- */

int64_t activity_now_us(struct env *env)
{
    return (int64_t)(env_wall_ns(env) / 1000) - POSTGRES_EPOCH_US;
}

void activity_enter(struct sql_session *s)
{
    struct session_activity *a = &s->activity;
    a->of = s->options.activity;
    a->session = s;
    a->owner = s->options.owner;
    a->pid = s->options.pid;
    if (a->of == NULL) return;
    a->started_us = a->state_us = activity_now_us(s->options.env);
    a->query_us = INT64_MIN;
    list_push_back(&a->of->sessions, &a->link);
}

bool activity_defaults(struct sql_session *s)
{
    int64_t ms = s->options.activity->options.log_slow_ms;
    struct sql_error error = {0};
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)ms);
    bool ok =
        ms < 0 || sql_session_set(s, &s->query_arena, "log_min_duration_statement", text, &error);
    arena_reset(&s->query_arena);
    return ok;
}

void activity_leave(struct sql_session *s)
{
    if (s->activity.of == NULL) return;
    list_remove(&s->activity.link);
    s->activity.of = NULL;
}

void activity_work(struct sql_session *s)
{
    if (s->activity.of == NULL) return;
    s->activity.state_us = activity_now_us(s->options.env);
    s->activity.refused = s->activity.of->memory.refused;
}

struct arena_account *session_memory_account(const struct sql_session *s)
{
    return s->options.activity == NULL ? NULL : &s->options.activity->memory;
}

/* One statement met its own bound. */
static void explain_statement(struct sql_session *s, struct sql_error *error)
{
    const struct arena *of[] = {&s->statement_arena, &s->query_arena, &s->row_arena, &s->transaction_arena};
    static const char *const names[] = {"a statement", "a statement", "a row of a statement",
                                        "what a transaction keeps between its statements"};
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        if (of[i]->refused == 0) continue;
        sql_error_detail(error, &s->query_arena, "The memory of %s is limited to %zu bytes; it held %zu, and %zu more are too many.",
                         names[i], of[i]->size_max, of[i]->refused_held, of[i]->refused);
        sql_error_hint(error, &s->query_arena, "There is no setting for it: have the statement sort, group or gather less at a time.");
        return;
    }
}

/* Else the memory of all sessions is full, not what the statement may have: others have it. */
void activity_explain(struct sql_session *s, struct sql_error *error)
{
    const struct session_activity *a = &s->activity;
    if (!sql_error_is(error, SQLSTATE_OUT_OF_MEMORY) || error->hint != NULL) return;
    if (a->of == NULL || a->of->memory.refused == a->refused) {
        explain_statement(s, error);
        return;
    }
    error->detail = "The memory that this node has for SQL is in use by its sessions.";
    error->hint =
        "Try again later, or raise --sql-memory. ostraka.sessions shows what each session holds.";
}

void activity_statement(struct sql_session *s, struct bytes text)
{
    struct session_activity *a = &s->activity;
    if (a->of == NULL) return;
    size_t size = text.size < ACTIVITY_TEXT_BYTES ? text.size : ACTIVITY_TEXT_BYTES;
    while (size > 0 && size < text.size && (text.data[size] & 0xC0) == 0x80)
        size--;
    if (size > 0) memcpy(a->text, text.data, size);
    a->text_size = (uint32_t)size;
    a->query_us = a->state_us;
    a->start_ns = 0;
}

const struct sql_activity_metrics *sql_activity_metrics(struct sql_activity *a)
{
    struct sql_activity_metrics *m = &a->metrics;
    m->statements_known = a->statement_count;
    m->active = m->idle = m->idle_in_transaction = m->aborted = m->prepared = m->portals =
        m->session_bytes = 0;
    LIST_FOR_EACH(item, &a->sessions)
    {
        const struct sql_session *s = CONTAINER_OF(item, struct session_activity, link)->session;
        if (s->works)
            m->active++;
        else if (s->state == TRANSACTION_OPEN)
            m->idle_in_transaction++;
        else if (s->state == TRANSACTION_FAILED)
            m->aborted++;
        else
            m->idle++;
        m->prepared += s->prepared_count;
        m->portals += s->portal_count;
        m->session_bytes += session_memory(s);
    }
    return m;
}

size_t session_memory(const struct sql_session *s)
{
    return s->query_arena.size + s->statement_arena.size + s->row_arena.size +
           s->transaction_arena.size + s->kept_bytes + s->bindings_bytes +
           (s->spare_portal != NULL ? s->spare_portal->arena.size : 0);
}

const char *activity_state(const struct sql_session *s)
{
    if (s->works) return "active";
    switch (s->state) {
    case TRANSACTION_OPEN: return "idle in transaction";
    case TRANSACTION_FAILED: return "idle in transaction (aborted)";
    default: return "idle";
    }
}
