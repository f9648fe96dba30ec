#include "tests/sim/cluster/focus.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

#define RACE_PPM 150000000 /* 151 times as fast */
#define META ((struct range_id){1})
#define DATA ((struct range_id){2})

struct focus {
    struct cluster *cluster;
    enum focus_kind kind;
    bool healed;
    /* the round under way */
    uint64_t stage, victim;
};

static const char *const names[FOCUS_COUNT] = {"none", "slow-log", "leaders", "deluded", "clock-stops", "clock-limit"};

const char *focus_name(enum focus_kind kind)
{
    ASSERT(kind < FOCUS_COUNT);
    return names[kind];
}

bool focus_breaks_clocks(enum focus_kind kind)
{
    return kind == FOCUS_CLOCK_STOPS || kind == FOCUS_CLOCK_LIMIT;
}

enum focus_kind focus_choose(uint64_t seed, const char *name)
{
    if (name == NULL) {
        uint64_t draw = hash_u64(seed + 0x5eed);
        return draw % 5 == 0 ? (enum focus_kind)(1 + draw / 5 % (FOCUS_COUNT - 1)) : FOCUS_NONE;
    }
    for (int i = 0; i < FOCUS_COUNT; i++)
        if (strcmp(names[i], name) == 0) return (enum focus_kind)i;
    return FOCUS_COUNT;
}

static struct sim *sim_of_focus(struct focus *f)
{
    return cluster_sim(f->cluster);
}

/* Who leads a range; 0 when nobody does, or when that machine is down. */
static uint64_t leader_of(struct focus *f, struct range_id range)
{
    uint64_t leader = cluster_leader(f->cluster, range);
    return leader != 0 && cluster_up(f->cluster, leader) ? leader : 0;
}

static void set_reach(struct focus *f, uint64_t machine, uint64_t except, bool cut)
{
    struct sim *sim = sim_of_focus(f);
    for (uint64_t other = 1; other <= cluster_size(f->cluster); other++) {
        if (other == machine || other == except) continue;
        if (cut) {
            sim_net_cut_pair(sim, machine, other);
        } else {
            sim_net_uncut(sim, machine, other);
            sim_net_uncut(sim, other, machine);
        }
    }
}

/* The victim and all others hear each other again, and every frame arrives. */
static void reach_all(struct focus *f)
{
    set_reach(f, f->victim, 0, false);
    for (uint64_t i = 1; i <= cluster_size(f->cluster); i++)
        if (i != f->victim) sim_net_rates(sim_of_focus(f), i, f->victim, 0, 0, 0);
}

static uint64_t node_on(struct focus *f, uint64_t machine)
{
    return store_identity(core_store(cluster_machine(f->cluster, machine)->core))->node.value;
}

static void transfer_to(struct focus *f, struct range_id range, uint64_t node)
{
    uint64_t leader = leader_of(f, range);
    if (leader == 0) return;
    struct cluster_machine *m = cluster_machine(f->cluster, leader);
    if (replica_transfer(store_replica(core_store(m->core), range), (struct node_id){node}) != STATUS_OK) return;
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

/* To any voter but that one (0: any). */
static void transfer(struct focus *f, struct range_id range, uint64_t not_to)
{
    uint64_t leader = leader_of(f, range);
    if (leader == 0) return;
    struct replica *r = store_replica(core_store(cluster_machine(f->cluster, leader)->core), range);
    const struct raft_config *config = &replica_descriptor(r)->config;
    if (config->voter_count == 0) return;
    uint64_t to = config->voters[sim_below(sim_of_focus(f), config->voter_count)].node;
    if (not_to == 0 || to != node_on(f, not_to)) transfer_to(f, range, to);
}

/* ---- the patterns: one stage each time, returning when the next is due ---- */

static uint64_t slow_log(struct focus *f)
{
    struct sim *sim = sim_of_focus(f);
    uint64_t spared = 1 + sim_below(sim, cluster_size(f->cluster));
    uint64_t duration_ns = 1 + sim_exponential(sim, 20 * SIM_MS);
    for (uint64_t i = 1; i <= cluster_size(f->cluster); i++)
        if (i != spared) sim_disk_stall(sim_disk(sim, i), duration_ns);
    return sim_exponential(sim, 60 * SIM_MS);
}

/* A leader that was cut off gets its range back as soon as it can be reached: what it had proposed is still on its
 * mind. */
static uint64_t leaders(struct focus *f)
{
    struct sim *sim = sim_of_focus(f);
    if (f->victim != 0 && f->stage == 0) {
        set_reach(f, f->victim, 0, false);
        f->stage = 1;
        return 10 * SIM_MS + sim_exponential(sim, 20 * SIM_MS);
    }
    if (f->victim != 0) {
        if (cluster_up(f->cluster, f->victim) && core_joined(cluster_machine(f->cluster, f->victim)->core))
            transfer_to(f, DATA, node_on(f, f->victim));
        f->victim = f->stage = 0;
    } else if (sim_chance(sim, SIM_ALWAYS / 3)) {
        f->victim = leader_of(f, DATA);
        if (f->victim == 0) return 100 * SIM_MS;
        if (sim_chance(sim, SIM_ALWAYS / 2)) {
            set_reach(f, f->victim, 0, true);
        } else { /* it is heard no more, and hears */
            for (uint64_t i = 1; i <= cluster_size(f->cluster); i++)
                if (i != f->victim) sim_net_cut(sim, f->victim, i);
        }
        return 400 * SIM_MS + sim_exponential(sim, 300 * SIM_MS);
    } else {
        transfer(f, sim_chance(sim, SIM_ALWAYS / 4) ? META : DATA, 0);
    }
    return sim_exponential(sim, 150 * SIM_MS);
}

/* The leader stands alone, and (without leases) its clock stands still: nothing tells it that its time is up. Only the clock master
 * can be reached, late: what was asked before the others elected somebody is answered after that. Most of what
 * the master, a voter, says about the new term is lost. */
static uint64_t deluded(struct focus *f)
{
    struct sim *sim = sim_of_focus(f);
    uint64_t master = leader_of(f, META), leader = leader_of(f, DATA);
    if (f->victim != 0) {
        sim_clock_freeze(sim, f->victim, false);
        reach_all(f);
        f->victim = 0;
        return 50 * SIM_MS + sim_exponential(sim, 150 * SIM_MS);
    }
    if (master == 0 || leader == 0) return 100 * SIM_MS;
    if (master == leader) { /* they have to be two */
        transfer(f, DATA, master);
        return 50 * SIM_MS;
    }
    f->victim = leader;
    if (!cluster_leases(f->cluster)) sim_clock_freeze(sim, leader, true);
    set_reach(f, leader, master, true);
    sim_net_clog(sim, leader, master, 500 * SIM_MS + sim_below(sim, 300 * SIM_MS));
    sim_net_rates(sim, master, leader, 600000, 0, 0);
    return 820 * SIM_MS;
}

static uint64_t clock_stops(struct focus *f)
{
    struct sim *sim = sim_of_focus(f);
    if (f->victim != 0) {
        sim_clock_freeze(sim, f->victim, false);
        f->victim = 0;
        return 100 * SIM_MS + sim_exponential(sim, 100 * SIM_MS);
    }
    f->victim = leader_of(f, META);
    if (f->victim != 0) sim_clock_freeze(sim, f->victim, true);
    return 20 * SIM_MS + sim_exponential(sim, 150 * SIM_MS);
}

/* The master's clock races ahead while no log takes anything: it reaches the limit before a higher one is logged. It
 * must not be so fast that the master misses the answers of its followers. Then the master goes. */
static uint64_t clock_limit(struct focus *f)
{
    struct sim *sim = sim_of_focus(f);
    switch (f->stage++) {
    case 0:
        f->victim = leader_of(f, META);
        if (f->victim == 0) break;
        for (uint64_t i = 1; i <= cluster_size(f->cluster); i++)
            sim_disk_stall(sim_disk(sim, i), 80 * SIM_MS);
        sim_clock_drift(sim, f->victim, RACE_PPM);
        return 30 * SIM_MS + sim_exponential(sim, 20 * SIM_MS);
    case 1:
        sim_clock_drift(sim, f->victim, 0);
        if (cluster_up(f->cluster, f->victim)) cluster_crash(f->cluster, f->victim, SIM_CRASH_PROCESS);
        return 500 * SIM_MS;
    case 2:
        if (cluster_machine(f->cluster, f->victim)->env == NULL) cluster_start(f->cluster, f->victim);
        break;
    default: UNREACHABLE();
    }
    f->stage = 0;
    f->victim = 0;
    return 500 * SIM_MS + sim_exponential(sim, SIM_SEC);
}

static void on_time(void *ctx)
{
    static uint64_t (*const patterns[FOCUS_COUNT])(struct focus *f) = {
        [FOCUS_SLOW_LOG] = slow_log,       [FOCUS_LEADERS] = leaders,         [FOCUS_DELUDED] = deluded,
        [FOCUS_CLOCK_STOPS] = clock_stops, [FOCUS_CLOCK_LIMIT] = clock_limit,
    };
    struct focus *f = ctx;
    if (f->healed) return;
    uint64_t next_ns = patterns[f->kind](f);
    sim_call_after(sim_of_focus(f), next_ns, on_time, f);
}

struct focus *focus_create(struct cluster *c, enum focus_kind kind)
{
    struct focus *f = calloc(1, sizeof *f);
    ASSERT(f != NULL && kind < FOCUS_COUNT);
    f->cluster = c;
    f->kind = kind;
    sim_trace(cluster_sim(c), "focus %s", names[kind]);
    if (kind != FOCUS_NONE) sim_call_after(cluster_sim(c), 50 * SIM_MS, on_time, f);
    return f;
}

void focus_heal(struct focus *f)
{
    f->healed = true;
    if (f->victim == 0) return;
    if (f->kind == FOCUS_DELUDED || f->kind == FOCUS_CLOCK_STOPS)
        sim_clock_freeze(sim_of_focus(f), f->victim, false);
    if (f->kind == FOCUS_CLOCK_LIMIT) sim_clock_drift(sim_of_focus(f), f->victim, 0);
    if (f->kind == FOCUS_DELUDED || f->kind == FOCUS_LEADERS) reach_all(f);
    if (cluster_machine(f->cluster, f->victim)->env == NULL) cluster_start(f->cluster, f->victim);
}

void focus_destroy(struct focus *f)
{
    free(f);
}
