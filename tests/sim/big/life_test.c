/* A large cluster's life in short; the whole of it is ostraka-sim --big 100 (README.md). */
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/big/big.h"

static void expect_passes(const struct big_options *o)
{
    struct big_result result;
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) mutant_select(mutant);
    big_run(o, &result);
    if (!result.passed) fail_msg("%s", result.failure);
}

TEST(big, twelve_nodes_form_split_balance_lose_repair_and_shrink)
{
    expect_passes(&(struct big_options){.seed = 1, .node_count = 12, .range_count = 60});
}

/* A sweep of placement takes several rounds then, and reports come in between. */
TEST(big, more_ranges_than_placement_looks_at_in_one_round)
{
    expect_passes(&(struct big_options){.seed = 2, .node_count = 8, .range_count = 560, .client_count = 4});
}
