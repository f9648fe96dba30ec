/* All nodes are killed at the same moment: what was acknowledged was on their disks. */
#include <signal.h>
#include <stdio.h>

#include "tests/process/load.h"
#include "tests/test.h"

static void kill_all(struct cluster *c, struct load *l)
{
    for (int i = 0; i < c->node_count; i++)
        kill(c->nodes[i].pid, SIGKILL);
    for (int i = 0; i < c->node_count; i++)
        cluster_node_end(c, i, SIGKILL);
    load_mark(l);
    for (int i = 0; i < c->node_count; i++)
        cluster_node_begin(c, i);
    printf("all killed: writes again %.0f ms after their start\n", load_wait_writes(l));
    fflush(stdout);
    cluster_wait_whole(c);
}

static void run(const char *io)
{
    static struct cluster c;
    static struct load l;
    cluster_start(&c, io);
    load_start(&l, &c);
    for (int i = 0, times = test_is_full() ? 10 : 3; i < times; i++) {
        load_wait_rows(&l, 500);
        kill_all(&c, &l);
    }
    load_stop(&l);
    for (int i = 0; i < c.node_count; i++)
        load_verify(&l, i);
    cluster_stop(&c);
    load_free(&l);
}

TEST(all_kill, loses_no_acknowledged_row)
{
    run("auto");
}

TEST(all_kill, loses_no_acknowledged_row_on_epoll)
{
    run("epoll");
}
