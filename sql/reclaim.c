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

/* What one slice takes away: rows of one range. */
struct doomed {
    struct catalog_garbage g;        /* g->next moves behind the rows */
    struct bytes keys[SLICE_ROWS_MAX];
    uint32_t count;
    bool ended;                      /* nothing is left of it */
};

/* Rows of the garbage from `next` on. */
static enum status find_rows(struct txn *t, struct arena *arena, struct doomed *d)
{
    struct txn_scan *scan;
    struct catalog_garbage *g = &d->g;
    struct bytes end, key, value;
    enum status status = txn_range_end(t, arena, g->next, &end);
    if (status != STATUS_OK) return status;
    bool cut = end.size > 0 && bytes_compare(end, g->end) < 0;
    status = txn_scan_open(t, g->next, cut ? end : g->end, false, SLICE_ROWS_MAX, &scan);
    if (status != STATUS_OK) return status;
    for (size_t bytes = 0; d->count < SLICE_ROWS_MAX && bytes < SLICE_BYTES_MAX; d->count++) {
        status = txn_scan_next(scan, &key, &value);
        if (status != STATUS_OK) break;
        d->keys[d->count] = arena_copy(arena, key);
        if (d->keys[d->count].data == NULL) status = STATUS_NO_MEMORY;
        if (status != STATUS_OK) break;
        bytes += key.size + value.size;
    }
    txn_scan_close(scan);
    bool all = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK && !all) return status;
    d->ended = all && !cut;
    if (all && cut) g->next = end;
    else if (d->count > 0) g->next = d->keys[d->count - 1]; /* it has no row any more */
    return STATUS_OK;
}

static enum status delete_rows(struct txn *t, const struct doomed *d)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < d->count && status == STATUS_OK; i++) status = txn_delete(t, d->keys[i]);
    return status;
}

static enum status put_record(struct txn *t, const struct doomed *d)
{
    return d->ended ? catalog_garbage_end(t, &d->g) : catalog_garbage_move(t, &d->g);
}

/* What was set for the table's keys. If the node stops before, the setting stays, and holds for nothing. */
static void forget_settings(struct sql_reclaimer *r, struct txn *t, uint32_t table_id)
{
    struct buf scope;
    uint64_t was;
    buf_init(&scope, SETTING_SCOPE_BYTES_MAX);
    catalog_table_scope(table_id, &scope);
    const struct cluster_settings *all = store_settings(kv_store(r->options.kv));
    if (cluster_settings_find(all, SETTING_REPLICATION_FACTOR, buf_view(&scope), &was) &&
        txn_setting_reset(t, SETTING_REPLICATION_FACTOR, buf_view(&scope)) != STATUS_OK)
        COVER("sql_reclaim_setting_stays");
    buf_deinit(&scope);
}

/* One transaction: the rows go, and the record says so. STATUS_NOT_FOUND: there is no garbage. */
static enum status slice(struct sql_reclaimer *r, struct txn *t, struct arena *arena)
{
    struct doomed *d = ARENA_NEW(arena, struct doomed);
    if (d == NULL) return STATUS_NO_MEMORY;
    enum status status = catalog_garbage_first(t, arena, &d->g);
    if (status == STATUS_OK) status = find_rows(t, arena, d);
    if (status == STATUS_OK) status = delete_rows(t, d);
    if (status == STATUS_OK) status = put_record(t, d);
    if (status == STATUS_OK) status = txn_commit(t, NULL);
    if (status != STATUS_OK) return status;
    r->metrics.slices++;
    r->metrics.rows += d->count;
    if (!d->ended) return STATUS_OK;
    forget_settings(r, t, d->g.table_id);
    r->metrics.tables++;
    LOG_INFO(r->options.logger, "sql", "rows of a dropped table are gone", "table=%u", d->g.table_id);
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
