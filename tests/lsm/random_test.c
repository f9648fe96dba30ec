#include <stdlib.h>

#include "tests/lsm/random.h"

TEST(lsm_random, agrees_with_a_sorted_array_on_files)
{
    for (uint64_t seed = 1; seed <= 2; seed++)
        random_run_files(seed, 1000);
}

/* LSM_SEEDS=N LSM_FIRST=SEED run others. */
TEST(lsm_random, agrees_with_a_sorted_array_in_simulation)
{
    const char *text = getenv("LSM_SEEDS");
    uint64_t count = text == NULL ? 15 : strtoull(text, NULL, 10);
    const char *first = getenv("LSM_FIRST");
    uint64_t begin = first == NULL ? 100 : strtoull(first, NULL, 10);
    for (uint64_t seed = begin; seed < begin + count; seed++)
        random_run_sim(seed, 3000);
}
