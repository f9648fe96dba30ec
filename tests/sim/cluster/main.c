/* ostraka-sim: deterministic simulation of whole clusters. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/big/big.h"
#include "tests/sim/cluster/bounds.h"
#include "tests/sim/cluster/focus.h"
#include "tests/sim/cluster/mix.h"
#include "tests/sim/cluster/run.h"

static const char usage[] =
    "ostraka-sim: runs whole Ostraka clusters over a simulated network, disk and clock\n"
    "\n"
    "  ostraka-sim --seed N            one run; prints its hash, counts and faults\n"
    "  ostraka-sim --seeds A..B        every seed from A to B; stops at the first that fails\n"
    "  ostraka-sim --big N [--ranges N] [--seed N]   the life of a cluster of N nodes, and what it costs\n"
    "  --nodes N         machines (default: 3 to 5, by the seed)\n"
    "  --ranges N        data ranges at the start, 1 to 6 (default 1)\n"
    "  --splits          ranges are split, and leaders handed about\n"
    "  --merges          the same, and ranges are united again\n"
    "  --deaths          machines go down at the very steps of two-phase commit\n"
    "  --moves           and moved; nodes drained, decommissioned, replaced, added\n"
    "  --seconds N       length of the phase with faults, in virtual seconds (default 8)\n"
    "  --workload NAME   keys, past, register, append, bank, skew, set, idem or all (default: drawn)\n"
    "  --focus NAME      none, slow-log, leaders, deluded, clock-stops or clock-limit (default: drawn)\n"
    "  --no-faults       a healthy network, disks and clocks; --no-crashes: processes stay up\n"
    "  --no-leases       every read costs a quorum round; clocks may do anything\n"
    "  --clock NAME      oracle or interval: where timestamps come from (default: drawn)\n"
    "  --parallel on|off commits over several ranges are acknowledged before their record is there (default: drawn)\n"
    "  --unbounded       faults beyond tolerance too; safety is checked, liveness is not\n"
    "  --twice           run each seed twice and compare the hashes\n"
    "  --mutant NAME     switch on a deliberate bug; --mutants lists them\n"
    "  --marks           print rare branches that were never reached\n"
    "  --keep-going      with --seeds: count failures instead of stopping\n"
    "  --verbose         logs of all nodes to stderr; --trace FILE writes every event\n"
    "Exit status: 0 passed, 1 a check failed, 2 usage.\n";

struct arguments {
    struct run_options run;
    uint64_t first, last;
    uint64_t big; /* nodes; 0: not that */
    bool twice, marks, keep_going;
};

static uint64_t number(const char *text)
{
    char *end;
    unsigned long long value = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || end == text || *end != '\0') {
        fprintf(stderr, "ostraka-sim: not a number: %s\n", text == NULL ? "(nothing)" : text);
        exit(2);
    }
    return value;
}

static uint64_t ranges(const char *text, bool big)
{
    uint64_t count = number(text);
    if (big && count >= 1 && count <= 10000) return count;
    if (!big && count >= 1 && count <= BOUNDS_MAX + 1) return count;
    fprintf(stderr, "ostraka-sim: --ranges is 1 to %d\n", big ? 10000 : BOUNDS_MAX + 1);
    exit(2);
}

static uint64_t big_nodes(const char *text)
{
    uint64_t count = number(text);
    if (count >= 6 && count < BIG_NODES_MAX) return count;
    fprintf(stderr, "ostraka-sim: --big is 6 to %d\n", BIG_NODES_MAX - 1);
    exit(2);
}

static const char *workload(const char *name)
{
    if (name != NULL && mix_is_known(name)) return name;
    char names[128];
    mix_names(names, sizeof names);
    fprintf(stderr, "ostraka-sim: --workload is one of %s\n", names);
    exit(2);
}

static const char *focus(const char *name)
{
    if (name != NULL && focus_choose(0, name) != FOCUS_COUNT) return name;
    fprintf(stderr, "ostraka-sim: --focus is one of");
    for (int i = 0; i < FOCUS_COUNT; i++) fprintf(stderr, "%s %s", i > 0 ? "," : "", focus_name((enum focus_kind)i));
    fprintf(stderr, "\n");
    exit(2);
}

static void print_mutant(const struct mutant_site *site, void *ctx)
{
    (void)ctx;
    printf("%s\n", site->name);
}

static void print_mark(const struct cover_mark *mark, void *ctx)
{
    (void)ctx;
    if (mark->hits == 0) printf("never reached: %s (%s:%d)\n", mark->name, mark->file, mark->line);
}

static void parse_range(const char *text, struct arguments *a)
{
    const char *dots = text == NULL ? NULL : strstr(text, "..");
    if (dots == NULL) {
        fprintf(stderr, "ostraka-sim: --seeds wants A..B\n");
        exit(2);
    }
    char first[32];
    snprintf(first, sizeof first, "%.*s", (int)(dots - text), text);
    a->first = number(first);
    a->last = number(dots + 2);
}

static int clock_source(const char *name)
{
    if (name != NULL && strcmp(name, "interval") == 0) return RUN_CLOCK_INTERVAL;
    if (name != NULL && strcmp(name, "oracle") == 0) return RUN_CLOCK_ORACLE;
    fprintf(stderr, "ostraka-sim: --clock takes oracle or interval\n");
    exit(2);
}

static int parallel_commit(const char *name)
{
    if (name != NULL && strcmp(name, "on") == 0) return RUN_PARALLEL_ON;
    if (name != NULL && strcmp(name, "off") == 0) return RUN_PARALLEL_OFF;
    fprintf(stderr, "ostraka-sim: --parallel takes on or off\n");
    exit(2);
}

static void parse(int argc, char **argv, struct arguments *a)
{
    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(flag, "--seed") == 0) a->first = a->last = number(value), i++;
        else if (strcmp(flag, "--seeds") == 0) parse_range(value, a), i++;
        else if (strcmp(flag, "--nodes") == 0) a->run.node_count = (uint32_t)number(value), i++;
        else if (strcmp(flag, "--ranges") == 0) a->run.range_count = (uint32_t)ranges(value, a->big != 0), i++;
        else if (strcmp(flag, "--big") == 0) a->big = big_nodes(value), i++;
        else if (strcmp(flag, "--seconds") == 0) a->run.fault_phase_ns = number(value) * 1000000000u, i++;
        else if (strcmp(flag, "--workload") == 0) a->run.workload = workload(value), i++;
        else if (strcmp(flag, "--focus") == 0) a->run.focus = focus(value), i++;
        else if (strcmp(flag, "--no-faults") == 0) a->run.no_faults = true;
        else if (strcmp(flag, "--no-crashes") == 0) a->run.no_crashes = true;
        else if (strcmp(flag, "--splits") == 0) a->run.splits = true;
        else if (strcmp(flag, "--merges") == 0) a->run.merges = true;
        else if (strcmp(flag, "--deaths") == 0) a->run.deaths = true;
        else if (strcmp(flag, "--moves") == 0) a->run.moves = true;
        else if (strcmp(flag, "--no-leases") == 0) a->run.no_leases = true;
        else if (strcmp(flag, "--clock") == 0) a->run.clock = clock_source(value), i++;
        else if (strcmp(flag, "--parallel") == 0) a->run.parallel = parallel_commit(value), i++;
        else if (strcmp(flag, "--unbounded") == 0) a->run.unbounded = true;
        else if (strcmp(flag, "--twice") == 0) a->twice = true;
        else if (strcmp(flag, "--marks") == 0) a->marks = true;
        else if (strcmp(flag, "--keep-going") == 0) a->keep_going = true;
        else if (strcmp(flag, "--verbose") == 0) a->run.verbose = true;
        else if (strcmp(flag, "--mutants") == 0) {
            mutant_visit(print_mutant, NULL);
            exit(0);
        } else if (strcmp(flag, "--mutant") == 0 && value != NULL) {
            if (mutant_select(value) == 0) {
                fprintf(stderr, "ostraka-sim: no mutant \"%s\"; see --mutants\n", value);
                exit(2);
            }
            i++;
        } else if (strcmp(flag, "--trace") == 0 && value != NULL) {
            a->run.trace = fopen(value, "w");
            if (a->run.trace == NULL) perror(value), exit(1);
            i++;
        } else {
            bool help = strcmp(flag, "--help") == 0;
            fputs(usage, help ? stdout : stderr);
            exit(help ? 0 : 2);
        }
    }
}

static bool run_seed(struct arguments *a, uint64_t seed, bool alone)
{
    struct run_result result, again;
    a->run.seed = seed;
    run_once(&a->run, &result, alone ? stdout : NULL);
    bool passed = result.passed;
    if (a->twice && passed) {
        run_once(&a->run, &again, NULL);
        if (again.hash != result.hash) {
            passed = false;
            snprintf(result.failure, sizeof result.failure, "not deterministic: hash=%016llx again",
                     (unsigned long long)again.hash);
        }
    }
    printf("seed=%llu hash=%016llx %s operations=%llu commits=%llu unknown=%llu faults=%llu events=%llu "
           "virtual_s=%.1f leased=%llu rounds=%llu messages=%llu splits=%llu merges=%llu moves=%llu states=%llu replaced=%llu deaths=%llu two_phase=%llu staged=%llu recovered=%llu at_replica=%llu%s%s\n",
           (unsigned long long)seed, (unsigned long long)result.hash, passed ? "ok" : "FAILED",
           (unsigned long long)result.operations, (unsigned long long)result.committed,
           (unsigned long long)result.unknown, (unsigned long long)result.faults,
           (unsigned long long)result.events, (double)result.virtual_ns / 1e9,
           (unsigned long long)result.reads_leased, (unsigned long long)result.reads_confirmed,
           (unsigned long long)result.raft_messages, (unsigned long long)result.splits, (unsigned long long)result.merges,
           (unsigned long long)result.moves, (unsigned long long)result.states,
           (unsigned long long)result.replaced, (unsigned long long)result.deaths,
           (unsigned long long)result.two_phase, (unsigned long long)result.staged, (unsigned long long)result.recovered,
           (unsigned long long)result.at_replica, passed ? "" : " ", passed ? "" : result.failure);
    fflush(stdout);
    return passed;
}

static bool run_big(const struct arguments *a)
{
    struct big_result result;
    struct big_options o = {.seed = a->first, .node_count = (uint32_t)a->big, .range_count = a->run.range_count,
                            .verbose = a->run.verbose, .report = stdout};
    big_run(&o, &result);
    printf("seed=%llu hash=%016llx %s events=%llu virtual_s=%.1f%s%s\n", (unsigned long long)a->first,
           (unsigned long long)result.hash, result.passed ? "ok" : "FAILED", (unsigned long long)result.events,
           (double)result.virtual_ns / 1e9, result.passed ? "" : " ", result.failure);
    return result.passed;
}

int main(int argc, char **argv)
{
    struct arguments a = {.first = 1, .last = 1};
    parse(argc, argv, &a);
    if (a.big != 0) return !run_big(&a);
    uint64_t failed = 0, count = 0;
    for (uint64_t seed = a.first; seed <= a.last; seed++) {
        count++;
        if (run_seed(&a, seed, a.first == a.last)) continue;
        failed++;
        if (!a.keep_going) break;
    }
    if (a.marks) cover_visit(print_mark, NULL);
    if (a.first != a.last)
        printf("%llu passed, %llu failed\n", (unsigned long long)(count - failed),
               (unsigned long long)failed);
    return failed != 0;
}
