#include "shard/outlook.h"

#include <string.h>

#include "base/assert.h"

#define PLACES_MAX 8 /* named in a text */
#define STEPS_MAX 4 /* decisions about one range, one after another */

void outlook_begin(struct outlook *o, const struct allocator *a)
{
    *o = (struct outlook){.tolerance = RAFT_VOTERS_MAX, .nodes = a->node_count};
    for (uint32_t i = 0; i < a->node_count; i++) o->nodes_live += allocator_live(&a->nodes[i]);
}

static const struct allocator_node *find(const struct allocator *a, uint64_t node)
{
    return allocator_node((struct allocator *)(uintptr_t)a, node);
}

/* Live voters in each place that has one: does the range go on without them? */
static void add_places(struct outlook *o, const struct allocator *a, const struct allocator_node *const *live,
                       uint32_t count, uint32_t quorum)
{
    for (uint32_t t = 0; t < ALLOCATOR_TIERS_MAX; t++) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t here = 0, before = 0;
            for (uint32_t j = 0; j < count; j++) {
                bool together = live[j]->classes[t] == live[i]->classes[t];
                here += together;
                before += together && j < i;
            }
            if (before > 0 || live[i]->classes[t] >= ALLOCATOR_NODES_MAX) continue;
            ASSERT(live[i]->classes[t] < a->node_count);
            if (count - here < quorum) o->place_stops[t][live[i]->classes[t]]++;
        }
    }
}

void outlook_add(struct outlook *o, const struct allocator *a, const struct allocator_range *r)
{
    const struct allocator_node *live[RAFT_VOTERS_MAX];
    uint32_t count = 0, voters = r->config->voter_count, quorum = allocator_quorum(voters);
    for (uint32_t i = 0; i < voters; i++) {
        const struct allocator_node *n = find(a, r->config->voters[i].node);
        if (n != NULL && allocator_live(n)) live[count++] = n;
    }
    if (o->ranges++ == 0 || voters < o->voters_min) o->voters_min = voters;
    if (voters > o->voters_max) o->voters_max = voters;
    o->under += count < r->factor;
    int tolerance = (int)count - (int)quorum;
    if (tolerance < -1) tolerance = -1;
    if (tolerance < o->tolerance) o->tolerance = tolerance;
    if (tolerance < 0) {
        o->unavailable++;
        return;
    }
    for (uint32_t i = 0; i < count && count == quorum; i++) o->node_stops[live[i] - a->nodes]++;
    add_places(o, a, live, count, quorum);
}

static void put_count(struct buf *out, uint64_t count, const char *noun)
{
    buf_printf(out, "%llu %s%s", (unsigned long long)count, noun, count == 1 ? "" : "s");
}

/* The last part of a place's name: "rack=b" of "region=a,rack=b", with all of it where names repeat. */
static struct bytes place_name(const struct allocator *a, uint32_t tier, uint32_t slot)
{
    const char *locality = a->nodes[slot].locality, *end = locality;
    for (uint32_t i = 0; i <= tier; i++) {
        end += strcspn(end, ",");
        if (i < tier) end += *end == ',';
    }
    return bytes_make((const uint8_t *)locality, (size_t)(end - locality));
}

/* Nobody has to be told what the loss of everything means. */
static bool holds_all(const struct allocator *a, uint32_t tier, uint32_t slot)
{
    for (uint32_t i = 0; i < a->node_count; i++)
        if (allocator_live(&a->nodes[i]) && a->nodes[i].classes[tier] != slot) return false;
    return true;
}

void outlook_text(const struct outlook *o, const struct allocator *a, struct buf *out)
{
    if (o->ranges == 0) return;
    if (o->unavailable > 0) {
        put_count(out, o->unavailable, "range");
        buf_append_string(out, o->unavailable == 1 ? " has no majority" : " have no majority");
    } else if (o->tolerance == 0) {
        buf_append_string(out, "cannot lose any more nodes");
    } else {
        buf_append_string(out, "can lose ");
        put_count(out, (uint64_t)o->tolerance, "more node");
    }
    uint32_t places = 0;
    for (uint32_t t = 0; t < ALLOCATOR_TIERS_MAX; t++) {
        for (uint32_t slot = 0; slot < a->node_count; slot++) {
            if (o->place_stops[t][slot] == 0 || holds_all(a, t, slot)) continue;
            if (++places > PLACES_MAX) continue;
            buf_append_string(out, "; loss of ");
            buf_append_bytes(out, place_name(a, t, slot));
            buf_append_string(out, " stops ");
            put_count(out, o->place_stops[t][slot], "range");
        }
    }
    if (places > PLACES_MAX) buf_append_string(out, "; and more places");
}

/* ---- plans ---- */

void outlook_plan_begin(struct outlook_trial *trial, const struct allocator *a, struct outlook_plan *plan)
{
    *plan = (struct outlook_plan){0};
    trial->before = *a;
    trial->after = *a;
    trial->after.balance_replicas = trial->after.balance_leaders = false;
    trial->after.repairs_max = trial->after.balances_max = UINT32_MAX; /* in time, all are taken */
    trial->plan = plan;
}

void outlook_plan_start(struct outlook_trial *trial)
{
    outlook_begin(&trial->plan->before, &trial->before);
    outlook_begin(&trial->plan->after, &trial->after);
}

/* It works now, and would not if whoever shall drain or leave were gone at once. */
static bool stops_now(const struct outlook_trial *trial, const struct raft_config *c)
{
    uint32_t live = 0, left = 0;
    for (uint32_t i = 0; i < c->voter_count; i++) {
        const struct allocator_node *n = find(&trial->after, c->voters[i].node);
        live += n != NULL && allocator_live(n);
        left += n != NULL && allocator_live(n) && n->state == ALLOCATOR_ACTIVE;
    }
    uint32_t quorum = allocator_quorum(c->voter_count);
    return live >= quorum && left < quorum;
}

static bool on_leaver(const struct outlook_trial *trial, const struct raft_config *c)
{
    for (uint32_t i = 0; i < c->voter_count; i++) {
        const struct allocator_node *n = find(&trial->after, c->voters[i].node);
        if (n == NULL || n->state == ALLOCATOR_LEAVING || n->state == ALLOCATOR_GONE) return true;
    }
    return false;
}

static void set_voters(struct raft_config *c, const struct allocator_change *change)
{
    *c = (struct raft_config){.voter_count = change->target_count};
    for (uint32_t i = 0; i < change->target_count; i++) c->voters[i] = (struct raft_member){i + 1, change->target[i]};
}

void outlook_plan_add(struct outlook_trial *trial, const struct allocator_range *r)
{
    outlook_plan_add_wanting(trial, r, r->factor);
}

void outlook_plan_add_wanting(struct outlook_trial *trial, const struct allocator_range *r, uint32_t factor)
{
    struct outlook_plan *plan = trial->plan;
    outlook_add(&plan->before, &trial->before, r);
    struct raft_config config = *r->config;
    struct allocator_range moved = *r;
    moved.factor = factor;
    if (r->target_count > 0) { /* it is moving already: what follows comes after that */
        config = (struct raft_config){.voter_count = r->target_count};
        for (uint32_t i = 0; i < r->target_count; i++) config.voters[i] = (struct raft_member){i + 1, r->target[i]};
        moved.config = &config;
        moved.target_count = 0;
    }
    struct allocator_change change;
    bool moves = false;
    for (int i = 0; i < STEPS_MAX && allocator_decide(&trial->after, &moved, &change); i++) {
        if (change.reason >= ALLOCATOR_SPREAD) break; /* would come anyway */
        allocator_count(&trial->after, &moved, -1);
        set_voters(&config, &change);
        moved.config = &config;
        moved.target_count = 0;
        allocator_count(&trial->after, &moved, 1);
        moves = true;
    }
    plan->stops_now += stops_now(trial, r->config);
    plan->moves += moves;
    if (moves) plan->move_bytes += r->bytes;
    plan->stuck += on_leaver(trial, &config);
    plan->fewer += config.voter_count < factor;
    outlook_add(&plan->after, &trial->after, &moved);
}
