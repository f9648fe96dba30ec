/* The disk says no: the first write that fails ends the node, and what its log holds is checked when it starts again
 * (scenario 34). A full disk, which is another matter: disk_full.sh. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/process/load.h"
#include "tests/test.h"

/* No file of the node may grow beyond this any more: EFBIG, from the next write there on. */
#define FILE_BYTES_MAX (1u << 20)

static void fail_writes(struct cluster *c, int node)
{
    struct rlimit limit = {FILE_BYTES_MAX, FILE_BYTES_MAX};
    assert_int_equal(prlimit(c->nodes[node].pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void write_error(struct cluster *c, struct load *l, bool of_leader)
{
    int node = cluster_leader(c);
    if (!of_leader) node = (node + 1) % c->node_count;
    if (!c->nodes[node].ours) { /* to see its exit status */
        cluster_node_end(c, node, SIGTERM);
        cluster_node_begin(c, node);
        cluster_wait_caught_up(c, node);
        cluster_wait_whole(c);
    }
    fail_writes(c, node);
    load_mark(l);
    assert_int_equal(cluster_node_wait_end(c, node), 1);
    cluster_node_shell(c, node, "tail -n 1 \"$D.log\" | grep 'the node stopped: '");
    printf("node %d stopped: writes again after %.0f ms\n", node + 1, load_wait_writes(l));
    load_wait_rows(l, 200);
    cluster_node_begin(c, node); /* the limit went with the process; what the log holds is checked */
    cluster_wait_caught_up(c, node);
    cluster_wait_whole(c);
}

static void run_write_errors(const char *io)
{
    static struct cluster c;
    static struct load l;
    cluster_start(&c, io);
    load_start(&l, &c);
    load_wait_rows(&l, 300);
    for (int i = 0, times = test_is_full() ? 6 : 2; i < times; i++)
        write_error(&c, &l, i % 2 == 0);
    load_stop(&l);
    for (int i = 0; i < c.node_count; i++)
        load_verify(&l, i);
    cluster_stop(&c);
    load_free(&l);
}

TEST(disk, first_failed_write_ends_the_node)
{
    run_write_errors("auto");
}

TEST(disk, first_failed_write_ends_the_node_on_epoll)
{
    run_write_errors("epoll");
}
