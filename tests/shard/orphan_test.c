/* What proves that nobody counts a replica any more, and that one may be made because of a message. */
#include "tests/test.h"

#include <stdlib.h>

#include "base/assert.h"
#include "shard/nodes.h"

static struct descriptor mirror(uint64_t epoch, uint64_t next_replica_id)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) mutant_select(mutant);
    struct descriptor d = {.range = {9}, .epoch = epoch, .next_replica_id = next_replica_id};
    d.config = (struct raft_config){.voter_count = 2, .outgoing_count = 1, .learner_count = 1,
                                    .voters = {{2, 12}, {4, 14}}, .outgoing = {{3, 13}}, .learners = {{5, 15}}};
    return d;
}

static struct raft_member on_its_node(uint64_t id)
{
    return (struct raft_member){id, 10 + id};
}

TEST(orphan, is_proven_by_a_newer_mirror_without_its_id)
{
    struct descriptor d = mirror(7, 6);
    assert_true(orphan_proven(RANGE_VERDICT_KNOWN, &d, 6, on_its_node(1)));
    assert_true(orphan_proven(RANGE_VERDICT_KNOWN, &d, 7, on_its_node(1))); /* its own last change took it out */
    assert_true(orphan_proven(RANGE_VERDICT_GONE, NULL, 7, on_its_node(1)));
}

TEST(orphan, is_not_proven_by_a_mirror_that_lags_behind)
{
    struct descriptor d = mirror(7, 6);
    assert_false(orphan_proven(RANGE_VERDICT_KNOWN, &d, 8, on_its_node(1))); /* it knows of a change that the mirror does not */
    assert_false(orphan_proven(RANGE_VERDICT_KNOWN, &d, 0, on_its_node(6))); /* a newcomer whose id the mirror has not heard of */
    assert_false(orphan_proven(RANGE_VERDICT_PENDING, NULL, 0, on_its_node(1)));
    assert_false(orphan_proven(RANGE_VERDICT_NEVER, NULL, 0, on_its_node(1)));
}

TEST(orphan, is_no_member_of_any_kind)
{
    struct descriptor d = mirror(7, 6);
    for (uint64_t id = 2; id <= 5; id++) assert_false(orphan_proven(RANGE_VERDICT_KNOWN, &d, 6, on_its_node(id)));
}

/* One that was destroyed has forgotten its votes, so no old message may make it again. */
TEST(orphan, is_never_born_again)
{
    struct descriptor d = mirror(7, 6);
    assert_false(orphan_may_be_born(RANGE_VERDICT_KNOWN, &d, on_its_node(1)));
    assert_false(orphan_may_be_born(RANGE_VERDICT_GONE, NULL, on_its_node(6)));
    assert_false(orphan_may_be_born(RANGE_VERDICT_NEVER, NULL, on_its_node(6)));
    for (uint64_t id = 2; id <= 5; id++) assert_true(orphan_may_be_born(RANGE_VERDICT_KNOWN, &d, on_its_node(id)));
    assert_true(orphan_may_be_born(RANGE_VERDICT_KNOWN, &d, on_its_node(6)));    /* the mirror lags */
    assert_true(orphan_may_be_born(RANGE_VERDICT_PENDING, NULL, on_its_node(2))); /* a split just made it */
}

/* A leader meant to give 4 to node 19, and lost its place; the next one has given it to node 14. */
TEST(orphan, is_who_has_the_id_of_a_member_on_another_node)
{
    struct descriptor d = mirror(7, 6);
    for (uint64_t id = 2; id <= 5; id++) {
        assert_true(orphan_proven(RANGE_VERDICT_KNOWN, &d, 7, (struct raft_member){id, 19}));
        assert_false(orphan_may_be_born(RANGE_VERDICT_KNOWN, &d, (struct raft_member){id, 19}));
        assert_false(orphan_is_member(&d.config, (struct raft_member){id, 19}));
    }
}
