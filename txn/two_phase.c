/* A commit that writes to several ranges, at the gateway (README.md, Writes in several ranges): what is written is prepared in
 * all of them, what was read is found unchanged at the highest of their timestamps, and one record, at the range of one of the
 * keys written, decides.
 *
 * The leaders' part: prepare.c, decide.c, resolve.c. */
#include <stdlib.h>

#include "txn/two_phase.h"

#define LOCKS_AFTER 2            /* attempts that others stood in the way of */
#define LOCKED_MAX 4096u         /* keys that are locked then */
#define PAUSE_NS_MIN 1000000u
#define PAUSE_NS_MAX 50000000u
#define CLOCK_LOOK_NS 2000000u
#define CONTENDED_NS 1000000u    /* a lock that was waited for so long: others want those keys, too */
#define CUTS_MAX 1000
#define SPILLED_AT_ONCE 4u       /* requests: 8 MiB */
#define PARTICIPANT_BYTES_MAX (TXN_ENTRY_BYTES_MAX / 4) /* of keys in the record, beside what it writes itself */

/* ---- an attempt has a name: when it began, and a tag ---- */

/* [fiber] A reading that this node has seen; after its start there may be none yet. */
static enum status await_clock(struct two_phase *p)
{
    struct txn *t = p->t;
    struct env *env = store_env(t->kv->store);
    uint64_t give_up_ns = t->deadline_ns;
    if (give_up_ns == 0)
        give_up_ns = p->start_ns + (t->no_quorum_ns != 0 ? t->no_quorum_ns : t->kv->no_quorum_timeout_ns);
    while (clock_seen(&t->kv->clock) == 0) {
        if (t->kv->stopping) return STATUS_CANCELLED;
        if (t->interrupt.requested) return STATUS_TIMEOUT;
        if (env_now_ns(env) >= give_up_ns) return t->deadline_ns != 0 ? STATUS_TIMEOUT : STATUS_UNAVAILABLE;
        COVER("txn_stamp_waits_for_clock");
        clock_ask_soon(&t->kv->clock);
        gateway_pause(t->kv, CLOCK_LOOK_NS, &t->interrupt);
    }
    return STATUS_OK;
}

/* T stays as long as it is of use: who began earlier waits for others, who began later gives way. */
static enum status name_attempt(struct two_phase *p)
{
    struct txn *t = p->t;
    enum status status = await_clock(p);
    if (status != STATUS_OK) return status;
    if (p->sent_ts == 0 || p->refused_at != 0) {
        uint64_t seen = clock_seen(&t->kv->clock);
        p->sent_ts = seen > p->refused_at ? seen : p->refused_at;
        p->sent_ts = p->sent_ts >> OUTCOME_SENT_SHIFT << OUTCOME_SENT_SHIFT; /* as the id says */
    }
    p->refused_at = 0;
    if (p->sent_ts > t->last_ct) return STATUS_EXPIRED;
    uint64_t ct_max = p->sent_ts + OUTCOME_WINDOW_NS;
    p->last_ct = ct_max < t->last_ct ? ct_max : t->last_ct;
    return STATUS_OK;
}

/* Where it has waited for its locks longest: others wait there, too. {0}: nowhere. */
static struct range_id waited_in(const struct txn *t)
{
    const struct lock_area *longest = NULL;
    for (const struct lock_area *a = t->locked; a != NULL; a = a->next)
        if (longest == NULL || a->waited_ns > longest->waited_ns) longest = a;
    bool waited = longest != NULL && longest->waited_ns >= CONTENDED_NS && !MUTANT("anchor_anywhere");
    return waited ? longest->range : (struct range_id){0};
}

bool two_phase_is_contended(const struct two_phase *p)
{
    return waited_in(p->t).value != 0;
}

/* Where others want what is written, as far as it has waited for its locks: what lies with the anchor is theirs a round of the log before
 * what does not. Else where this node leads: the decision and its answer are no messages then, and who coordinates the attempt
 * is who looks after its record. Else the first. Of very many keys only the first is looked at. */
static struct bytes pick_anchor(const struct two_phase *p)
{
    struct txn *t = p->t;
    struct store *store = t->kv->store;
    struct range_id contended = waited_in(t);
    const struct write *first = write_set_first(&t->writes), *w = first, *led = NULL;
    while (w != NULL && t->writes.count <= STAGED_KEYS_MAX + 1) {
        struct route route;
        if (!two_phase_find_first(p, w->key, &route) && store_route(store, w->key, &route) != STATUS_OK) break;
        bool leads = route.leader.value == store_identity(store)->node.value;
        if (contended.value == 0 ? leads : route.range.value == contended.value) return w->key;
        if (led == NULL && leads) led = w;
        do w = write_set_next(w);
        while (w != NULL && route_holds(&route, w->key));
    }
    return led != NULL ? led->key : first->key;
}

/* ---- first phase ---- */

static void take_promise(struct two_phase *p, struct group *g)
{
    struct reader in = reader_make(buf_view(&g->reply));
    uint64_t lb = get_u64(&in);
    if (!reader_done(&in) || lb == 0) {
        g->q.result = STATUS_INVALID;
        g->q.doubt = true;
        return;
    }
    g->lb = lb;
    if (p->ct == 0 || (lb > p->ct && !MUTANT("ct_of_first_prepare"))) p->ct = lb;
}

/* [fiber] Asks for these, as far as they are not prepared yet. */
static enum status prepare_these(struct two_phase *p, struct group *const *groups, uint32_t group_count)
{
    struct gateway_request *few[FEW_GROUPS] = {0}, **requests = few;
    uint32_t count = 0;
    if (group_count > FEW_GROUPS) requests = malloc(group_count * sizeof(struct gateway_request *));
    if (requests == NULL) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < group_count; i++)
        if (groups[i]->lb == 0) requests[count++] = &groups[i]->q;
    enum status status = gateway_call_all(p->t->kv, requests, count, false);
    if (requests != few) free(requests);
    for (uint32_t i = 0; i < group_count; i++) {
        struct group *g = groups[i];
        if (g->lb == 0 && g->q.asked && g->q.result == STATUS_OK) take_promise(p, g);
        if (g->q.result == STATUS_INVALID && status == STATUS_OK) status = STATUS_INVALID;
        if (g->q.refused_at > p->refused_at) p->refused_at = g->q.refused_at;
    }
    return status;
}

/* [fiber] What lies in a file comes back for a few requests at a time. */
static enum status prepare_spilled(struct two_phase *p)
{
    bool stale = false;
    for (uint32_t from = 0; from < p->count; from += SPILLED_AT_ONCE) {
        struct group *const *groups = p->groups + from;
        uint32_t count = p->count - from < SPILLED_AT_ONCE ? p->count - from : SPILLED_AT_ONCE;
        enum status status = STATUS_OK;
        for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
            if (groups[i]->lb == 0) status = two_phase_encode(p, groups[i]);
        if (status == STATUS_OK) status = prepare_these(p, groups, count);
        for (uint32_t i = 0; i < count; i++) {
            buf_deinit(&groups[i]->body);
            buf_init(&groups[i]->body, NET_MESSAGE_BYTES_MAX - 4096);
        }
        stale |= status == STATUS_STALE_ROUTE;
        if (status != STATUS_OK && status != STATUS_STALE_ROUTE) return status;
    }
    return stale ? STATUS_STALE_ROUTE : STATUS_OK;
}

/* [fiber] Asks for those that are not prepared yet. */
static enum status prepare_some(struct two_phase *p)
{
    return p->t->spill != NULL ? prepare_spilled(p) : prepare_these(p, p->groups, p->count);
}

static enum status prepare(struct two_phase *p)
{
    const struct write *last = write_set_seek_before(&p->t->writes, BYTES_EMPTY, WRITE_SET_NOW);
    enum status status = two_phase_cut(p, write_set_first(&p->t->writes), last);
    for (int cuts = 0; status == STATUS_OK; cuts++) {
        status = cuts == CUTS_MAX ? STATUS_UNAVAILABLE : prepare_some(p);
        if (status != STATUS_STALE_ROUTE) break;
        status = two_phase_cut_anew(p);
    }
    if (p->ct != 0 && status != STATUS_OK && MUTANT("decide_before_all_prepared")) return STATUS_OK;
    return status;
}

/* ---- what was read, at ct ---- */

/* Nobody else writes what it has prepared itself, and the leader that picked ct has validated what was read there up to it. */
static bool holds_already(const struct two_phase *p, const struct span *part)
{
    struct txn *t = p->t;
    if (part->point && write_set_find(&t->writes, part->start) != NULL) return true;
    return catalog_lease_covers(t->kv, part, t->read_ts, p->ct);
}

static enum status list_add(const struct two_phase *p, const struct span *part, struct span_list *list)
{
    bool foreign = true;
    for (uint32_t i = 0; i < p->count && foreign; i++) {
        struct span inside;
        foreign = !span_inside(part, &p->groups[i]->route, &inside);
    }
    if (foreign && MUTANT("refresh_spans_own_only")) return STATUS_OK;
    return holds_already(p, part) ? STATUS_OK : span_list_add(list, part);
}

/* What is left of the span outside of ranges that were validated up to ct. */
static enum status list_outside(const struct two_phase *p, uint32_t from, const struct span *part, struct span_list *list)
{
    for (uint32_t i = from; i < p->count; i++) {
        struct span outside[2];
        if (p->groups[i]->lb != p->ct || p->groups[i]->q.doubt) continue; /* asked twice, it may have validated less the first time */
        uint32_t count = span_outside(part, &p->groups[i]->route, outside);
        for (uint32_t k = 0; k < count; k++) {
            enum status status = list_outside(p, i + 1, &outside[k], list);
            if (status != STATUS_OK) return status;
        }
        return STATUS_OK;
    }
    return list_add(p, part, list);
}

static enum status refresh(struct two_phase *p)
{
    struct txn *t = p->t;
    struct span_list list;
    struct refresh how = {.kv = t->kv, .read_ts = t->read_ts, .ts = p->ct, .attempt = {p->sent_ts, t->id.tag},
                          .deadline_ns = t->deadline_ns, .no_quorum_ns = t->no_quorum_ns, .interrupt = &t->interrupt};
    enum status status = STATUS_OK;
    if (t->read_ts == 0) return STATUS_OK;
    span_list_init(&list);
    for (uint32_t i = 0; i < t->span_count && status == STATUS_OK; i++) status = list_outside(p, 0, &t->spans[i], &list);
    if (status == STATUS_OK && list.count > 0) {
        COVER("txn_two_phase_refresh");
        status = refresh_spans(&how, list.spans, list.count);
    }
    span_list_deinit(&list);
    return status;
}

/* ---- second phase ---- */

bool two_phase_stamp(struct gateway_request *q)
{
    const struct two_phase *p = q->ctx;
    ASSERT(q->served_by.value <= UINT32_MAX);
    p->t->id.sent_ts = p->sent_ts;
    p->t->id.range = q->served_by;
    return true;
}

enum status two_phase_encode_decision(struct two_phase *p, enum decide_what what)
{
    struct txn *t = p->t;
    struct buf participants;
    uint8_t room[256];
    buf_init_lent(&participants, NET_MESSAGE_BYTES_MAX, room, sizeof room);
    put_u16(&participants, (uint16_t)p->count);
    for (uint32_t i = 0; i < p->count; i++) {
        put_sized(&participants, p->groups[i]->first->key);
        put_sized(&participants, p->groups[i]->last->key);
    }
    buf_reset(&t->request);
    buf_append_zero(&t->request, HEAD_BYTES);
    decide_encode(&t->request, t->name, (struct attempt){p->sent_ts, t->id.tag}, what, p->ct, p->anchor, buf_view(&participants));
    bool fits = !participants.failed && participants.size <= PARTICIPANT_BYTES_MAX && !t->request.failed;
    buf_deinit(&participants);
    return fits ? STATUS_OK : STATUS_TOO_LARGE;
}

/* From here on only the record knows. STATUS_WAIT: somebody had aborted it. */
static enum status take_decision(struct two_phase *p)
{
    struct reader in = reader_make(buf_view(&p->t->reply));
    uint8_t state = get_u8(&in);
    uint64_t ct = get_u64(&in);
    if (reader_done(&in) && state == RECORD_COMMITTED && (ct == p->ct || (p->staged && ct < p->ct))) {
        p->ct = ct; /* it was committed before a part of it was prepared again */
        return STATUS_OK;
    }
    if (reader_done(&in) && state == RECORD_ABORTED) {
        COVER("txn_two_phase_was_aborted");
        return STATUS_WAIT;
    }
    return STATUS_UNKNOWN_OUTCOME;
}

struct gateway_request two_phase_decide_request(struct two_phase *p)
{
    struct gateway_request q = txn_request(p->t, RPC_DECIDE, p->anchor);
    q.decides = q.stamped = true;
    q.before_attempt = two_phase_stamp;
    q.ctx = p;
    return q;
}

enum status two_phase_decide(struct two_phase *p)
{
    struct txn *t = p->t;
    struct gateway_request q = two_phase_decide_request(p);
    enum status status = two_phase_encode_decision(p, MUTANT("asked_twice_known") ? DECIDE_KNOWN : DECIDE_COMMIT);
    if (status != STATUS_OK) return status;
    status = gateway_call(t->kv, &q, &t->reply);
    if (status == STATUS_OK) return take_decision(p);
    if (q.refused_at > p->refused_at) p->refused_at = q.refused_at;
    return q.doubt && !MUTANT("abort_after_decide") ? STATUS_UNKNOWN_OUTCOME : status;
}

/* ---- attempts ---- */

static enum status attempt(struct two_phase *p)
{
    p->ct = 0;
    p->staged = false;
    enum status status = name_attempt(p);
    if (status != STATUS_OK) return status;
    p->anchor = pick_anchor(p);
    two_phase_stage(p);
    status = prepare(p);
    if (status == STATUS_OK && p->ct > p->last_ct) status = STATUS_EXPIRED;
    if (p->staged) return two_phase_end_staged(p, status);
    if (status == STATUS_OK) status = refresh(p);
    return status == STATUS_OK ? two_phase_decide(p) : status;
}

/* Others stood in the way, or it took so long that its time was over. */
static bool may_try_again(const struct two_phase *p, enum status status)
{
    if (status == STATUS_EXPIRED) return p->refused_at != 0 && p->refused_at <= p->t->last_ct;
    return status == STATUS_WAIT;
}

static enum status pause_between(struct two_phase *p, uint32_t attempts)
{
    struct txn *t = p->t;
    uint64_t bound_ns = PAUSE_NS_MIN << (attempts < 6 ? attempts : 6);
    if (bound_ns > PAUSE_NS_MAX) bound_ns = PAUSE_NS_MAX;
    uint64_t now_ns = env_now_ns(store_env(t->kv->store));
    if (t->kv->stopping) return STATUS_CANCELLED;
    if (t->interrupt.requested) return STATUS_TIMEOUT;
    if (t->lock_timeout_ns != 0 && now_ns >= p->start_ns + t->lock_timeout_ns) return STATUS_LOCKED;
    if (t->deadline_ns != 0 && now_ns >= t->deadline_ns) return STATUS_TIMEOUT;
    gateway_pause(t->kv, PAUSE_NS_MIN / 2 + prng_below(&t->kv->prng, bound_ns), &t->interrupt);
    return STATUS_OK;
}

/* Whoever meets others again and again stands in line, key by key, as all who do: so each has its turn. */
static enum status lock_writes(struct two_phase *p)
{
    struct txn *t = p->t;
    uint32_t count = 0;
    if (t->writes.count > LOCKED_MAX) return STATUS_OK;
    struct bytes *keys = ARENA_ARRAY(t->arena, struct bytes, t->writes.count);
    if (keys == NULL) return STATUS_NO_MEMORY;
    COVER("txn_two_phase_locks");
    for (const struct write *w = write_set_first(&t->writes); w != NULL; w = write_set_next(w)) keys[count++] = w->key;
    return txn_lock_written(t, keys, count);
}

static enum status run(struct two_phase *p)
{
    struct txn *t = p->t;
    for (uint32_t attempts = 1;; attempts++) {
        enum status status = attempt(p);
        if (!may_try_again(p, status)) return status;
        t->kv->metrics.prepare_repeats++;
        p->plain = true; /* to give up one that is staged costs a round */
        two_phase_undo(p);
        two_phase_drop_groups(p);
        t->id.tag = txn_tag_draw(t->kv); /* what is still on its way belongs to the one before */
        status = pause_between(p, attempts);
        if (status == STATUS_OK && attempts >= LOCKS_AFTER) status = lock_writes(p);
        if (status != STATUS_OK) return status;
    }
}

enum status two_phase_commit(struct txn *t, const struct route *route, uint64_t start_ns, uint64_t *ct_out)
{
    struct two_phase p;
    t->apart = true;
    if (t->pending_term != 0) return STATUS_CONFLICT; /* what it was shown in flight is not behind it in all of them */
    enum status status = txn_locks_begin(t); /* who waits for what it prepares asks whether it lives */
    if (status != STATUS_OK) return status;
    two_phase_init(&p, t, route, start_ns);
    status = run(&p);
    if (status == STATUS_OK) {
        t->kv->metrics.two_phase_commits++;
        for (uint32_t i = 0; i < p.count; i++) txn_locks_given_back(t, p.groups[i]->q.served_by);
        *ct_out = p.ct;
    } else if (status != STATUS_UNKNOWN_OUTCOME) {
        t->kv->metrics.two_phase_aborts++;
        two_phase_undo_behind(&p);
    }
    two_phase_deinit(&p);
    return status;
}
