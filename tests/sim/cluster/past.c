#include "tests/sim/cluster/past.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "tests/sim/cluster/ts_check.h"

#define KEYS_READ_MAX 4
#define RECENT 400        /* operations whose timestamps are read at */
#define READS_MAX 40000

struct past_reader {
    struct past *past;
    uint64_t machine;
    uint64_t ts, age_ns;   /* ts 0: stale; age_ns 0: any */
    uint64_t invoked_ns;
    uint64_t keys[KEYS_READ_MAX], values[KEYS_READ_MAX];
    uint32_t key_count;
    enum { READ_EACH, READ_MANY, READ_SCAN } way; /* all keys from keys[0] on, up to the last */
    enum status status;
    struct txn_reading reading;
};

struct seen {
    struct operation read; /* process: the machine */
    uint64_t age_ns;
};

struct past {
    struct cluster *cluster;
    const struct workload *workload;
    struct past_reader *readers;
    uint32_t reader_count, busy;
    uint64_t think_mean_ns;
    bool stopping;
    struct seen *seen;
    size_t count, capacity;
    struct past_counts counts;
    char failure[256];
};

static void schedule(struct past_reader *r);

static struct bytes key_of(uint64_t key, uint8_t room[9])
{
    room[0] = KEY_PREFIX_TABLE;
    store_be64(room + 1, key);
    return bytes_make(room, 9);
}

/* ---- one transaction, on a fiber of its machine ---- */

static enum status read_keys(struct txn *t, struct past_reader *r)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < r->key_count && status == STATUS_OK; i++) {
        uint8_t room[9];
        struct bytes value;
        status = txn_get(t, key_of(r->keys[i], room), &value);
        r->values[i] = status == STATUS_OK ? load_le64(value.data) : 0;
        if (status == STATUS_NOT_FOUND) status = STATUS_OK;
    }
    return status;
}

static enum status read_together(struct txn *t, struct past_reader *r)
{
    uint8_t rooms[KEYS_READ_MAX][9];
    struct bytes keys[KEYS_READ_MAX], values[KEYS_READ_MAX];
    for (uint32_t i = 0; i < r->key_count; i++) keys[i] = key_of(r->keys[i], rooms[i]);
    enum status status = txn_get_many(t, keys, r->key_count, values);
    for (uint32_t i = 0; i < r->key_count && status == STATUS_OK; i++)
        r->values[i] = values[i].data == NULL ? 0 : load_le64(values[i].data);
    return status;
}

static enum status scan_keys(struct txn *t, struct past_reader *r)
{
    uint8_t first[9], last[9];
    struct txn_scan *scan;
    struct bytes key, value;
    for (uint32_t i = 0; i < r->key_count; i++) r->values[i] = 0;
    bool reverse = r->invoked_ns % 2 == 0;
    enum status status = txn_scan_open(t, key_of(r->keys[0], first), key_of(r->keys[r->key_count - 1] + 1, last), reverse, 0, &scan);
    if (status != STATUS_OK) return status;
    while ((status = txn_scan_next(scan, &key, &value)) == STATUS_OK) {
        uint64_t number = load_be64(key.data + 1);
        ASSERT(key.size == 9 && number >= r->keys[0] && number - r->keys[0] < r->key_count);
        r->values[number - r->keys[0]] = load_le64(value.data);
    }
    txn_scan_close(scan);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status perform(struct txn *t, struct past_reader *r)
{
    enum status status = r->ts != 0 ? txn_read_at(t, r->ts) : txn_read_stale(t, 0, r->age_ns);
    if (status == STATUS_OK)
        status = r->way == READ_SCAN ? scan_keys(t, r) : r->way == READ_MANY ? read_together(t, r) : read_keys(t, r);
    txn_reading(t, &r->reading);
    return status == STATUS_OK ? txn_commit(t, NULL) : status;
}

static void note(struct past *p, const struct past_reader *r)
{
    for (uint32_t i = 0; i < r->key_count; i++) {
        if (p->count == p->capacity) {
            p->capacity = p->capacity == 0 ? 1024 : 2 * p->capacity;
            p->seen = realloc(p->seen, p->capacity * sizeof *p->seen);
            ASSERT(p->seen != NULL);
        }
        p->seen[p->count++] = (struct seen){
            .read = {.process = r->machine, .key = r->keys[i], .kind = OPERATION_READ, .outcome = OUTCOME_OK,
                     .result = r->values[i], .invoked_ns = r->invoked_ns, .returned_ns = sim_now(cluster_sim(p->cluster)),
                     .ts = r->reading.ts},
            .age_ns = r->ts == 0 ? r->age_ns : 0};
    }
}

/* What a right database may answer while machines and links fail. */
static bool may_fail(enum status status)
{
    return status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT || status == STATUS_CANCELLED ||
           status == STATUS_SNAPSHOT_TOO_OLD;
}

static void finish(struct past_reader *r)
{
    struct past *p = r->past;
    struct sim *sim = cluster_sim(p->cluster);
    if (r->status == STATUS_OK) {
        p->counts.reads++;
        note(p, r);
    } else {
        p->counts.refused++;
        if (!may_fail(r->status) && p->failure[0] == '\0')
            snprintf(p->failure, sizeof p->failure, "PAST-1 machine %llu answers %s", (unsigned long long)r->machine,
                     status_name(r->status));
    }
    p->counts.at_replica += r->reading.at_replica;
    p->counts.at_leader += r->reading.at_leader;
    sim_trace(sim, "past read at machine %llu ts %llu -> %d, replica %llu leader %llu", (unsigned long long)r->machine,
              (unsigned long long)r->reading.ts, (int)r->status, (unsigned long long)r->reading.at_replica,
              (unsigned long long)r->reading.at_leader);
    sim_trace_mix(sim, sim_now(sim) * 31 + r->reading.ts * 7 + r->status + r->values[0]);
    p->busy--;
    schedule(r);
}

static void run(void *arg)
{
    struct past_reader *r = arg;
    struct arena arena;
    struct txn *t;
    arena_init(&arena, 4u << 20);
    enum status status = txn_create(core_kv(cluster_machine(r->past->cluster, r->machine)->core), &arena, &t);
    ASSERT(status == STATUS_OK);
    r->status = perform(t, r);
    txn_destroy(t);
    arena_deinit(&arena);
    finish(r);
}

/* ---- choosing ---- */

/* The timestamp of something that was done lately, or one beside it. */
static uint64_t draw_ts(struct past *p)
{
    struct sim *sim = cluster_sim(p->cluster);
    size_t count;
    const struct operation *history = workload_history(p->workload, &count);
    for (int tries = 0; tries < 8 && count > 0; tries++) {
        size_t back = 1 + sim_below(sim, count < RECENT ? count : RECENT);
        const struct operation *op = &history[count - back];
        if (op->outcome == OUTCOME_OK && op->ts > 1) return op->ts - 1 + sim_below(sim, 2);
    }
    return 0;
}

static void draw(struct past_reader *r)
{
    struct past *p = r->past;
    struct sim *sim = cluster_sim(p->cluster);
    static const uint64_t ages_ns[] = {0, 50 * SIM_MS, 300 * SIM_MS, 2 * SIM_SEC, 20 * SIM_SEC};
    uint32_t keys = workload_key_count(p->workload);
    r->ts = sim_below(sim, 2) == 0 ? draw_ts(p) : 0;
    r->age_ns = ages_ns[sim_below(sim, sizeof ages_ns / sizeof ages_ns[0])];
    r->way = sim_below(sim, 3);
    r->key_count = 1 + (uint32_t)sim_below(sim, keys < KEYS_READ_MAX ? keys : KEYS_READ_MAX);
    uint64_t first = 1 + sim_below(sim, keys - r->key_count + 1);
    for (uint32_t i = 0; i < r->key_count; i++) r->keys[i] = first + i;
}

static void start(void *ctx)
{
    struct past_reader *r = ctx;
    struct past *p = r->past;
    struct sim *sim = cluster_sim(p->cluster);
    if (p->stopping || p->count >= READS_MAX) return;
    r->machine = 1 + sim_below(sim, cluster_size(p->cluster));
    struct cluster_machine *m = cluster_machine(p->cluster, r->machine);
    if (!cluster_up(p->cluster, r->machine) || core_store(m->core) == NULL || !core_joined(m->core)) {
        schedule(r);
        return;
    }
    draw(r);
    r->invoked_ns = sim_now(sim);
    r->reading = (struct txn_reading){0};
    p->busy++;
    enum status status = fiber_spawn(core_fibers(m->core), run, r, NULL);
    ASSERT(status == STATUS_OK);
    if (m->env != NULL) sim_env_set_deadline(m->env, env_now_ns(m->env));
}

static void schedule(struct past_reader *r)
{
    struct sim *sim = cluster_sim(r->past->cluster);
    sim_call_after(sim, sim_exponential(sim, r->past->think_mean_ns), start, r);
}

struct past *past_create(struct cluster *c, const struct workload *w, uint32_t client_count, uint64_t think_mean_ns)
{
    struct past *p = calloc(1, sizeof *p);
    ASSERT(p != NULL);
    *p = (struct past){.cluster = c, .workload = w, .reader_count = client_count, .think_mean_ns = think_mean_ns};
    p->readers = calloc(client_count, sizeof *p->readers);
    ASSERT(p->readers != NULL);
    for (uint32_t i = 0; i < client_count; i++) {
        p->readers[i].past = p;
        schedule(&p->readers[i]);
    }
    return p;
}

void past_destroy(struct past *p)
{
    free(p->readers);
    free(p->seen);
    free(p);
}

void past_stop(struct past *p) { p->stopping = true; }
bool past_idle(const struct past *p) { return p->busy == 0; }
struct past_counts past_counts(const struct past *p) { return p->counts; }

/* ---- afterwards ---- */

static int by_return(const void *a, const void *b)
{
    const struct operation *x = *(const struct operation *const *)a, *y = *(const struct operation *const *)b;
    return x->returned_ns < y->returned_ns ? -1 : x->returned_ns > y->returned_ns;
}

static int by_due(const void *a, const void *b)
{
    const struct seen *x = *(const struct seen *const *)a, *y = *(const struct seen *const *)b;
    uint64_t due_x = x->read.invoked_ns - x->age_ns, due_y = y->read.invoked_ns - y->age_ns;
    return due_x < due_y ? -1 : due_x > due_y;
}

/* Everything that was acknowledged before the bound lies at or below the timestamp. */
static bool check_ages(const struct past *p, char *failure, size_t size)
{
    size_t count, writes = 0, bounded = 0, at = 0;
    const struct operation *history = workload_history(p->workload, &count);
    const struct operation **acknowledged = malloc((count + 1) * sizeof *acknowledged);
    const struct seen **due = malloc((p->count + 1) * sizeof *due);
    ASSERT(acknowledged != NULL && due != NULL);
    for (size_t i = 0; i < count; i++)
        if (history[i].outcome == OUTCOME_OK && history[i].kind != OPERATION_READ) acknowledged[writes++] = &history[i];
    for (size_t i = 0; i < p->count; i++)
        if (p->seen[i].age_ns != 0 && p->seen[i].age_ns < p->seen[i].read.invoked_ns) due[bounded++] = &p->seen[i];
    qsort(acknowledged, writes, sizeof *acknowledged, by_return);
    qsort(due, bounded, sizeof *due, by_due);
    const struct operation *highest = NULL;
    bool ok = true;
    for (size_t i = 0; i < bounded && ok; i++) {
        uint64_t until_ns = due[i]->read.invoked_ns - due[i]->age_ns;
        for (; at < writes && acknowledged[at]->returned_ns < until_ns; at++)
            if (highest == NULL || acknowledged[at]->ts > highest->ts) highest = acknowledged[at];
        ok = highest == NULL || highest->ts <= due[i]->read.ts;
        if (!ok)
            snprintf(failure, size, "PAST-2 machine %llu reads at %llu, older than %llu ms: %llu was acknowledged at %llu ns, asked at %llu ns",
                     (unsigned long long)due[i]->read.process, (unsigned long long)due[i]->read.ts,
                     (unsigned long long)(due[i]->age_ns / SIM_MS), (unsigned long long)highest->ts,
                     (unsigned long long)highest->returned_ns, (unsigned long long)due[i]->read.invoked_ns);
    }
    free(acknowledged);
    free(due);
    return ok;
}

static bool check_values(const struct past *p, char *failure, size_t size)
{
    size_t count;
    const struct operation *history = workload_history(p->workload, &count);
    struct operation *all = malloc((count + p->count + 1) * sizeof *all);
    ASSERT(all != NULL);
    memcpy(all, history, count * sizeof *all);
    for (size_t i = 0; i < p->count; i++) all[count + i] = p->seen[i].read;
    bool ok = ts_check_values(all, count + p->count, failure, size);
    free(all);
    return ok;
}

bool past_check(const struct past *p, char *failure, size_t failure_size)
{
    if (p->failure[0] != '\0') {
        snprintf(failure, failure_size, "%s", p->failure);
        return false;
    }
    /* Without leases clocks do what they like, and an age means nothing. */
    return check_values(p, failure, failure_size) && (!cluster_leases(p->cluster) || check_ages(p, failure, failure_size));
}
