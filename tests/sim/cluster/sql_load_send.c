/* What an actor sends: requests of one statement or several, by either protocol, and with what troubles. */
#include "tests/sim/cluster/sql_load_actor.h"

#define PREPARE_TIMEOUT_NS (10 * SIM_SEC)
#define CANCEL_NS (5 * SIM_MS)

void actor_draw_trouble(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    struct sim *sim = sql_load_sim(l);
    sql_client_cut(a->client, SQL_CUT_NONE);
    if (l->calm || l->preparing) return;
    if (sim_chance(sim, l->options.cut_ppm)) {
        l->counts.disconnects++;
        enum sql_cut drawn = (enum sql_cut)(1 + sim_below(sim, SQL_CUT_COUNT - 1));
        sql_client_cut(a->client, l->options.cut != SQL_CUT_NONE ? l->options.cut : drawn);
    }
}

void request_begin(struct sql_load *l)
{
    buf_reset(&l->text);
    l->text_count = 0;
}

struct buf *request_next(struct sql_load *l)
{
    ASSERT(l->text_count < SQL_CLIENT_RESULTS_MAX);
    if (l->text_count > 0) buf_append_byte(&l->text, 0);
    l->starts[l->text_count++] = l->text.size;
    return &l->text;
}

/* The simple protocol takes all statements as one text. */
static void send_simple(struct sql_actor *a, uint64_t timeout_ns, uint32_t piece_bytes)
{
    struct sql_load *l = a->load;
    for (uint32_t i = 1; i < l->text_count; i++) l->text.data[l->starts[i] - 1] = ';';
    sql_client_query(a->client, (const char *)l->text.data, timeout_ns, piece_bytes);
}

static void send_extended(struct sql_actor *a, uint64_t timeout_ns, uint32_t piece_bytes)
{
    struct sql_load *l = a->load;
    const char *texts[SQL_CLIENT_RESULTS_MAX];
    for (uint32_t i = 0; i < l->text_count; i++) texts[i] = (const char *)l->text.data + l->starts[i];
    bool sync_each = a->mode == SQL_SCRIPT && l->text_count > 2 && sql_below(a, 2) == 0;
    sql_client_execute(a->client, texts, l->text_count, sync_each, timeout_ns, piece_bytes);
}

static void trace_request(struct sql_actor *a, bool extended)
{
    const struct sql_load *l = a->load;
    for (uint32_t i = 0; i < l->text_count; i++)
        sim_trace(sql_load_sim(a->load), "sql %s client %llu m%llu%s: %s", l->options.kind->name,
                  (unsigned long long)a->process, (unsigned long long)a->machine, extended ? " extended" : "",
                  (const char *)l->text.data + l->starts[i]);
}

void request_send(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    struct sim *sim = sql_load_sim(l);
    bool trouble = !l->calm && !l->preparing;
    actor_draw_trouble(a);
    bool pieces = trouble && sim_chance(sim, l->options.piece_ppm);
    bool late = trouble && sim_chance(sim, l->options.piece_ppm);
    bool extended = !l->preparing && sim_chance(sim, l->options.extended_ppm);
    a->simple = !extended;
    uint64_t timeout_ns = l->preparing ? PREPARE_TIMEOUT_NS : l->options.timeout_ns;
    uint32_t piece_bytes = pieces ? 1 + (uint32_t)sim_below(sim, 20) : 0;
    buf_append_byte(&l->text, 0);
    ASSERT(!l->text.failed);
    trace_request(a, extended);
    if (late) sql_client_read_later(a->client, sim_exponential(sim, 20 * SIM_MS));
    if (trouble && sim_chance(sim, l->options.cancel_ppm))
        sql_client_cancel_later(a->client, sim_exponential(sim, CANCEL_NS));
    if (extended) send_extended(a, timeout_ns, piece_bytes);
    else send_simple(a, timeout_ns, piece_bytes);
}

void actor_send_text(struct sql_actor *a, const char *text)
{
    request_begin(a->load);
    buf_append_string(request_next(a->load), text);
    request_send(a);
}

static void add_op(struct sql_actor *a, struct sql_op *op)
{
    op->tries++;
    a->load->options.kind->text(a, op, request_next(a->load));
}

void actor_send_op(struct sql_actor *a)
{
    request_begin(a->load);
    add_op(a, &a->ops[a->op_at]);
    request_send(a);
}

void actor_send_script(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    request_begin(l);
    if (a->mode == SQL_SCRIPT) buf_append_string(request_next(l), "BEGIN");
    for (uint32_t i = 0; i < a->op_count; i++) add_op(a, &a->ops[i]);
    if (a->mode == SQL_SCRIPT) buf_append_string(request_next(l), "COMMIT");
    request_send(a);
}
