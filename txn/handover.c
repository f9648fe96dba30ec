/* A leader that cannot reach the clock master serves nobody, although its own range has a majority:
 * a link that is cut between the two leaders only would stop the range for as long as it lasts. So
 * it hands its ranges to another voter, which may have a way, and when that is out of reach, too, to
 * the next. Readings that come end the search; while none comes (there may be no master at all) each
 * round over the voters is slower than the one before, so that terms hardly grow. */
#include "txn/range.h"

#define LOOK_EVERY_NS         500000000u
#define HANDOVER_AFTER_NS     UINT64_C(2500000000) /* longer than a new master takes to arise */
#define HANDOVER_PAUSE_NS     UINT64_C(1000000000)
#define HANDOVER_AT_ONCE      64 /* ranges in an attempt: each is an election, and there may be no master for anybody */
#define HANDOVER_ROUND        3 /* attempts at one pace */
#define HANDOVER_PAUSE_NS_MAX UINT64_C(64000000000)

/* True when another was told to lead. */
static bool hand_over(struct kv *kv, struct replica *r)
{
    const struct raft_config *config = &replica_descriptor(r)->config;
    struct node_id self = store_identity(kv->store)->node;
    if (config->voter_count == 0) return false;
    uint64_t first = kv->handover.attempt + 1;
    for (uint32_t i = 0; i < config->voter_count; i++) {
        struct node_id to = {config->voters[(first + i) % config->voter_count].node};
        if (to.value == self.value) continue;
        if (replica_transfer(r, to) != STATUS_OK) continue;
        COVER("txn_handover_without_clock");
        LOG_WARN(store_logger(kv->store), "txn",
                 "no way to the clock master: leadership is handed over", "range=%llu to=%llu",
                 (unsigned long long)replica_range(r).value, (unsigned long long)to.value);
        return true;
    }
    return false;
}

static void on_look(struct timer *t, void *ctx)
{
    struct kv *kv = ctx;
    struct handover *h = &kv->handover;
    uint64_t now_ns = env_now_ns(store_env(kv->store));
    timer_arm(store_timers(kv->store), t, now_ns + LOOK_EVERY_NS);
    uint64_t since_ns = kv->clock.unanswered_since_ns;
    if (since_ns == 0) {
        h->pause_ns = HANDOVER_PAUSE_NS;
        h->next_ns = 0;
        return;
    }
    if (now_ns < since_ns + HANDOVER_AFTER_NS || now_ns < h->next_ns) return;
    if (MUTANT("k27_no_handover")) return;
    uint32_t handed = 0;
    LIST_FOR_EACH(item, &kv->ranges)
    {
        struct range *g = CONTAINER_OF(item, struct range, link);
        if (replica_range(g->replica).value != RANGE_META.value && replica_serving(g->replica))
            handed += hand_over(kv, g->replica);
        if (handed == HANDOVER_AT_ONCE) break;
    }
    if (handed == 0) return; /* who led nothing has tried nothing, however long it was cut off */
    h->next_ns = now_ns + h->pause_ns;
    if (++h->attempt % HANDOVER_ROUND == 0 && h->pause_ns < HANDOVER_PAUSE_NS_MAX)
        h->pause_ns *= 2;
}

void handover_attach(struct handover *h, struct kv *kv)
{
    timer_init(&h->timer, on_look, kv);
    h->pause_ns = HANDOVER_PAUSE_NS;
    timer_arm(store_timers(kv->store), &h->timer, env_now_ns(store_env(kv->store)) + LOOK_EVERY_NS);
}

void handover_stop(struct handover *h, struct kv *kv)
{
    timer_cancel(store_timers(kv->store), &h->timer);
}
