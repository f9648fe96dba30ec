/* What becomes of a range's leader when the range is split (shard/split.c drives it).
 *
 * From the proposal of the split until it is applied nothing is proposed any more that touches the right half (TXN-14):
 * such commits wait behind a latch. Those that were proposed before stand in front of the split in the log. When the
 * split is applied, whoever has not come through and touches the right half is sent away with the two descriptors, and
 * finds the right side's leader. When it is not (the proposal was lost, or the range had changed), they go on.
 *
 * Reads need no latch. A read notes the commit index after it has its timestamp (R2), so it waits for the split when that
 * is committed, and is sent away. One that had noted it before took its timestamp before the split was committed: the
 * right side's leader takes its floor from a later reading of the clock (A3), so nothing appears there below.
 *
 * The app's part of the command: floor u64, high u64. */
#include <stdlib.h>

#include "txn/divide.h"
#include "txn/leader.h"
#include "txn/lock.h"
#include "txn/two_phase_leader.h"

/* Behind which commits wait that touch keys from `key` on. */
struct latch {
    struct list waiting; /* struct range_op by blocked_link */
    uint64_t since_ns;
    struct bytes key;
    uint8_t bytes[];
};

bool span_reaches(const struct span *span, struct bytes key)
{
    if (span->point) return bytes_compare(span->start, key) >= 0;
    return span->end.size == 0 || bytes_compare(span->end, key) > 0;
}

/* Does the op touch keys from `key` on? */
static bool op_reaches(const struct range_op *op, struct bytes key)
{
    if (op->kind == RANGE_OP_READ) return read_reaches(op, key);
    if (op->kind == RANGE_OP_RESOLVE) return resolve_reaches(op, key);
    bool decides = op->kind == RANGE_OP_DECIDE;
    if (decides && bytes_compare(op->anchor, key) >= 0) return true;
    for (struct range_op *p = decides ? prepared_next(op->range, op->attempt, NULL) : NULL; p != NULL;
         p = prepared_next(op->range, op->attempt, p))
        if (op_reaches(p, key)) return true;
    for (uint32_t i = 0; i < op->span_count; i++)
        if (span_reaches(&op->spans[i], key)) return true;
    for (uint32_t i = 0; i < op->write_count; i++)
        if (bytes_compare(op->writes[i].key, key) >= 0) return true;
    for (uint32_t i = 0; i < op->key_count; i++)
        if (bytes_compare(op->keys[i].key, key) >= 0) return true;
    return false;
}

bool divide_latched(const struct range_op *op)
{
    const struct latch *latch = op->range->latch;
    return latch != NULL && op_reaches(op, latch->key) && !MUTANT("split_unlatched");
}

bool divide_holds(struct range_op *op)
{
    if (!divide_latched(op)) return false;
    COVER("txn_commit_behind_split");
    op->state = OP_BLOCKED;
    list_push_back(&op->range->latch->waiting, &op->blocked_link);
    return true;
}

/* ---- the latch ---- */

enum status divide_may(void *state, struct bytes key)
{
    const struct range *g = state;
    /* What every statement relies on stays in one range: the catalog, and who was promised what of it. */
    if (key.size == 0 || key.data[0] < KEY_PREFIX_TABLE) return STATUS_INVALID;
    return g->ready && g->term == replica_term(g->replica) ? STATUS_OK : STATUS_BUSY;
}

enum status latch_close(struct range *g, struct bytes key)
{
    ASSERT(g->latch == NULL);
    g->latch = malloc(sizeof *g->latch + key.size);
    if (g->latch == NULL) return STATUS_NO_MEMORY;
    list_init(&g->latch->waiting);
    g->latch->since_ns = env_now_ns(store_env(g->kv->store));
    if (key.size > 0) memcpy(g->latch->bytes, key.data, key.size);
    g->latch->key = bytes_make(g->latch->bytes, key.size);
    return STATUS_OK;
}

uint64_t latch_closed_ns(const struct range *g)
{
    return env_now_ns(store_env(g->kv->store)) - g->latch->since_ns;
}

enum status divide_begin(void *state, struct bytes key, struct buf *part)
{
    struct range *g = state;
    enum status status = divide_may(state, key);
    if (status == STATUS_OK) status = latch_close(g, key);
    if (status != STATUS_OK) return status;
    uint64_t floor = kv_timestamp_seen(g->kv);
    if (floor < g->floor) floor = g->floor;
    if (floor < g->high) floor = g->high;
    put_u64(part, floor);
    put_u64(part, g->high);
    return STATUS_OK;
}

void divide_end(void *state)
{
    struct range *g = state;
    struct latch *latch = g->latch;
    if (latch == NULL) return;
    g->latch = NULL;
    struct list *item;
    while ((item = list_pop_front(&latch->waiting)) != NULL)
        range_op_run(CONTAINER_OF(item, struct range_op, blocked_link));
    free(latch);
}

void divide_forget(struct range *g)
{
    if (g->latch != NULL) ASSERT(list_empty(&g->latch->waiting));
    free(g->latch);
    g->latch = NULL;
}

/* ---- sent away ---- */

void divide_stale_body(struct kv *kv, const struct replica *r, struct buf *out)
{
    struct buf encoded;
    buf_init(&encoded, 1 << 16);
    for (const struct replica *at = r; at != NULL;) {
        const struct descriptor *d = replica_descriptor(at);
        buf_reset(&encoded);
        descriptor_encode(d, &encoded);
        put_sized(out, buf_view(&encoded));
        struct node_id leader = replica_leader_hint(at);
        if (leader.value == 0 && at != r) leader = store_identity(kv->store)->node; /* it stands for it right now */
        put_u64(out, leader.value);
        bool last = at != r || d->end.size == 0;
        at = last ? NULL : store_replica_for_key(kv->store, d->end);
    }
    buf_deinit(&encoded);
}

static void send_away(struct range *g, struct bytes key)
{
    struct list away;
    list_init(&away);
    LIST_FOR_EACH_SAFE(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        /* What was proposed is committed by now, what waits at the gate is done: both are answered from here. */
        if (op->state == OP_COMMITTING || op->state == OP_GATE || !op_reaches(op, key)) continue;
        if (op_is_prepare(op) && range_op_in_flight(op)) continue; /* prepared_cut */
        list_remove(item);
        list_push_back(&away, item);
    }
    if (list_empty(&away)) return;
    COVER("txn_sent_away_by_split");
    /* One that goes lets those run that wait for it: none of these may look at what is not here any more. */
    LIST_FOR_EACH(item, &away) list_remove(&CONTAINER_OF(item, struct range_op, link)->blocked_link);
    struct buf body;
    buf_init(&body, 1 << 16);
    divide_stale_body(g->kv, g->replica, &body);
    while (!list_empty(&away))
        range_op_reply(CONTAINER_OF(away.next, struct range_op, link), STATUS_STALE_ROUTE, buf_view(&body));
    buf_deinit(&body);
}

void divide_apply(void *left_state, void *right_state, struct bytes key, struct bytes part)
{
    struct range *g = left_state, *h = right_state;
    struct reader in = reader_make(part);
    uint64_t floor = get_u64(&in), high = get_u64(&in);
    ASSERT(reader_done(&in)); /* divide_part_valid */
    if (h != NULL) {
        h->floor_least = floor;
        h->high = g->high > high ? g->high : high;
        h->asides_end = g->asides_end;
        h->answered = g->answered;
        if (g->latch != NULL) h->closed_ns = g->latch->since_ns;
    }
    /* A staged commit whose anchor goes is put on record there, and this range would know nothing of it (outcome.c). */
    if (g->may_hold && g->divided < high) g->divided = high;
    if (h != NULL) locks_divide(g, key, h);
    send_away(g, key);
    prepared_cut(g, key);
    records_cut(g, key);
    lock_table_cut(&g->locks, key);
    divide_end(g);
}

bool divide_part_valid(struct bytes part)
{
    return part.size == 16;
}

void divide_served(struct range *g)
{
    if (g->closed_ns == 0) return;
    struct kv *kv = g->kv;
    histogram_add(&kv->metrics.split_closed_ns, env_now_ns(store_env(kv->store)) - g->closed_ns);
    g->closed_ns = 0;
}
