/* Disks that were rolled back: an older copy of a node's disk does not know what the node promised since, and
 * must not speak for it (trap K26). */
#include "tests/test.h"

#include <string.h>

#include "base/assert.h"
#include "tests/sim/cluster/cluster.h"

static bool settled(struct cluster *c, void *ctx)
{
    (void)ctx;
    return cluster_settled(c, 3);
}

static bool has_ended(struct cluster *c, void *ctx)
{
    return !cluster_up(c, *(uint64_t *)ctx);
}

/* A follower of both ranges, so that nothing has to be waited for when it goes. */
static uint64_t some_follower(struct cluster *c)
{
    for (uint64_t i = 1; i <= 3; i++)
        if (i != cluster_leader(c, (struct range_id){1}) && i != cluster_leader(c, (struct range_id){2})) return i;
    UNREACHABLE();
}

static void restart(struct cluster *c, uint64_t number)
{
    cluster_start(c, number);
    assert_true(cluster_run_until(c, settled, NULL, 20 * SIM_SEC));
    cluster_run(c, 3 * SIM_SEC);
    assert_true(cluster_up(c, number));
}

/* Takes an image of a follower's disk, starts it `forgotten` times, and puts the image back. */
static uint64_t roll_back(struct cluster *c, uint32_t forgotten)
{
    assert_true(cluster_boot(c, 20 * SIM_SEC));
    cluster_run(c, 2 * SIM_SEC);
    uint64_t number = some_follower(c);
    struct sim_disk *disk = sim_disk(cluster_sim(c), number);
    cluster_crash(c, number, SIM_CRASH_PROCESS);
    struct sim_disk_image *image = sim_disk_snapshot(disk);
    for (uint32_t i = 0; i < forgotten; i++) {
        restart(c, number);
        cluster_crash(c, number, SIM_CRASH_PROCESS);
    }
    sim_disk_restore(disk, image);
    sim_disk_image_destroy(image);
    cluster_start(c, number);
    return number;
}

/* Whether the rolled-back node stops by itself, and says why. */
static bool notices(uint64_t seed, uint32_t forgotten)
{
    struct cluster_options o;
    cluster_options_init(&o, seed);
    struct cluster *c = cluster_create(&o);
    uint64_t number = roll_back(c, forgotten);
    bool ended = cluster_run_until(c, has_ended, &number, 10 * SIM_SEC);
    if (ended) assert_non_null(strstr(cluster_machine(c, number)->why, "empty --data"));
    cluster_destroy(c);
    return ended;
}

TEST(rollback, node_rolled_back_by_one_start_stops)
{
    for (uint64_t seed = 1; seed <= 5; seed++) assert_true(notices(seed, 1));
}

TEST(rollback, node_rolled_back_by_more_starts_stops)
{
    for (uint32_t starts = 2; starts <= 4; starts++) assert_true(notices(7, starts));
}

TEST(rollback, node_that_kept_its_disk_goes_on)
{
    assert_false(notices(3, 0));
}

/* A supervisor starts it again and again: its incarnation passes what the others have seen, its line of starts
 * never fits theirs. */
TEST(rollback, restarting_does_not_make_it_believed)
{
    struct cluster_options o;
    cluster_options_init(&o, 11);
    struct cluster *c = cluster_create(&o);
    uint64_t number = roll_back(c, 2);
    for (int i = 0; i < 6; i++) {
        assert_true(cluster_run_until(c, has_ended, &number, 10 * SIM_SEC));
        cluster_start(c, number);
    }
    cluster_destroy(c);
}

TEST(rollback, unmarked_starts_let_it_in)
{
    assert_true(mutant_select("k26_start_unmarked") > 0);
    assert_false(notices(1, 1));
    mutant_select(NULL);
}

static bool is_linked(struct cluster *c, uint64_t from, uint64_t to)
{
    struct node_id peer = store_identity(core_store(cluster_machine(c, to)->core))->node;
    return net_link_up(core_net(cluster_machine(c, from)->core), peer, NET_LINK_CONTROL);
}

/* Machine A saw the start that was forgotten, B did not and lets the rolled-back node in. A cannot reach the node
 * itself; what it tells B has to be enough. */
TEST(rollback, what_others_saw_counts)
{
    struct cluster_options o;
    cluster_options_init(&o, 5);
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 20 * SIM_SEC));
    uint64_t number = some_follower(c), a = number % 3 + 1, b = a % 3 + 1;
    struct sim_disk *disk = sim_disk(cluster_sim(c), number);
    cluster_crash(c, number, SIM_CRASH_PROCESS);
    struct sim_disk_image *image = sim_disk_snapshot(disk);
    cluster_crash(c, b, SIM_CRASH_PROCESS);
    restart(c, number); /* a and the node are a majority */
    cluster_crash(c, number, SIM_CRASH_PROCESS);
    cluster_crash(c, a, SIM_CRASH_PROCESS);
    sim_disk_restore(disk, image);
    sim_disk_image_destroy(image);
    sim_net_cut_pair(cluster_sim(c), a, number);
    cluster_start(c, b);
    cluster_start(c, number);
    cluster_run(c, 150 * SIM_MS); /* b has no reason not to believe it; there is no election yet */
    assert_true(is_linked(c, b, number));
    cluster_start(c, a);
    assert_true(cluster_run_until(c, has_ended, &number, 20 * SIM_SEC));
    assert_non_null(strstr(cluster_machine(c, number)->why, "empty --data"));
    cluster_destroy(c);
}
