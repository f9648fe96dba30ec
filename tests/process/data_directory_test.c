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

/* What the rolled-back node makes of itself, for the reader of the test's output. */
static void print_state(struct cluster *c, int node)
{
    bool runs = cluster_node_runs(c, node);
    json_t *status = runs ? cluster_status(c, node) : NULL;
    const char *said = json_string_value(json_object_get(status, "state"));
    printf("the rolled-back node %s, state %s; the end of its log:\n", runs ? "runs" : "ended",
           said != NULL ? said : "none");
    json_decref(status);
    fflush(stdout);
    cluster_node_shell(c, node, "tail -n 3 \"$D.log\"");
}

/* A directory restored from a copy breaks promises that the node had made. Whatever becomes of that
 * node, the others go on and lose nothing. */
static void roll_back(int starts_forgotten)
{
    static struct cluster c;
    static struct load l;
    cluster_start(&c, "auto");
    load_start(&l, &c);
    load_wait_rows(&l, 500);
    int node = some_follower(&c);
    cluster_node_end(&c, node, SIGTERM);
    cluster_node_shell(&c, node, "cp -r -- \"$D\" \"$D.old\"");
    for (int i = 0; i < starts_forgotten; i++) {
        cluster_node_begin(&c, node);
        cluster_wait_caught_up(&c, node);
        load_wait_rows(&l, 500);
        cluster_node_end(&c, node, SIGTERM);
    }
    cluster_node_shell(&c, node, "rm -r -- \"$D\" && mv -- \"$D.old\" \"$D\"");
    cluster_node_begin(&c, node);
    load_wait_rows(&l, 1000);
    pause_ms(3000);
    load_wait_rows(&l, 200);
    print_state(&c, node);
    load_stop(&l);
    for (int i = 0; i < c.node_count; i++) {
        if (i == node) continue;
        assert_true(cluster_node_runs(&c, i));
        load_verify(&l, i);
    }
    cluster_stop(&c);
    load_free(&l);
}

TEST(data_directory, node_rolled_back_by_one_start_harms_no_other)
{
    roll_back(1);
}

/* Here the others have seen a newer incarnation than the node shows. */
TEST(data_directory, node_rolled_back_by_two_starts_harms_no_other)
{
    roll_back(2);
}
