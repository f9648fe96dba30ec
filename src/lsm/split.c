#include <stdlib.h>

#include "lsm/worker_int.h"

/* ---- ranges that wait for the manifest ---- */

bool range_is_pending(const struct range *r)
{
    return r->born != NULL || !list_empty(&r->splits) || r->merging != NULL;
}

struct range *split_root(struct range *r)
{
    while (r->born != NULL)
        r = r->born->left;
    return r;
}

/* Of the splits of a range from a link on: the first right side. */
static struct range *right_from(const struct range *left, const struct list *link)
{
    for (; link != &left->splits; link = link->next) {
        const struct split *s = CONTAINER_OF(link, struct split, link);
        if (s->right != NULL) return s->right;
    }
    return NULL;
}

struct range *split_next(const struct range *root, struct range *r)
{
    struct range *next = right_from(r, r->splits.next);
    while (next == NULL && r != root) {
        next = right_from(r->born->left, r->born->link.next);
        r = r->born->left;
    }
    return next;
}

bool split_holds_id(const struct lsm *l, struct range_id id)
{
    LIST_FOR_EACH(link, &l->drops_waiting)
    if (CONTAINER_OF(link, struct range_drop, link)->edit.range->id.value == id.value) return true;
    LIST_FOR_EACH(link, &l->merging)
    if (CONTAINER_OF(link, struct range, merging_link)->merging->id.value == id.value) return true;
    return false;
}

void split_push(struct range *r)
{
    flush_enqueue(split_root(r));
}

/* ---- what the manifest says and what reads see ---- */

static void set_named(struct range *r, struct version *next)
{
    if (r->named != NULL) version_unpin(r->named);
    r->named = next;
}

/* Nothing waits any more: what the manifest says is what reads see. */
static void become_whole(struct range *r, struct version *next)
{
    set_named(r, NULL);
    range_set_version(r, next);
    free(r->window);
    r->window = NULL;
}

/* Of what all of root's family has, each its window. */
static enum status clip_family(struct range *root, const struct version *all)
{
    for (struct range *r = root; r != NULL; r = split_next(root, r)) {
        struct window whole = {BYTES_EMPTY, BYTES_EMPTY};
        struct version *clipped;
        enum status status = version_clip(all, r->window != NULL ? r->window : &whole, &clipped);
        if (status != STATUS_OK) return status;
        range_set_version(r, clipped);
    }
    return STATUS_OK;
}

enum status split_refresh(struct range *root, struct version *next)
{
    ASSERT(root->born == NULL);
    if (!range_is_pending(root)) {
        become_whole(root, next);
        return STATUS_OK;
    }
    set_named(root, next);
    if (root->merging == NULL) return clip_family(root, next);
    struct version *both;
    enum status status =
        version_join(next, root->merging->version, root->merging->window->from, &both);
    if (status != STATUS_OK) return status;
    status = clip_family(root, both);
    version_unpin(both);
    return status;
}

/* ---- dividing ---- */

static struct split *split_create(struct range *left, struct range *right, struct bytes key,
                                  struct bytes meta)
{
    struct split *s = calloc(1, sizeof *s + key.size + meta.size);
    if (s == NULL) return NULL;
    uint8_t *copies = (uint8_t *)(s + 1);
    memcpy(copies, key.data, key.size);
    if (meta.size > 0) memcpy(copies + key.size, meta.data, meta.size);
    s->left = left;
    s->right = right;
    s->key = bytes_make(copies, key.size);
    s->meta = bytes_make(copies + key.size, meta.size);
    if (right != NULL) range_pin(right);
    return s;
}

static void split_free(struct split *s)
{
    if (s->right != NULL) range_unpin(s->right);
    free(s);
}

/* What one side becomes. */
struct side {
    struct window *window;
    struct version *version;
};

static void side_deinit(struct side *side)
{
    free(side->window);
    if (side->version != NULL) version_unpin(side->version);
    *side = (struct side){0};
}

static enum status side_init(struct side *side, const struct range *left, struct bytes from,
                             struct bytes to)
{
    *side = (struct side){.window = window_create(from, to)};
    if (side->window == NULL) return STATUS_NO_MEMORY;
    return version_clip(left->version, side->window, &side->version);
}

static void side_take(struct range *r, struct side *side)
{
    free(r->window);
    r->window = side->window;
    range_set_version(r, side->version);
    *side = (struct side){0};
}

/* The right side begins with what the left one had: as of the same index, under the same GC
 * timestamp. */
static enum status inherit(struct range *right, struct range *left, struct bytes meta)
{
    right->applied_index = right->flushed_index = left->applied_index;
    right->newest_ts = left->newest_ts;
    right->gc_ts = left->gc_ts;
    buf_append_bytes(&right->meta, meta);
    if (right->meta.failed) return STATUS_NO_MEMORY;
    for (struct list *link = left->frozen.prev; link != &left->frozen; link = link->prev) {
        const struct frozen *f = CONTAINER_OF(link, struct frozen, link);
        enum status status = range_add_frozen(right, f->memtable, f->last_index, BYTES_EMPTY);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

/* The memtable frozen here ends what the two sides share: its flush makes the split durable. right
 * NULL: what lies behind the key goes. */
static enum status divide(struct range *left, struct range *right, struct bytes key,
                          struct bytes meta)
{
    struct side low = {0}, high = {0};
    struct window whole = {BYTES_EMPTY, BYTES_EMPTY};
    if (left->window != NULL) whole = *left->window;
    ASSERT(window_has(&whole, key));
    enum status status = range_freeze(left);
    if (status != STATUS_OK) return status;
    struct split *s = split_create(left, right, key, meta);
    if (s == NULL) return STATUS_NO_MEMORY;
    status = side_init(&low, left, whole.from, key);
    if (status == STATUS_OK && right != NULL) status = side_init(&high, left, key, whole.to);
    if (status == STATUS_OK && right != NULL) status = inherit(right, left, meta);
    if (status != STATUS_OK) {
        side_deinit(&low);
        side_deinit(&high);
        split_free(s);
        return status;
    }
    if (left->born == NULL && left->named == NULL) {
        version_pin(left->version);
        left->named = left->version;
    }
    CONTAINER_OF(left->frozen.next, struct frozen, link)->split = s;
    list_push_back(&left->splits, &s->link);
    side_take(left, &low);
    if (right != NULL) {
        side_take(right, &high);
        right->born = s;
    }
    split_push(left);
    if (MUTANT("lsm_split_told_before_the_edit")) {
        left->flushed_index = left->applied_index;
        range_event(left, RANGE_EVENT_FLUSHED);
    }
    return STATUS_OK;
}

/* Is it there, on its way in, or not yet through with its end? */
static bool is_known(const struct lsm *l, struct range_id id)
{
    return range_find(l, id) != NULL || ingest_is_committing(l, id) || split_holds_id(l, id);
}

enum status lsm_range_split(struct lsm *l, struct range_id left, struct range_id right,
                            struct bytes key, struct bytes right_meta)
{
    ASSERT(key.size > 0 && key.size <= LSM_KEY_BYTES_MAX);
    struct range *from = range_find(l, left), *to;
    if (from == NULL) return STATUS_NOT_FOUND;
    ASSERT(!ingest_is_committing(l, left));
    if (is_known(l, right)) {
        COVER("lsm_split_right_exists");
        enum status status = divide(from, NULL, key, BYTES_EMPTY);
        return status == STATUS_OK ? STATUS_EXISTS : status;
    }
    enum status status = range_alloc(l, right, &to);
    if (status != STATUS_OK) return status;
    if (range_is_pending(from)) COVER("lsm_split_chain");
    status = divide(from, to, key, right_meta);
    if (status == STATUS_OK) status = range_enter(to);
    if (status == STATUS_OK && from->corrupt) range_damaged(l, to, "split from a damaged range");
    range_unpin(to);
    return status;
}

enum status lsm_range_shrink(struct lsm *l, struct range_id range, struct bytes end)
{
    ASSERT(end.size > 0 && end.size <= LSM_KEY_BYTES_MAX);
    struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    ASSERT(!ingest_is_committing(l, range));
    return divide(r, NULL, end, BYTES_EMPTY);
}

/* ---- afterwards ---- */

void split_end(struct split *s)
{
    ASSERT(s->left->born == NULL);
    ASSERT(s->left->splits.next == &s->link);
    list_remove(&s->link);
    if (s->right != NULL) s->right->born = NULL;
    split_free(s);
}

void split_forget_all(struct range *r)
{
    while (!list_empty(&r->splits)) {
        struct split *s = CONTAINER_OF(list_pop_front(&r->splits), struct split, link);
        if (s->right != NULL) s->right->born = NULL;
        split_free(s);
    }
    if (r->merging != NULL) unite_end(r);
}

static void wake_waiters(struct lsm *l)
{
    while (!list_empty(&l->split_waiters))
        fiber_resume(CONTAINER_OF(list_pop_front(&l->split_waiters), struct paused, link)->fiber);
}

/* The drop takes its place in line; a new range of that id may write edits behind it. */
static void submit_drop(struct range *r)
{
    struct lsm *l = r->lsm;
    struct range_drop *drop = r->drop;
    r->drop = NULL;
    list_remove(&drop->link);
    edit_submit(&drop->edit);
    struct range *successor = range_find(l, r->id);
    if (successor != NULL) flush_enqueue(successor);
    range_unpin(r);
}

void split_settled(struct range *r)
{
    ASSERT(r->born == NULL);
    if (!list_empty(&r->frozen) || r->freeze_due) flush_enqueue(r);
    if (range_is_pending(r)) return;
    wake_waiters(r->lsm);
    if (r->drop != NULL)
        submit_drop(r);
    else
        compact_enqueue(r);
}

void split_refuse_waiting(struct lsm *l, enum status status)
{
    while (!list_empty(&l->drops_waiting)) {
        struct range_drop *drop =
            CONTAINER_OF(list_pop_front(&l->drops_waiting), struct range_drop, link);
        struct range *r = drop->edit.range;
        r->drop = NULL;
        split_forget_all(r);
        drop->edit.status = status;
        drop->edit.on_done(&drop->edit);
        range_unpin(r);
    }
    wake_waiters(l);
}

enum status split_wait(struct worker *w, struct range_id id)
{
    struct lsm *l = w->lsm;
    for (;;) {
        if (l->failed) return STATUS_CANCELLED;
        struct range *r = range_find(l, id);
        bool pending = r != NULL && range_is_pending(r);
        if (!pending && !split_holds_id(l, id)) return STATUS_OK;
        COVER("lsm_ingest_waits_for_split");
        if (pending) split_push(r);
        struct paused p = {.fiber = fiber_current(l->options.fibers)};
        list_push_back(&l->split_waiters, &p.link);
        fiber_suspend(l->options.fibers);
        worker_resumed(w);
    }
}
