#include "sql/idempotency_sweep.h"

#include <stdlib.h>

#include "base/assert.h"

#define SLICE_ROWS_MAX 500u
#define SLICE_ENDED_MAX TXN_GET_MANY_MAX
#define PAUSE_NS 20000000u         /* between slices */
#define PASS_NS_MIN 50000000u
#define ARENA_BYTES_MAX (64u << 20) /* 500 records */

struct idempotency_sweeper {
    struct idempotency_sweeper_options options;
    struct timer timer;
    bool busy, stopping;
    uint8_t next[SHARD_KEY_BYTES_MAX + 1]; /* where the pass goes on */
    size_t next_size;
};

/* Rows whose time is over, as one look found them. */
struct slice {
    struct bytes keys[SLICE_ENDED_MAX];
    uint32_t count;
    bool pass_ended;
};

static uint64_t pass_ns(const struct idempotency_sweeper *w)
{
    uint64_t life_ns = w->options.idempotency->life_ns;
    uint64_t every_ns = (life_ns != 0 ? life_ns : IDEMPOTENCY_LIFE_NS) / 1000;
    return every_ns < PASS_NS_MIN ? PASS_NS_MIN : every_ns;
}

static void arm(struct idempotency_sweeper *w, uint64_t after_ns)
{
    if (w->stopping) return;
    timer_arm(w->options.timers, &w->timer, env_now_ns(w->options.env) + after_ns);
}

static void begin_at(struct idempotency_sweeper *w, struct bytes key, bool behind)
{
    ASSERT(key.size + 1 <= sizeof w->next);
    memcpy(w->next, key.data, key.size);
    w->next[key.size] = 0; /* the first key behind it */
    w->next_size = key.size + (behind ? 1 : 0);
}

/* What is over at `now`, of a record that was committed at ts; 0: it is not known when, but since it was made. */
struct verdict {
    bool results, row;
};

/* I-d: a row is removed when the clock is past its time; whoever finds it missing reads later, and so refuses the
 * key. */
static struct verdict judge(struct bytes row_key, struct bytes value, uint64_t ts, uint64_t now,
                            struct idempotency_record *r)
{
    struct bytes key = idempotency_key_of_row(row_key);
    if (idempotency_record_decode(value, r) != STATUS_OK) return (struct verdict){false, false}; /* not ours to judge */
    if (ts < r->seen_ts) ts = r->seen_ts;
    bool results = now >= idempotency_results_end(r, ts, idempotency_issued_ns(key));
    bool row = r->row_until != 0 && now > r->row_until && (results || r->emptied);
    if (MUTANT("idempotency_swept_early")) row = r->row_until != 0;
    return (struct verdict){.results = results && !r->emptied, .row = row};
}

/* [fiber] One look at the rows from w->next on. */
static enum status look(struct idempotency_sweeper *w, struct txn *t, struct arena *arena, struct slice *s)
{
    struct txn_scan *scan;
    struct bytes key, value, start = bytes_make(w->next, w->next_size), end;
    enum status status = txn_range_end(t, arena, start, &end);
    if (status != STATUS_OK) return status;
    bool cut = end.size > 0 && bytes_compare(end, idempotency_rows_end()) < 0; /* what is ended lies in one range */
    status = txn_scan_open(t, start, cut ? end : idempotency_rows_end(), false, SLICE_ROWS_MAX, &scan);
    if (status != STATUS_OK) return status;
    for (uint32_t looked = 0; looked < SLICE_ROWS_MAX && s->count < SLICE_ENDED_MAX; looked++) {
        status = txn_scan_next(scan, &key, &value);
        if (status != STATUS_OK) break;
        begin_at(w, key, true);
        struct idempotency_record r;
        struct verdict v = judge(key, value, 0, txn_read_ts(t), &r);
        if (!v.row && !v.results) continue;
        s->keys[s->count] = arena_copy(arena, key);
        if (s->keys[s->count].data == NULL) status = STATUS_NO_MEMORY;
        if (status != STATUS_OK) break;
        s->count++;
    }
    txn_scan_close(scan);
    bool all = status == STATUS_NOT_FOUND;
    if (all && cut) begin_at(w, end, false);
    s->pass_ended = all && !cut;
    return all ? STATUS_OK : status;
}

/* [fiber] Ends what the look has found. A transaction of its own: it conflicts with nobody who uses other keys. */
static enum status end_rows(struct idempotency_sweeper *w, struct txn *t, const struct slice *s)
{
    struct txn_locked rows[SLICE_ENDED_MAX]; /* locking tells when they were committed */
    uint64_t emptied = 0, removed = 0;
    enum status status = txn_lock(t, s->keys, s->count, TXN_LOCK_EXCLUSIVE, TXN_LOCK_SKIP, rows);
    uint64_t now = txn_read_ts(t);
    for (uint32_t i = 0; i < s->count && status == STATUS_OK; i++) {
        struct idempotency_record r;
        if (!rows[i].found) continue;
        struct verdict v = judge(s->keys[i], rows[i].value, rows[i].ts, now, &r);
        if (v.row) {
            status = txn_delete(t, s->keys[i]);
            removed++;
        } else if (v.results) {
            uint8_t value[IDEMPOTENCY_HEAD_BYTES];
            r = (struct idempotency_record){.emptied = true, .ttl_ns = r.ttl_ns, .seen_ts = r.seen_ts,
                                            .row_until = r.row_until, .tag = r.tag};
            idempotency_record_head(&r, value);
            status = txn_put(t, s->keys[i], bytes_make(value, sizeof value));
            emptied++;
        }
    }
    if (status == STATUS_OK) status = txn_commit(t, NULL);
    if (status != STATUS_OK) return status;
    w->options.idempotency->emptied += emptied;
    w->options.idempotency->removed += removed;
    return STATUS_OK;
}

static void run(void *arg)
{
    struct idempotency_sweeper *w = arg;
    struct slice s = {.count = 0};
    struct arena arena, keys;
    arena_init(&arena, ARENA_BYTES_MAX);
    arena_init(&keys, 1u << 20);
    struct txn *t;
    enum status status = txn_create(w->options.kv, &arena, &t);
    if (status == STATUS_OK) {
        status = look(w, t, &keys, &s);
        if (status == STATUS_OK && s.count > 0) status = txn_restart(t, &arena);
        if (status == STATUS_OK && s.count > 0) status = end_rows(w, t, &s);
        txn_destroy(t);
    }
    arena_deinit(&arena);
    arena_deinit(&keys);
    w->busy = false;
    /* What failed is found again by the next pass. */
    bool pass_ended = status != STATUS_OK || s.pass_ended;
    if (pass_ended) begin_at(w, idempotency_rows_start(), false);
    arm(w, pass_ended ? pass_ns(w) : PAUSE_NS);
}

static void on_timer(struct timer *timer, void *ctx)
{
    (void)timer;
    struct idempotency_sweeper *w = ctx;
    ASSERT(!w->busy && !w->stopping);
    w->busy = kv_leads(w->options.kv, idempotency_rows_start());
    if (w->busy && fiber_spawn(w->options.fibers, run, w, NULL) == STATUS_OK) return;
    w->busy = false;
    arm(w, pass_ns(w));
}

enum status idempotency_sweeper_create(const struct idempotency_sweeper_options *options,
                                       struct idempotency_sweeper **sweeper_out)
{
    struct idempotency_sweeper *w = calloc(1, sizeof *w);
    if (w == NULL) return STATUS_NO_MEMORY;
    w->options = *options;
    timer_init(&w->timer, on_timer, w);
    begin_at(w, idempotency_rows_start(), false);
    arm(w, pass_ns(w));
    *sweeper_out = w;
    return STATUS_OK;
}

void idempotency_sweeper_stop(struct idempotency_sweeper *w)
{
    w->stopping = true;
    timer_cancel(w->options.timers, &w->timer);
}

void idempotency_sweeper_destroy(struct idempotency_sweeper *w)
{
    ASSERT(w->stopping);
    ASSERT(!w->busy);
    free(w);
}
