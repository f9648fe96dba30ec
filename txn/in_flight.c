/* Writes in flight at the leader of a range: proposed and not applied, held, or prepared. They are known by the hash of the key: two keys
 * that share one make an op wait without need, which is harmless (as long as it is chance: keys that share one can be made, for whoever
 * knows the seed). Of several writes of a key the map knows the newest, and each the one
 * before it: they are applied in this order. Who meets one that it may not pass waits until that goes. */
#include "txn/two_phase_leader.h"

#define PIPELINED_WRITES_MAX 64 /* chains are searched */

static struct write *write_of_hash(struct range_op *op, uint64_t hash)
{
    for (uint32_t i = 0; i < op->write_count; i++)
        if (op->writes[i].key_hash == hash && op->writes[i].in_flight) return &op->writes[i];
    return NULL;
}

enum status range_in_flight_add(struct range_op *op)
{
    struct range *g = op->range;
    for (uint32_t i = 0; i < op->write_count; i++) {
        struct write *w = &op->writes[i];
        struct range_op *other = map_get(&g->in_flight, w->key_hash);
        if (other == op) continue; /* own collision */
        ASSERT(other == NULL || (range_op_pipelines(op, other) && other->ct < op->ct));
        if (map_put(&g->in_flight, w->key_hash, op) != STATUS_OK) return STATUS_NO_MEMORY;
        w->older = other;
        w->in_flight = true;
        g->in_flight_count++;
    }
    return STATUS_OK;
}

/* Takes op out of the chain of one of its keys. */
static void chain_leave(struct range *g, struct range_op *op, struct write *w)
{
    struct range_op *newer = map_get(&g->in_flight, w->key_hash);
    ASSERT(newer != NULL);
    if (newer == op) {
        if (w->older == NULL) map_remove(&g->in_flight, w->key_hash);
        else if (map_put(&g->in_flight, w->key_hash, w->older) != STATUS_OK) UNREACHABLE(); /* replaces */
    } else {
        struct write *link = write_of_hash(newer, w->key_hash);
        while (link->older != op) link = write_of_hash(link->older, w->key_hash);
        link->older = w->older;
    }
    w->in_flight = false;
    g->in_flight_count--;
}

void range_in_flight_remove(struct range_op *op)
{
    if (op->range->in_flight_count == 0) return;
    for (uint32_t i = 0; i < op->write_count; i++)
        if (op->writes[i].in_flight) chain_leave(op->range, op, &op->writes[i]);
}

bool range_op_pipelines(const struct range_op *op, const struct range_op *other)
{
    return op->write_count <= PIPELINED_WRITES_MAX && other->write_count <= PIPELINED_WRITES_MAX;
}

/* Large transactions look for each of their keys in what they have prepared before. */
const struct write *range_op_write(const struct range_op *op, struct bytes key)
{
    uint32_t from = 0, end = op->write_count;
    while (op->writes_ascend && end - from > 1) {
        uint32_t middle = from + (end - from) / 2;
        if (bytes_compare(op->writes[middle].key, key) <= 0) from = middle;
        else end = middle;
    }
    for (uint32_t i = from; i < end; i++)
        if (bytes_equal(op->writes[i].key, key)) return &op->writes[i];
    return NULL;
}

bool range_op_in_flight(const struct range_op *op)
{
    if (op_is_prepare(op)) return op->state == OP_COMMITTING || op->state == OP_PREPARED || op->state == OP_RESOLVING;
    return op->kind == RANGE_OP_COMMIT && ((op->state == OP_COMMITTING && !op->applied) || op->state == OP_HELD);
}

struct range_op *range_in_flight(struct range *g, const struct span *span, uint64_t above, uint64_t ts)
{
    return range_in_flight_of_others(g, span, above, ts, 0);
}

static bool is_of(const struct range_op *op, uint64_t tag)
{
    return tag != 0 && op_is_prepare(op) && op->attempt.tag == tag;
}

struct range_op *range_in_flight_of_others(struct range *g, const struct span *span, uint64_t above, uint64_t ts, uint64_t tag)
{
    if (g->in_flight_count == 0) return NULL;
    if (span->point) {
        uint64_t hash = hash64(span->start.data, span->start.size, g->kv->key_seed);
        struct range_op *op = map_get(&g->in_flight, hash);
        while (op != NULL && (op->ct > ts || is_of(op, tag))) op = write_of_hash(op, hash)->older;
        return op != NULL && op->ct > above ? op : NULL;
    }
    LIST_FOR_EACH(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (!range_op_in_flight(op) || op->ct > ts || op->ct <= above || is_of(op, tag)) continue;
        for (uint32_t i = 0; i < op->write_count; i++)
            if (span_contains(span, op->writes[i].key)) return op;
    }
    return NULL;
}

void range_block(struct range_op *op, struct range_op *on)
{
    op->state = OP_BLOCKED;
    op->range->kv->metrics.waits_on_writes++;
    list_push_back(&on->blocked, &op->blocked_link);
    if (!op_is_prepare(on)) return;
    push_soon(on);
    known_wanted(on);
}

/* Those that run may block again, on others. */
static void unblock(struct range_op *op, bool known_only)
{
    struct list batch, *item;
    list_init(&batch);
    LIST_FOR_EACH_SAFE(at, &op->blocked) {
        enum range_op_kind kind = CONTAINER_OF(at, struct range_op, blocked_link)->kind;
        if (known_only && kind != RANGE_OP_LOCK && kind != RANGE_OP_READ) continue;
        list_remove(at);
        list_push_back(&batch, at);
    }
    while ((item = list_pop_front(&batch)) != NULL)
        range_op_run(CONTAINER_OF(item, struct range_op, blocked_link));
}

void range_unblock_all(struct range_op *op)
{
    unblock(op, false);
}

void range_unblock_known(struct range_op *op)
{
    unblock(op, true);
}
