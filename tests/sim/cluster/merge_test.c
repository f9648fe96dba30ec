/* Ranges are split and united while clients read and write, and things fail at every step of it. Afterwards nothing that was
 * acknowledged is lost, what clients saw is explained, every range has its replicas, and these hold the same bytes. */
#include "tests/test.h"

#include "base/assert.h"
#include "shard/shard_int.h"
#include "tests/sim/cluster/scene.h"
#include "txn/txn_int.h"

#define KEYS SCENE_KEYS

TEST(merge, gives_one_range_that_goes_on_under_load)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 4, 40); seed++) {
        struct cluster_options o = scene_options(seed, 3);
        struct scene s = scene_begin(&o);
        for (uint64_t i = 1; i <= 3; i++) scene_split_at(&s, i * KEYS / 4);
        cluster_run(s.cluster, 500 * SIM_MS);
        for (uint64_t i = 3; i >= 1; i--) {
            scene_merge_at(&s, i * KEYS / 4);
            cluster_run(s.cluster, 100 * SIM_MS);
        }
        assert_true(merges_count(s.merges) >= 3);
        scene_end(&s);
    }
}
