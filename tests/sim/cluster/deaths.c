#include "tests/sim/cluster/deaths.h"

#include <stdlib.h>

#include "base/assert.h"
#include "tests/sim/cluster/frames.h"
#include "tests/sim/cluster/orders.h"

#define BACK_NS (800 * SIM_MS)
#define LATE_NS (2 * SIM_SEC)
#define VERY_LATE_NS (11 * SIM_SEC) /* behind the window of the attempt */

struct deaths {
    struct cluster *cluster;
    struct nemesis *nemesis;
    struct frames frames;
    uint64_t next_ns, mean_ns; /* when the next one is struck, and how often */
    uint16_t kind;             /* which that shall be */
    bool reply;
    uint64_t count;
    uint64_t victim;           /* goes down behind the message */
    uint64_t ends[2];          /* machines whose link is reset behind it */
    bool healed;
};

static struct sim *sim_of_deaths(struct deaths *d)
{
    return cluster_sim(d->cluster);
}

static const uint16_t steps[] = {RPC_PREPARE, RPC_DECIDE, RPC_RESOLVE, RPC_REFRESH, RPC_STAGED};
#define STEPS (sizeof steps / sizeof steps[0])

/* Some steps are much rarer than others: which is struck next is drawn before it comes. */
static void aim(struct deaths *d)
{
    struct sim *sim = sim_of_deaths(d);
    d->next_ns = sim_now(sim) + sim_exponential(sim, d->mean_ns);
    d->kind = steps[sim_below(sim, STEPS)];
    d->reply = sim_below(sim, 2) == 0;
}

/* Whatever comes, when what is waited for has not come for long. */
static bool is_struck(const struct deaths *d, const struct frames_step *step, uint64_t now_ns)
{
    bool any = false;
    if (d->healed || now_ns < d->next_ns) return false;
    for (size_t i = 0; i < STEPS; i++) any = any || steps[i] == step->kind;
    if (step->kind == d->kind && step->reply == d->reply) return true;
    return any && now_ns > d->next_ns + 3 * d->mean_ns;
}

static uint64_t machine_of(struct deaths *d, uint64_t node)
{
    for (uint64_t i = 1; i <= cluster_size(d->cluster); i++)
        if (cluster_node(d->cluster, i).value == node) return i;
    return 0;
}

static void on_back(void *ctx)
{
    struct deaths *d = ctx;
    for (uint64_t i = 1; i <= cluster_size(d->cluster); i++)
        if (cluster_machine(d->cluster, i)->env == NULL) cluster_start(d->cluster, i);
}

static void on_death(void *ctx)
{
    struct deaths *d = ctx;
    uint64_t victim = d->victim;
    d->victim = 0;
    if (d->healed || victim == 0 || !cluster_up(d->cluster, victim)) return;
    if (d->nemesis != NULL) {
        nemesis_kill(d->nemesis, victim);
        return;
    }
    cluster_crash(d->cluster, victim, SIM_CRASH_PROCESS);
    sim_call_after(sim_of_deaths(d), BACK_NS, on_back, d);
}

/* Who asked learns at once that there is no answer, and asks again. */
static void on_reset(void *ctx)
{
    struct deaths *d = ctx;
    if (d->ends[0] != 0 && d->ends[1] != 0 && !d->healed) sim_net_reset(sim_of_deaths(d), d->ends[0], d->ends[1]);
    d->ends[0] = d->ends[1] = 0;
}

static void reset_soon(struct deaths *d, const struct frames_step *step)
{
    if (d->ends[0] != 0 || d->ends[1] != 0) return;
    d->ends[0] = machine_of(d, step->asker);
    d->ends[1] = machine_of(d, step->asked);
    sim_call_after(sim_of_deaths(d), 0, on_reset, d);
}

static bool on_frame(void *ctx, struct sim_frame *f)
{
    struct deaths *d = ctx;
    struct sim *sim = sim_of_deaths(d);
    struct frames_step step = frames_step(&d->frames, f);
    if (!is_struck(d, &step, sim_now(sim))) return true;
    aim(d);
    d->count++;
    uint64_t draw = sim_below(sim, 10);
    if (draw < 4 && d->victim == 0) {
        d->victim = machine_of(d, draw < 3 ? step.asker : step.asked);
        sim_call_after(sim, sim_below(sim, 2) == 0 ? 0 : sim_exponential(sim, 2 * SIM_MS), on_death, d);
    }
    sim_trace(sim, "strike at %s of kind %u: machine %llu", step.reply ? "reply" : "request", step.kind,
              (unsigned long long)d->victim);
    if (sim_below(sim, 4) > 0) reset_soon(d, &step);
    switch (sim_below(sim, 5)) {
    case 0:
    case 1: return false;
    case 2: f->delay_ns = 1 + sim_exponential(sim, sim_below(sim, 8) == 0 ? VERY_LATE_NS : LATE_NS); return true;
    default: return true;
    }
}

struct deaths *deaths_create(struct cluster *c, struct nemesis *nemesis)
{
    struct deaths *d = calloc(1, sizeof *d);
    ASSERT(d != NULL);
    d->cluster = c;
    d->nemesis = nemesis;
    d->mean_ns = (50 * SIM_MS) << sim_below(cluster_sim(c), 5);
    aim(d);
    sim_net_watch(cluster_sim(c), on_frame, d);
    return d;
}

void deaths_heal(struct deaths *d)
{
    d->healed = true;
    sim_net_watch(sim_of_deaths(d), NULL, NULL);
    if (d->nemesis == NULL) on_back(d);
}

void deaths_destroy(struct deaths *d)
{
    free(d);
}

uint64_t deaths_count(const struct deaths *d)
{
    return d->count;
}
