#include "sql/reclaim.h"

#include <stdlib.h>

#include "base/assert.h"
#include "sql/catalog.h"

#define SLICE_ROWS_MAX 500u
#define SLICE_BYTES_MAX (256u << 10)
#define PAUSE_NS 20000000u   /* between slices: 25,000 rows a second at most */
#define IDLE_NS 1000000000u  /* between looks at an empty list, and after a failure */
#define ARENA_BYTES_MAX (16u << 20)

struct sql_reclaimer {
    struct sql_reclaimer_options options;
    struct timer timer;
    bool busy, stopping;
    struct sql_reclaimer_metrics metrics;
};

static void arm(struct sql_reclaimer *r, uint64_t after_ns)
{
    if (r->stopping) return;
    timer_arm(r->options.timers, &r->timer, env_now_ns(r->options.env) + after_ns);
}

/* Rows of the garbage from `next` on, deleted; *next is moved behind them. */
static enum status delete_rows(struct txn *t, struct arena *arena, struct catalog_garbage *g,
                               uint32_t *rows_out, bool *ended_out)
{
    struct txn_scan *scan;
    enum status status = txn_scan_open(t, g->next, g->end, false, SLICE_ROWS_MAX, &scan);
    if (status != STATUS_OK) return status;
    struct bytes keys[SLICE_ROWS_MAX], key, value;
    uint32_t count = 0;
    for (size_t bytes = 0; count < SLICE_ROWS_MAX && bytes < SLICE_BYTES_MAX; count++) {
        status = txn_scan_next(scan, &key, &value);
        if (status != STATUS_OK) break;
        keys[count] = arena_copy(arena, key);
        if (keys[count].data == NULL) status = STATUS_NO_MEMORY;
        if (status != STATUS_OK) break;
        bytes += key.size + value.size;
    }
    txn_scan_close(scan);
    *ended_out = status == STATUS_NOT_FOUND;
    if (*ended_out) status = STATUS_OK;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) status = txn_delete(t, keys[i]);
    if (status != STATUS_OK) return status;
    if (count > 0) g->next = keys[count - 1]; /* it has no row any more */
    *rows_out = count;
    return STATUS_OK;
}

/* One transaction. STATUS_NOT_FOUND: there is no garbage. */
static enum status slice(struct sql_reclaimer *r, struct txn *t, struct arena *arena)
{
    struct catalog_garbage g;
    uint32_t rows = 0;
    bool ended = false;
    enum status status = catalog_garbage_first(t, arena, &g);
    if (status == STATUS_OK) status = delete_rows(t, arena, &g, &rows, &ended);
    if (status == STATUS_OK) status = ended ? catalog_garbage_end(t, &g) : catalog_garbage_move(t, &g);
    if (status == STATUS_OK) status = txn_commit(t, NULL);
    if (status != STATUS_OK) return status;
    r->metrics.slices++;
    r->metrics.rows += rows;
    if (!ended) return STATUS_OK;
    r->metrics.tables++;
    LOG_INFO(r->options.logger, "sql", "rows of a dropped table are gone", "table=%u", g.table_id);
    return STATUS_OK;
}

static void run(void *arg)
{
    struct sql_reclaimer *r = arg;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    struct txn *t;
    enum status status = txn_create(r->options.kv, &arena, &t);
    if (status == STATUS_OK) {
        status = slice(r, t, &arena);
        txn_destroy(t);
    }
    arena_deinit(&arena);
    r->busy = false;
    /* A conflict: another node did this slice. Other failures pass, or are noticed by those who look. */
    arm(r, status == STATUS_OK ? PAUSE_NS : IDLE_NS);
}

static void on_timer(struct timer *timer, void *ctx)
{
    (void)timer;
    struct sql_reclaimer *r = ctx;
    ASSERT(!r->busy && !r->stopping);
    if (!kv_leads(r->options.kv, catalog_garbage_key())) {
        arm(r, IDLE_NS);
        return;
    }
    r->busy = true;
    if (fiber_spawn(r->options.fibers, run, r, NULL) == STATUS_OK) return;
    r->busy = false;
    arm(r, IDLE_NS);
}

enum status sql_reclaimer_create(const struct sql_reclaimer_options *options,
                                 struct sql_reclaimer **reclaimer_out)
{
    struct sql_reclaimer *r = calloc(1, sizeof *r);
    if (r == NULL) return STATUS_NO_MEMORY;
    r->options = *options;
    timer_init(&r->timer, on_timer, r);
    arm(r, IDLE_NS);
    *reclaimer_out = r;
    return STATUS_OK;
}

void sql_reclaimer_stop(struct sql_reclaimer *r)
{
    r->stopping = true;
    timer_cancel(r->options.timers, &r->timer);
}

void sql_reclaimer_destroy(struct sql_reclaimer *r)
{
    ASSERT(r->stopping);
    ASSERT(!r->busy);
    free(r);
}

const struct sql_reclaimer_metrics *sql_reclaimer_metrics(const struct sql_reclaimer *r)
{
    return &r->metrics;
}
