/* The writes of a transaction, cut into groups by the ranges they lie in: each group is prepared by one request. */
#include <stdlib.h>

#include "txn/two_phase.h"

/* RPC_PREPARE (prepare.c). */
enum status two_phase_encode(struct two_phase *p, struct group *g)
{
    struct txn *t = p->t;
    struct buf *b = &g->body;
    buf_reset(b);
    buf_append_zero(b, HEAD_BYTES);
    put_u64(b, t->name.node);
    put_u64(b, t->name.number);
    put_u64(b, t->read_ts);
    put_u64(b, p->sent_ts);
    put_u64(b, t->id.tag);
    put_u64(b, p->last_ct);
    put_u8(b, p->staged);
    put_sized(b, p->anchor);
    put_sized(b, two_phase_staged_keys(p, g));
    spans_put_inside(b, t->spans, t->span_count, &g->route, &g->q.hull);
    size_t count_at = b->size;
    uint32_t count = 0;
    put_u32(b, 0);
    for (const struct write *w = g->first;; w = write_set_next(w), count++) {
        if (t->spill == NULL) encode_write(b, w);
        hull_add(&g->q.hull, &(struct span){.start = w->key, .point = true});
        if (w == g->last) break;
    }
    enum status status = t->spill == NULL ? STATUS_OK : spill_encode(t, b, g->first, g->last);
    if (b->failed) return STATUS_TOO_LARGE;
    if (status == STATUS_OK) store_le32(b->data + count_at, count + 1);
    return status;
}

static void group_free(struct two_phase *p, struct group *g)
{
    buf_deinit(&g->body);
    buf_deinit(&g->reply);
    pool_free(&p->t->kv->pool, g);
}

static enum status groups_grow(struct two_phase *p)
{
    uint32_t capacity = 2 * p->capacity;
    bool lent = p->groups == p->few;
    struct group **groups = realloc(lent ? NULL : p->groups, capacity * sizeof(struct group *));
    if (groups == NULL) return STATUS_NO_MEMORY;
    if (lent) memcpy(groups, p->few, sizeof p->few);
    p->groups = groups;
    p->capacity = capacity;
    return STATUS_OK;
}

/* NULL: no memory. */
static struct group *group_add(struct two_phase *p)
{
    if (p->count == p->capacity && groups_grow(p) != STATUS_OK) return NULL;
    struct group *g = pool_alloc(&p->t->kv->pool, sizeof *g);
    if (g == NULL) return NULL;
    memset(g, 0, offsetof(struct group, body_room));
    buf_init_lent(&g->body, NET_MESSAGE_BYTES_MAX - 4096, g->body_room, sizeof g->body_room);
    buf_init_lent(&g->reply, 4096, g->reply_room, sizeof g->reply_room);
    p->groups[p->count++] = g;
    return g;
}

/* Bounds are borrowed from the transaction until the next range is looked for. */
static enum status keep_route(struct two_phase *p, struct group *g, const struct route *route)
{
    g->route = *route;
    g->route.start = arena_copy(p->t->arena, route->start);
    g->route.end = arena_copy(p->t->arena, route->end);
    return g->route.start.data == NULL || g->route.end.data == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

/* As it stands in an entry, or a little more. */
static size_t weight(const struct write *w)
{
    return w->key.size + w->value.size + 16;
}

bool two_phase_find_first(const struct two_phase *p, struct bytes key, struct route *route_out)
{
    if (p->found == NULL || p->found->turn != fiber_turn(store_fibers(p->t->kv->store)) || !route_holds(p->found, key)) return false;
    *route_out = *p->found;
    return true;
}

/* The group that begins with `first`, and ends with `last`, with the range, or where it is enough for one entry. */
static enum status cut_one(struct two_phase *p, const struct write *first, const struct write *last)
{
    struct txn *t = p->t;
    struct route route;
    if (p->count == TXN_PARTS_MAX) return STATUS_TOO_LARGE;
    enum status status = two_phase_find_first(p, first->key, &route) ? STATUS_OK : txn_find(t, first->key, false, &route);
    p->found = NULL; /* its bounds are the next one's from now on */
    if (status != STATUS_OK) return status;
    struct group *g = group_add(p);
    if (g == NULL) return STATUS_NO_MEMORY;
    g->first = g->last = first;
    size_t bytes = weight(first);
    for (const struct write *next; g->last != last; g->last = next) {
        next = write_set_next(g->last);
        bytes += weight(next);
        if (!route_holds(&route, next->key) || bytes > t->kv->entry_bytes / 2) break;
    }
    g->q = txn_request(t, RPC_PREPARE, first->key);
    g->q.body = &g->body;
    g->q.reply = &g->reply;
    g->q.stamped = true;
    if (two_phase_staged_keys(p, g).size > 0) { /* from here on only the anchor's range knows what becomes of it */
        g->q.before_attempt = two_phase_stamp;
        g->q.ctx = p;
    }
    g->q.found = &g->route;
    status = keep_route(p, g, &route);
    return status == STATUS_OK && t->spill == NULL ? two_phase_encode(p, g) : status;
}

enum status two_phase_cut(struct two_phase *p, const struct write *first, const struct write *last)
{
    enum status status = STATUS_OK;
    for (const struct write *w = first; status == STATUS_OK;) {
        status = cut_one(p, w, last);
        if (status != STATUS_OK) break;
        const struct write *cut = p->groups[p->count - 1]->last;
        if (cut == last) break;
        w = write_set_next(cut);
    }
    return status;
}

static bool is_stale(const struct group *g) { return g->q.result == STATUS_STALE_ROUTE; }

enum status two_phase_cut_anew(struct two_phase *p)
{
    uint32_t old_count = p->count, kept = 0;
    for (uint32_t i = 0; i < old_count; i++) {
        const struct group *old = p->groups[i];
        if (!is_stale(old)) continue;
        COVER("txn_two_phase_cut_anew");
        uint32_t at = p->count;
        enum status status = two_phase_cut(p, old->first, old->last);
        if (status != STATUS_OK) return status; /* the old one stays: it may be there to undo */
        /* What was sent and not answered may be prepared in each of the new ones. */
        for (uint32_t k = at; k < p->count; k++) p->groups[k]->q.doubt = old->q.doubt;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        if (i < old_count && is_stale(p->groups[i])) group_free(p, p->groups[i]);
        else p->groups[kept++] = p->groups[i];
    }
    p->count = kept;
    return STATUS_OK;
}

void two_phase_init(struct two_phase *p, struct txn *t, const struct route *found, uint64_t start_ns)
{
    *p = (struct two_phase){.t = t, .found = found, .start_ns = start_ns};
    p->groups = p->few;
    p->capacity = FEW_GROUPS;
    buf_init_lent(&p->keys, 2 * STAGED_BYTES_MAX + SHARD_KEY_BYTES_MAX, p->keys_room, sizeof p->keys_room);
}

void two_phase_deinit(struct two_phase *p)
{
    two_phase_drop_groups(p);
    buf_deinit(&p->keys);
    if (p->groups != p->few) free(p->groups);
}

void two_phase_drop_groups(struct two_phase *p)
{
    for (uint32_t i = 0; i < p->count; i++) group_free(p, p->groups[i]);
    p->count = 0;
}
