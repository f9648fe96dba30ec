/* Splits that somebody asked for stay where small cold ranges unite by themselves, through crashes and moves, until somebody
 * unites what they divided. */
#include "tests/test.h"

#include "shard/shard_int.h"
#include "tests/sim/cluster/scene.h"

#define BY_HAND   8
#define BY_ITSELF 16

static bool is_cut(struct scene *s, uint64_t number)
{
    return scene_is_cut(s->cluster, &(struct scene_cut){s, number});
}

static bool is_whole(struct cluster *c, void *ctx)
{
    return scene_leader_for(((struct scene_cut *)ctx)->scene, BY_ITSELF) != NULL && !scene_is_cut(c, ctx);
}

static bool is_kept(struct scene *s, uint64_t number)
{
    const struct replica *r = scene_leader_for(s, number);
    assert_non_null(r);
    return replica_descriptor(r)->kept;
}

static struct scene begin(uint64_t seed)
{
    struct cluster_options o = scene_options(seed, 3);
    struct scene s = scene_begin_calm(&o, 100 * SIM_MS);
    scene_split_at(&s, BY_ITSELF);
    splits_keep(s.splits, true);
    scene_split_at(&s, BY_HAND);
    return s;
}

TEST(kept, split_by_hand_stays_where_others_are_undone)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 20); seed++) {
        struct scene s = begin(seed);
        struct scene_cut by_itself = {&s, BY_ITSELF};
        cluster_set(s.cluster, SETTING_AUTO_MERGE, 1);
        assert_true(cluster_run_until(s.cluster, is_whole, &by_itself, 120 * SIM_SEC));
        cluster_run(s.cluster, 70 * SIM_SEC);
        assert_true(is_cut(&s, BY_HAND));
        assert_true(is_kept(&s, BY_HAND));
        assert_false(is_kept(&s, 1));
        scene_end(&s);
    }
}

TEST(kept, is_remembered_by_who_lost_power)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 20); seed++) {
        struct scene s = begin(100 + seed);
        for (uint64_t i = 1; i <= 3; i++) scene_crash(&s, i);
        cluster_run(s.cluster, 100 * SIM_MS);
        scene_start_all(&s);
        assert_true(cluster_run_until(s.cluster, scene_settled, &s, 60 * SIM_SEC));
        assert_true(is_kept(&s, BY_HAND));
        assert_false(is_kept(&s, BY_ITSELF));
        scene_end(&s);
    }
}

TEST(kept, merge_by_hand_takes_it_back)
{
    struct scene s = begin(7);
    scene_merge_at(&s, BY_HAND);
    assert_false(is_kept(&s, BY_HAND));
    splits_keep(s.splits, false);
    scene_split_at(&s, BY_HAND);
    assert_false(is_kept(&s, BY_HAND));
    cluster_set(s.cluster, SETTING_AUTO_MERGE, 1);
    struct scene_cut cut = {&s, BY_HAND};
    assert_true(cluster_run_until(s.cluster, is_whole, &cut, 120 * SIM_SEC));
    scene_end(&s);
}

/* Those that were there when the cluster was founded, too. */
TEST(kept, founded_ranges_stay)
{
    struct scene_key at = scene_key(BY_HAND);
    struct bytes key = scene_key_view(&at);
    struct cluster_options o = scene_options(9, 3);
    o.split_keys = &key;
    o.split_count = 1;
    struct scene s = scene_begin_calm(&o, 100 * SIM_MS);
    assert_true(is_cut(&s, BY_HAND));
    cluster_set(s.cluster, SETTING_AUTO_MERGE, 1);
    cluster_run(s.cluster, 70 * SIM_SEC);
    assert_true(is_cut(&s, BY_HAND));
    assert_false(is_kept(&s, 1));
    scene_end(&s);
}
