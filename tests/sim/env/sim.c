/* The event queue, virtual time, the seed and the trace of a simulation. */
#include "tests/sim/env/sim_int.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/hash.h"

void *sim_alloc(size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);
    ASSERT(memory != NULL);
    return memory;
}

/* ---- the queue: a binary heap of intrusive events ---- */

static bool event_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->order < b->order;
}

static void heap_place(struct sim *sim, size_t at, struct sim_event *event)
{
    sim->heap[at] = event;
    event->heap_index = at + 1;
}

static void heap_up(struct sim *sim, size_t at, struct sim_event *event)
{
    while (at > 0 && event_before(event, sim->heap[(at - 1) / 2])) {
        heap_place(sim, at, sim->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_place(sim, at, event);
}

static void heap_down(struct sim *sim, size_t at, struct sim_event *event)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= sim->heap_count) break;
        if (child + 1 < sim->heap_count && event_before(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (!event_before(sim->heap[child], event)) break;
        heap_place(sim, at, sim->heap[child]);
        at = child;
    }
    heap_place(sim, at, event);
}

void sim_event_init(struct sim_event *event, enum sim_event_kind kind, struct sim_env *env,
                    uint64_t subject, void (*fire)(struct sim *, struct sim_event *))
{
    *event = (struct sim_event){.kind = kind, .env = env, .subject = subject, .fire = fire};
    list_init(&event->held);
}

void sim_arm(struct sim *sim, struct sim_event *event, uint64_t time_ns)
{
    ASSERT(event->fire != NULL);
    ASSERT(!sim_armed(event));
    if (sim->heap_count == sim->heap_capacity) {
        sim->heap_capacity = sim->heap_capacity == 0 ? 1024 : sim->heap_capacity * 2;
        sim->heap = realloc(sim->heap, sim->heap_capacity * sizeof *sim->heap);
        ASSERT(sim->heap != NULL);
    }
    event->time_ns = time_ns < sim->now_ns ? sim->now_ns : time_ns;
    event->order = ++sim->next_order;
    sim->heap_count++;
    heap_up(sim, sim->heap_count - 1, event);
}

static void heap_remove(struct sim *sim, struct sim_event *event)
{
    size_t at = event->heap_index - 1;
    ASSERT(at < sim->heap_count);
    ASSERT(sim->heap[at] == event);
    struct sim_event *last = sim->heap[--sim->heap_count];
    event->heap_index = 0;
    if (last == event) return;
    if (at > 0 && event_before(last, sim->heap[(at - 1) / 2])) heap_up(sim, at, last);
    else heap_down(sim, at, last);
}

void sim_disarm(struct sim *sim, struct sim_event *event)
{
    if (event->heap_index != 0) heap_remove(sim, event);
    if (event->held.next != NULL && !list_empty(&event->held)) list_remove(&event->held);
}

/* ---- stepping ---- */

static void trace_event(struct sim *sim, const struct sim_event *event)
{
    uint64_t process = event->env != NULL ? event->env->process : 0;
    uint64_t record[4] = {event->time_ns, (uint64_t)event->kind, process, event->subject};
    sim_trace_mix_bytes(sim, record, sizeof record);
}

/* A turn follows each delivery, and costs time in which the next deliveries wait. */
static void deliver(struct sim *sim, struct sim_event *event)
{
    struct sim_env *env = event->env;
    if (env != NULL && env->busy_until_ns > sim->now_ns && !env->down) {
        sim_arm(sim, event, env->busy_until_ns);
        return;
    }
    trace_event(sim, event);
    sim->event_count++;
    if (env != NULL && event->kind != SIM_EVENT_TURN) {
        env->delivered_count++;
        sim_env_schedule_turn(env);
    }
    event->fire(sim, event);
}

bool sim_step(struct sim *sim)
{
    if (sim->heap_count == 0) return false;
    struct sim_event *event = sim->heap[0];
    ASSERT(event->time_ns >= sim->now_ns);
    heap_remove(sim, event);
    sim->now_ns = event->time_ns;
    if (event->env != NULL && sim_env_held(event->env)) {
        list_push_back(&event->env->held, &event->held);
        return true;
    }
    deliver(sim, event);
    return true;
}

void sim_run_until(struct sim *sim, uint64_t time_ns)
{
    while (sim->heap_count > 0 && sim->heap[0]->time_ns <= time_ns) sim_step(sim);
    if (sim->now_ns < time_ns) sim->now_ns = time_ns;
}

void sim_run_for(struct sim *sim, uint64_t duration_ns)
{
    sim_run_until(sim, sim->now_ns + duration_ns);
}

struct sim_call {
    struct sim_event event;
    struct list link;
    void (*call)(void *ctx);
    void *ctx;
    bool owns_ctx; /* frees it when the call is dropped */
};

static void call_fire(struct sim *sim, struct sim_event *event)
{
    struct sim_call *call = CONTAINER_OF(event, struct sim_call, event);
    struct sim_call copy = *call;
    (void)sim;
    list_remove(&call->link);
    free(call);
    copy.call(copy.ctx);
}

static void call_arm(struct sim *sim, uint64_t delay_ns, void (*call)(void *ctx), void *ctx,
                     bool owns_ctx)
{
    struct sim_call *c = sim_alloc(sizeof *c);
    ASSERT(call != NULL);
    sim_event_init(&c->event, SIM_EVENT_CALL, NULL, 0, call_fire);
    c->call = call;
    c->ctx = ctx;
    c->owns_ctx = owns_ctx;
    list_push_back(&sim->calls, &c->link);
    sim_arm(sim, &c->event, sim->now_ns + delay_ns);
}

void sim_call_after(struct sim *sim, uint64_t delay_ns, void (*call)(void *ctx), void *ctx)
{
    call_arm(sim, delay_ns, call, ctx, false);
}

void sim_call_owned(struct sim *sim, uint64_t delay_ns, void (*call)(void *ctx), void *ctx)
{
    call_arm(sim, delay_ns, call, ctx, true);
}

/* ---- lifecycle ---- */

void sim_options_init(struct sim_options *o, uint64_t seed)
{
    *o = (struct sim_options){
        .seed = seed,
        .net_base_ns = 50 * SIM_US,
        .net_tail_ns = 30 * SIM_US,
        .loopback_ns = 10 * SIM_US,
        .socket_buffer_bytes = 256 * 1024,
        .reset_min_ns = 3 * SIM_SEC,
        .reset_max_ns = 15 * SIM_SEC,
        .chunk_split_ppm = 20000,
        .frame_delay_max_ns = 100 * SIM_MS,
        .disk_read_ns = 60 * SIM_US,
        .disk_write_ns = 20 * SIM_US,
        .disk_sync_ns = 60 * SIM_US,
        .disk_tail_ns = 20 * SIM_US,
        .disk_bytes_per_sec = 1000 * 1000 * 1000,
        .sector_bytes = 4096,
        .turn_delay_ns = 5 * SIM_US,
        .turn_cost_ns = 5 * SIM_US,
        .buggify_site_ppm = 0,
        .buggify_ppm = 50000,
    };
}

static enum env_frame_fate frame_fate(void *ctx, uint64_t from, uint64_t to, uint16_t type, struct bytes payload,
                                      uint64_t *delay_ns_out)
{
    struct sim *sim = ctx;
    const struct sim_options *o = &sim->options;
    const struct sim_link *link = sim_link_of(sim, from, to);
    uint32_t loss = o->frame_loss_ppm + (link != NULL ? link->loss_ppm : 0);
    uint32_t duplicate = o->frame_duplicate_ppm + (link != NULL ? link->duplicate_ppm : 0);
    uint32_t delay = o->frame_delay_ppm + (link != NULL ? link->delay_ppm : 0);
    *delay_ns_out = 0;
    if (sim->watch != NULL) {
        struct sim_frame frame = {from, to, type, payload, 0};
        if (!sim->watch(sim->watch_ctx, &frame)) {
            sim_fault_hit(sim, SIM_FAULT_MESSAGE_LOSS);
            return ENV_FRAME_DROP;
        }
        *delay_ns_out = frame.delay_ns;
        if (frame.delay_ns > 0) {
            sim_fault_hit(sim, SIM_FAULT_MESSAGE_DELAY);
            return ENV_FRAME_DELIVER;
        }
    }
    if (sim_chance(sim, loss)) {
        sim_fault_hit(sim, SIM_FAULT_MESSAGE_LOSS);
        return ENV_FRAME_DROP;
    }
    if (sim_chance(sim, delay)) {
        sim_fault_hit(sim, SIM_FAULT_MESSAGE_DELAY);
        *delay_ns_out = 1 + sim_below(sim, o->frame_delay_max_ns + 1);
    }
    if (!sim_chance(sim, duplicate)) return ENV_FRAME_DELIVER;
    sim_fault_hit(sim, SIM_FAULT_MESSAGE_DUPLICATE);
    return ENV_FRAME_DUPLICATE;
}

/* A name is active in the whole run or not at all, so that runs differ in kind, not in luck. */
static bool buggify(void *ctx, const char *name)
{
    struct sim *sim = ctx;
    uint64_t site = hash64(name, strlen(name), sim->buggify_seed);
    if (site % SIM_ALWAYS >= sim->options.buggify_site_ppm) return false;
    if (!sim_chance(sim, sim->options.buggify_ppm)) return false;
    sim_fault_hit(sim, SIM_FAULT_BUGGIFY);
    return true;
}

struct sim *sim_create(const struct sim_options *options)
{
    ASSERT(options->sector_bytes == 512 || options->sector_bytes == 4096);
    ASSERT(options->reset_min_ns <= options->reset_max_ns);
    struct sim *sim = sim_alloc(sizeof *sim);
    sim->options = *options;
    prng_init(&sim->prng, options->seed);
    sim->trace_hash = options->seed;
    sim->buggify_seed = prng_next(&sim->prng);
    sim->links = sim_alloc((SIM_NODE_MAX + 1) * (SIM_NODE_MAX + 1) * sizeof *sim->links);
    list_init(&sim->streams);
    list_init(&sim->listeners);
    list_init(&sim->calls);
    list_init(&sim->free_ops);
    sim_env_fill_table(&sim->table);
    sim_file_fill_table(&sim->table);
    sim_socket_fill_table(&sim->table);
    sim->hooks = (struct env_fault_hooks){frame_fate, buggify, sim};
    return sim;
}

void sim_destroy(struct sim *sim)
{
    sim->destroying = true;
    sim_streams_destroy(sim);
    for (size_t i = 1; i <= SIM_NODE_MAX; i++)
        if (sim->nodes[i].id != 0) sim_node_deinit(&sim->nodes[i]);
    for (struct list *item; (item = list_pop_front(&sim->calls)) != NULL;) {
        struct sim_call *call = CONTAINER_OF(item, struct sim_call, link);
        sim_disarm(sim, &call->event);
        if (call->owns_ctx) free(call->ctx);
        free(call);
    }
    for (struct list *item; (item = list_pop_front(&sim->free_ops)) != NULL;)
        free(CONTAINER_OF(item, struct sim_op, link));
    ASSERT(list_empty(&sim->listeners));
    ASSERT(sim->heap_count == 0);
    free(sim->heap);
    free(sim->links);
    free(sim);
}

struct sim_options *sim_options(struct sim *sim)
{
    return &sim->options;
}

uint64_t sim_now(const struct sim *sim)
{
    return sim->now_ns;
}

uint64_t sim_event_count(const struct sim *sim)
{
    return sim->event_count;
}

/* ---- chance ---- */

uint64_t sim_random(struct sim *sim)
{
    return prng_next(&sim->prng);
}

uint64_t sim_below(struct sim *sim, uint64_t bound)
{
    return prng_below(&sim->prng, bound);
}

uint64_t sim_between(struct sim *sim, uint64_t low, uint64_t high)
{
    ASSERT(low <= high);
    return low == high ? low : low + prng_below(&sim->prng, high - low);
}

bool sim_chance(struct sim *sim, uint32_t ppm)
{
    if (ppm == 0) return false;
    return ppm >= SIM_ALWAYS || prng_below(&sim->prng, SIM_ALWAYS) < ppm;
}

/* -ln(u) in integers, so that no compiler flag can change a run: the count of leading zeros of u is
 * the whole part of -log2(u), the bits behind the leading one its fraction, taken as linear. */
uint64_t sim_exponential(struct sim *sim, uint64_t mean_ns)
{
    if (mean_ns == 0) return 0;
    uint64_t u = prng_next(&sim->prng) | 1;
    unsigned zeros = (unsigned)__builtin_clzll(u);
    uint64_t fraction = zeros == 63 ? 0 : (u << (zeros + 1)) >> 48;
    uint64_t log2_16 = ((uint64_t)zeros << 16) + 65536 - fraction; /* 16.16 */
    uint64_t ln_16 = log2_16 * 45426 >> 16;                        /* ln 2 in 16.16 */
    return (uint64_t)((unsigned __int128)mean_ns * ln_16 >> 16);
}

/* ---- trace ---- */

uint64_t sim_trace_hash(const struct sim *sim)
{
    return sim->trace_hash;
}

void sim_trace_mix_bytes(struct sim *sim, const void *data, size_t size)
{
    sim->trace_hash = hash64(data, size, sim->trace_hash);
}

void sim_trace_mix(struct sim *sim, uint64_t value)
{
    sim_trace_mix_bytes(sim, &value, sizeof value);
}

void sim_trace(struct sim *sim, const char *format, ...)
{
    if (sim->options.trace == NULL) return;
    va_list args;
    va_start(args, format);
    fprintf(sim->options.trace, "%14.6f ", (double)sim->now_ns / 1e6);
    vfprintf(sim->options.trace, format, args);
    fputc('\n', sim->options.trace);
    va_end(args);
}

static void log_write(void *ctx, const char *line, int size)
{
    struct sim *sim = ctx;
    if (sim->options.trace == NULL) return;
    fprintf(sim->options.trace, "%14.6f %.*s", (double)sim->now_ns / 1e6, size, line);
}

void sim_logger_init(struct sim *sim, uint64_t node, struct logger *logger)
{
    *logger = (struct logger){
        .level = sim->options.trace != NULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR,
        .write = log_write,
        .ctx = sim,
        .node_id = node,
    };
}

/* ---- fault counters ---- */

const char *sim_fault_name(enum sim_fault fault)
{
    static const char *const names[] = {
#define SIM_FAULT_NAME(id, text) text,
        SIM_FAULTS(SIM_FAULT_NAME)
#undef SIM_FAULT_NAME
    };
    ASSERT(fault < SIM_FAULT_COUNT);
    return names[fault];
}

uint64_t sim_fault_hits(const struct sim *sim, enum sim_fault fault)
{
    ASSERT(fault < SIM_FAULT_COUNT);
    return sim->faults[fault];
}

void sim_fault_hit(struct sim *sim, enum sim_fault fault)
{
    ASSERT(fault < SIM_FAULT_COUNT);
    sim->faults[fault]++;
    sim_trace(sim, "fault %s", sim_fault_name(fault));
}

void sim_faults_print(const struct sim *sim, FILE *out)
{
    int never = 0;
    fprintf(out, "faults by kind\n");
    for (size_t i = 0; i < SIM_FAULT_COUNT; i++) {
        if (sim->faults[i] == 0) never++;
        else fprintf(out, "  %10llu  %s\n", (unsigned long long)sim->faults[i],
                     sim_fault_name((enum sim_fault)i));
    }
    if (never == 0) return;
    fprintf(out, "  never:");
    for (size_t i = 0; i < SIM_FAULT_COUNT; i++)
        if (sim->faults[i] == 0) fprintf(out, " %s;", sim_fault_name((enum sim_fault)i));
    fprintf(out, "\n");
}
