/* Data directories that are lost, or older than what the cluster remembers of them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/process/load.h"
#include "tests/test.h"

static long long id_of(const struct cluster *c, int node)
{
    json_t *status = cluster_status(c, node);
    long long id = json_integer_value(json_object_get(status, "node"));
    json_decref(status);
    return id;
}

static int some_follower(const struct cluster *c)
{
    return (cluster_leader(c) + 1) % c->node_count;
}

/* A wiped node may have voted for what it forgot, so it comes back as another one. */
TEST(data_directory, wiped_node_comes_back_under_a_new_id)
{
    static struct cluster c;
    static struct load l;
    setenv("OSTRAKA_DEAD_AFTER", "5s",
           1); /* for the nodes: how long the lost one keeps its place */
    cluster_start(&c, "auto");
    unsetenv("OSTRAKA_DEAD_AFTER");
    load_start(&l, &c);
    load_wait_rows(&l, 500);
    int node = some_follower(&c);
    long long old_id = id_of(&c, node);
    cluster_node_end(&c, node, SIGKILL);
    cluster_node_shell(&c, node, "rm -r -- \"$D\"");
    load_wait_rows(&l, 200);
    uint64_t began = now_ns();
    cluster_node_begin(&c, node);
    cluster_wait_caught_up(&c, node);
    cluster_wait_whole(&c);
    printf("wiped node %lld is voter %lld after %.1f s\n", old_id, id_of(&c, node),
           (double)(now_ns() - began) / 1e9);
    assert_true(id_of(&c, node) > old_id);
    load_wait_rows(&l, 200);

    /* It counts: with another node down there still is a quorum. */
    int other = 3 - node - cluster_leader(&c);
    if (other == node || other < 0) other = (node + 1) % c.node_count;
    cluster_node_end(&c, other, SIGKILL);
    load_mark(&l);
    (void)load_wait_writes(&l);
    cluster_node_begin(&c, other);
    cluster_wait_caught_up(&c, other);
    load_stop(&l);
    for (int i = 0; i < c.node_count; i++)
        load_verify(&l, i);
    cluster_stop(&c);
    load_free(&l);
}

/* A directory restored from a copy breaks promises that the node had made: it has to stop, also when it is
 * started again, and say what to do; the others go on and lose nothing. Then that is done. */
static void roll_back(int starts_forgotten)
{
    static struct cluster c;
    static struct load l;
    setenv("OSTRAKA_DEAD_AFTER", "5s", 1);
    cluster_start(&c, "auto");
    unsetenv("OSTRAKA_DEAD_AFTER");
    load_start(&l, &c);
    load_wait_rows(&l, 300);
    int node = some_follower(&c);
    cluster_node_end(&c, node, SIGTERM);
    cluster_node_shell(&c, node, "cp -r -- \"$D\" \"$D.old\"");
    for (int i = 0; i < starts_forgotten; i++) {
        cluster_node_begin(&c, node);
        cluster_wait_caught_up(&c, node);
        load_wait_rows(&l, 200);
        cluster_node_end(&c, node, SIGTERM);
    }
    cluster_node_shell(&c, node, "rm -r -- \"$D\" && mv -- \"$D.old\" \"$D\"");
    for (int again = 0; again < 3; again++) {
        cluster_node_begin(&c, node);
        assert_int_equal(cluster_node_wait_end(&c, node), 1);
        cluster_node_shell(&c, node, "tail -n 1 \"$D.log\" | grep -q 'empty --data'");
    }
    load_wait_rows(&l, 200);
    cluster_node_shell(&c, node, "mv -- \"$D\" \"$D.old\"");
    cluster_node_begin(&c, node);
    cluster_wait_caught_up(&c, node);
    load_stop(&l);
    for (int i = 0; i < c.node_count; i++)
        load_verify(&l, i);
    cluster_stop(&c);
    load_free(&l);
}

TEST(data_directory, node_rolled_back_by_one_start_stops_and_joins_as_a_new_one)
{
    roll_back(1);
}

TEST(data_directory, node_rolled_back_by_two_starts_stops_and_joins_as_a_new_one)
{
    if (test_is_full()) roll_back(2); /* else in the simulator: tests/sim/cluster/rollback_test.c */
}
