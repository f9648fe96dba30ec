/* Nodes that stand still (SIGSTOP) and go on later, alone and together: they answer nothing old, and they still
 * run (scenario 83). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/process/load.h"
#include "tests/process/raw.h"
#include "tests/test.h"

/* A question that a stopped node is asked is answered when it goes on, and then with all that was acknowledged
 * before it was asked. */
struct question {
    struct raw session;
    uint64_t acknowledged;
};

static uint64_t acknowledged(const struct load *l)
{
    return atomic_load(&l->acknowledged);
}

static long long read_count(struct raw *r)
{
    char text[64] = "";
    assert_int_equal(raw_read_row(r, text, sizeof text), 'Z');
    if (r->sqlstate[0] != '\0') {
        /* It may say that it cannot tell, not that there is less. */
        if (r->sqlstate[0] != '5' && r->sqlstate[0] != '4') fail_msg("%s %s", r->sqlstate, r->message);
        return -1;
    }
    return atoll(text);
}

/* Stops the nodes whose bits are set, for a while. */
static void pause_nodes(struct cluster *c, struct load *l, unsigned nodes, int ms)
{
    struct question questions[CLUSTER_NODES_MAX];
    for (int i = 0; i < c->node_count; i++) {
        if ((nodes >> i & 1) == 0) continue;
        questions[i].session = raw_dial(c->nodes[i].sql);
        assert_true(raw_start(&questions[i].session));
        kill(c->nodes[i].pid, SIGSTOP);
    }
    pause_ms(ms);
    for (int i = 0; i < c->node_count; i++) {
        if ((nodes >> i & 1) == 0) continue;
        questions[i].acknowledged = acknowledged(l);
        raw_query(&questions[i].session, "SELECT count(*) FROM load");
    }
    for (int i = 0; i < c->node_count; i++)
        if ((nodes >> i & 1) != 0) kill(c->nodes[i].pid, SIGCONT);
    int answered = 0;
    for (int i = 0; i < c->node_count; i++) {
        if ((nodes >> i & 1) == 0) continue;
        long long count = read_count(&questions[i].session);
        if (count >= 0 && (uint64_t)count < questions[i].acknowledged)
            fail_msg("node %d answers with %lld rows, %llu were acknowledged", i + 1, count,
                     (unsigned long long)questions[i].acknowledged);
        answered += count >= 0;
        raw_close(&questions[i].session);
    }
    load_mark(l);
    printf("nodes %x stopped for %d ms: %d answers, writes after %.0f ms\n", nodes, ms, answered,
           load_wait_writes(l));
    fflush(stdout);
    for (int i = 0; i < c->node_count; i++)
        assert_true(cluster_node_runs(c, i));
}

static void run(const char *io)
{
    static struct cluster c;
    static struct load l;
    cluster_start(&c, io);
    load_start(&l, &c);
    load_wait_rows(&l, 300);
    unsigned seed = 7;
    for (int i = 0, times = test_is_full() ? 40 : 5; i < times; i++) {
        unsigned nodes = i == 0 ? 1u << cluster_leader(&c) : i < 3 ? 1u << i : i == 3 ? 6 : 1 + (unsigned)rand_r(&seed) % 7;
        int longest = test_is_full() && i % 10 == 9 ? 30000 : 2500;
        pause_nodes(&c, &l, nodes, i == 0 ? 2500 : 200 + rand_r(&seed) % longest);
        load_wait_rows(&l, 100);
    }
    cluster_wait_whole(&c);
    load_stop(&l);
    for (int i = 0; i < c.node_count; i++)
        load_verify(&l, i);
    cluster_stop(&c);
    load_free(&l);
}

TEST(pause, stopped_nodes_answer_nothing_old)
{
    run("auto");
}

TEST(pause, stopped_nodes_answer_nothing_old_on_epoll)
{
    run("epoll");
}
