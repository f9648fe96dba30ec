/* Whole groups: first the ordinary, then random schedules over many seeds. */
#include "tests/raft/cluster.h"
#include "tests/test.h"

TEST(raft_cluster, three_nodes_elect_and_replicate)
{
    struct cluster *c = cluster_create(1, 3, 3, NULL);
    uint64_t leader = cluster_wait_leader(c);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(cluster_propose(c, leader, 100), STATUS_OK);
    cluster_read(c, leader);
    cluster_read(c, leader % 3 + 1);
    cluster_converge(c);
    assert_u64_equal(c->reads_ok, 2);
    assert_u64_equal(cluster_status(c, 1).applied_index, 12);
    cluster_destroy(c);
}

static struct raft_options small_options(uint64_t seed)
{
    /* Small bounds, so that windows, caches and messages fill up. */
    return (struct raft_options){
        .inflight_bytes_max = seed % 3 == 0 ? 600 : 0,
        .inflight_count_max = seed % 2 == 0 ? 3 : 0,
        .append_bytes_max = seed % 5 == 0 ? 300 : 0,
        .uncommitted_bytes_max = seed % 4 == 0 ? 2000 : 0,
        .cache_bytes_max = seed % 2 == 0 ? 500 : 0,
    };
}

static void chaos(uint64_t seed, uint32_t voters, uint32_t nodes, uint32_t rounds, uint32_t level)
{
    struct raft_options o = small_options(seed);
    struct cluster *c = cluster_create(seed, voters, nodes, &o);
    c->drop_percent = (uint32_t)(seed % 4) * 5;
    c->duplicate_percent = (uint32_t)(seed % 3) * 5;
    c->slow_percent = (uint32_t)(seed % 5) * 2;
    c->delay_max_ns = (1 + seed % 7) * 3 * MS;
    c->sync_max_ns = (1 + seed % 5) * 10 * MS;
    c->lazy_apply = seed % 2 == 1;
    cluster_chaos(c, rounds, level);
    cluster_converge(c);
    cluster_destroy(c);
}

TEST(raft_cluster, stays_safe_while_nodes_crash_and_links_fail)
{
    for (uint64_t seed = 1; seed <= 200; seed++)
        chaos(seed, 1 + (uint32_t)(seed % 5), 5, 250, CHAOS_CRASH | CHAOS_PARTITION);
}

TEST(raft_cluster, stays_safe_while_members_change)
{
    for (uint64_t seed = 1000; seed <= 1200; seed++)
        chaos(seed, 3, 6, 300, CHAOS_ALL & ~CHAOS_LOST_TAIL);
}

TEST(raft_cluster, stays_safe_when_one_replica_forgets_its_tail)
{
    for (uint64_t seed = 2000; seed <= 2200; seed++)
        chaos(seed, 3 + (uint32_t)(seed % 3), 5, 300, CHAOS_ALL);
}
