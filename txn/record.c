/* Decisions of commits over several ranges: the record of each lies in the log of the range that holds its anchor, one of
 * the keys that it wrote, and in LSM_SPACE_LOCAL under that key and the tag of the attempt, so that it goes with the key
 * whatever becomes of ranges. The leader has all of them in memory.
 *
 * A record may go when nobody can ask for it any more: what it says is carried out (resolve.c), and nobody may decide on that
 * attempt any more. A decision to commit is refused once the floor is above `sent` + OUTCOME_WINDOW_NS (decide.c). So before a
 * record is forgotten the floor is raised to a reading above that; later leaders' floors are later readings (A3). A floor that
 * is above it by itself is not enough (attempt_is_over). */
#include <stdlib.h>

#include "txn/leader.h"
#include "txn/two_phase_leader.h"

#define FORGET_BYTES (1u << 20) /* of keys, in one entry */
#define PROPOSE_TIMEOUT_NS 10000000000u
#define PARTICIPANTS_MAX 4096u
#define QUIET_NS 10000000000u /* before the range says that it holds nothing */

/* ================================ formats ================================ */

bool participants_valid(struct bytes participants)
{
    struct reader in = reader_make(participants);
    uint16_t count = get_u16(&in);
    if (in.failed || count == 0 || count > PARTICIPANTS_MAX) return false;
    for (uint16_t i = 0; i < count && !in.failed; i++) {
        struct bytes low = get_sized(&in), high = get_sized(&in);
        if (low.size > SHARD_KEY_BYTES_MAX || high.size > SHARD_KEY_BYTES_MAX || bytes_compare(low, high) > 0) return false;
    }
    return reader_done(&in);
}

void record_encode(struct buf *out, const struct record *r)
{
    put_u8(out, (uint8_t)r->state);
    put_u64(out, r->attempt.sent);
    put_u64(out, r->ct);
    put_u64(out, r->name.node);
    put_u64(out, r->name.number);
    buf_append_bytes(out, r->participants);
}

bool record_decode(struct bytes anchor, uint64_t tag, struct bytes value, struct record *out)
{
    struct reader in = reader_make(value);
    uint8_t state = get_u8(&in);
    *out = (struct record){.anchor = anchor, .attempt = {get_u64(&in), tag}, .state = (enum record_state)state};
    out->ct = get_u64(&in);
    out->name = (struct txn_name){get_u64(&in), get_u64(&in)};
    if (in.failed || tag == 0 || state < RECORD_COMMITTED || state > RECORD_REFUSED) return false;
    out->participants = bytes_make(in.at, reader_left(&in));
    if (state != RECORD_COMMITTED) return out->ct == 0 && out->participants.size == 0;
    return out->ct != 0 && participants_valid(out->participants);
}

/* ================================ the leader's ================================ */

struct record *record_find(const struct range *g, struct attempt a)
{
    if (a.tag == 0 || a.sent > g->records_sent) return NULL; /* mostly: attempts that are new */
    struct record *r = map_get(&g->records, a.tag);
    return r != NULL && attempt_equal(r->attempt, a) ? r : NULL;
}

static void drop(struct range *g, struct record *r)
{
    list_remove(&r->link);
    if (r->state != RECORD_REFUSED) map_remove(&g->records, r->attempt.tag);
    free(r);
}

enum status record_add(struct range *g, const struct record *from, struct record **out)
{
    struct record *r = malloc(sizeof *r + from->anchor.size + from->participants.size);
    if (r == NULL) return STATUS_NO_MEMORY;
    uint8_t *at = (uint8_t *)(r + 1);
    *r = *from;
    memcpy(at, from->anchor.data, from->anchor.size);
    r->anchor = bytes_make(at, from->anchor.size);
    at += from->anchor.size;
    if (from->participants.size > 0) memcpy(at, from->participants.data, from->participants.size);
    r->participants = bytes_make(at, from->participants.size);
    struct record *old = map_get(&g->records, r->attempt.tag);
    if (old != NULL) drop(g, old); /* read back once more */
    if (map_put(&g->records, r->attempt.tag, r) != STATUS_OK) {
        free(r);
        return STATUS_NO_MEMORY;
    }
    if (r->attempt.sent > g->records_sent) g->records_sent = r->attempt.sent;
    list_push_back(&g->record_list, &r->link);
    two_phase_note(g);
    *out = r;
    return STATUS_OK;
}

void records_clear(struct range *g)
{
    while (!list_empty(&g->record_list)) drop(g, CONTAINER_OF(g->record_list.next, struct record, link));
    while (!list_empty(&g->settled)) drop(g, CONTAINER_OF(g->settled.next, struct record, link));
    while (!list_empty(&g->forgotten)) drop(g, CONTAINER_OF(g->forgotten.next, struct record, link));
    refusals_clear(g);
    list_remove(&g->forgetting.link);
    g->forgets = false;
}

static void cut(struct range *g, struct list *from, struct bytes key)
{
    LIST_FOR_EACH_SAFE(item, from) {
        struct record *r = CONTAINER_OF(item, struct record, link);
        if (bytes_compare(r->anchor, key) >= 0) drop(g, r);
    }
}

void records_cut(struct range *g, struct bytes key)
{
    cut(g, &g->record_list, key);
    cut(g, &g->settled, key);
    refusals_cut(g, key);
}

/* ================================ until nobody asks ================================ */

bool attempt_is_over(const struct range *g, struct attempt a)
{
    uint64_t end = a.sent + OUTCOME_WINDOW_NS;
    return g->floor >= end && (kv_timestamp_seen(g->kv) >= end || MUTANT("window_over_by_floor"));
}

static bool may_go(const struct range *g, const struct record *r)
{
    if (r->proposed) return false;
    if (MUTANT("record_forgotten_early") && r->state != RECORD_REFUSED) return true;
    if (MUTANT("refusal_forgotten_early") && r->state == RECORD_REFUSED) return true;
    return attempt_is_over(g, r->attempt);
}

static void on_forgotten(struct proposal *p, enum status status, struct bytes result)
{
    (void)result;
    struct range *g = p->ctx;
    g->forgets = false;
    while (!list_empty(&g->forgotten)) {
        struct record *r = CONTAINER_OF(g->forgotten.next, struct record, link);
        list_remove(&r->link);
        list_push_back(r->state == RECORD_REFUSED ? &g->refusals : &g->settled, &r->link);
        if (status != STATUS_OK) continue;
        g->kv->metrics.records_forgotten++;
        drop(g, r);
    }
}

static void propose_forget(struct range *g, bool none, const struct buf *keys, uint32_t count)
{
    struct buf command;
    buf_init(&command, RAFT_ENTRY_BYTES_MAX);
    shard_command_begin(&command);
    command_encode_forget(none, keys, count, &command);
    g->forgetting = (struct proposal){.on_done = on_forgotten, .ctx = g};
    list_init(&g->forgetting.link);
    enum status status = command_propose(g, &command, PROPOSE_TIMEOUT_NS, &g->forgetting);
    buf_deinit(&command);
    g->forgets = status == STATUS_OK;
    if (!g->forgets) on_forgotten(&g->forgetting, STATUS_BUSY, BYTES_EMPTY);
}

/* Nothing is held, nor on its way here. */
static bool holds_nothing(const struct range *g)
{
    if (g->prepared_count > 0 || g->records.count > 0 || !list_empty(&g->refusals)) return false;
    LIST_FOR_EACH(item, &g->ops) {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op_is_prepare(op) || op->kind == RANGE_OP_DECIDE || op->kind == RANGE_OP_STAGED) return false;
    }
    return true;
}

static void say_that_nothing_is_held(struct range *g, uint64_t now_ns)
{
    if (g->quiet_since_ns == 0) g->quiet_since_ns = now_ns;
    if (now_ns < g->quiet_since_ns + QUIET_NS) return;
    struct buf keys;
    buf_init(&keys, 16);
    if (g->may_hold) propose_forget(g, true, &keys, 0);
    else list_remove(&g->two_phase);
    buf_deinit(&keys);
    g->quiet_since_ns = 0;
}

/* What is carried out waits apart, behind what was so before: a look at all that is kept until its window is over would be
 * one at ten seconds of commits, twice a second. */
static void settle(struct range *g)
{
    LIST_FOR_EACH_SAFE(item, &g->record_list) {
        struct record *r = CONTAINER_OF(item, struct record, link);
        bool open = r->state == RECORD_COMMITTED && !r->resolved;
        if (open) resolver_start(g, r);
        if (open && !r->resolved && !MUTANT("record_forgotten_unresolved")) continue;
        list_remove(&r->link);
        list_push_back(&g->settled, &r->link);
    }
}

/* Those that may go are taken off the list, up to the first that may not: what came later mostly goes later. How many. */
static uint32_t collect(struct range *g, struct list *from, uint64_t seen, struct buf *keys)
{
    uint32_t count = 0;
    LIST_FOR_EACH_SAFE(item, from) {
        struct record *r = CONTAINER_OF(item, struct record, link);
        bool late = seen > r->attempt.sent && seen - r->attempt.sent > OUTCOME_WINDOW_NS;
        if (late && seen > g->floor) g->floor = seen; /* whoever would decide on it, or prepare it, is refused from here on */
        if (!may_go(g, r) || keys->size > FORGET_BYTES) break;
        put_sized(keys, r->anchor);
        put_u64(keys, r->attempt.tag);
        list_remove(&r->link);
        list_push_back(&g->forgotten, &r->link);
        count++;
    }
    return count;
}

void records_sweep(struct range *g, uint64_t now_ns)
{
    if (g->forgets || g->latch != NULL || replica_frozen(g->replica)) return;
    if (holds_nothing(g)) {
        say_that_nothing_is_held(g, now_ns);
        return;
    }
    g->quiet_since_ns = 0;
    uint64_t seen = kv_timestamp_seen(g->kv);
    struct buf keys;
    buf_init(&keys, 2 * FORGET_BYTES);
    settle(g);
    uint32_t count = collect(g, &g->settled, seen, &keys);
    count += collect(g, &g->refusals, seen, &keys);
    if (count > 0) propose_forget(g, false, &keys, count);
    buf_deinit(&keys);
}
