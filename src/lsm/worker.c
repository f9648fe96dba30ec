#include "lsm/worker_int.h"

#define SLICE_NS UINT64_C(200000)
/* About what merging, compressing and checksumming handle in that time; it alone ends slices where
 * the clock stands still during a turn, as in simulation. */
#define SLICE_BYTES ((uint64_t)128 << 10)
#define CLOCK_BYTES ((uint64_t)8 << 10) /* the clock is read this often */

void worker_init(struct worker *w, struct lsm *l)
{
    *w = (struct worker){.lsm = l};
    w->fio = (struct fio){.env = l->options.env, .fibers = l->options.fibers};
    worker_resumed(w);
}

void worker_resumed(struct worker *w)
{
    w->slice_start_ns = env_now_ns(w->lsm->options.env);
    w->slice_bytes = 0;
}

void worker_give_way(struct worker *w)
{
    struct lsm *l = w->lsm;
    if (l->failed) return; /* nobody may be left to resume it */
    struct paused p = {.fiber = fiber_current(l->options.fibers)};
    ASSERT(p.fiber != NULL);
    list_push_back(&l->paused, &p.link);
    fiber_suspend(l->options.fibers);
    worker_resumed(w);
}

void worker_handled(struct worker *w, size_t bytes)
{
    uint64_t before = w->slice_bytes / CLOCK_BYTES;
    w->slice_bytes += bytes;
    if (w->slice_bytes / CLOCK_BYTES == before) return;
    bool over = w->slice_bytes >= SLICE_BYTES;
    over = over || env_now_ns(w->lsm->options.env) - w->slice_start_ns >= SLICE_NS;
    if (over) worker_give_way(w);
}
