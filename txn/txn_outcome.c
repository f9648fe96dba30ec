/* What became of a transaction, asked for by its id: the gateway. The leader: outcome.c. */
#include "txn/outcome.h"
#include "txn/txn_state.h"

static bool parse_hex(const uint8_t *digits, size_t count, uint64_t *value_out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t c = digits[i];
        bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
        if (!digit && !letter) return false;
        value = value << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *value_out = value;
    return true;
}

bool txn_id_parse(struct bytes text, struct txn_id *id_out)
{
    struct txn_id id;
    uint64_t sent;
    if (text.size != TXN_ID_BYTES - 1 || !parse_hex(text.data, 12, &sent) ||
        !parse_hex(text.data + 12, 8, &id.range.value) || !parse_hex(text.data + 20, 12, &id.tag))
        return false;
    id.sent_ts = sent << OUTCOME_SENT_SHIFT;
    *id_out = id;
    return true;
}

void txn_pause(struct txn *t, uint64_t duration_ns)
{
    if (!t->kv->stopping && !t->interrupt.requested) gateway_pause(t->kv, duration_ns, &t->interrupt);
}

#define VERDICT_NS 1000000000u
#define LOOK_NS    2000000u

struct verdict_wait {
    struct range_lookup lookup;
    bool done, gone;
};

static void on_verdict(struct range_lookup *l, enum status status, enum range_verdict verdict, const struct descriptor *d)
{
    struct verdict_wait *w = CONTAINER_OF(l, struct verdict_wait, lookup);
    (void)d;
    w->done = true;
    w->gone = status == STATUS_OK && verdict == RANGE_VERDICT_GONE;
}

/* It became part of another range, which does not remember its commits. */
static bool range_is_gone(struct txn *t, struct range_id range)
{
    struct store *store = t->kv->store;
    struct route route;
    if (store_route_of(store, range, &route) == STATUS_OK) return false;
    struct verdict_wait w = {.lookup = {.on_done = on_verdict}};
    if (store_range_lookup(store, &w.lookup, range, true) != STATUS_OK) return false;
    for (uint64_t waited = 0; !w.done && waited < VERDICT_NS && !t->kv->stopping; waited += LOOK_NS)
        gateway_pause(t->kv, LOOK_NS, &t->interrupt);
    if (!w.done) rpc_cancel(&w.lookup.call);
    return w.gone;
}

enum status txn_outcome_of(struct txn *t, struct txn_id id, enum txn_outcome *outcome_out, uint64_t *ts_out)
{
    if (id.sent_ts > UINT64_MAX - OUTCOME_WINDOW_NS || id.range.value < RANGE_DATA.value) return STATUS_INVALID;
    if (range_is_gone(t, id.range)) {
        COVER("txn_outcome_of_a_range_that_is_gone");
        *outcome_out = TXN_OUTCOME_EXPIRED;
        *ts_out = 0;
        return STATUS_OK;
    }
    buf_reset(&t->request);
    buf_append_zero(&t->request, HEAD_BYTES);
    put_u64(&t->request, id.sent_ts);
    put_u64(&t->request, id.tag);
    struct gateway_request q = txn_request(t, RPC_OUTCOME, BYTES_EMPTY);
    q.range = id.range; /* whose log would have it, whatever became of its bounds */
    enum status status = gateway_call(t->kv, &q, &t->reply);
    if (status != STATUS_OK) return status;
    struct reader in = reader_make(buf_view(&t->reply));
    uint8_t outcome = get_u8(&in);
    uint64_t ct = get_u64(&in);
    if (!reader_done(&in) || outcome < TXN_OUTCOME_COMMITTED || outcome > TXN_OUTCOME_EXPIRED) return STATUS_INVALID;
    *outcome_out = (enum txn_outcome)outcome;
    *ts_out = ct;
    return STATUS_OK;
}
