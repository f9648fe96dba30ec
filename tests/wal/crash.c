#include "tests/wal/crash.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"

#define MASK_BITS 20
#define NESTED_MAX 3

static void choose(struct rig *r, uint64_t subset, size_t *count_out)
{
    size_t count = sim_disk_crash_choices(r->disk);
    bool *keep = calloc(count + 1, sizeof keep[0]);
    struct prng prng;
    prng_init(&prng, subset);
    uint64_t rate = 1 + prng_below(&prng, 9);
    for (size_t i = 0; i < count; i++) {
        if (subset == 0 || subset == UINT64_MAX) keep[i] = subset != 0;
        else if (count <= MASK_BITS) keep[i] = (subset >> i & 1) != 0;
        else keep[i] = prng_chance(&prng, rate, 10);
    }
    sim_disk_crash_choose(r->disk, keep, count);
    free(keep);
    *count_out = count;
}

/* Opens after a power loss, with the power failing again on the way now and then. */
static const char *open_after(struct rig *r, const struct crash_plan *plan)
{
    struct prng prng;
    prng_init(&prng, plan->seed * 31 + plan->crash_at * 17 + plan->subset);
    for (int i = 0; plan->crash_again && i < NESTED_MAX; i++) {
        sim_disk_crash_after(r->disk, sim_disk_op_count(r->disk) + prng_below(&prng, 24));
        if (rig_open(r) != STATUS_WAIT) break;
        size_t count;
        choose(r, prng_next(&prng), &count);
        rig_crash(r, SIM_CRASH_POWER);
    }
    if (r->wal == NULL && rig_open(r) != STATUS_OK) return "does not boot";
    if (r->recovery.damaged) return "damaged without damage";
    if (r->recovery.uncertain && plan->sector_bytes == 4096) return "uncertain without reason";
    return rig_check(r);
}

/* The log goes on working, and what it says then is there after the process is killed. */
static const char *go_on(struct rig *r, const struct crash_plan *plan)
{
    struct prng prng;
    prng_init(&prng, plan->seed + 5);
    rig_continue(r);
    bool uncertain = r->recovery.uncertain;
    if (!rig_workload(r, &prng, 12)) return "does not take appends";
    rig_crash(r, SIM_CRASH_PROCESS);
    if (rig_open(r) != STATUS_OK) return "does not boot again";
    if (r->recovery.uncertain != uncertain || r->recovery.damaged) return "another verdict";
    if (model_digest(&r->recovered) != model_digest(&r->model)) return "appends after it are gone";
    return NULL;
}

static const char *after_power_loss(struct rig *r, const struct crash_plan *plan)
{
    rig_crash(r, SIM_CRASH_POWER);
    const char *wrong = open_after(r, plan);
    if (wrong != NULL) return wrong;
    if (sim_disk_crash_reached(r->disk)) return "stands still";
    sim_disk_crash_after(r->disk, UINT64_MAX);
    return go_on(r, plan);
}

static bool live(struct rig *r, const struct crash_plan *plan)
{
    struct prng prng;
    prng_init(&prng, plan->seed);
    if (rig_open(r) != STATUS_OK) return false;
    rig_continue(r);
    return rig_workload(r, &prng, plan->append_count) && rig_idle(r);
}

/* Fills and recycles a few segments first, so that files hold frames of earlier lives. */
static void warm_up(struct rig *r, const struct crash_plan *plan)
{
    struct prng prng;
    prng_init(&prng, plan->seed + 9);
    rig_open(r);
    rig_continue(r);
    for (int i = 0; i < 3; i++) {
        rig_workload(r, &prng, 60);
        for (uint64_t range = 1; range <= 3; range++)
            if (r->model.ranges[range].count > 0)
                rig_truncate(r, range, model_last(&r->model.ranges[range]));
    }
    rig_flush(r);
    rig_close(r);
}

struct crash_result crash_run(const struct crash_plan *plan)
{
    struct rig r;
    struct crash_result result = {0};
    struct sim_options options;
    sim_options_init(&options, plan->seed);
    options.sector_bytes = plan->sector_bytes;
    rig_create_with(&r, &options);
    r.options.compress = plan->compress;
    r.options.sync_mode = plan->dsync ? WAL_SYNC_DSYNC : WAL_SYNC_FDATASYNC;
    if (plan->warm) warm_up(&r, plan);
    uint64_t base = sim_disk_op_count(r.disk);
    sim_disk_crash_after(r.disk, base + plan->crash_at);
    /* An open that never ends leaves what the warm-up ended with, or nothing. */
    bool lived = live(&r, plan);
    result.reached = sim_disk_crash_reached(r.disk);
    ASSERT(lived != result.reached);
    if (result.reached) {
        result.together = r.wal != NULL && r.wal->flight_count == WAL_FLIGHTS_MAX;
        if (r.step_count == 0) rig_remember_nothing(&r);
        choose(&r, plan->subset, &result.choice_count);
        result.wrong = after_power_loss(&r, plan);
    }
    rig_destroy(&r);
    return result;
}

static const char *describe(const struct crash_plan *p, const char *wrong)
{
    static char text[256];
    snprintf(text, sizeof text,
             "%s: seed=%llu appends=%zu crash_at=%llu subset=%llu sector=%u dsync=%d compress=%d "
             "warm=%d again=%d",
             wrong, (unsigned long long)p->seed, p->append_count, (unsigned long long)p->crash_at,
             (unsigned long long)p->subset, p->sector_bytes, p->dsync, p->compress, p->warm,
             p->crash_again);
    return text;
}

static struct crash_result run(const struct crash_plan *plan, struct crash_count *count)
{
    struct crash_result result = crash_run(plan);
    count->runs += result.reached;
    count->together += result.together;
    return result;
}

/* The subsets of one crash point, after the empty one showed how many choices there are. */
static const char *point(struct crash_plan plan, size_t choice_count, unsigned bits_max,
                         unsigned samples, struct crash_count *count)
{
    bool exhaustive = choice_count <= bits_max;
    uint64_t subsets = exhaustive ? UINT64_C(1) << choice_count : samples;
    for (uint64_t i = 1; i < subsets; i++) {
        plan.subset = exhaustive ? i : i == 1 ? UINT64_MAX : hash_u64(plan.crash_at * 1000 + i);
        struct crash_result result = run(&plan, count);
        if (result.wrong != NULL) return describe(&plan, result.wrong);
    }
    return NULL;
}

const char *crash_all(const struct crash_plan *base, unsigned subset_bits_max, unsigned samples,
                      struct crash_count *count)
{
    struct crash_plan plan = *base;
    for (plan.crash_at = 0;; plan.crash_at++) {
        plan.subset = 0;
        struct crash_result result = run(&plan, count);
        if (!result.reached) return NULL;
        if (result.wrong != NULL) return describe(&plan, result.wrong);
        const char *wrong =
            point(plan, result.choice_count, subset_bits_max, samples, count);
        if (wrong != NULL) return wrong;
    }
}
