/* Nodes ask each other what their sessions do, while some of them crash: whoever asks gets an
 * answer in time, says who is missing, and nothing is left behind by one that ends while it waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "shard/rpc.h"
#include "sql/activity.h"
#include "sql/session.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/test.h"

/* Asks one machine for all sessions, again and again. */
struct asker {
    struct cluster_machine *machine;
    bool stop, ended;
    uint32_t answers, warnings, errors;
    int64_t last; /* sessions that were seen */
    char warning[200];
    uint64_t slowest_ns;
};

static bool on_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    (void)ctx;
    (void)columns;
    (void)count;
    return true;
}

static bool on_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    (void)eval;
    ((struct asker *)ctx)->last = values[0].integer;
    return true;
}

static bool on_complete(void *ctx, const char *tag)
{
    (void)ctx;
    (void)tag;
    return true;
}

static void on_notice(void *ctx, const char *severity, const struct sql_error *notice)
{
    struct asker *a = ctx;
    assert_string_equal(severity, "WARNING");
    snprintf(a->warning, sizeof a->warning, "%s", notice->message);
    a->warnings++;
}

static void on_parameter(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    (void)name;
    (void)value;
}

static bool ask_once(struct asker *a)
{
    struct cluster_machine *m = a->machine;
    struct sql_session_options o = {.kv = core_kv(m->core),
                                    .env = m->env,
                                    .fibers = core_fibers(m->core),
                                    .user = "postgres",
                                    .database = "postgres",
                                    .pid = 1,
                                    .activity = sql_server_activity(m->sql)};
    struct sql_sink sink = {.begin = on_begin,
                            .row = on_row,
                            .complete = on_complete,
                            .notice = on_notice,
                            .parameter = on_parameter,
                            .ctx = a};
    struct sql_session *s;
    struct sql_error error = {0};
    uint64_t start_ns = env_now_ns(m->env);
    assert_int_equal(sql_session_create(&o, &s), STATUS_OK);
    sql_session_work_begin(s);
    bool ok =
        sql_session_query(s, BYTES_LITERAL("SELECT count(*) FROM ostraka.sessions"), &sink, &error);
    sql_session_work_end(s, ok ? NULL : &error);
    a->answers += ok;
    a->errors += !ok;
    if (env_now_ns(m->env) - start_ns > a->slowest_ns)
        a->slowest_ns = env_now_ns(m->env) - start_ns;
    sql_session_destroy(s);
    return ok && env_now_ns(m->env) > start_ns; /* nobody to wait for: it would never let go */
}

static void ask_run(void *arg)
{
    struct asker *a = arg;
    while (!a->stop && ask_once(a)) {
    }
    a->ended = true;
}

static void begin(struct asker *a, struct cluster *c, uint64_t number)
{
    *a = (struct asker){.machine = cluster_machine(c, number)};
    assert_int_equal(fiber_spawn(core_fibers(a->machine->core), ask_run, a, NULL), STATUS_OK);
}

static struct cluster *boot(uint64_t seed)
{
    struct cluster_options o;
    cluster_options_init(&o, seed);
    o.node_count = 3;
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 60 * SIM_SEC));
    cluster_run(c, 2 * SIM_SEC); /* SQL is served everywhere */
    return c;
}

TEST(gather, asks_all_nodes_and_names_those_that_are_silent)
{
    struct cluster *c = boot(1);
    struct asker a, b;
    begin(&a, c, 1);
    begin(&b, c, 2);
    cluster_run(c, SIM_SEC);
    assert_true(a.answers > 10 && a.warnings == 0);
    assert_int_equal(a.last, 2); /* both that ask */
    cluster_crash(c, 3, SIM_CRASH_PROCESS);
    cluster_run(c, 8 * SIM_SEC);
    assert_true(a.warnings > 0);
    assert_string_equal(a.warning, "these nodes did not answer, and what they know is missing: 3");
    assert_true(a.slowest_ns < 2 * SIM_SEC);
    assert_int_equal(a.errors + b.errors, 0);
    cluster_start(c, 3);
    cluster_run(c, 5 * SIM_SEC);
    uint32_t warnings = a.warnings;
    cluster_run(c, 2 * SIM_SEC);
    assert_int_equal(a.warnings, warnings);
    a.stop = b.stop = true;
    cluster_run(c, 3 * SIM_SEC);
    assert_true(a.ended && b.ended);
    cluster_destroy(c);
}

TEST(gather, ends_with_the_node_that_waits)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct cluster *c = boot(seed);
        struct asker a, b;
        begin(&a, c, 1);
        begin(&b, c, 2);
        cluster_crash(c, 3, SIM_CRASH_PROCESS); /* somebody to wait for */
        cluster_run(c, seed * SIM_SEC / 7);
        cluster_crash(c, 1, SIM_CRASH_PROCESS);
        assert_true(a.ended);
        cluster_run(c, seed * SIM_SEC / 11);
        cluster_crash(c, 2, SIM_CRASH_PROCESS);
        assert_true(b.ended);
        cluster_destroy(c);
    }
}

/* ---- requests that nobody should send ---- */

static uint32_t answered;
static void on_done(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    assert_true(status == STATUS_INVALID || status == STATUS_UNSUPPORTED || status == STATUS_OK);
    if (status == STATUS_OK) assert_true(body.size > 0);
    answered++;
    free(call);
}

TEST(gather, answers_requests_that_nobody_should_send)
{
    struct cluster *c = boot(3);
    struct cluster_machine *m = cluster_machine(c, 1);
    struct rpc *rpc = store_rpc(core_store(m->core));
    struct prng prng;
    prng_init(&prng, 9);
    answered = 0;
    for (int i = 0; i < 2000; i++) {
        uint8_t body[24];
        for (size_t k = 0; k < sizeof body; k++)
            body[k] = (uint8_t)(prng_next(&prng) % (k < 2 ? 6 : 256));
        if (i % 3 == 0) body[0] = 1;
        struct rpc_call *call = calloc(1, sizeof *call);
        assert_non_null(call);
        call->on_done = on_done;
        assert_int_equal(rpc_start(rpc, call, (struct node_id){1 + prng_next(&prng) % 2},
                                   RPC_ACTIVITY, bytes_make(body, prng_next(&prng) % sizeof body),
                                   SIM_SEC),
                         STATUS_OK);
        if (i % 100 == 0) cluster_run(c, SIM_SEC / 100);
    }
    cluster_run(c, 3 * SIM_SEC);
    assert_int_equal(answered, 2000);
    cluster_destroy(c);
}
