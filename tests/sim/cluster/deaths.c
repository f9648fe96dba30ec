#include "tests/sim/cluster/deaths.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/rpc.h"
#include "shard/shard.h"
#include "tests/sim/cluster/orders.h"

#define ASKED 512u /* requests whose answers are told apart */
#define BACK_NS (800 * SIM_MS)
#define LATE_NS (2 * SIM_SEC)
#define VERY_LATE_NS (11 * SIM_SEC) /* behind the window of the attempt */

/* A request that was seen: its answer is known by who was asked, and by its id. */
struct asked {
    uint64_t from, to, id;
    uint16_t kind;
};

struct deaths {
    struct cluster *cluster;
    struct nemesis *nemesis;
    struct asked asked[ASKED]; /* the latest ones, round and round */
    uint64_t asked_count;
    uint64_t next_ns, mean_ns; /* when the next one is struck, and how often */
    uint64_t counts[RPC_KIND_COUNT];
    uint64_t victim;           /* goes down behind the message */
    bool healed;
};

static struct sim *sim_of_deaths(struct deaths *d)
{
    return cluster_sim(d->cluster);
}

static bool is_step(uint16_t kind)
{
    return kind == RPC_PREPARE || kind == RPC_DECIDE || kind == RPC_RESOLVE || kind == RPC_REFRESH;
}

/* The kind of a request, or of what it answers; 0: of no concern. */
static uint16_t kind_of(struct deaths *d, const struct sim_frame *f)
{
    struct reader in = reader_make(f->payload);
    uint64_t id = get_u64(&in);
    uint16_t kind = get_u16(&in);
    if (in.failed) return 0;
    if (f->type == SHARD_MESSAGE_REQUEST && is_step(kind)) {
        d->asked[d->asked_count++ % ASKED] = (struct asked){f->from, f->to, id, kind};
        return kind;
    }
    if (f->type != SHARD_MESSAGE_REPLY) return 0;
    for (size_t i = 0; i < ASKED; i++) {
        const struct asked *a = &d->asked[i];
        if (a->id == id && a->from == f->to && a->to == f->from) return a->kind;
    }
    return 0;
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

static bool on_frame(void *ctx, struct sim_frame *f)
{
    struct deaths *d = ctx;
    struct sim *sim = sim_of_deaths(d);
    uint16_t kind = kind_of(d, f);
    if (kind == 0 || d->healed || sim_now(sim) < d->next_ns) return true;
    d->next_ns = sim_now(sim) + sim_exponential(sim, d->mean_ns);
    d->counts[kind]++;
    uint64_t draw = sim_below(sim, 10);
    if (draw < 7 && d->victim == 0) {
        d->victim = machine_of(d, draw < 5 ? (f->type == SHARD_MESSAGE_REQUEST ? f->from : f->to)  /* who asked */
                                           : (f->type == SHARD_MESSAGE_REQUEST ? f->to : f->from));
        sim_call_after(sim, sim_below(sim, 2) == 0 ? 0 : sim_exponential(sim, 2 * SIM_MS), on_death, d);
    }
    sim_trace(sim, "strike at %s of kind %u: machine %llu", f->type == SHARD_MESSAGE_REQUEST ? "request" : "reply", kind,
              (unsigned long long)d->victim);
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

uint64_t deaths_count(const struct deaths *d, uint16_t kind)
{
    ASSERT(kind < RPC_KIND_COUNT);
    return d->counts[kind];
}
