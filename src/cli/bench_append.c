/* `bench append`: clients that append to lists and read them, on all nodes, through whatever happens to these. Each
 * appended number is new in its list, so the history tells what every transaction saw of every other one; whoever
 * checks it needs nothing else. */
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "cli/bench_int.h"
#include "cli/cli.h"

#define TXNS_PER_CONNECTION 200 /* on average; then on to another node */
#define VALUE_BYTES_MAX     (BENCH_OPS_MAX * (BENCH_RANGE_MAX * 8192 + 256))
#define SETUP_TRIES         60
#define BACK_OFF_MS         100
#define APART_BITS          32 /* of a key, with --apart: which list of its place it is; the place stands above them */

/* A list in use, and the place that it has: when it is full, another one takes its place. */
struct slot {
    uint64_t key, appended;
    bool present; /* somebody was told that it is there */
};

struct append_run {
    const struct bench_options *options;
    struct bench_history history;
    pthread_mutex_t mutex; /* of what follows, up to the counts */
    struct slot *slots;    /* by options->keys */
    uint64_t next_key, begun;
    char broken[200];      /* "": or what no server may answer */
    atomic_uint_least64_t ok, fail, info; /* for the progress */
    atomic_uint running;
    atomic_bool stop;
};

struct worker {
    struct append_run *run;
    uint64_t number, process;
    struct prng prng;
    struct bench_client client;
    size_t node;
    struct bench_counts counts;
    struct buf value; /* JSON */
    pthread_t thread;
};

static void end_signals(sigset_t *out)
{
    sigemptyset(out);
    sigaddset(out, SIGINT);
    sigaddset(out, SIGTERM);
}

static void sleep_ms(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* ---- what a transaction does ---- */

/* Of the first list of a place, by number, from 0. */
static uint64_t first_key(const struct append_run *run, uint64_t place)
{
    return run->options->apart ? (place << APART_BITS) + 1 : place + 1;
}

/* Of the list that comes after the one in the slot. Apart, it lies right behind it, in the same range mostly. */
static uint64_t next_key(struct append_run *run, const struct slot *slot)
{
    return run->options->apart ? slot->key + 1 : run->next_key++;
}

/* Under the mutex. Half of the time one of two lists that are everybody's. */
static struct slot *draw_slot(struct worker *w)
{
    uint64_t keys = w->run->options->keys;
    uint64_t hot = keys < 2 ? keys : 2;
    return &w->run->slots[prng_chance(&w->prng, 1, 2) ? prng_below(&w->prng, hot) : prng_below(&w->prng, keys)];
}

static enum bench_op_kind draw_kind(struct prng *p)
{
    uint64_t n = prng_below(p, 100);
    if (n < 30) return BENCH_APPEND;
    if (n < 45) return BENCH_UPSERT;
    return n < 80 ? BENCH_READ : n < 92 ? BENCH_READ_LOCKED : BENCH_READ_RANGE;
}

static void draw_op(struct worker *w, enum bench_mode mode, struct bench_op *op)
{
    struct append_run *run = w->run;
    struct slot *slot = draw_slot(w);
    *op = (struct bench_op){.kind = draw_kind(&w->prng), .key = slot->key, .present = slot->present,
                            .slot = (uint64_t)(slot - run->slots)};
    /* What takes the client to decide it takes a block. */
    if (mode != BENCH_BLOCK && op->kind == BENCH_READ_LOCKED) op->kind = BENCH_READ;
    if (mode == BENCH_SCRIPT && op->kind == BENCH_APPEND && !op->present) op->kind = BENCH_READ;
    op->detour = mode == BENCH_BLOCK && prng_chance(&w->prng, 1, 16);
    if (!bench_op_appends(op)) return;
    op->value = ++slot->appended;
    if (slot->appended == run->options->appends_per_key) *slot = (struct slot){.key = next_key(run, slot)};
}

static bool draw_txn(struct worker *w, struct bench_txn *t)
{
    struct append_run *run = w->run;
    uint64_t n = prng_below(&w->prng, 10);
    t->mode = n < 6 ? BENCH_BLOCK : n < 8 ? BENCH_ALONE : BENCH_SCRIPT;
    t->extended = w->number % 2 == 1;
    t->op_count = t->mode == BENCH_ALONE ? 1 : (size_t)prng_between(&w->prng, 1, BENCH_OPS_MAX);
    pthread_mutex_lock(&run->mutex);
    bool more = run->options->transactions == 0 || run->begun < run->options->transactions;
    if (more) run->begun++;
    for (size_t i = 0; i < t->op_count && more; i++) draw_op(w, t->mode, &t->ops[i]);
    pthread_mutex_unlock(&run->mutex);
    if (!more) t->op_count = 0;
    return more;
}

/* What an acknowledged transaction has appended to or seen is there from now on. */
static void note_present(struct append_run *run, const struct bench_txn *t)
{
    pthread_mutex_lock(&run->mutex);
    for (size_t i = 0; i < t->op_count; i++) {
        const struct bench_op *op = &t->ops[i];
        bool seen = op->kind != BENCH_READ || op->lists[0][0] != '\0';
        if (op->kind != BENCH_READ_RANGE && run->slots[op->slot].key == op->key && seen)
            run->slots[op->slot].present = true;
    }
    pthread_mutex_unlock(&run->mutex);
}

/* ---- a client ---- */

static void note_broken(struct append_run *run, const char *broken)
{
    if (broken[0] == '\0') return;
    fprintf(stderr, "ostraka bench: %s\n", broken);
    pthread_mutex_lock(&run->mutex);
    if (run->broken[0] == '\0') snprintf(run->broken, sizeof run->broken, "%s", broken);
    pthread_mutex_unlock(&run->mutex);
}

static void write_event(struct worker *w, const struct bench_txn *t, const char *type, bool with_lists,
                        const char *error)
{
    buf_reset(&w->value);
    bench_txn_json(t, with_lists, &w->value);
    ASSERT(!w->value.failed);
    bench_history_write(&w->run->history, type, w->process, buf_view(&w->value), error);
}

static void run_txn(struct worker *w, struct bench_txn *t)
{
    struct append_run *run = w->run;
    char broken[200];
    uint64_t begun_ns = bench_now_ns();
    write_event(w, t, "invoke", false, "");
    enum bench_outcome outcome = bench_txn_run(&w->client, t, broken, sizeof broken);
    note_broken(run, broken);
    if (outcome == BENCH_OK) {
        write_event(w, t, "ok", true, "");
        histogram_add(&w->counts.latency, bench_now_ns() - begun_ns);
        w->counts.ok++;
        run->ok++;
        note_present(run, t);
        return;
    }
    bool failed = outcome == BENCH_FAIL;
    write_event(w, t, failed ? "fail" : "info", false,
                w->client.sqlstate[0] != '\0' ? w->client.sqlstate : "connection");
    bench_count_error(&w->counts, w->client.sqlstate);
    w->counts.fail += failed;
    w->counts.info += !failed;
    run->fail += failed;
    run->info += !failed;
    /* Whoever does not know what became of it does nothing more: it may still be under way. */
    if (!failed) w->process += run->options->clients + 1;
    if (!failed) bench_client_close(&w->client);
    if (strncmp(w->client.sqlstate, "40", 2) != 0) sleep_ms((unsigned)prng_below(&w->prng, BACK_OFF_MS));
}

/* The next node that takes a connection; false: none does. */
static bool connect_somewhere(struct worker *w)
{
    size_t count = w->run->options->node_count;
    for (size_t i = 0; i < count && w->client.connection == NULL; i++) {
        w->node = (w->node + 1) % count;
        bench_client_connect(&w->client, w->run->options->nodes[w->node]);
    }
    return w->client.connection != NULL;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct bench_txn t = {.op_count = 0};
    while (!w->run->stop) {
        if (prng_chance(&w->prng, 1, TXNS_PER_CONNECTION)) bench_client_close(&w->client);
        if (w->client.connection == NULL && !connect_somewhere(w)) {
            sleep_ms(BACK_OFF_MS);
            continue;
        }
        if (!draw_txn(w, &t)) break;
        run_txn(w, &t);
        bench_txn_clear(&t);
    }
    bench_client_close(&w->client);
    w->run->running--;
    return NULL;
}

/* ---- before and after ---- */

/* Runs a statement on whatever node takes it. False: none did for a minute. */
static bool run_setup(struct worker *w, const char *text)
{
    for (int tries = 0; tries < SETUP_TRIES; tries++) {
        if (tries > 0) sleep_ms(1000);
        if (w->client.connection == NULL && !connect_somewhere(w)) continue;
        struct bench_results results;
        enum bench_end end = bench_client_run(&w->client, text, 0, NULL, &results);
        bench_results_clear(&results);
        if (end == BENCH_DONE) return true;
    }
    fprintf(stderr, "ostraka bench: %s: %s %s\n", text, w->client.sqlstate, w->client.message);
    return false;
}

static bool read_from_to(struct worker *w, uint64_t from, uint64_t to)
{
    for (uint64_t key = from; key <= to; key += BENCH_RANGE_MAX) {
        bool done = false;
        for (int tries = 0; tries < SETUP_TRIES && !done; tries++) {
            if (tries > 0) sleep_ms(1000);
            if (w->client.connection == NULL && !connect_somewhere(w)) continue;
            struct bench_txn t = {.mode = BENCH_ALONE, .op_count = 1};
            t.ops[0] = (struct bench_op){.kind = BENCH_READ_RANGE, .key = key};
            uint64_t before = w->counts.ok;
            run_txn(w, &t);
            bench_txn_clear(&t);
            done = w->counts.ok > before;
        }
        if (!done) {
            fprintf(stderr, "ostraka bench: the lists cannot be read at the end: %s %s\n", w->client.sqlstate,
                    w->client.message);
            return false;
        }
    }
    return true;
}

/* Reads every list there is, so that whatever was acknowledged and is gone shows. */
static bool read_all(struct worker *w)
{
    struct append_run *run = w->run;
    bool ok = true;
    if (!run->options->apart) return read_from_to(w, 1, run->next_key - 1);
    for (uint64_t i = 0; i < run->options->keys && ok; i++)
        ok = read_from_to(w, first_key(run, i), run->slots[i].key);
    return ok;
}

static void worker_init(struct worker *w, struct append_run *run, uint64_t number)
{
    *w = (struct worker){.run = run, .number = number, .process = number};
    prng_init(&w->prng, run->options->seed + number);
    w->client.timeout_ns = run->options->timeout_ns;
    w->node = number % run->options->node_count;
    histogram_init(&w->counts.latency);
    buf_init(&w->value, VALUE_BYTES_MAX);
}

static void worker_deinit(struct worker *w)
{
    bench_client_close(&w->client);
    buf_deinit(&w->value);
}

/* Waits a tenth of a second. ^C and SIGTERM end the load as its time does: everything is read and written down. */
static bool told_to_end(void)
{
    const struct timespec tenth = {0, 100000000};
    sigset_t signals;
    end_signals(&signals);
    return sigtimedwait(&signals, NULL, &tenth) > 0;
}

static void watch(struct append_run *run, uint64_t begun_ns)
{
    uint64_t last = 0;
    for (uint64_t tenths = 1; run->running > 0; tenths++) {
        if (told_to_end()) run->stop = true;
        uint64_t elapsed_ns = bench_now_ns() - begun_ns;
        if (run->options->seconds > 0 && elapsed_ns / 1000000000u >= run->options->seconds) run->stop = true;
        if (tenths % 50 != 0) continue;
        uint64_t ok = run->ok;
        fprintf(stderr, "%5.0f s  %" PRIu64 " ok (%" PRIu64 "/s)  %" PRIu64 " failed  %" PRIu64 " unknown\n",
                (double)elapsed_ns / 1e9, ok, (ok - last) / 5, (uint64_t)run->fail, (uint64_t)run->info);
        last = ok;
    }
}

static bool run_workers(struct append_run *run, struct worker *workers, struct bench_counts *counts)
{
    uint64_t clients = run->options->clients, begun_ns = bench_now_ns();
    bool ok = true;
    sigset_t signals, before;
    end_signals(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, &before); /* for all threads: watch takes them */
    for (uint64_t i = 0; i < clients && ok; i++) {
        run->running++;
        ok = pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0;
        if (ok) continue;
        fprintf(stderr, "ostraka bench: no thread for client %" PRIu64 "\n", i + 1);
        run->running--;
        run->stop = true;
        clients = i;
    }
    watch(run, begun_ns);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    for (uint64_t i = 0; i < clients; i++) {
        pthread_join(workers[i].thread, NULL);
        bench_counts_merge(counts, &workers[i].counts);
    }
    bench_print("append", counts, bench_now_ns() - begun_ns);
    return ok;
}

static bool run_all(struct append_run *run, struct worker *workers, struct bench_counts *counts)
{
    struct worker *last = &workers[run->options->clients]; /* before and after the others */
    if (!connect_somewhere(last)) {
        fprintf(stderr, "ostraka bench: no node answers; --nodes says where they are: %s\n", last->client.message);
        return false;
    }
    printf("seed %" PRIu64 "\n", run->options->seed);
    fflush(stdout);
    if (!run_setup(last, "DROP TABLE IF EXISTS bench_append")) return false;
    if (!run_setup(last, "CREATE TABLE IF NOT EXISTS bench_append (k int8 PRIMARY KEY, v text NOT NULL)")) return false;
    bool ok = run_workers(run, workers, counts);
    return read_all(last) && ok;
}

int bench_append(const struct bench_options *o)
{
    struct append_run run = {.options = o, .next_key = o->keys + 1};
    struct bench_counts counts = {.ok = 0};
    histogram_init(&counts.latency);
    if (!bench_history_open(&run.history, o->history)) return CLI_ERROR;
    run.slots = calloc(o->keys, sizeof *run.slots);
    struct worker *workers = calloc(o->clients + 1, sizeof *workers);
    ASSERT(run.slots != NULL && workers != NULL);
    ASSERT(pthread_mutex_init(&run.mutex, NULL) == 0);
    for (uint64_t i = 0; i < o->keys; i++) run.slots[i].key = first_key(&run, i);
    for (uint64_t i = 0; i <= o->clients; i++) worker_init(&workers[i], &run, i);
    bool ok = run_all(&run, workers, &counts);
    for (uint64_t i = 0; i <= o->clients; i++) worker_deinit(&workers[i]);
    free(workers);
    free(run.slots);
    pthread_mutex_destroy(&run.mutex);
    ok &= bench_history_close(&run.history);
    if (run.broken[0] != '\0') printf("WRONG ANSWER: %s\n", run.broken);
    return ok && run.broken[0] == '\0' && counts.ok > 0 ? CLI_OK : CLI_ERROR;
}
