/* Whether a node may leave is judged by what ranges are, and by what they are about to become: the mirror of the metadata range
 * lags, most of all when the cluster was just founded or somebody else has come to decide. */
#include "tests/test.h"

#include <stdlib.h>

#include "base/assert.h"
#include "shard/admin.h"
#include "shard/nodes.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/orders.h"

static struct cluster *cluster_begin(uint64_t seed, uint32_t machines, uint32_t boot)
{
    struct cluster_options o;
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) mutant_select(mutant);
    cluster_options_init(&o, seed);
    o.node_count = machines;
    o.boot_count = boot;
    o.verbose = getenv("OSTRAKA_VERBOSE") != NULL;
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 60 * SIM_SEC));
    return c;
}

struct asked {
    struct admin_call call;
    bool done;
    enum status status;
};

static void on_answer(struct admin_call *call, enum status status, const struct admin_answer *answer)
{
    struct asked *a = CONTAINER_OF(call, struct asked, call);
    (void)answer;
    a->done = true;
    a->status = status;
}

static bool is_done(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct asked *)ctx)->done;
}

/* Asks who leads the metadata range, from there, without changing anything. NOT_LEADER also when nobody leads. */
static enum status ask(struct cluster *c, struct node_id node)
{
    uint64_t leader = cluster_leader(c, RANGE_META);
    const struct admin_question q = {.node = node, .state = NODE_STATE_DECOMMISSIONING, .flags = ADMIN_DRY_RUN};
    struct asked a = {.call = {.on_done = on_answer}};
    if (leader == 0 || store_admin(cluster_store(c, leader), &a.call, &q) != STATUS_OK) return STATUS_NOT_LEADER;
    struct env *env = cluster_machine(c, leader)->env;
    sim_env_set_deadline(env, env_now_ns(env));
    assert_true(cluster_run_until(c, is_done, &a, 10 * SIM_SEC));
    return a.status;
}

/* Asks until somebody leads. */
static enum status ask_leader(struct cluster *c, struct node_id node)
{
    for (int i = 0; i < 3000; i++) {
        enum status status = ask(c, node);
        if (status != STATUS_NOT_LEADER) return status;
        cluster_run(c, 10 * SIM_MS);
    }
    fail_msg("nobody leads the metadata range");
    return STATUS_NOT_LEADER;
}

TEST(decommission, is_judged_when_the_leaders_of_all_ranges_have_told_a_new_metadata_leader)
{
    struct cluster *c = cluster_begin(3, 5, 0);
    cluster_run(c, 3 * SIM_SEC);
    uint64_t old = cluster_leader(c, RANGE_META);
    struct node_id node = cluster_node(c, 1 + old % 5);
    assert_int_equal(ask_leader(c, node), STATUS_OK);
    cluster_crash(c, old, SIM_CRASH_PROCESS);
    assert_int_equal(ask_leader(c, node), STATUS_BUSY);
    enum status status = STATUS_BUSY;
    for (int i = 0; i < 100 && status == STATUS_BUSY; i++) {
        cluster_run(c, 100 * SIM_MS);
        status = ask_leader(c, node);
    }
    assert_int_equal(status, STATUS_OK);
    cluster_destroy(c);
}

static bool all_alive(struct cluster *c, void *ctx)
{
    (void)ctx;
    struct store *s = cluster_store(c, 1);
    for (uint64_t i = 1; i <= cluster_size(c); i++) {
        struct node_id node = cluster_node(c, i);
        if (node.value == 0 || meta_node(&s->meta, node) == NULL || !nodes_alive(s, node, 3 * SIM_SEC)) return false;
    }
    return true;
}

TEST(decommission, is_refused_while_ranges_only_just_get_their_voters)
{
    struct cluster *c = cluster_begin(1, 3, 1);
    cluster_run(c, 3 * SIM_SEC);
    cluster_start(c, 2);
    cluster_start(c, 3);
    assert_true(cluster_run_until(c, all_alive, NULL, 30 * SIM_SEC));
    const struct descriptor *d = meta_range(&cluster_store(c, 1)->meta, RANGE_DATA);
    assert_int_equal(d->config.voter_count, 1); /* one copy: it has none to lose */
    assert_int_equal(ask_leader(c, cluster_node(c, 3)), STATUS_CONFLICT);
    cluster_destroy(c);
}
