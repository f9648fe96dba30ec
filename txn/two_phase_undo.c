/* An attempt to commit that came to nothing: its intents are taken away, so that nobody has to find out what became of it.
 * Best effort: what is left is found by whoever meets it (push.c). */
#include <stdlib.h>

#include "txn/two_phase.h"

#define UNDO_NS 1000000000u

/* To one range. */
struct undo_part {
    struct gateway_request q;
    struct buf body, reply;
};

struct undo {
    struct kv *kv;
    struct undo_part **parts;
    struct gateway_request **requests;
    uint32_t count, capacity;
};

static void undo_free(struct undo *u)
{
    for (uint32_t i = 0; i < u->count; i++) {
        buf_deinit(&u->parts[i]->body);
        buf_deinit(&u->parts[i]->reply);
        free(u->parts[i]);
    }
    free(u->parts);
    free(u->requests);
    free(u);
}

static struct undo_part *part_add(struct undo *u)
{
    if (u->count == u->capacity) {
        uint32_t capacity = u->capacity == 0 ? 4 : 2 * u->capacity;
        struct undo_part **parts = realloc(u->parts, capacity * sizeof *parts);
        if (parts != NULL) u->parts = parts;
        struct gateway_request **requests = realloc(u->requests, capacity * sizeof *requests);
        if (requests != NULL) u->requests = requests;
        if (parts == NULL || requests == NULL) return NULL;
        u->capacity = capacity;
    }
    struct undo_part *part = calloc(1, sizeof *part);
    if (part == NULL) return NULL;
    buf_init(&part->body, 3 * SHARD_KEY_BYTES_MAX);
    buf_init(&part->reply, 4096);
    u->requests[u->count] = &part->q;
    u->parts[u->count++] = part;
    return part;
}

/* Keys are views into the request, which does not change any more. */
static bool put_part(struct undo *u, const struct two_phase *p, struct bytes low, struct bytes high)
{
    struct undo_part *part = part_add(u);
    if (part == NULL) return false;
    struct buf *b = &part->body;
    buf_append_zero(b, HEAD_BYTES);
    put_u64(b, p->sent_ts);
    put_u64(b, p->t->id.tag);
    put_u64(b, 0);
    put_sized(b, low);
    put_sized(b, high);
    if (b->failed) return false;
    struct reader in = reader_make(buf_view(b));
    in.at += HEAD_BYTES + 3 * sizeof(uint64_t);
    low = get_sized(&in);
    high = get_sized(&in);
    part->q = (struct gateway_request){.kind = RPC_RESOLVE, .key = low, .body = b, .reply = &part->reply, .repeatable = true,
                                       .deadline_ns = env_now_ns(store_env(u->kv->store)) + UNDO_NS};
    hull_add(&part->q.hull, &(struct span){.start = low, .point = true});
    hull_add(&part->q.hull, &(struct span){.start = high, .point = true});
    return true;
}

/* By the ranges as this node knows them; when they are others it is not asked again. */
static bool put_group(struct undo *u, const struct two_phase *p, const struct group *g)
{
    for (const struct write *w = g->first;;) {
        struct route route;
        const struct write *high = w;
        bool known = store_route(u->kv->store, w->key, &route) == STATUS_OK;
        while (known && high != g->last && route_holds(&route, write_set_next(high)->key)) high = write_set_next(high);
        if (!put_part(u, p, w->key, high->key)) return false;
        if (high == g->last) return true;
        w = write_set_next(high);
    }
}

static bool may_be_prepared(const struct group *g)
{
    return g->lb != 0 || g->q.doubt;
}

/* NULL: there is nothing to undo, or no memory. */
static struct undo *undo_make(const struct two_phase *p)
{
    struct undo *u = calloc(1, sizeof *u);
    if (u == NULL) return NULL;
    u->kv = p->t->kv;
    bool fits = true;
    for (uint32_t i = 0; i < p->count && fits; i++)
        if (may_be_prepared(p->groups[i])) fits = put_group(u, p, p->groups[i]);
    if (u->count > 0 && fits) return u;
    undo_free(u);
    return NULL;
}

static void undo_run(struct undo *u)
{
    enum status status = gateway_call_all(u->kv, u->requests, u->count, true);
    if (status != STATUS_OK) COVER("txn_undo_incomplete");
    undo_free(u);
}

static void run(void *arg)
{
    undo_run(arg);
}

void two_phase_undo(struct two_phase *p)
{
    struct undo *u = undo_make(p);
    if (u == NULL) return;
    for (uint32_t i = 0; i < u->count; i++) u->requests[i]->interrupt = &p->t->interrupt;
    undo_run(u);
}

void two_phase_undo_behind(struct two_phase *p)
{
    struct undo *u = p->t->kv->stopping ? NULL : undo_make(p);
    if (u == NULL) return;
    if (fiber_spawn(store_fibers(u->kv->store), run, u, NULL) != STATUS_OK) undo_free(u);
}
