/* The next step of one range. In this order: what has lost voters or has too few is mended; too many go;
 * voters are set apart; fullness is levelled. What cannot be decided now (a change is under way, no
 * majority answers, whoever should take the replica is busy) waits for the next look. */
#include <string.h>

#include "base/assert.h"
#include "shard/allocator.h"

/* Nodes of the voters, as the decision goes on. */
struct set {
    uint64_t nodes[2 * RAFT_VOTERS_MAX];
    uint32_t count;
};

static const struct allocator_node *find(const struct allocator *a, uint64_t node)
{
    return allocator_node((struct allocator *)(uintptr_t)a, node);
}

static bool has(const struct set *s, uint64_t node)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i] == node) return true;
    return false;
}

static void put(struct set *s, uint64_t node)
{
    ASSERT(s->count < sizeof s->nodes / sizeof s->nodes[0]);
    ASSERT(!has(s, node)); /* ALLOC-2: no two voters on one node */
    s->nodes[s->count++] = node;
}

static void drop(struct set *s, uint64_t node)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i] != node) s->nodes[kept++] = s->nodes[i];
    ASSERT(kept + 1 == s->count);
    s->count = kept;
}

static bool same(const struct set *x, const struct set *y)
{
    if (x->count != y->count) return false;
    for (uint32_t i = 0; i < x->count; i++)
        if (!has(y, x->nodes[i])) return false;
    return true;
}

static struct set voters_of(const struct raft_config *c)
{
    struct set s = {.count = 0};
    for (uint32_t i = 0; i < c->voter_count; i++)
        if (!has(&s, c->voters[i].node)) put(&s, c->voters[i].node);
    return s;
}

static int tolerance(const struct allocator *a, const struct set *s)
{
    return allocator_tolerance(a, s->nodes, s->count);
}

/* A voter there has to be replaced. */
static bool must_leave(const struct allocator *a, uint64_t node)
{
    const struct allocator_node *n = find(a, node);
    return n == NULL || n->state == ALLOCATOR_GONE || n->state == ALLOCATOR_LEAVING || n->health == ALLOCATOR_DEAD;
}

/* It may still come back, and nobody wants it away. */
static bool may_return(const struct allocator *a, uint64_t node)
{
    const struct allocator_node *n = find(a, node);
    return n != NULL && n->health == ALLOCATOR_DEAD && n->state != ALLOCATOR_GONE && n->state != ALLOCATOR_LEAVING;
}

static bool is_learner(const struct raft_config *c, uint64_t node)
{
    for (uint32_t i = 0; i < c->learner_count; i++)
        if (c->learners[i].node == node) return true;
    return false;
}

/* ---- candidates ---- */

static bool is_candidate(const struct set *now, const struct set *target, const struct allocator_node *n)
{
    return allocator_takes(n) && !has(now, n->node.value) && !has(target, n->node.value);
}

static uint64_t closeness_with(const struct allocator *a, const struct set *s, uint64_t node)
{
    struct set with = *s;
    put(&with, node);
    return allocator_closeness(a, with.nodes, with.count);
}

static uint64_t closeness_without(const struct allocator *a, const struct set *s, uint64_t node)
{
    struct set without = *s;
    drop(&without, node);
    return allocator_closeness(a, without.nodes, without.count);
}

static uint32_t candidate_count(const struct allocator *a, const struct set *now, const struct set *target)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->node_count; i++) count += is_candidate(now, target, &a->nodes[i]);
    return count;
}

/* The one that stands furthest from the others; then one that has begun to fetch the range; then the
 * emptiest; then the oldest. */
static const struct allocator_node *best_candidate(const struct allocator *a, const struct allocator_range *r,
                                                   const struct set *now, const struct set *target)
{
    const struct allocator_node *best = NULL;
    uint64_t best_close = 0, best_full = 0;
    bool best_learns = false;
    for (uint32_t i = 0; i < a->node_count; i++) {
        const struct allocator_node *n = &a->nodes[i];
        if (!is_candidate(now, target, n)) continue;
        uint64_t close = closeness_with(a, target, n->node.value), full = allocator_fullness(a, n);
        bool learns = is_learner(r->config, n->node.value);
        bool better = best == NULL || close < best_close;
        if (!better && close == best_close)
            better = learns != best_learns ? learns : full < best_full;
        if (!better) continue;
        best = n;
        best_close = close;
        best_full = full;
        best_learns = learns;
    }
    return best;
}

/* Whoever is silent, for the others are needed; then who stands closest to the others; then a follower; then on the fullest
 * node; then the newest. */
static uint64_t worst_voter(const struct allocator *a, const struct allocator_range *r, const struct set *s)
{
    uint64_t worst = 0, worst_close = 0, worst_full = 0;
    bool worst_leads = false, worst_silent = false;
    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t node = s->nodes[i], close = closeness_without(a, s, node);
        const struct allocator_node *n = find(a, node);
        bool silent = n == NULL || n->health != ALLOCATOR_ALIVE;
        uint64_t full = n == NULL ? UINT64_MAX : allocator_fullness(a, n);
        bool leads = node == r->leader.value;
        bool worse = worst == 0 || silent > worst_silent || (silent == worst_silent && close < worst_close);
        if (!worse && silent == worst_silent && close == worst_close)
            worse = leads != worst_leads ? !leads : full > worst_full || (full == worst_full && node > worst);
        if (!worse) continue;
        worst = node;
        worst_close = close;
        worst_full = full;
        worst_leads = leads;
        worst_silent = silent;
    }
    return worst;
}

/* ---- mending ---- */

enum verdict { VERDICT_OK, VERDICT_WAIT };

static bool may_fetch(const struct allocator_node *n, const struct allocator_range *r, uint32_t limit)
{
    return n->incoming + allocator_fetch(r->measured, r->bytes) <= limit * ALLOCATOR_FETCH_BYTES;
}

/* Takes the best candidates until there are `wanted` voters. WAIT: one of them is busy. */
static enum verdict fill(const struct allocator *a, const struct allocator_range *r, const struct set *now,
                         struct set *target, uint32_t wanted)
{
    while (target->count < wanted) {
        const struct allocator_node *n = best_candidate(a, r, now, target);
        if (n == NULL) break;
        if (!may_fetch(n, r, a->repairs_max) && !is_learner(r->config, n->node.value)) return VERDICT_WAIT;
        put(target, n->node.value);
    }
    return VERDICT_OK;
}

/* A voter that is to leave may have to wait for a node that is drained or not heard of just now: there are nodes enough
 * besides those that leave, and who let it leave was told that as many copies would remain. */
static bool may_wait(const struct allocator *a, const struct allocator_range *r, uint64_t node)
{
    const struct allocator_node *n = find(a, node);
    if (n == NULL || n->state != ALLOCATOR_LEAVING || n->health == ALLOCATOR_DEAD || MUTANT("decommission_cannot_wait"))
        return false;
    uint32_t staying = 0;
    for (uint32_t i = 0; i < a->node_count; i++)
        staying += a->nodes[i].state != ALLOCATOR_LEAVING && a->nodes[i].state != ALLOCATOR_GONE;
    return staying >= r->factor;
}

/* There are not nodes enough for all the voters wanted. Two copies are better than one, but beyond that an
 * even number only costs. Those that leave stay for as long as somebody may yet take their place, and the dead keep their
 * vote, for they may come back, unless the rest tolerates more without them. */
static enum verdict make_do(const struct allocator *a, const struct allocator_range *r, const struct set *now,
                            struct set *target)
{
    uint32_t all = target->count + candidate_count(a, now, target), waiting = 0;
    for (uint32_t i = 0; i < now->count; i++) waiting += may_wait(a, r, now->nodes[i]);
    uint32_t wanted = all > 2 && all % 2 == 0 && all + waiting < r->factor ? all - 1 : all;
    if (wanted < target->count) wanted = target->count;
    if (fill(a, r, now, target, wanted) != VERDICT_OK) return VERDICT_WAIT;
    struct set more = *target;
    for (uint32_t i = 0; i < now->count && more.count < r->factor; i++)
        if (may_wait(a, r, now->nodes[i])) put(&more, now->nodes[i]);
    for (uint32_t i = 0; i < now->count && more.count < r->factor; i++)
        if (may_return(a, now->nodes[i])) put(&more, now->nodes[i]);
    if (more.count > target->count && tolerance(a, &more) >= tolerance(a, target)) *target = more;
    return VERDICT_OK;
}

static enum allocator_reason mend_reason(const struct allocator *a, const struct set *now, const struct set *target)
{
    enum allocator_reason reason = target->count > now->count ? ALLOCATOR_GROW : ALLOCATOR_SHRINK;
    for (uint32_t i = 0; i < now->count; i++) {
        const struct allocator_node *n = find(a, now->nodes[i]);
        if (has(target, now->nodes[i]) || !must_leave(a, now->nodes[i])) continue;
        if (n == NULL || n->state == ALLOCATOR_GONE || n->health == ALLOCATOR_DEAD) return ALLOCATOR_REPAIR;
        reason = ALLOCATOR_DECOMMISSION;
    }
    return reason;
}

/* The right number of voters, on nodes that stay. */
static enum verdict mend(const struct allocator *a, const struct allocator_range *r, const struct set *now,
                         struct set *target)
{
    *target = (struct set){.count = 0};
    for (uint32_t i = 0; i < now->count; i++)
        if (!must_leave(a, now->nodes[i])) put(target, now->nodes[i]);
    while (target->count > r->factor) drop(target, worst_voter(a, r, target));
    if (target->count + candidate_count(a, now, target) >= r->factor)
        return fill(a, r, now, target, r->factor);
    return make_do(a, r, now, target);
}

/* ---- swaps ---- */

struct swap {
    uint64_t from, to;
    uint64_t gain;
};

/* How full one more replica of the range makes a node. */
static uint64_t weight_of(const struct allocator *a, const struct allocator_range *r)
{
    struct allocator_node one = {.replicas = 1, .bytes = r->bytes};
    uint64_t weight = allocator_fullness(a, &one);
    return weight == 0 ? 1 : weight;
}

static uint64_t closeness_swapped(const struct allocator *a, const struct set *s, uint64_t from, uint64_t to)
{
    struct set swapped = *s;
    drop(&swapped, from);
    put(&swapped, to);
    return allocator_closeness(a, swapped.nodes, swapped.count);
}

/* Sets the voters further apart; among equals, on the emptiest node. */
static bool spread(const struct allocator *a, const struct set *now, struct swap *best)
{
    uint64_t least = allocator_closeness(a, now->nodes, now->count), emptiest = 0;
    bool found = false;
    if (least == 0) return false;
    for (uint32_t i = 0; i < now->count; i++) {
        for (uint32_t j = 0; j < a->node_count; j++) {
            const struct allocator_node *to = &a->nodes[j];
            if (!allocator_takes(to) || has(now, to->node.value)) continue;
            uint64_t close = closeness_swapped(a, now, now->nodes[i], to->node.value);
            uint64_t full = allocator_fullness(a, to);
            if (close > least || (close == least && (!found || full >= emptiest))) continue;
            least = close;
            emptiest = full;
            found = true;
            *best = (struct swap){now->nodes[i], to->node.value, 0};
        }
    }
    return found;
}

/* From a full node to an empty one, whose difference is at least what is moved, on both sides: then they do
 * not pass each other, and no later move goes back. */
static bool level(const struct allocator *a, const struct allocator_range *r, const struct set *now,
                  struct swap *best)
{
    if (r->weightless || !a->balance_replicas) return false;
    uint64_t gap = 2 * weight_of(a, r), close = UINT64_MAX;
    if (gap < a->replica_gap_ppm) gap = a->replica_gap_ppm;
    if (MUTANT("balance_without_hysteresis")) gap = 0;
    best->gain = 0;
    for (uint32_t i = 0; i < now->count; i++) {
        const struct allocator_node *from = find(a, now->nodes[i]);
        uint64_t full = allocator_fullness(a, from);
        for (uint32_t j = 0; j < a->node_count && full >= gap; j++) {
            const struct allocator_node *to = &a->nodes[j];
            if (!allocator_takes(to) || has(now, to->node.value) || !may_fetch(to, r, a->balances_max)) continue;
            uint64_t empty = allocator_fullness(a, to);
            if (full < empty + gap || full - empty <= best->gain) continue;
            if (close == UINT64_MAX) close = allocator_closeness(a, now->nodes, now->count);
            if (closeness_swapped(a, now, from->node.value, to->node.value) > close) continue;
            *best = (struct swap){from->node.value, to->node.value, full - empty};
        }
    }
    return best->gain > 0;
}

/* ---- the decision ---- */

/* What was decided before is still right: as many as wanted, all on nodes that stay, and newcomers alive. */
static bool still_right(const struct allocator *a, const struct allocator_range *r, const struct set *now)
{
    for (uint32_t i = 0; i < r->target_count; i++) {
        const struct allocator_node *n = find(a, r->target[i]);
        bool newcomer = !has(now, r->target[i]);
        if (n == NULL || n->state == ALLOCATOR_GONE || n->state == ALLOCATOR_LEAVING) return false;
        if (newcomer && (n->health != ALLOCATOR_ALIVE || n->state != ALLOCATOR_ACTIVE)) return false;
        if (!newcomer && n->health == ALLOCATOR_DEAD && !may_return(a, n->node.value)) return false;
    }
    return r->target_count <= r->factor && allocator_tolerance(a, r->target, r->target_count) >= 0;
}

static bool answer(const struct allocator *a, const struct set *target, enum allocator_reason reason,
                   struct allocator_change *change_out)
{
    ASSERT(target->count > 0 && target->count <= RAFT_VOTERS_MAX);
    /* ALLOC-3: those who shall hold the range can go on without the others. */
    if (tolerance(a, target) < 0 && !MUTANT("allocator_loses_quorum")) return false;
    change_out->reason = reason;
    change_out->target_count = target->count;
    memcpy(change_out->target, target->nodes, target->count * sizeof target->nodes[0]);
    return true;
}

static bool swapped(const struct allocator *a, const struct set *now, const struct swap *s,
                    enum allocator_reason reason, struct allocator_change *change_out)
{
    struct set target = *now;
    drop(&target, s->from);
    put(&target, s->to);
    return answer(a, &target, reason, change_out);
}

bool allocator_decide(const struct allocator *a, const struct allocator_range *r,
                      struct allocator_change *change_out)
{
    ASSERT(r->factor >= 1 && r->factor <= RAFT_VOTERS_MAX);
    struct set now = voters_of(r->config), target;
    if (now.count == 0 || r->config->outgoing_count > 0) return false; /* ALLOC-4: one change at a time */
    if (tolerance(a, &now) < 0) return false;                          /* nothing can be committed */
    if (r->target_count > 0 && still_right(a, r, &now)) return false;
    if (mend(a, r, &now, &target) != VERDICT_OK || target.count == 0) return false;
    if (!same(&now, &target)) return answer(a, &target, mend_reason(a, &now, &target), change_out);
    struct swap swap;
    if (spread(a, &now, &swap)) {
        if (!may_fetch(find(a, swap.to), r, a->balances_max)) return false;
        return swapped(a, &now, &swap, ALLOCATOR_SPREAD, change_out);
    }
    bool undo = r->config->learner_count > 0 || r->target_count > 0; /* what was decided before is not right any more */
    if (undo) return answer(a, &now, ALLOCATOR_CLEAN, change_out);
    if (!level(a, r, &now, &swap)) return false;
    return swapped(a, &now, &swap, ALLOCATOR_BALANCE, change_out);
}

/* ---- leaders ---- */

/* In millionths of what a node leads on average; so many requests each second are little. */
static uint64_t busyness(const struct allocator *a, uint64_t leaders, uint64_t load)
{
    uint64_t share = 0, nodes = a->node_count, little = 100;
    if (a->leaders > 0) share += leaders * nodes * 1000000u / a->leaders;
    share += load * nodes * 1000000u / (a->load + nodes * little);
    return share;
}

/* By so much that they do not pass each other when a range of that load goes from one to the other. */
static bool is_busier(const struct allocator *a, uint64_t leaders, uint64_t load, uint64_t than_leaders, uint64_t than_load,
                      uint64_t range_load)
{
    uint64_t gap = 2 * busyness(a, 1, range_load);
    if (gap < a->leader_gap_ppm) gap = a->leader_gap_ppm;
    return busyness(a, leaders, load) >= busyness(a, than_leaders, than_load) + gap;
}

bool allocator_lead(const struct allocator *a, const struct allocator_range *r, struct node_id *to_out)
{
    const struct allocator_node *leader = find(a, r->leader.value), *best = NULL;
    if (leader == NULL || r->config->outgoing_count > 0) return false;
    bool away = leader->state != ALLOCATOR_ACTIVE && !MUTANT("drain_keeps_leaders");
    if (!away && (r->weightless || !a->balance_leaders || r->target_count > 0)) return false;
    uint64_t least = 0;
    for (uint32_t i = 0; i < r->config->voter_count; i++) {
        const struct allocator_node *n = find(a, r->config->voters[i].node);
        if (n == NULL || n == leader || n->health != ALLOCATOR_ALIVE || n->state != ALLOCATOR_ACTIVE) continue;
        uint64_t busy = busyness(a, n->leaders, n->load);
        if (best != NULL && busy >= least) continue;
        best = n;
        least = busy;
    }
    if (best == NULL) return false;
    if (!away && !is_busier(a, leader->leaders, leader->load, best->leaders, best->load, r->load)) return false;
    /* What has only just come may go as it came: then the number of leaders has to be reason enough. */
    if (!away && leader->load_is_news && !is_busier(a, leader->leaders, 0, best->leaders, 0, 0)) return false;
    *to_out = best->node;
    return true;
}
