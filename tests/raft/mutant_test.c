/* Each deliberate bug in raft/ must be noticed: by a checker of the cluster, or by an assertion. Every run
 * is a child process, since noticing means to abort. */
#include "base/assert.h"
#include "tests/raft/cluster.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void chaos(uint64_t seed, uint32_t level)
{
    struct raft_options o = {
        .inflight_count_max = seed % 2 == 0 ? 3 : 0,
        .append_bytes_max = seed % 3 == 0 ? 300 : 0,
        .cache_bytes_max = seed % 2 == 0 ? 500 : 0,
    };
    struct cluster *c = cluster_create(seed, 3 + (uint32_t)(seed % 3), 6, &o);
    c->drop_percent = (uint32_t)(seed % 4) * 3;
    c->duplicate_percent = (uint32_t)(seed % 3) * 10;
    c->slow_percent = (uint32_t)(seed % 5) * 2;
    c->delay_max_ns = (1 + seed % 7) * 3 * MS;
    c->sync_max_ns = (1 + seed % 5) * 20 * MS;
    cluster_chaos(c, 400, level);
    cluster_converge(c);
    cluster_destroy(c);
}

/* True when a child that runs `seeds` schedules with the mutant on does not come back well. */
static bool caught(const char *mutant, uint64_t seeds, uint32_t level, uint64_t *seed_out)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            if (freopen("/dev/null", "w", stderr) == NULL) _exit(2);
            if (mutant != NULL && mutant_select(mutant) == 0) _exit(0);
            alarm(60);
            chaos(seed, level);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        *seed_out = seed;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return true;
    }
    return false;
}

static void visit(const struct mutant_site *site, void *ctx)
{
    const char **names = ctx;
    uint32_t i = 0;
    while (names[i] != NULL && strcmp(names[i], site->name) != 0) i++;
    names[i] = site->name;
}
TEST(raft_mutant, baseline)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        pid_t child = fork();
        if (child == 0) { alarm(60); fprintf(stderr, ""); chaos(seed, CHAOS_ALL); _exit(0); }
        int status; waitpid(child, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) printf("BASELINE FAILS seed %d\n", (int)seed);
    }
}
TEST(raft_mutant, survey)
{
    const char *names[100] = {NULL};
    mutant_visit(visit, names);
    for (uint32_t i = 0; names[i] != NULL; i++) {
        uint64_t seed = 0;
        bool ok = caught(names[i], 60, CHAOS_ALL, &seed);
        printf("%-40s %s seed %d\n", names[i], ok ? "caught" : "SURVIVED", (int)seed);
        fflush(stdout);
    }
}
