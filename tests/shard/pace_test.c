#include "shard/pace.h"
#include "tests/test.h"

#include <stdlib.h>

#include "base/assert.h"

#define MS UINT64_C(1000000)

struct rig {
    struct pace pace;
    uint64_t now_ns, count, sum_ns;
};

static struct rig rig_make(void)
{
    struct rig r = {.now_ns = 5};
    const char *mutant = getenv("OSTRAKA_MUTANT");
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    pace_init(&r.pace);
    return r;
}

/* For so long, so many syncs each second that take so long. */
static void run(struct rig *r, uint64_t ms, uint64_t per_s, uint64_t sync_ns, bool moving)
{
    for (uint64_t t = 0; t < ms; t += 100) {
        r->now_ns += 100 * MS;
        r->count += per_s / 10;
        r->sum_ns += per_s / 10 * sync_ns;
        pace_look(&r->pace, r->now_ns, r->count, r->sum_ns, moving);
    }
}

TEST(pace, all_of_the_rate_while_the_log_is_as_fast_as_before)
{
    struct rig r = rig_make();
    assert_int_equal(r.pace.share, PACE_WHOLE);
    run(&r, 2000, 500, MS, false);
    run(&r, 5000, 500, MS * 7 / 5, true);
    assert_int_equal(r.pace.share, PACE_WHOLE);
}

TEST(pace, less_and_less_while_the_log_is_slower_and_more_when_it_is_not)
{
    struct rig r = rig_make();
    run(&r, 2000, 500, MS, false);
    run(&r, 200, 500, 4 * MS, true);
    uint32_t share = r.pace.share;
    assert_true(share < PACE_WHOLE);
    run(&r, 10000, 500, 4 * MS, true);
    assert_true(r.pace.share < share);
    assert_int_equal(r.pace.share, PACE_LEAST);
    run(&r, 10000, 500, MS, true);
    assert_int_equal(r.pace.share, PACE_WHOLE);
    run(&r, 3000, 500, 4 * MS, true);
    run(&r, 1000, 500, MS, false); /* the next move begins anew */
    assert_int_equal(r.pace.share, PACE_WHOLE);
}

TEST(pace, who_does_not_know_what_is_normal_or_sees_too_little_uses_all)
{
    struct rig r = rig_make();
    run(&r, 5000, 500, 50 * MS, true);
    assert_int_equal(r.pace.share, PACE_WHOLE);
    r = rig_make();
    run(&r, 2000, 500, MS, false);
    for (int i = 0; i < 50; i++) { /* one now and then, and that a slow one */
        r.now_ns += 500 * MS;
        r.count++;
        r.sum_ns += 50 * MS;
        pace_look(&r.pace, r.now_ns, r.count, r.sum_ns, true);
    }
    assert_int_equal(r.pace.share, PACE_WHOLE);
}

/* A tenth of a millisecond more is half as much again on a fast disk, and nobody notices. */
TEST(pace, a_fast_log_may_be_a_little_slower)
{
    struct rig r = rig_make();
    run(&r, 2000, 500, MS / 10, false);
    run(&r, 5000, 500, MS / 10 * 3, true);
    assert_int_equal(r.pace.share, PACE_WHOLE);
    run(&r, 5000, 500, MS, true);
    assert_int_equal(r.pace.share, PACE_LEAST);
}
