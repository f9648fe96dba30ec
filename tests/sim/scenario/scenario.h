/* What the named scenarios share: a whole cluster under load with everything healthy, faults that a
 * test places by hand, and the checks that every scenario ends with. */
#ifndef OSTRAKA_TESTS_SIM_SCENARIO_H
#define OSTRAKA_TESTS_SIM_SCENARIO_H

#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/workload.h"

/* Election timeouts are drawn from [300, 600) ms: the longest that can be drawn counts as one. */
#define SCENARIO_TIMEOUT_NS (600 * SIM_MS)

struct scenario {
    struct cluster *c;
    struct sim *sim;
    struct workload *w; /* NULL: no load yet */
    uint64_t seed;
    uint32_t size;
    bool lossy; /* disks were damaged: machines may stop by themselves */
};

/* How many of what is done so often to find a deliberate bug: a quarter in normal runs, a tenth in quick ones, ten times
 * as many in full ones. */
uint64_t scenario_count(uint64_t normal);
/* Runs the scenario with seeds 1 to scenario_count(count). A failed expectation prints the seed. */
void scenario_seeds(uint64_t count, void (*scenario)(struct scenario *s));

/* `size` machines, all of them voters of both ranges. */
void scenario_options(struct scenario *s, uint32_t size, struct cluster_options *options_out);
void scenario_boot(struct scenario *s, uint32_t size);
void scenario_boot_with(struct scenario *s, const struct cluster_options *options);
void scenario_load(struct scenario *s, uint32_t clients, uint32_t keys);
void scenario_load_with(struct scenario *s, const struct workload_options *options);
void scenario_run(struct scenario *s, uint64_t duration_ns);

/* ---- who leads: of RANGE_META (its leader is the clock master) and RANGE_DATA ---- */

struct replica *scenario_replica(struct scenario *s, uint64_t machine,
                                 struct range_id range); /* or NULL */
void scenario_status(struct scenario *s, uint64_t machine, struct range_id range,
                     struct raft_status *out);
/* A serving leader, on a machine that is not paused, whose links both ways reach a majority of the
 * voters; 0: there is none. */
uint64_t scenario_leader(struct scenario *s, struct range_id range);
/* The highest term of any replica. */
uint64_t scenario_term(struct scenario *s, struct range_id range);
/* Makes a machine leader of both ranges. */
void scenario_lead(struct scenario *s, uint64_t machine);
void scenario_lead_range(struct scenario *s, uint64_t machine, struct range_id range);
/* Runs until both ranges have such a leader; the time that took. Fails the scenario after limit_ns.
 */
uint64_t scenario_await_leader(struct scenario *s, uint64_t limit_ns);
/* Runs until a write that began after this call was acknowledged; the time that took. */
uint64_t scenario_await_write(struct scenario *s, uint64_t limit_ns);

/* ---- the network ---- */

/* Only these links work, both ways: "1-2 2-3". Everything else is cut. */
void scenario_only_links(struct scenario *s, const char *links);
void scenario_heal_network(struct scenario *s);

/* ---- the end ---- */

void scenario_expect(struct scenario *s, bool condition, const char *what, const char *file,
                     int line);
#define EXPECT(s, condition) scenario_expect(s, condition, #condition, __FILE__, __LINE__)
/* Commits so far, and in a stretch of time. */
uint64_t scenario_commits(struct scenario *s);
uint64_t scenario_commits_in(struct scenario *s, uint64_t duration_ns);
/* Waits until nothing waits anywhere: calls, requests at leaders, proposals, reads, log buffers,
 * uncommitted entries, frames, snapshots. Names what does not go away. */
void scenario_expect_idle(struct scenario *s);
/* Restarts what is down, heals everything, and demands: progress, every operation ends, what
 * clients saw is linearizable and agrees with its timestamps, replicas are equal, queues are empty.
 * Frees all. */
void scenario_end(struct scenario *s);

#endif
