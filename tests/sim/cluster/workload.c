#include "tests/sim/cluster/workload.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/prng.h"
#include "shard/shard_int.h"

struct client {
    struct workload *workload;
    uint32_t number;
    bool asleep; /* not among those in use */
    uint64_t process, machine;
    size_t operation; /* under way, or SIZE_MAX */
};

struct workload {
    struct cluster *cluster;
    struct workload_options options;
    struct client *clients;
    struct operation *history;
    size_t count, capacity;
    struct history seen;
    uint64_t next_process, next_value, committed;
    uint32_t busy, in_use;
    bool stopping;
};

static void client_schedule(struct client *client);

static struct sim *sim_of_client(const struct client *client)
{
    return cluster_sim(client->workload->cluster);
}

static struct operation *operation_of(struct client *client)
{
    ASSERT(client->operation < client->workload->count);
    return &client->workload->history[client->operation];
}

/* ---- one operation, on a fiber of its machine ---- */

static void key_of(const struct operation *op, uint8_t key[9])
{
    key[0] = KEY_PREFIX_TABLE;
    store_be64(key + 1, op->key);
}

static enum status read_value(struct txn *t, const struct operation *op, uint64_t *value_out)
{
    uint8_t key[9];
    key_of(op, key);
    struct bytes value;
    enum status status = txn_get(t, bytes_make(key, sizeof key), &value);
    *value_out = 0;
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    if (status == STATUS_OK) {
        ASSERT(value.size >= 8);
        *value_out = load_le64(value.data);
    }
    return status;
}

/* The number, and bytes behind it that do not compress. */
static enum status write_value(struct txn *t, const struct operation *op, size_t size)
{
    uint8_t key[9];
    uint8_t *value = malloc(size);
    ASSERT(value != NULL && size >= 8);
    key_of(op, key);
    store_le64(value, op->argument);
    struct prng prng;
    prng_init(&prng, op->argument);
    for (size_t i = 8; i < size; i++) value[i] = (uint8_t)prng_next(&prng);
    enum status status = txn_put(t, bytes_make(key, sizeof key), bytes_make(value, size));
    free(value);
    ASSERT(status == STATUS_OK);
    return STATUS_OK;
}

/* Fixes the timestamp by a read of another key, so that the key itself is read long after it. */
static enum status read_early(struct txn *t, const struct operation *op, uint64_t key_count)
{
    struct operation other = *op;
    other.key = op->key % key_count + 1;
    uint64_t ignored;
    return read_value(t, &other, &ignored);
}

static void dawdle(struct client *client, const struct operation *op)
{
    struct core *core = cluster_machine(client->workload->cluster, client->machine)->core;
    if (op->pause_ns > 0) store_fiber_sleep(core_store(core), op->pause_ns);
}

static enum status perform(struct client *client, struct txn *t, struct operation *op, const struct operation *with,
                           uint64_t *result, bool *refused)
{
    uint64_t seen = 0;
    enum status status = STATUS_OK;
    if (op->kind != OPERATION_WRITE) {
        if (op->kind == OPERATION_READ && op->pause_ns > 0) {
            status = read_early(t, op, client->workload->options.key_count);
            if (status != STATUS_OK) return status;
            dawdle(client, op);
        }
        status = read_value(t, op, &seen);
        *result = seen;
        op->ts = txn_read_ts(t);
        if (status != STATUS_OK || op->kind == OPERATION_READ) return status;
        if (seen != op->expected) {
            *refused = true;
            return STATUS_OK;
        }
        dawdle(client, op);
    }
    uint32_t size = client->workload->options.value_bytes;
    status = write_value(t, op, size != 0 ? size : 8);
    if (status == STATUS_OK && op->with != 0) status = write_value(t, with, size != 0 ? size : 8);
    if (status != STATUS_OK) return status;
    return txn_commit(t, &op->ts);
}

static enum operation_outcome outcome_of(enum status status, bool refused)
{
    switch (status) {
    case STATUS_OK: return refused ? OUTCOME_FAIL : OUTCOME_OK;
    case STATUS_UNKNOWN_OUTCOME:
    case STATUS_CANCELLED:
    case STATUS_TIMEOUT: return OUTCOME_UNKNOWN;
    default: return OUTCOME_FAIL;
    }
}

/* ---- the black-box history ---- */

static int64_t seen_value(uint64_t value)
{
    return value == 0 ? HISTORY_NIL : (int64_t)value;
}

static void record_invocation(struct workload *w, struct operation *op)
{
    op->txn = history_invoke(&w->seen, op->process, op->invoked_ns);
    if (op->kind == OPERATION_READ) history_add(&w->seen, op->txn, HISTORY_READ, op->key, 0);
    else if (op->kind == OPERATION_WRITE)
        history_add(&w->seen, op->txn, HISTORY_WRITE, op->key, (int64_t)op->argument);
    else
        history_add_cas(&w->seen, op->txn, op->key, seen_value(op->expected), (int64_t)op->argument);
}

static void record_outcome(struct workload *w, const struct operation *op)
{
    static const enum history_outcome outcomes[] = {HISTORY_PENDING, HISTORY_OK, HISTORY_FAIL, HISTORY_INFO};
    if (op->kind == OPERATION_READ && op->outcome == OUTCOME_OK) {
        int64_t value = seen_value(op->result);
        history_result(&w->seen, w->seen.txns[op->txn].first, &value, 1);
    }
    history_complete(&w->seen, op->txn, outcomes[op->outcome], op->returned_ns);
}

/* What became of one became of both. */
static void pair_end(struct workload *w, const struct operation *op)
{
    struct operation *with = &w->history[op->with];
    with->outcome = op->outcome;
    with->returned_ns = op->returned_ns;
    with->ts = op->ts;
    record_outcome(w, with);
}

static void operation_end(struct client *client, enum operation_outcome outcome, uint64_t result)
{
    struct workload *w = client->workload;
    struct operation *op = operation_of(client);
    op->outcome = outcome;
    op->result = result;
    op->returned_ns = sim_now(sim_of_client(client));
    sim_trace(sim_of_client(client), "client %llu kind %d key %llu arg %llu -> outcome %d result %llu",
              (unsigned long long)op->process, op->kind, (unsigned long long)op->key,
              (unsigned long long)op->argument, outcome, (unsigned long long)result);
    sim_trace_mix(sim_of_client(client), op->returned_ns * 31 + (uint64_t)outcome * 7 + result);
    record_outcome(w, op);
    if (op->with != 0) pair_end(w, op);
    if (outcome == OUTCOME_OK) w->committed++;
    /* A read that failed has no effect, so its process may go on; an unknown write may take effect later. */
    if (outcome == OUTCOME_UNKNOWN) client->process = w->next_process++;
    client->operation = SIZE_MAX;
    w->busy--;
    client_schedule(client);
}

static void client_run(void *arg)
{
    struct client *client = arg;
    struct workload *w = client->workload;
    struct core *core = cluster_machine(w->cluster, client->machine)->core;
    struct arena arena;
    arena_init(&arena, 4 << 20);
    struct txn *t;
    uint64_t result = 0;
    bool refused = false;
    enum status status = txn_create(core_kv(core), &arena, &t);
    ASSERT(status == STATUS_OK);
    struct operation op = *operation_of(client), with = w->history[op.with]; /* the history may move while we wait */
    status = perform(client, t, &op, &with, &result, &refused);
    txn_destroy(t);
    arena_deinit(&arena);
    operation_of(client)->ts = op.ts;
    operation_end(client, outcome_of(status, refused), result);
}

/* ---- choosing ---- */

static struct operation *operation_new(struct workload *w)
{
    if (w->count == w->capacity) {
        w->capacity = w->capacity == 0 ? 1024 : w->capacity * 2;
        w->history = realloc(w->history, w->capacity * sizeof *w->history);
        ASSERT(w->history != NULL);
    }
    struct operation *op = &w->history[w->count++];
    *op = (struct operation){0};
    return op;
}

/* A value some operation has tried to write to the key, so that compare-and-set often matches. */
static uint64_t likely_value(struct workload *w, uint64_t key)
{
    for (size_t back = 1; back <= 40 && back < w->count; back++) {
        const struct operation *op = &w->history[w->count - back];
        if (op->key == key && op->kind != OPERATION_READ && op->outcome == OUTCOME_OK) return op->argument;
    }
    return 0;
}

/* With the last one. In the histories it is one more operation, of nobody else. */
static void pair_begin(struct workload *w)
{
    size_t first = w->count - 1;
    struct operation *with = operation_new(w);
    *with = w->history[first];
    with->process = w->next_process++;
    with->key = 1 + (with->key + sim_below(cluster_sim(w->cluster), w->options.key_count - 1)) % w->options.key_count;
    with->argument = w->next_value++;
    ASSERT(with->key != w->history[first].key);
    record_invocation(w, with);
    w->history[first].with = first + 1;
}

static void client_start(void *ctx)
{
    struct client *client = ctx;
    struct workload *w = client->workload;
    struct sim *sim = sim_of_client(client);
    if (w->stopping || w->count >= w->options.operation_max) return;
    if (client->number >= w->in_use) {
        client->asleep = true;
        return;
    }
    uint64_t machine = 1 + sim_below(sim, cluster_size(w->cluster));
    while (w->options.machines != 0 && (w->options.machines >> machine & 1) == 0)
        machine = machine % cluster_size(w->cluster) + 1;
    struct cluster_machine *m = cluster_machine(w->cluster, machine);
    if (!cluster_up(w->cluster, machine) || core_store(m->core) == NULL || !core_joined(m->core)) {
        client_schedule(client);
        return;
    }
    struct operation *op = operation_new(w);
    op->process = client->process;
    op->key = 1 + sim_below(sim, w->options.key_count);
    uint64_t draw = sim_below(sim, 10);
    op->kind = draw < 4 ? OPERATION_READ : draw < 8 ? OPERATION_WRITE : OPERATION_CAS;
    if (op->kind != OPERATION_READ) op->argument = w->next_value++;
    if (op->kind == OPERATION_CAS) op->expected = likely_value(w, op->key);
    if (op->kind != OPERATION_WRITE && w->options.pause_mean_ns > 0 && sim_below(sim, 4) == 0)
        op->pause_ns = sim_exponential(sim, w->options.pause_mean_ns);
    op->invoked_ns = sim_now(sim);
    record_invocation(w, op);
    client->machine = machine;
    client->operation = w->count - 1;
    if (w->options.pairs && op->kind == OPERATION_WRITE && w->options.key_count > 1 && sim_below(sim, 2) == 0) pair_begin(w);
    w->busy++;
    enum status status = fiber_spawn(core_fibers(m->core), client_run, client, NULL);
    ASSERT(status == STATUS_OK);
    if (m->env != NULL) sim_env_set_deadline(m->env, env_now_ns(m->env));
}

static void client_schedule(struct client *client)
{
    struct workload *w = client->workload;
    /* A run that has seen enough goes on slowly: it still has to show that it is alive. */
    bool slow = w->options.operation_rush != 0 && w->count >= w->options.operation_rush;
    uint64_t mean_ns = slow ? 10 * w->options.think_mean_ns : w->options.think_mean_ns;
    sim_call_after(cluster_sim(w->cluster), sim_exponential(cluster_sim(w->cluster), mean_ns), client_start, client);
}

struct workload *workload_create(struct cluster *c, const struct workload_options *options)
{
    struct workload *w = calloc(1, sizeof *w);
    ASSERT(w != NULL);
    w->cluster = c;
    history_init(&w->seen, 256u << 20);
    w->options = *options;
    w->in_use = options->client_count_start != 0 ? options->client_count_start : options->client_count;
    w->next_process = options->client_count;
    w->next_value = 1;
    w->clients = calloc(options->client_count, sizeof *w->clients);
    ASSERT(w->clients != NULL);
    for (uint32_t i = 0; i < options->client_count; i++) {
        w->clients[i] = (struct client){.workload = w, .number = i, .process = i, .operation = SIZE_MAX};
        client_schedule(&w->clients[i]);
    }
    return w;
}

void workload_destroy(struct workload *w)
{
    history_deinit(&w->seen);
    free(w->clients);
    free(w->history);
    free(w);
}

void workload_use(struct workload *w, uint32_t client_count)
{
    ASSERT(client_count <= w->options.client_count);
    w->in_use = client_count;
    for (uint32_t i = 0; i < client_count; i++) {
        if (!w->clients[i].asleep) continue;
        w->clients[i].asleep = false;
        client_schedule(&w->clients[i]);
    }
}

void workload_gateways(struct workload *w, uint64_t machines) { w->options.machines = machines; }
void workload_stop(struct workload *w) { w->stopping = true; }
uint32_t workload_client_count(const struct workload *w) { return w->options.client_count; }
uint32_t workload_key_count(const struct workload *w) { return w->options.key_count; }
bool workload_idle(const struct workload *w) { return w->busy == 0; }
const struct history *workload_seen(const struct workload *w) { return &w->seen; }
uint64_t workload_committed(const struct workload *w) { return w->committed; }

enum kv_clock_source workload_clock_source(const struct workload *w)
{
    return cluster_clock_source(w->cluster);
}

const struct operation *workload_history(const struct workload *w, size_t *count_out)
{
    *count_out = w->count;
    return w->history;
}
