/* Rows of other nodes, asked for all at once and awaited for a second together.
 *
 * RPC_ACTIVITY: version u8 (1), what u8: 1 the rows of a table: table id u32; 2 cancel, 3
 * terminate: pid u32; 4 cancel, as a client asks for it: pid u32, key u32. Reply to 1: version u8
 * (1), whole u8 (0: some rows did not fit), column count u8, row count u32, then cell by cell: null
 * u8 and, when 0, the value: u64, u8 (boolean) or sized bytes. To the others: found u8. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/activity_int.h"
#include "sql/query.h"
#include "sql/session_int.h"

#define GATHER_VERSION     1
#define GATHER_TIMEOUT_NS  1000000000u
#define GATHER_BYTES_MAX   (4u << 20) /* of one node's rows */
#define GATHER_ARENA_BYTES (16u << 20)

enum gather_what {
    GATHER_ROWS = 1,
    GATHER_CANCEL = 2,
    GATHER_TERMINATE = 3,
    GATHER_CANCEL_KEY = 4
};

/* ---- rows as they travel ---- */

static enum sql_storage storage_of(const struct virtual_table *v, uint32_t column)
{
    return sql_type_find(v->columns[column].type)->storage;
}

static void put_cell(struct buf *out, enum sql_storage storage, const struct sql_datum *d)
{
    put_u8(out, d->is_null);
    if (d->is_null) return;
    uint64_t bits = 0;
    switch (storage) {
    case SQL_STORAGE_BOOLEAN: put_u8(out, d->boolean); return;
    case SQL_STORAGE_BYTES: put_sized(out, d->bytes); return;
    case SQL_STORAGE_REAL: memcpy(&bits, &d->real, sizeof bits); break;
    case SQL_STORAGE_INTEGER: bits = (uint64_t)d->integer; break;
    default: UNREACHABLE();
    }
    put_u64(out, bits);
}

static struct sql_datum get_cell(struct reader *in, enum sql_storage storage)
{
    uint8_t null = get_u8(in);
    if (null > 1) in->failed = true;
    if (null != 0 || in->failed) return SQL_NULL;
    if (storage == SQL_STORAGE_BOOLEAN) return sql_boolean(get_u8(in) != 0);
    if (storage == SQL_STORAGE_BYTES) return sql_bytes(get_sized(in));
    uint64_t bits = get_u64(in);
    if (storage == SQL_STORAGE_INTEGER) return sql_integer((int64_t)bits);
    double real;
    memcpy(&real, &bits, sizeof real);
    return sql_real(real);
}

void virtual_encode(const struct virtual_table *v, const struct virtual_rows *rows, struct buf *out)
{
    put_u8(out, GATHER_VERSION);
    size_t whole_at = out->size;
    put_u8(out, !rows->failed);
    put_u8(out, (uint8_t)v->column_count);
    size_t count_at = out->size;
    put_u32(out, 0);
    uint32_t count = 0;
    for (; count < rows->count && out->size < GATHER_BYTES_MAX; count++)
        for (uint32_t i = 0; i < v->column_count; i++)
            put_cell(out, storage_of(v, i), &rows->rows[count][i]);
    if (out->failed) return;
    store_le32(out->data + count_at, count);
    if (count < rows->count) out->data[whole_at] = 0;
}

bool virtual_decode(const struct virtual_table *v, struct bytes body, struct virtual_rows *rows,
                    bool *whole_out)
{
    struct reader in = reader_make(body);
    if (get_u8(&in) != GATHER_VERSION) return false;
    *whole_out = get_u8(&in) == 1;
    if (get_u8(&in) != v->column_count) return false;
    uint32_t count = get_u32(&in);
    for (uint32_t k = 0; k < count && !in.failed && !rows->failed; k++) {
        struct sql_datum cells[VIRTUAL_COLUMNS_MAX];
        for (uint32_t i = 0; i < v->column_count; i++) {
            cells[i] = get_cell(&in, storage_of(v, i));
            if (!sql_datum_check(v->columns[i].type, &cells[i])) in.failed = true;
        }
        if (in.failed) break;
        virtual_row(rows);
        for (uint32_t i = 0; i < v->column_count; i++) {
            if (storage_of(v, i) == SQL_STORAGE_BYTES && !cells[i].is_null)
                virtual_bytes(rows, cells[i].bytes);
            else
                virtual_cell(rows, cells[i]);
        }
    }
    return reader_done(&in) || rows->failed;
}

/* ---- asking ---- */

struct gather;
struct gather_call {
    struct rpc_call call;
    struct gather *gather;
    uint64_t node;
    bool answered, whole;
};

struct gather {
    struct list link; /* activity.gathers */
    const struct virtual_table
        *table; /* NULL: a session is signalled, found says whether it is there */
    struct virtual_rows *rows;
    bool found;
    struct fiber *fiber;
    struct gather_call *calls;
    uint32_t count, open;
    bool waits;
};

static void on_answer(struct rpc_call *call, enum status status, struct bytes body)
{
    struct gather_call *c = call->ctx;
    struct gather *g = c->gather;
    if (g->table != NULL) {
        c->answered = status == STATUS_OK && virtual_decode(g->table, body, g->rows, &c->whole);
    } else {
        c->answered = status == STATUS_OK && body.size == 1;
        g->found = c->answered && body.data[0] == 1;
    }
    if (--g->open == 0 && g->waits) fiber_resume(g->fiber);
}

static void ask(struct gather *g, struct rpc *rpc, uint64_t self, const struct node_view *nodes,
                uint32_t count)
{
    uint8_t request[6] = {GATHER_VERSION, GATHER_ROWS};
    store_le32(request + 2, g->table->id);
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].record.removed || nodes[i].record.node.value == self) continue;
        struct gather_call *c = &g->calls[g->count++];
        *c = (struct gather_call){.gather = g, .node = nodes[i].record.node.value};
        c->call = (struct rpc_call){.on_done = on_answer, .ctx = c};
        if (rpc_start(rpc, &c->call, nodes[i].record.node, RPC_ACTIVITY,
                      bytes_make(request, sizeof request), GATHER_TIMEOUT_NS) == STATUS_OK)
            g->open++;
    }
}

/* "2, 5": the nodes that did not answer, or did not send all; empty: none. */
static const char *name_nodes(struct arena *arena, const struct gather *g, bool answered)
{
    const char *list = "";
    for (uint32_t i = 0; i < g->count && list != NULL; i++) {
        const struct gather_call *c = &g->calls[i];
        if (answered ? !c->answered || c->whole : c->answered) continue;
        list = arena_printf(arena, "%s%s%llu", list, *list != '\0' ? ", " : "",
                            (unsigned long long)c->node);
    }
    return list == NULL ? "some" : list;
}

static void tell_missing(struct exec *x, const struct gather *g)
{
    const char *silent = name_nodes(x->arena, g, false), *cut = name_nodes(x->arena, g, true);
    if (*silent != '\0')
        exec_notice(x, "WARNING", SQLSTATE_WARNING,
                    "these nodes did not answer, and what they know is missing: %s", silent);
    if (*cut != '\0')
        exec_notice(x, "WARNING", SQLSTATE_WARNING,
                    "these nodes know more than fits into their answer: %s", cut);
}

static void await(struct gather *g, struct sql_activity *a, struct store *store)
{
    g->fiber = fiber_current(store_fibers(store));
    ASSERT(g->fiber != NULL);
    ASSERT(!a->stopping);
    list_push_back(&a->gathers, &g->link);
    g->waits = true;
    while (g->open > 0)
        fiber_suspend(store_fibers(store));
    g->waits = false;
    list_remove(&g->link);
}

bool virtual_gather(struct exec *x, const struct virtual_table *v, struct virtual_rows *rows)
{
    struct kv *kv = x->session->options.kv;
    struct sql_activity *a = x->session->options.activity;
    struct store *store = kv == NULL ? NULL : kv_store(kv);
    if (a == NULL || store == NULL) return true;
    if (a->stopping) return exec_fail(x, STATUS_CANCELLED);
    struct node_view *nodes = ARENA_ARRAY(x->arena, struct node_view, SHARD_NODES_MAX);
    if (nodes == NULL) return sql_error_out_of_memory(x->error);
    uint32_t count = store_nodes(store, nodes, SHARD_NODES_MAX);
    struct gather g = {.table = v, .rows = rows};
    g.calls = ARENA_ARRAY(x->arena, struct gather_call, count + 1);
    if (g.calls == NULL) return sql_error_out_of_memory(x->error);
    ask(&g, store_rpc(store), store_identity(store)->node.value, nodes, count);
    await(&g, a, store);
    if (a->stopping) return exec_fail(x, STATUS_CANCELLED);
    if (rows->failed) return sql_error_out_of_memory(x->error);
    tell_missing(x, &g);
    return true;
}

void sql_activity_stop(struct sql_activity *a)
{
    struct list *item;
    a->stopping = true;
    while ((item = list_pop_front(&a->gathers)) != NULL) {
        struct gather *g = CONTAINER_OF(item, struct gather, link);
        for (uint32_t i = 0; i < g->count; i++)
            if (g->calls[i].call.active) rpc_cancel(&g->calls[i].call);
        if (g->open == 0) continue; /* it was resumed and has not run yet */
        COVER("sql_gather_stopped");
        g->open = 0;
        fiber_resume(g->fiber);
    }
}

/* ---- sessions of other nodes ---- */

static bool signal_remote(struct sql_activity *a, uint64_t node, int32_t pid, bool terminate,
                          bool *found_out)
{
    struct store *store = kv_store(a->kv);
    struct gather g = {0};
    struct gather_call c = {.gather = &g, .node = node};
    uint8_t request[6] = {GATHER_VERSION, terminate ? GATHER_TERMINATE : GATHER_CANCEL};
    store_le32(request + 2, (uint32_t)pid);
    c.call = (struct rpc_call){.on_done = on_answer, .ctx = &c};
    g.calls = &c;
    g.count = 1;
    if (a->stopping) return false;
    if (rpc_start(store_rpc(store), &c.call, (struct node_id){node}, RPC_ACTIVITY,
                  bytes_make(request, sizeof request), GATHER_TIMEOUT_NS) != STATUS_OK)
        return false;
    g.open = 1;
    await(&g, a, store);
    *found_out = g.found;
    return c.answered;
}

enum status activity_signal_from(void *ctx, int32_t pid, bool terminate, bool *found_out)
{
    struct exec *x = ctx;
    struct sql_activity *a = x->session->options.activity;
    char number[16];
    *found_out = false;
    snprintf(number, sizeof number, "%d", (int)pid);
    uint64_t node = activity_pid_node(pid);
    bool here = a == NULL || node == 0 || node == store_identity(kv_store(a->kv))->node.value,
         answered = true;
    if (here)
        *found_out = a != NULL && activity_signal(a, pid, terminate);
    else
        answered = signal_remote(a, node, pid, terminate, found_out);
    if (!answered)
        exec_notice(x, "WARNING", SQLSTATE_WARNING, "the node of PID %s does not answer", number);
    else if (!*found_out)
        exec_notice(x, "WARNING", SQLSTATE_WARNING, "PID %s is not a PostgreSQL server process",
                    number);
    return STATUS_OK;
}

static void on_forwarded(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)status;
    (void)body;
    free(call);
}

/* The client waits for nothing, so neither does this. */
void activity_forward_cancel(struct sql_activity *a, int32_t pid, uint32_t key)
{
    uint64_t node = activity_pid_node(pid);
    struct store *store = a->kv == NULL ? NULL : kv_store(a->kv);
    if (store == NULL || node == 0 || node == store_identity(store)->node.value) return;
    struct rpc_call *call = calloc(1, sizeof *call);
    if (call == NULL) return;
    uint8_t request[10] = {GATHER_VERSION, GATHER_CANCEL_KEY};
    store_le32(request + 2, (uint32_t)pid);
    store_le32(request + 6, key);
    call->on_done = on_forwarded;
    if (rpc_start(store_rpc(store), call, (struct node_id){node}, RPC_ACTIVITY,
                  bytes_make(request, sizeof request), GATHER_TIMEOUT_NS) != STATUS_OK)
        free(call);
}

/* ---- answering ---- */

static void serve_rows(struct sql_activity *a, struct rpc_token token, uint32_t table_id)
{
    struct rpc *rpc = store_rpc(kv_store(a->kv));
    const struct virtual_table *v = virtual_find_id(table_id);
    if (v == NULL || v->scope != VIRTUAL_CLUSTER) {
        rpc_reply(rpc, token, STATUS_UNSUPPORTED, BYTES_EMPTY);
        return;
    }
    struct arena arena;
    struct buf body;
    struct virtual_rows rows;
    arena_init(&arena, GATHER_ARENA_BYTES);
    buf_init(&body, GATHER_BYTES_MAX + (1u << 20)); /* the last row may pass the bound */
    virtual_rows_init(&rows, &arena, v);
    struct virtual_source source = {.activity = a, .kv = a->kv};
    v->fill(&source, &rows);
    virtual_encode(v, &rows, &body);
    rpc_reply(rpc, token, body.failed ? STATUS_NO_MEMORY : STATUS_OK,
              body.failed ? BYTES_EMPTY : buf_view(&body));
    buf_deinit(&body);
    arena_deinit(&arena);
}

static void serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct sql_activity *a = ctx;
    struct rpc *rpc = store_rpc(kv_store(a->kv));
    struct reader in = reader_make(body);
    uint8_t version = get_u8(&in), what = get_u8(&in);
    uint32_t argument = get_u32(&in);
    uint32_t key = what == GATHER_CANCEL_KEY ? get_u32(&in) : 0;
    if (!reader_done(&in) || version != GATHER_VERSION) {
        rpc_reply(rpc, token, STATUS_INVALID, BYTES_EMPTY);
        return;
    }
    if (what == GATHER_ROWS) {
        serve_rows(a, token, argument);
        return;
    }
    if (what == GATHER_CANCEL_KEY) {
        struct session_activity *s = activity_find(a, (int32_t)argument);
        if (s == NULL || s->owner == NULL || a->options.cancel_key(s->owner) != key)
            what = 0;
        else
            what = GATHER_CANCEL;
    }
    bool found = (what == GATHER_CANCEL || what == GATHER_TERMINATE) &&
                 activity_signal(a, (int32_t)argument, what == GATHER_TERMINATE);
    uint8_t reply = found;
    rpc_reply(rpc, token, STATUS_OK, bytes_make(&reply, 1));
}

void sql_activity_attach(struct sql_activity *a, struct kv *kv)
{
    ASSERT(a->kv == NULL);
    a->kv = kv;
    rpc_serve(store_rpc(kv_store(kv)), RPC_ACTIVITY, serve, a);
}
