/* Intents and records as a new leader finds them in the engine: it reads them back before it serves anybody. Everything
 * of earlier terms is applied by then, and nothing of its own term changes them meanwhile. A range that never took part in a
 * commit over several ranges, or has nothing left of one, does not look (struct range, may_hold). */
#include <stdlib.h>

#include "txn/leader.h"
#include "txn/two_phase_leader.h"

#define LOOKED_PER_STEP 1024u

/* The intents of one attempt that were prepared together. Two ranges that are one now may each hold some, with timestamps of
 * their own, by which readers went. */
struct loading {
    struct list link;
    struct prepared_facts facts;
    struct buf writes, anchor, staged; /* count u32, writes */
    uint32_t count;
};

struct load {
    struct range *range;
    uint64_t term, now_ts;     /* now_ts 0: it leads already, and has taken in another range */
    enum lsm_space space;
    struct lsm_iter *iter;
    struct lsm_waiter waiter;
    struct list found;         /* struct loading */
    struct map by_facts;       /* hash of attempt and lb -> the last found */
    struct buf start;
};

static void loading_free(struct loading *one)
{
    list_remove(&one->link);
    buf_deinit(&one->writes);
    buf_deinit(&one->anchor);
    buf_deinit(&one->staged);
    free(one);
}

void load_end(struct range *g)
{
    struct load *l = g->load;
    if (l == NULL) return;
    g->load = NULL;
    g->joining = false;
    lsm_waiter_cancel(&l->waiter);
    if (l->iter != NULL) lsm_iter_close(l->iter);
    while (!list_empty(&l->found)) loading_free(CONTAINER_OF(l->found.next, struct loading, link));
    map_deinit(&l->by_facts);
    buf_deinit(&l->start);
    free(l);
}

static struct loading *loading_of(struct load *l, const struct prepared_facts *facts)
{
    uint64_t key[3] = {facts->attempt.sent, facts->attempt.tag, facts->lb}, hash = hash64(key, sizeof key, 0);
    struct loading *one = map_get(&l->by_facts, hash);
    if (one != NULL && attempt_equal(one->facts.attempt, facts->attempt) && one->facts.lb == facts->lb) return one;
    one = calloc(1, sizeof *one);
    if (one == NULL) return NULL;
    one->facts = *facts;
    buf_init(&one->writes, NET_MESSAGE_BYTES_MAX);
    buf_init(&one->anchor, SHARD_KEY_BYTES_MAX);
    buf_init(&one->staged, NET_MESSAGE_BYTES_MAX);
    buf_append_bytes(&one->anchor, facts->anchor);
    put_u32(&one->writes, 0);
    list_push_back(&l->found, &one->link);
    if (map_put(&l->by_facts, hash, one) != STATUS_OK) one->writes.failed = true;
    return one;
}

static enum status take_intent(struct load *l, const struct lsm_item *item)
{
    struct prepared_facts facts;
    struct write w = {.key = item->key};
    if (item->tombstone) return STATUS_OK;
    if (!intent_decode(item->value, &facts, &w)) return STATUS_CORRUPT;
    struct loading *one = loading_of(l, &facts);
    if (one == NULL) return STATUS_NO_MEMORY;
    encode_write(&one->writes, &w);
    one->count++;
    if (!MUTANT("staged_keys_not_read_back")) buf_append_bytes(&one->staged, facts.staged);
    return one->writes.failed || one->anchor.failed || one->staged.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status take_record(struct load *l, const struct lsm_item *item)
{
    struct record found, *r;
    if (item->tombstone) return STATUS_OK;
    if (!record_decode(item->key, item->ts, item->value, &found)) return STATUS_CORRUPT;
    return found.state == RECORD_REFUSED ? refusal_add(l->range, &found, &r) : record_add(l->range, &found, &r);
}

/* STATUS_NOT_FOUND: that was all. */
static enum status scan(struct load *l)
{
    struct lsm *lsm = store_lsm(l->range->kv->store);
    enum status status = STATUS_OK;
    if (l->iter == NULL)
        status = lsm_iter_open(lsm, replica_range(l->range->replica), l->space, buf_view(&l->start), BYTES_EMPTY, LSM_TS_MAX,
                               LSM_ITER_ALL_VERSIONS, false, &l->iter);
    for (uint32_t looked = 0; status == STATUS_OK; looked++) {
        struct lsm_item item;
        if (looked == LOOKED_PER_STEP) {
            lsm_wait_turn(lsm, &l->waiter);
            return STATUS_WAIT;
        }
        status = lsm_iter_next(l->iter, &l->waiter, &item);
        if (status != STATUS_OK) break;
        status = l->space == LSM_SPACE_INTENTS ? take_intent(l, &item) : take_record(l, &item);
    }
    return status;
}

static struct loading *lowest(struct load *l)
{
    struct loading *low = NULL;
    LIST_FOR_EACH(item, &l->found) {
        struct loading *one = CONTAINER_OF(item, struct loading, link);
        if (low == NULL || one->facts.lb < low->facts.lb) low = one;
    }
    return low;
}

/* In the order of their timestamps, as they stood in the log. */
static enum status restore(struct load *l)
{
    enum status status = STATUS_OK;
    for (struct loading *one; status == STATUS_OK && (one = lowest(l)) != NULL;) {
        store_le32(one->writes.data, one->count);
        one->facts.anchor = buf_view(&one->anchor);
        one->facts.staged = buf_view(&one->staged);
        status = prepared_restore(l->range, &one->facts, buf_view(&one->writes));
        loading_free(one);
    }
    return status;
}

static void go_on(struct load *l)
{
    struct range *g = l->range;
    if (!replica_serving(g->replica) || replica_term(g->replica) != l->term) {
        load_end(g);
        g->preparing = false;
        records_clear(g);
        range_role_changed(g);
        return;
    }
    enum status status = scan(l);
    while (status == STATUS_NOT_FOUND && l->space == LSM_SPACE_INTENTS) {
        lsm_iter_close(l->iter);
        l->iter = NULL;
        l->space = LSM_SPACE_LOCAL;
        status = scan(l);
    }
    if (status == STATUS_WAIT) return;
    if (status == STATUS_NOT_FOUND) status = restore(l);
    if (status != STATUS_OK) { /* a damaged replica is about to be fenced; without memory it is tried again by whoever asks */
        COVER("txn_load_failed");
        load_end(g);
        g->preparing = false;
        return;
    }
    uint64_t now_ts = l->now_ts;
    load_end(g);
    if (g->prepared_count > 0) COVER("txn_intents_read_back");
    if (now_ts != 0) {
        range_become_ready(g, now_ts);
    } else {
        g->preparing = false;
        g->ready = true;
        range_run_waiting(g);
    }
    two_phase_note(g);
}

static void on_ready(struct lsm_waiter *w)
{
    go_on(CONTAINER_OF(w, struct load, waiter));
}

static struct load *make(struct range *g, struct bytes start, uint64_t now_ts)
{
    ASSERT(g->load == NULL);
    struct load *l = calloc(1, sizeof *l);
    if (l == NULL) return NULL;
    *l = (struct load){.range = g, .term = g->term, .now_ts = now_ts, .space = LSM_SPACE_INTENTS};
    list_init(&l->found);
    map_init(&l->by_facts);
    lsm_waiter_init(&l->waiter, on_ready);
    buf_init(&l->start, LSM_KEY_BYTES_MAX);
    buf_append_bytes(&l->start, start);
    g->load = l;
    if (!l->start.failed) return l;
    load_end(g);
    return NULL;
}

enum status load_begin(struct range *g, uint64_t now_ts)
{
    ASSERT(now_ts != 0);
    struct load *l = make(g, BYTES_EMPTY, now_ts);
    if (l == NULL) return STATUS_NO_MEMORY;
    go_on(l);
    return STATUS_OK;
}

void load_again(struct range *g)
{
    if (g->load == NULL) return;
    COVER("txn_load_again");
    uint64_t now_ts = g->load->now_ts;
    load_end(g);
    records_clear(g);
    struct load *l = now_ts == 0 ? NULL : make(g, BYTES_EMPTY, now_ts);
    if (l != NULL) lsm_wait_turn(store_lsm(g->kv->store), &l->waiter);
    else g->preparing = false; /* whoever asks for something has it begin anew */
}

enum status load_more(struct range *g, struct bytes start)
{
    struct load *l = make(g, start, 0);
    if (l == NULL) return STATUS_NO_MEMORY;
    g->ready = false;
    g->preparing = g->joining = true;
    lsm_wait_turn(store_lsm(g->kv->store), &l->waiter); /* the engine has not joined them yet */
    return STATUS_OK;
}
