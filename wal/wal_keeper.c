/* The keeper: a fiber that runs when there is something to do away from the path of groups. It puts
 * retired segments away and prepares the next one, so that a rotation finds it ready.
 *
 * The fiber ends by starting one last operation whose completion arrives on the core's own stack:
 * from there, and not from the fiber, the owner is called. */
#include <stdlib.h>

#include "wal/wal_int.h"

#define RETRY_NS UINT64_C(500000000)

static struct wal_segment *retired_free(const struct wal *w)
{
    LIST_FOR_EACH (item, &w->retired) {
        struct wal_segment *s = CONTAINER_OF(item, struct wal_segment, link);
        if (s->reader_count == 0) return s;
    }
    return NULL;
}

static enum status put_away(struct wal *w, struct fio *f, const char **what_out)
{
    *what_out = "cannot put a segment away";
    for (struct wal_segment *s; (s = retired_free(w)) != NULL;) {
        list_remove(&s->link);
        fio_close(f, s->file);
        enum status status = wal_file_put_away(w, f, s->generation, s->size_bytes);
        free(s);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

static void on_run_ended(struct env_op *op, int64_t result);

static void run(void *arg)
{
    struct wal *w = arg;
    struct wal_keeper *k = &w->keeper;
    k->fio = (struct fio){.env = w->options.env, .fibers = w->options.fibers};
    k->status = put_away(w, &k->fio, &k->what);
    if (k->status == STATUS_OK && w->next == NULL)
        k->status = wal_segment_prepare(w, &k->fio, &k->made, &k->what);
    k->error = k->status == STATUS_OK ? 0 : k->fio.last_errno;
    k->end_op.on_done = on_run_ended;
    k->end_op.ctx = w;
    env_file_size(w->options.env, wal_current(w)->file, &k->end_op);
}

/* Disk or memory is full: tried again after a while, or when a segment is put away. */
static void note_full(struct wal *w)
{
    struct wal_keeper *k = &w->keeper;
    const struct wal_segment *s = wal_current(w);
    COVER("wal_keeper_full");
    if (k->retry_ns == 0)
        LOG_WARN(w->options.logger, "wal", "no room for another segment",
                 "status=%s left_bytes=%llu", status_name(k->status),
                 (unsigned long long)(s->size_bytes - s->write_offset));
    k->no_space = k->status == STATUS_NO_SPACE;
    k->retry_ns = env_now_ns(w->options.env) + RETRY_NS;
}

static void on_run_ended(struct env_op *op, int64_t result)
{
    struct wal *w = op->ctx;
    struct wal_keeper *k = &w->keeper;
    (void)result; /* the operation was only a way out of the fiber */
    ASSERT(k->running);
    k->running = false;
    if (k->made != NULL) {
        ASSERT(w->next == NULL);
        w->next = k->made;
        k->made = NULL;
        k->no_space = false;
        k->retry_ns = 0;
    }
    if (k->status == STATUS_NO_SPACE || k->status == STATUS_NO_MEMORY) {
        note_full(w);
    } else if (k->status != STATUS_OK) {
        wal_fail(w, k->status, k->what, k->error);
        wal_tell(w);
    }
    if (w->failed) return;
    wal_keeper_wake(w);
    if (w->refused && w->next != NULL) {
        w->refused = false;
        if (w->options.on_durable != NULL)
            w->options.on_durable(w->options.ctx, (struct lsn){w->durable});
    }
}

static bool has_work(const struct wal *w)
{
    if (retired_free(w) != NULL) return true;
    if (w->next != NULL) return false;
    return env_now_ns(w->options.env) >= w->keeper.retry_ns;
}

void wal_keeper_wake(struct wal *w)
{
    struct wal_keeper *k = &w->keeper;
    if (w->failed || w->closing || k->running || !has_work(w)) return;
    k->running = true;
    if (fiber_spawn(w->options.fibers, run, w, NULL) == STATUS_OK) return;
    COVER("wal_keeper_no_fiber");
    k->running = false;
}
