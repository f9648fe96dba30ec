/* Two of three nodes are down: the third answers, in time and honestly, that it can do nothing. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/process/load.h"
#include "tests/test.h"

/* Runs the statement on a new connection; it must be refused or left open, and within the bound. A patient client
 * waits as long as the default says. */
static void must_not_work(const struct cluster *c, int node, const char *statement, bool patient)
{
    struct client k = {.connection = NULL};
    uint64_t began = now_ns();
    enum client_end end = CLIENT_REFUSED;
    bool connected = client_connect(&k, c->nodes[node].sql, CLUSTER_BOUND_MS);
    if (connected && !patient)
        assert_int_equal(client_run(&k, "SET ostraka.no_quorum_timeout = '1s'", CLUSTER_BOUND_MS, NULL), CLIENT_DONE);
    if (connected)
        end = client_run(&k, statement, CLUSTER_BOUND_MS, NULL);
    else
        memcpy(k.sqlstate, "57P03",
               sizeof k.sqlstate); /* what the start-up says then; the message shows it */
    printf("  %-44s %s after %.1f s: %s", statement, k.sqlstate, (double)(now_ns() - began) / 1e9,
           k.message);
    fflush(stdout);
    if (end == CLIENT_HANGS) fail_msg("%s: no answer", statement);
    if (end == CLIENT_DONE) fail_msg("%s: works without a quorum", statement);
    if (strcmp(k.sqlstate, "57P03") != 0 && strcmp(k.sqlstate, "08007") != 0)
        fail_msg("%s: SQLSTATE '%s'", statement, k.sqlstate);
    client_close(&k);
}

static void check_status(const struct cluster *c, int node)
{
    json_t *status = NULL;
    bool quorum = true;
    for (uint64_t until = now_ns() + CLUSTER_BOUND_MS * 1000000ull; quorum && now_ns() < until;
         pause_ms(100)) {
        status = cluster_status(c, node);
        assert_non_null(status); /* status works with no quorum */
        quorum = !json_is_false(json_object_get(status, "quorum"));
        json_decref(status);
    }
    assert_false(quorum);
}

static void ask_survivor(const struct cluster *c, int node)
{
    static const char *const statements[] = {
        "SELECT count(*) FROM load",
        "SELECT note FROM load WHERE id = 0",
        "INSERT INTO load VALUES (-1, 'no quorum')",
        "UPDATE load SET note = 'no quorum' WHERE id = 0",
        "DELETE FROM load WHERE id = -2",
        "CREATE TABLE other (a int PRIMARY KEY)",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        must_not_work(c, node, statements[i], i == 2);
    check_status(c, node);
}

/* Whether the table still says what the load wrote: the statements above changed nothing, or what
 * 08007 left open. */
static void clean_up(const struct cluster *c)
{
    struct client k = {.connection = NULL};
    if (!client_connect(&k, c->nodes[0].sql, CLUSTER_BOUND_MS)) fail_msg("%s", k.message);
    assert_int_equal(client_run(&k, "DELETE FROM load WHERE id < 0", CLUSTER_BOUND_MS, NULL),
                     CLIENT_DONE);
    assert_int_equal(
        client_run(&k, "UPDATE load SET note = 'row 0 of 0' WHERE id = 0", CLUSTER_BOUND_MS, NULL),
        CLIENT_DONE);
    client_close(&k);
}

static void run(bool leader_survives)
{
    static struct cluster c;
    static struct load l;
    cluster_start(&c, "auto");
    load_start(&l, &c);
    load_wait_rows(&l, 1000);
    int leader = cluster_leader(&c), other = (leader + 1) % c.node_count,
        third = (leader + 2) % c.node_count;
    int survivor = leader_survives ? leader : other;
    printf("the survivor %s\n", leader_survives ? "led" : "followed");
    cluster_node_end(&c, leader_survives ? other : leader, SIGKILL);
    cluster_node_end(&c, third, SIGKILL);
    ask_survivor(&c, survivor);
    load_mark(&l);
    cluster_node_begin(&c, leader_survives ? other : leader);
    cluster_node_begin(&c, third);
    printf("two nodes back: writes again after %.0f ms\n", load_wait_writes(&l));
    load_wait_rows(&l, 200);
    cluster_wait_whole(&c);
    load_stop(&l);
    clean_up(&c);
    for (int i = 0; i < c.node_count; i++)
        load_verify(&l, i);
    cluster_stop(&c);
    load_free(&l);
}

TEST(majority_down, leader_alone_says_so)
{
    run(true);
}

TEST(majority_down, follower_alone_says_so)
{
    run(false);
}
