/* Nodes, sums and measures. What follows from them is decided in allocator_decide.c. */
#include "shard/allocator.h"

#include <string.h>

#include "base/assert.h"

#define MILLION UINT64_C(1000000)
/* What a node holds counts for less, beside how many replicas it has, while it is little. */
#define BYTES_UNIT (UINT64_C(1) << 20)
#define BYTES_LITTLE 64u
/* No replicas for a node with so little room left, in percent of its disk. */
#define DISK_FREE_PERCENT 10u

void allocator_init(struct allocator *a)
{
    memset(a, 0, sizeof *a);
    a->repairs_max = 2;
    a->balances_max = 1;
    a->replica_gap_ppm = 50000;
    a->leader_gap_ppm = 100000;
    a->balance_replicas = a->balance_leaders = true;
}

uint64_t allocator_fetch(bool measured, uint64_t bytes)
{
    if (!measured || bytes >= ALLOCATOR_FETCH_BYTES) return ALLOCATOR_FETCH_BYTES;
    return bytes < ALLOCATOR_FETCH_LEAST_BYTES ? ALLOCATOR_FETCH_LEAST_BYTES : bytes;
}

struct allocator_node *allocator_add(struct allocator *a, struct node_id node)
{
    ASSERT(node.value != 0);
    if (a->node_count == ALLOCATOR_NODES_MAX) return NULL;
    ASSERT(a->node_count == 0 || a->nodes[a->node_count - 1].node.value < node.value);
    struct allocator_node *n = &a->nodes[a->node_count++];
    *n = (struct allocator_node){.node = node, .state = ALLOCATOR_ACTIVE, .health = ALLOCATOR_ALIVE, .locality = ""};
    return n;
}

/* Bytes of the first `tier` + 1 parts of a locality; 0: it has fewer. */
static size_t prefix_size(const char *locality, uint32_t tier)
{
    const char *end = locality;
    for (uint32_t i = 0;; i++) {
        if (*end == '\0') return 0;
        end += strcspn(end, ",");
        if (i == tier) return (size_t)(end - locality);
        end += *end == ',';
    }
}

static uint16_t class_of(const struct allocator *a, uint32_t slot, uint32_t tier)
{
    const char *own = a->nodes[slot].locality;
    size_t size = prefix_size(own, tier);
    if (size == 0) return (uint16_t)(ALLOCATOR_NODES_MAX + slot);
    for (uint32_t i = 0; i < slot; i++) {
        const char *other = a->nodes[i].locality;
        if (prefix_size(other, tier) == size && memcmp(own, other, size) == 0) return (uint16_t)i;
    }
    return (uint16_t)slot;
}

void allocator_seal(struct allocator *a)
{
    for (uint32_t slot = 0; slot < a->node_count; slot++)
        for (uint32_t tier = 0; tier < ALLOCATOR_TIERS_MAX; tier++)
            a->nodes[slot].classes[tier] = class_of(a, slot, tier);
}

struct allocator_node *allocator_node(struct allocator *a, uint64_t node)
{
    uint32_t low = 0, high = a->node_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (a->nodes[middle].node.value < node) low = middle + 1;
        else high = middle;
    }
    return low < a->node_count && a->nodes[low].node.value == node ? &a->nodes[low] : NULL;
}

static const struct allocator_node *find(const struct allocator *a, uint64_t node)
{
    return allocator_node((struct allocator *)(uintptr_t)a, node);
}

/* ---- sums ---- */

static void add(uint64_t *sum, uint64_t value, int sign)
{
    ASSERT(sign == 1 || *sum >= value);
    *sum = sign == 1 ? *sum + value : *sum - value;
}

static void count_replica(struct allocator *a, const struct allocator_range *r, uint64_t node, int sign)
{
    struct allocator_node *n = allocator_node(a, node);
    if (n == NULL) return;
    add(&n->replicas, 1, sign);
    add(&n->bytes, r->bytes, sign);
    add(&a->replicas, 1, sign);
    add(&a->bytes, r->bytes, sign);
}

void allocator_count(struct allocator *a, const struct allocator_range *r, int sign)
{
    ASSERT(sign == 1 || sign == -1);
    if (r->weightless) return;
    if (r->target_count > 0)
        for (uint32_t i = 0; i < r->target_count; i++) count_replica(a, r, r->target[i], sign);
    else
        for (uint32_t i = 0; i < r->config->voter_count; i++) count_replica(a, r, r->config->voters[i].node, sign);
    struct allocator_node *leader = allocator_node(a, r->leader.value);
    if (leader == NULL) return;
    add(&leader->leaders, 1, sign);
    add(&leader->load, r->load, sign);
    add(&a->leaders, 1, sign);
    add(&a->load, r->load, sign);
}

/* ---- measures ---- */

bool allocator_live(const struct allocator_node *n)
{
    return n->health == ALLOCATOR_ALIVE && n->state != ALLOCATOR_GONE;
}

bool allocator_takes(const struct allocator_node *n)
{
    if (n->health != ALLOCATOR_ALIVE || n->state != ALLOCATOR_ACTIVE) return false;
    return n->disk_bytes == 0 || n->disk_free_bytes >= n->disk_bytes / 100 * DISK_FREE_PERCENT;
}

/* 5 bits a tier hold the 21 pairs of seven voters. */
uint64_t allocator_closeness(const struct allocator *a, const uint64_t *nodes, uint32_t count)
{
    uint64_t pairs[ALLOCATOR_TIERS_MAX] = {0};
    for (uint32_t i = 0; i < count; i++) {
        const struct allocator_node *x = find(a, nodes[i]);
        for (uint32_t j = i + 1; x != NULL && j < count; j++) {
            const struct allocator_node *y = find(a, nodes[j]);
            for (uint32_t t = 0; y != NULL && t < ALLOCATOR_TIERS_MAX && x->classes[t] == y->classes[t]; t++)
                pairs[t]++;
        }
    }
    uint64_t closeness = 0;
    for (uint32_t t = 0; t < ALLOCATOR_TIERS_MAX; t++) closeness = closeness << 5 | pairs[t];
    return closeness;
}

int allocator_tolerance(const struct allocator *a, const uint64_t *nodes, uint32_t count)
{
    int live = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct allocator_node *n = find(a, nodes[i]);
        live += n != NULL && allocator_live(n);
    }
    return live - (int)allocator_quorum(count);
}

uint64_t allocator_fullness(const struct allocator *a, const struct allocator_node *n)
{
    uint64_t share = 0, nodes = a->node_count;
    if (a->replicas > 0) share += n->replicas * nodes * MILLION / a->replicas;
    share += n->bytes / BYTES_UNIT * nodes * MILLION / (a->bytes / BYTES_UNIT + nodes * BYTES_LITTLE);
    return share;
}

const char *allocator_reason_text(enum allocator_reason reason)
{
    switch (reason) {
    case ALLOCATOR_NOTHING: return "nothing to do";
    case ALLOCATOR_REPAIR: return "a replica is lost";
    case ALLOCATOR_DECOMMISSION: return "a node is leaving";
    case ALLOCATOR_GROW: return "too few replicas";
    case ALLOCATOR_SHRINK: return "too many replicas";
    case ALLOCATOR_SPREAD: return "replicas stand closer together than they have to";
    case ALLOCATOR_BALANCE: return "balance";
    case ALLOCATOR_CLEAN: return "an earlier move was given up";
    case ALLOCATOR_ASKED: return "somebody asked for it";
    }
    return "unknown";
}

const char *allocator_factor_warning(uint32_t factor)
{
    switch (factor) {
    case 1: return "one replica: whatever its node loses is lost";
    case 2: return "2 replicas tolerate the loss of none, as 1 does: both are needed for every write";
    case 4: return "4 replicas tolerate the loss of 1, as 3 do, and every write waits for 3 of them";
    case 6: return "6 replicas tolerate the loss of 2, as 5 do, and every write waits for 4 of them";
    default: return NULL;
    }
}
