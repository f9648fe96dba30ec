/* One process's environment over the simulation: its turns, its deadline, polling, and its end. */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/timer.h"
#include "tests/sim/env/sim_disk.h"
#include "tests/sim/env/sim_int.h"

/* 2026-01-01, plus the virtual time. */
#define WALL_START_NS (UINT64_C(1767225600) * SIM_SEC)
/* The least a poll costs, so that busy polling moves time. */
#define POLL_MIN_NS SIM_US
#define DRAIN_ROUNDS_MAX 1000000

/* ---- turns ---- */

bool sim_env_held(const struct sim_env *env)
{
    return env->node->paused || env->node->halted || (env->down && env->node->crashed);
}

void sim_env_release_held(struct sim_env *env)
{
    for (struct list *item; (item = list_pop_front(&env->held)) != NULL;) {
        struct sim_event *event = CONTAINER_OF(item, struct sim_event, held);
        sim_arm(env->sim, event, env->sim->now_ns);
    }
}

static void turn_fire(struct sim *sim, struct sim_event *event)
{
    struct sim_env *env = event->env;
    ASSERT(!env->in_turn);
    env->in_turn = true;
    env->charged_ns = 0;
    env->on_turn(env->turn_ctx);
    env->in_turn = false;
    uint64_t cost = sim->options.turn_cost_ns + env->charged_ns;
    env->busy_until_ns = sim->now_ns + cost * env->node->cpu_factor;
}

void sim_env_schedule_turn(struct sim_env *env)
{
    struct sim *sim = env->sim;
    if (env->on_turn == NULL || sim_armed(&env->turn)) return;
    uint64_t start = env->busy_until_ns > sim->now_ns ? env->busy_until_ns : sim->now_ns;
    sim_arm(sim, &env->turn, start + sim_below(sim, sim->options.turn_delay_ns + 1));
}

void sim_env_on_turn(struct env *e, void (*on_turn)(void *ctx), void *ctx)
{
    struct sim_env *env = sim_env_of(e);
    env->on_turn = on_turn;
    env->turn_ctx = ctx;
    if (on_turn == NULL) sim_disarm(env->sim, &env->turn);
    else sim_env_schedule_turn(env);
}

void sim_env_charge(struct env *e, uint64_t cpu_ns)
{
    sim_env_of(e)->charged_ns += cpu_ns;
}

/* ---- deadline: a delivery like any other, so a turn follows ---- */

static void deadline_fire(struct sim *sim, struct sim_event *event)
{
    (void)sim;
    event->env->deadline_ns = TIMER_NEVER;
}

void sim_env_rearm_deadline(struct sim_env *env)
{
    sim_disarm(env->sim, &env->deadline);
    if (env->deadline_ns == TIMER_NEVER || env->down) return;
    uint64_t when = sim_clock_when(env->node, env->deadline_ns);
    if (when != UINT64_MAX) sim_arm(env->sim, &env->deadline, when);
}

void sim_env_set_deadline(struct env *e, uint64_t deadline_ns)
{
    struct sim_env *env = sim_env_of(e);
    if (env->deadline_ns == deadline_ns && sim_armed(&env->deadline)) return;
    env->deadline_ns = deadline_ns;
    sim_env_rearm_deadline(env);
}

/* ---- the table: time, chance, polling ---- */

static uint64_t table_now_ns(struct env *e)
{
    uint64_t now = sim_clock_read(sim_env_of(e)->node);
    ASSERT(now > 0);
    return now;
}

static uint64_t table_wall_ns(struct env *e)
{
    struct sim_env *env = sim_env_of(e);
    return WALL_START_NS + env->sim->now_ns + (uint64_t)env->node->clock.wall_offset_ns;
}

static bool table_idle(struct env *e)
{
    return list_empty(&sim_env_of(e)->ops);
}

static uint64_t table_random_u64(struct env *e)
{
    return prng_next(&sim_env_of(e)->prng);
}

static void table_poll(struct env *e, uint64_t deadline_ns)
{
    struct sim_env *env = sim_env_of(e);
    struct sim *sim = env->sim;
    uint64_t delivered = env->delivered_count;
    bool endless = deadline_ns == UINT64_MAX;
    uint64_t until = endless ? UINT64_MAX : sim_clock_when(env->node, deadline_ns);
    if (until < sim->now_ns + POLL_MIN_NS) until = sim->now_ns + POLL_MIN_NS;
    ASSERT(!env->in_turn);
    while (!env->woken && env->delivered_count == delivered) {
        if (sim->heap_count == 0 || sim->heap[0]->time_ns > until) {
            ASSERT(until != UINT64_MAX); /* nothing would ever end this wait */
            sim->now_ns = until;
            break;
        }
        sim_step(sim);
    }
    env->woken = false;
}

static void table_wake(struct env *e)
{
    struct sim_env *env = sim_env_of(e);
    env->woken = true;
    if (!env->down) sim_env_schedule_turn(env);
}

/* ---- the end ---- */

void sim_env_take_down(struct sim_env *env, bool silently)
{
    sim_disarm(env->sim, &env->deadline);
    if (env->down) return;
    env->down = true;
    sim_disarm(env->sim, &env->turn);
    sim_sockets_abandon(env, silently);
}

static void table_shutdown(struct env *e)
{
    struct sim_env *env = sim_env_of(e);
    if (env->down) return;
    sim_files_settle(env, false);
    sim_env_take_down(env, false);
    uint64_t soon = env->sim->now_ns + SIM_US;
    LIST_FOR_EACH(item, &env->ops) {
        struct sim_op *op = CONTAINER_OF(item, struct sim_op, link);
        op->preset = -ECANCELED;
        sim_disarm(env->sim, &op->event);
        sim_arm(env->sim, &op->event, soon + sim_below(env->sim, SIM_MS));
    }
}

void sim_env_drain(struct env *e)
{
    struct sim_env *env = sim_env_of(e);
    if (!env->down) table_shutdown(e);
    sim_disarm(env->sim, &env->turn);
    for (uint64_t rounds = 0; !list_empty(&env->ops) || !list_empty(&env->sockets); rounds++) {
        /* Or somebody answers each -ECANCELED with a new operation. */
        ASSERT(rounds < DRAIN_ROUNDS_MAX);
        if (!list_empty(&env->ops))
            sim_op_cancel(env, CONTAINER_OF(env->ops.next, struct sim_op, link));
        sim_sockets_drain(env);
    }
}

static void table_destroy(struct env *e)
{
    struct sim_env *env = sim_env_of(e);
    ASSERT(!env->in_turn);
    if (!env->down) table_shutdown(e);
    ASSERT(list_empty(&env->ops)); /* ENV: shut down and poll, or drain, first */
    ASSERT(list_empty(&env->sockets));
    sim_disarm(env->sim, &env->turn);
    sim_disarm(env->sim, &env->deadline);
    sim_env_close_handles(env);
    sim_listeners_free(env);
    ASSERT(list_empty(&env->held));
    list_remove(&env->node_link);
    free(env);
}

/* ---- creation ---- */

void sim_env_fill_table(struct env_table *table)
{
    table->name = "sim";
    table->destroy = table_destroy;
    table->shutdown = table_shutdown;
    table->idle = table_idle;
    table->now_ns = table_now_ns;
    table->wall_ns = table_wall_ns;
    table->random_u64 = table_random_u64;
    table->poll = table_poll;
    table->wake = table_wake;
}

static void node_boot(struct sim *sim, struct sim_node *node)
{
    if (!node->crashed) return;
    LIST_FOR_EACH(item, &node->envs)
        ASSERT(!CONTAINER_OF(item, struct sim_env, node_link)->down);
    node->crashed = false;
    sim_fault_hit(sim, SIM_FAULT_RESTART);
    if (!node->dark) return;
    node->dark = false;
    sim_streams_recheck(sim);
}

void sim_env_create(struct sim *sim, uint64_t id, struct logger *logger, struct env **env_out)
{
    struct sim_node *node = sim_node_of(sim, id);
    struct sim_env *env = sim_alloc(sizeof *env);
    node_boot(sim, node);
    env->env = (struct env){.table = &sim->table, .logger = logger, .faults = &sim->hooks};
    env->sim = sim;
    env->node = node;
    env->process = ++sim->next_process;
    env->deadline_ns = TIMER_NEVER;
    node->incarnation++;
    prng_init(&env->prng, hash_u64(sim->options.seed + id) ^ hash_u64(node->incarnation));
    sim_event_init(&env->turn, SIM_EVENT_TURN, env, 0, turn_fire);
    sim_event_init(&env->deadline, SIM_EVENT_DEADLINE, env, 0, deadline_fire);
    list_init(&env->held);
    list_init(&env->ops);
    list_init(&env->sockets);
    list_push_back(&node->envs, &env->node_link);
    *env_out = &env->env;
}

bool sim_env_is_down(const struct env *e)
{
    return CONTAINER_OF(e, const struct sim_env, env)->down;
}

struct sim *sim_of(struct env *e)
{
    return sim_env_of(e)->sim;
}

uint64_t sim_env_node(const struct env *e)
{
    return CONTAINER_OF(e, const struct sim_env, env)->node->id;
}
