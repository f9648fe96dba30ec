/* Lists that clients of all nodes read and append to (`ostraka bench append`), while nodes are killed and stopped: what
 * they saw is strictly serializable. With OSTRAKA_TEST_SIZE=full 100,000 transactions on each I/O backend. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/prng.h"
#include "tests/process/cluster.h"
#include "tests/sim/check/append.h"
#include "tests/sim/check/history_read.h"
#include "tests/test.h"

#define HISTORY_BYTES_MAX ((size_t)4 << 30)
#define REPORT_BYTES_MAX  (1u << 20)

struct bench {
    pid_t pid;
    char history[300], output[300];
};

/* ---- the clients ---- */

static void exec_bench(const struct bench *b, const char *nodes)
{
    bool full = test_is_full();
    const char *arguments[] = {cluster_binary(), "bench", "append", "--nodes", nodes, "--history", b->history,
                               "--timeout", "5s", "--transactions", full ? "100000" : "0",
                               "--seconds", full ? "0" : "12", NULL};
    int out = open(b->output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(126);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static void bench_begin(struct bench *b, const struct cluster *c)
{
    char nodes[CLUSTER_NODES_MAX * 64 + 8];
    snprintf(nodes, sizeof nodes, "%s,%s,%s", c->nodes[0].sql, c->nodes[1].sql, c->nodes[2].sql);
    snprintf(b->history, sizeof b->history, "%s/history.json", c->directory);
    snprintf(b->output, sizeof b->output, "%s/bench.log", c->directory);
    b->pid = fork();
    if (b->pid == 0) exec_bench(b, nodes);
    assert_true(b->pid > 0);
}

static bool bench_ended(struct bench *b, int *status_out)
{
    if (b->pid == 0) return true;
    if (waitpid(b->pid, status_out, WNOHANG) == 0) return false;
    b->pid = 0;
    return true;
}

static void show(const char *path)
{
    char line[300];
    FILE *from = fopen(path, "re");
    while (from != NULL && fgets(line, sizeof line, from) != NULL) fputs(line, stdout);
    if (from != NULL) fclose(from);
    fflush(stdout);
}

/* ---- what happens to the nodes ---- */

/* A set of nodes as bits: mostly one, sometimes the leader, sometimes two or all. */
static unsigned draw_nodes(const struct cluster *c, struct prng *p)
{
    uint64_t n = prng_below(p, 10);
    if (n < 4) return 1u << prng_below(p, (uint64_t)c->node_count);
    if (n < 7) return 1u << cluster_leader(c);
    return 1 + (unsigned)prng_below(p, 7);
}

static void kill_nodes(struct cluster *c, unsigned nodes, int ms)
{
    for (int i = 0; i < c->node_count; i++)
        if ((nodes >> i & 1) != 0) kill(c->nodes[i].pid, SIGKILL);
    for (int i = 0; i < c->node_count; i++)
        if ((nodes >> i & 1) != 0) cluster_node_end(c, i, SIGKILL);
    pause_ms(ms);
    for (int i = 0; i < c->node_count; i++)
        if ((nodes >> i & 1) != 0) cluster_node_begin(c, i);
}

static void stop_nodes(const struct cluster *c, unsigned nodes, int ms)
{
    for (int i = 0; i < c->node_count; i++)
        if ((nodes >> i & 1) != 0) kill(c->nodes[i].pid, SIGSTOP);
    pause_ms(ms);
    for (int i = 0; i < c->node_count; i++)
        if ((nodes >> i & 1) != 0) kill(c->nodes[i].pid, SIGCONT);
}

/* Until the clients are done; their exit status. */
static int trouble(struct cluster *c, struct bench *b, struct prng *p)
{
    int status = 0;
    unsigned kills = 0, stops = 0;
    pause_ms(1500);
    for (uint64_t turn = prng_below(p, 2); !bench_ended(b, &status); turn++) {
        unsigned nodes = draw_nodes(c, p);
        int ms = (int)prng_between(p, 50, 2500);
        if (turn % 2 == 0) kill_nodes(c, nodes, ms);
        else stop_nodes(c, nodes, ms);
        kills += turn % 2 == 0;
        stops += turn % 2 == 1;
        pause_ms((int)prng_between(p, 500, test_is_full() ? 6000 : 2000));
    }
    printf("%u times nodes were killed, %u times stopped\n", kills, stops);
    return status;
}

/* ---- the verdict ---- */

static void judge(const char *path)
{
    FILE *from = fopen(path, "re");
    struct history h;
    struct buf report;
    char problem[160] = "";
    assert_non_null(from);
    history_init(&h, HISTORY_BYTES_MAX);
    buf_init(&report, REPORT_BYTES_MAX);
    if (!history_read_json(&h, from, problem, sizeof problem)) fail_msg("%s: %s", path, problem);
    fclose(from);
    struct append_result r = append_check(&h, &report);
    printf("%s: %zu transactions, %zu committed, %zu edges\n", check_result_name(r.result), h.txn_count,
           r.committed_count, r.edge_count);
    fflush(stdout);
    if (r.result != CHECK_VALID) fail_msg("%.*s", (int)report.size, (char *)report.data);
    assert_true(r.committed_count >= 100);
    buf_deinit(&report);
    history_deinit(&h);
}

static void run(const char *io)
{
    static struct cluster c;
    struct bench b;
    struct prng p;
    uint64_t seed = now_ns();
    printf("%s, seed %llu\n", io, (unsigned long long)seed);
    prng_init(&p, seed);
    cluster_start(&c, io);
    bench_begin(&b, &c);
    int status = trouble(&c, &b, &p);
    show(b.output);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    judge(b.history);
    cluster_wait_whole(&c);
    cluster_stop(&c);
}

TEST(append_history, is_strictly_serializable_while_nodes_die_and_stop)
{
    run("auto");
}

TEST(append_history, is_strictly_serializable_while_nodes_die_and_stop_on_epoll)
{
    if (test_is_full()) run("epoll");
}
