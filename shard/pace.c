#include "shard/pace.h"

#include "base/assert.h"

#define LOOKS_MAX_NS (2 * PACE_LOOK_NS) /* a log that seldom syncs is waited for so long */
#define STEP (PACE_WHOLE / 16)
#define LITTLE_NS UINT64_C(300000) /* what nobody notices */

void pace_init(struct pace *p)
{
    *p = (struct pace){.share = PACE_WHOLE};
}

/* The newest counts for a quarter: single syncs may take a hundred times longer than others. */
static uint64_t smooth(uint64_t known_ns, uint64_t mean_ns)
{
    return known_ns == 0 ? mean_ns : (3 * known_ns + mean_ns) / 4;
}

static void settle(struct pace *p, bool slow)
{
    if (slow) p->share = p->share / 4 * 3 > PACE_LEAST ? p->share / 4 * 3 : PACE_LEAST;
    else p->share = p->share + STEP < PACE_WHOLE ? p->share + STEP : PACE_WHOLE;
    ASSERT(p->share >= PACE_LEAST);
    ASSERT(p->share <= PACE_WHOLE);
}

void pace_look(struct pace *p, uint64_t now_ns, uint64_t count, uint64_t sum_ns, bool moving)
{
    ASSERT(count >= p->count);
    ASSERT(sum_ns >= p->sum_ns);
    uint64_t syncs = count - p->count, passed_ns = now_ns - p->looked_ns;
    if (passed_ns < PACE_LOOK_NS || (syncs < PACE_SYNCS_MIN && passed_ns < LOOKS_MAX_NS)) return;
    uint64_t mean_ns = syncs == 0 ? 0 : (sum_ns - p->sum_ns) / syncs;
    p->looked_ns = now_ns;
    p->count = count;
    p->sum_ns = sum_ns;
    if (!moving) {
        if (syncs >= PACE_SYNCS_MIN) p->calm_ns = smooth(p->calm_ns, mean_ns);
        p->moving_ns = 0;
        p->share = PACE_WHOLE;
        return;
    }
    if (syncs < PACE_SYNCS_MIN || p->calm_ns == 0) return;
    p->moving_ns = smooth(p->moving_ns, mean_ns);
    bool slow = p->moving_ns > p->calm_ns + p->calm_ns / 2 + LITTLE_NS;
    settle(p, slow && !MUTANT("snapshots_unpaced_by_log"));
}
