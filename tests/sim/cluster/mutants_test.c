/* Every deliberate bug of the transactions is noticed: by what clients saw, by an invariant over all machines, or by an
 * assertion. Each row names the mix that shows it soonest. A mutant runs in a child process, since assertions end
 * it. Rules of consensus, log and engine have their own tests beside them. */
#include "tests/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "tests/sim/cluster/run.h"

#define SEEDS_MAX 100
#define CHILD_CAUGHT 7

struct row {
    const char *mutant, *focus, *workload;
    uint64_t likely;  /* the seed that is tried first */
    bool no_leases, no_crashes;
};

static const struct row rows[] = {
    /* R2, R3: what a read sees */
    {"read_ignores_in_flight", "none", "append", 2, false, false},
    {"read_floor", "slow-log", "keys", 2, false, false},
    {"read_without_leadership", "deluded", "keys", 8, true, false},
    /* R4, A1: the gate, by the clock and by (term, index) */
    {"gate_clock", "clock-stops", "keys", 3, false, false},
    {"commit_wait", "clock-stops", "keys", 3, false, false},
    {"gate_term", "leaders", "append", 4, false, false},
    /* T1: validation at the leader, of statements alone and of whole transactions */
    {"refresh", "none", "append", 1, false, false},
    {"refresh", "none", "bank", 1, false, false},
    {"earlier_reads_forgotten", "none", "append", 2, false, false},
    {"insert_unchecked", "none", "register", 1, false, false},
    /* INSERT ... ON CONFLICT: what may be written unread; RETURNING: what is shown when */
    {"upsert_blind_unchecked", "none", "append", 1, false, false},
    {"returning_before_commit", "none", "register", 3, false, false},
    {"onepc_floor", "slow-log", "append", 1, false, false},
    /* savepoints, and statements that begin again within a transaction */
    {"savepoint_keeps_writes", "none", "append", 1, false, false},
    {"savepoint_keeps_writes", "none", "bank", 1, false, false},
    {"refresh_unvalidated", "none", "append", 1, false, false},
    /* A3: a new leader */
    {"leader_floor", "leaders", "keys", 1, false, false},
    /* I2: the clock across masters */
    {"clock_master_ignores_limit", "clock-limit", "keys", 1, false, false},
    {"clock_master_restarts_at_wall", "leaders", "append", 18, false, false},
    /* TXN-9: versions that a read may need are not collected */
    {"gc_above_safe_point", "none", "keys", 2, false, false},
    {"gc_no_read_check", "none", "keys", 1, false, false},
    /* Idempotency keys: the record is of the commit's entry, is validated, names the statements, and ends */
    {"idempotency_record_apart", "none", "idem", 1, false, false},
    {"idempotency_row_unchecked", "none", "idem", 1, false, false},
    /* RPC-1: once */
    {"rpc_executes_twice", "none", "append", 12, false, true},
    {"k15_never_left", "none", "keys", 1, false, true},
};

static bool caught_by(const struct row *row, uint64_t seed)
{
    struct run_options options = {.seed = seed, .focus = row->focus, .workload = row->workload,
                                  .no_leases = row->no_leases, .no_crashes = row->no_crashes};
    struct run_result result;
    run_once(&options, &result, NULL);
    return !result.passed;
}

static void child(const struct row *row)
{
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 2);
    if (mutant_select(row->mutant) == 0) _exit(1);
    if (caught_by(row, row->likely)) _exit(CHILD_CAUGHT);
    for (uint64_t seed = 1; seed <= SEEDS_MAX; seed++)
        if (seed != row->likely && caught_by(row, seed)) _exit(CHILD_CAUGHT);
    _exit(0);
}

static bool caught(const struct row *row)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) child(row);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bool asserted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    return asserted || (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_CAUGHT);
}

TEST(mutants, every_rule_of_the_transactions_is_missed_when_it_is_gone)
{
    bool all = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (caught(&rows[i])) continue;
        fprintf(stderr, "mutant %s was not caught by %s under %s\n", rows[i].mutant, rows[i].workload, rows[i].focus);
        all = false;
    }
    assert_true(all);
}

/* The same mixes without a mutant: what catches them is not the mix itself. */
TEST(mutants, the_same_mixes_pass_without_them)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) assert_false(caught_by(&rows[i], rows[i].likely));
}
