/* The node that leads is killed, again and again, under clients that insert. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/process/load.h"
#include "tests/test.h"

#define KILLS_MAX 10

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double kill_leader(struct cluster *c, struct load *l)
{
    int leader = cluster_leader(c);
    load_mark(l);
    cluster_node_end(c, leader, SIGKILL);
    double ms = load_wait_writes(l);
    printf("node %d killed: writes again after %.0f ms\n", leader + 1, ms);
    fflush(stdout);
    load_wait_rows(l, 200);
    cluster_node_begin(c, leader);
    cluster_wait_caught_up(c, leader);
    cluster_wait_whole(c);
    return ms;
}

static void run(const char *io)
{
    static struct cluster c;
    static struct load l;
    double times[KILLS_MAX];
    int kills = test_is_full() ? KILLS_MAX : 4;
    cluster_start(&c, io);
    load_start(&l, &c);
    load_wait_rows(&l, 300);
    for (int i = 0; i < kills; i++) {
        times[i] = kill_leader(&c, &l);
        load_wait_rows(&l, 200);
    }
    load_stop(&l);
    for (int i = 0; i < c.node_count; i++)
        load_verify(&l, i);
    qsort(times, (size_t)kills, sizeof times[0], by_size);
    printf("%s: %d leaders killed: writes again after %.0f ms (median), %.0f ms (worst)\n", io,
           kills, times[kills / 2], times[kills - 1]);
    cluster_stop(&c);
    load_free(&l);
}

TEST(leader_kill, loses_no_acknowledged_row)
{
    run("auto");
}

TEST(leader_kill, loses_no_acknowledged_row_on_epoll)
{
    run("epoll");
}
