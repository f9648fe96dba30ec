/* All nodes are killed at the same moment: what was acknowledged was on their disks (scenario 29 as far as a
 * process can: the power stays on). Then all are started and a majority is killed at once (scenario 82): whoever
 * answers while the others read their logs answers nothing old. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

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

/* Asks every node for the number of rows from the moment it can be asked: never less than were acknowledged before
 * all were killed. */
static void read_early(struct cluster *c, uint64_t acknowledged)
{
    for (int i = 0; i < c->node_count; i++) {
        struct client k = {.connection = NULL};
        PGresult *result = NULL;
        for (uint64_t until = now_ns() + CLUSTER_BOUND_MS * 1000000ull; now_ns() < until; pause_ms(10)) {
            if (k.connection == NULL && !client_connect(&k, c->nodes[i].sql, 1000)) continue;
            if (client_run(&k, "SELECT count(*) FROM load", CLUSTER_BOUND_MS, &result) == CLIENT_DONE) break;
        }
        assert_non_null(result);
        if (strtoull(PQgetvalue(result, 0, 0), NULL, 10) < acknowledged)
            fail_msg("node %d has %s rows of %llu", i + 1, PQgetvalue(result, 0, 0),
                     (unsigned long long)acknowledged);
        PQclear(result);
        client_close(&k);
    }
}

static void kill_majority_while_starting(struct cluster *c, struct load *l, int spared)
{
    for (int i = 0; i < c->node_count; i++)
        kill(c->nodes[i].pid, SIGKILL);
    for (int i = 0; i < c->node_count; i++)
        cluster_node_end(c, i, SIGKILL);
    uint64_t acknowledged = l->acknowledged;
    for (int i = 0; i < c->node_count; i++)
        cluster_node_begin(c, i);
    pause_ms(100 + 200 * spared); /* in the middle of recovery, of the election, soon after it */
    for (int i = 0; i < c->node_count; i++)
        if (i != spared) cluster_node_end(c, i, SIGKILL);
    load_mark(l);
    for (int i = 0; i < c->node_count; i++)
        if (i != spared) cluster_node_begin(c, i);
    read_early(c, acknowledged);
    printf("all killed, started, a majority killed: writes again after %.0f ms\n", load_wait_writes(l));
    fflush(stdout);
    cluster_wait_whole(c);
}

static void run(const char *io)
{
    static struct cluster c;
    static struct load l;
    cluster_start(&c, io);
    load_start(&l, &c);
    for (int i = 0, times = test_is_full() ? 100 : 2; i < times; i++) {
        load_wait_rows(&l, 200);
        kill_all(&c, &l);
        load_wait_rows(&l, 100);
        kill_majority_while_starting(&c, &l, i % c.node_count);
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
