#include "txn/lock_table.h"

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"

struct lock {
    struct lock *next; /* same hash */
    uint64_t hash;
    struct list holds, queue;
    uint32_t pins;     /* grants under way */
    size_t key_size;
    uint8_t key[];
};

struct hold {
    struct list of_owner, of_lock;
    struct lock_owner *owner;
    struct lock *lock;
    enum lock_mode mode;
};

void lock_table_init(struct lock_table *t, struct pool *pool)
{
    *t = (struct lock_table){.pool = pool};
    map_init(&t->locks);
    map_init(&t->owners);
    list_init(&t->all);
}

/* ---- finding and keeping ---- */

static bool same_name(struct txn_name a, struct txn_name b)
{
    return a.node == b.node && a.number == b.number;
}

static uint64_t name_hash(struct txn_name name)
{
    uint8_t bytes[16];
    store_le64(bytes, name.node);
    store_le64(bytes + 8, name.number);
    return hash64(bytes, sizeof bytes, 0);
}

struct lock_owner *lock_owner_find(const struct lock_table *t, struct txn_name name)
{
    struct lock_owner *o = name.number == 0 ? NULL : map_get(&t->owners, name_hash(name));
    while (o != NULL && !same_name(o->name, name)) o = o->next;
    return o;
}

static struct lock_owner *owner_make(struct lock_table *t, struct txn_name name, uint64_t begin_ts)
{
    ASSERT(name.number != 0);
    struct lock_owner *o = lock_owner_find(t, name);
    if (o != NULL) return o;
    o = pool_alloc(t->pool, sizeof *o);
    if (o == NULL) return NULL;
    uint64_t hash = name_hash(name);
    *o = (struct lock_owner){.name = name, .begin_ts = begin_ts, .next = map_get(&t->owners, hash)};
    list_init(&o->holds);
    if (map_put(&t->owners, hash, o) != STATUS_OK) {
        pool_free(t->pool, o);
        return NULL;
    }
    list_push_back(&t->all, &o->link);
    t->owner_count++;
    return o;
}

static void owner_drop_if_idle(struct lock_table *t, struct lock_owner *o)
{
    if (o->waiting != NULL || !list_empty(&o->holds)) return;
    uint64_t hash = name_hash(o->name);
    struct lock_owner *first = map_get(&t->owners, hash);
    if (first != o) {
        while (first->next != o) first = first->next;
        first->next = o->next;
    } else if (o->next == NULL) {
        map_remove(&t->owners, hash);
    } else if (map_put(&t->owners, hash, o->next) != STATUS_OK) {
        UNREACHABLE(); /* replaces what is there */
    }
    list_remove(&o->link);
    t->owner_count--;
    pool_free(t->pool, o);
}

static struct lock *lock_find(const struct lock_table *t, struct bytes key, uint64_t hash)
{
    struct lock *l = map_get(&t->locks, hash);
    while (l != NULL && !bytes_equal(bytes_make(l->key, l->key_size), key)) l = l->next;
    return l;
}

static struct lock *lock_make(struct lock_table *t, struct bytes key)
{
    uint64_t hash = hash64(key.data, key.size, 0);
    struct lock *l = lock_find(t, key, hash);
    if (l != NULL) return l;
    l = pool_alloc(t->pool, sizeof *l + key.size);
    if (l == NULL) return NULL;
    *l = (struct lock){.hash = hash, .key_size = key.size, .next = map_get(&t->locks, hash)};
    memcpy(l->key, key.data, key.size);
    list_init(&l->holds);
    list_init(&l->queue);
    if (map_put(&t->locks, hash, l) != STATUS_OK) {
        pool_free(t->pool, l);
        return NULL;
    }
    t->lock_count++;
    return l;
}

bool lock_is_held(const struct lock_table *t, struct bytes key)
{
    const struct lock *l = lock_find(t, key, hash64(key.data, key.size, 0));
    return l != NULL && !list_empty(&l->holds);
}

static void lock_drop_if_idle(struct lock_table *t, struct lock *l)
{
    if (l->pins > 0 || !list_empty(&l->holds) || !list_empty(&l->queue)) return;
    struct lock *first = map_get(&t->locks, l->hash);
    if (first != l) {
        while (first->next != l) first = first->next;
        first->next = l->next;
    } else if (l->next == NULL) {
        map_remove(&t->locks, l->hash);
    } else if (map_put(&t->locks, l->hash, l->next) != STATUS_OK) {
        UNREACHABLE();
    }
    t->lock_count--;
    pool_free(t->pool, l);
}

static struct hold *hold_of(const struct lock *l, const struct lock_owner *o)
{
    LIST_FOR_EACH(item, &l->holds) {
        struct hold *h = CONTAINER_OF(item, struct hold, of_lock);
        if (h->owner == o) return h;
    }
    return NULL;
}

static enum status hold_add(struct lock_table *t, struct lock *l, struct lock_owner *o, enum lock_mode mode)
{
    struct hold *h = hold_of(l, o);
    if (h != NULL) { /* never weaker than it was */
        if (mode > h->mode) h->mode = mode;
        return STATUS_OK;
    }
    h = pool_alloc(t->pool, sizeof *h);
    if (h == NULL) return STATUS_NO_MEMORY;
    *h = (struct hold){.owner = o, .lock = l, .mode = mode};
    list_push_back(&o->holds, &h->of_owner);
    list_push_back(&l->holds, &h->of_lock);
    return STATUS_OK;
}

static void hold_free(struct lock_table *t, struct hold *h)
{
    list_remove(&h->of_owner);
    list_remove(&h->of_lock);
    pool_free(t->pool, h);
}

/* ---- granting ---- */

/* May the owner have the lock beside those that hold it? owner NULL: nobody may hold it. */
static bool compatible(const struct lock *l, const struct lock_owner *owner, enum lock_mode mode)
{
    LIST_FOR_EACH(item, &l->holds) {
        const struct hold *h = CONTAINER_OF(item, struct hold, of_lock);
        if (h->owner == owner) continue;
        if (mode == LOCK_EXCLUSIVE || h->mode == LOCK_EXCLUSIVE) return false;
    }
    return true;
}

static void dequeue(struct lock_table *t, struct lock_request *q)
{
    ASSERT(q->lock != NULL);
    list_remove(&q->link);
    q->lock = NULL;
    if (q->owner != NULL) q->owner->waiting = NULL;
    t->waiting_count--;
}

/* Hands the lock on, to the head of the queue first. A callback may change anything, so the queue is looked at
 * anew after each. */
static void grant(struct lock_table *t, struct lock *l)
{
    l->pins++;
    while (!list_empty(&l->queue)) {
        struct lock_request *q = CONTAINER_OF(l->queue.next, struct lock_request, link);
        if (!compatible(l, q->owner, q->mode)) break;
        struct lock_owner *owner = q->owner;
        enum status status = owner == NULL ? STATUS_OK : hold_add(t, l, owner, q->mode);
        dequeue(t, q);
        if (status != STATUS_OK) owner_drop_if_idle(t, owner);
        q->on_done(q, status);
    }
    l->pins--;
    lock_drop_if_idle(t, l);
}

void lock_release(struct lock_table *t, struct txn_name name)
{
    struct lock_owner *o = lock_owner_find(t, name);
    if (o == NULL) return;
    while (!list_empty(&o->holds)) {
        struct hold *h = CONTAINER_OF(o->holds.next, struct hold, of_owner);
        struct lock *l = h->lock;
        hold_free(t, h);
        if (list_empty(&o->holds)) owner_drop_if_idle(t, o);
        grant(t, l);
        o = lock_owner_find(t, name); /* a callback may have changed its fate */
        if (o == NULL) return;
    }
}

void lock_request_cancel(struct lock_table *t, struct lock_request *q)
{
    struct lock *l = q->lock;
    if (l == NULL) return;
    struct lock_owner *owner = q->owner;
    dequeue(t, q);
    if (owner != NULL) owner_drop_if_idle(t, owner);
    grant(t, l); /* it may have stood in the way */
}

/* ---- deadlocks ---- */

struct search {
    struct lock_table *t;
    struct lock_owner *start, *victim;
};

static bool younger(const struct lock_owner *a, const struct lock_owner *b)
{
    if (MUTANT("lock_oldest_dies") && a->begin_ts != b->begin_ts) return a->begin_ts < b->begin_ts;
    if (a->begin_ts != b->begin_ts) return a->begin_ts > b->begin_ts;
    if (a->name.node != b->name.node) return a->name.node > b->name.node;
    return a->name.number > b->name.number;
}

static bool waits_for_start(struct search *s, struct lock_owner *o);

/* Whom does a request wait for? Those that hold the lock, and those ahead in its queue. */
static bool leads_to_start(struct search *s, const struct lock_request *q)
{
    LIST_FOR_EACH(item, &q->lock->holds) {
        struct lock_owner *o = CONTAINER_OF(item, struct hold, of_lock)->owner;
        if (o != q->owner && waits_for_start(s, o)) return true;
    }
    LIST_FOR_EACH(item, &q->lock->queue) {
        struct lock_request *ahead = CONTAINER_OF(item, struct lock_request, link);
        if (ahead == q) break;
        if (ahead->owner != NULL && ahead->owner != q->owner && waits_for_start(s, ahead->owner)) return true;
    }
    return false;
}

void lock_waits_for(const struct lock_table *t, struct txn_name name,
                    void (*visit)(void *ctx, const struct lock_owner *owner), void *ctx)
{
    const struct lock_owner *waits = lock_owner_find(t, name);
    const struct lock_request *q = waits == NULL ? NULL : waits->waiting;
    if (q == NULL) return;
    LIST_FOR_EACH(item, &q->lock->holds) {
        const struct lock_owner *o = CONTAINER_OF(item, struct hold, of_lock)->owner;
        if (o != waits) visit(ctx, o);
    }
    LIST_FOR_EACH(item, &q->lock->queue) {
        const struct lock_request *ahead = CONTAINER_OF(item, struct lock_request, link);
        if (ahead == q) break;
        if (ahead->owner != NULL) visit(ctx, ahead->owner);
    }
}

static bool waits_for_start(struct search *s, struct lock_owner *o)
{
    if (o == s->start) return true;
    if (o->visit == s->t->visits) return false;
    o->visit = s->t->visits;
    if (o->waiting == NULL || !leads_to_start(s, o->waiting)) return false;
    if (younger(o, s->victim)) s->victim = o;
    return true;
}

/* The youngest of a circle that q has closed, or NULL. */
static struct lock_owner *deadlock_victim(struct lock_table *t, struct lock_request *q)
{
    /* One that holds nothing and stands at the end of a queue: nobody waits for it. */
    if (q->owner == NULL || list_empty(&q->owner->holds)) return NULL;
    struct search s = {.t = t, .start = q->owner, .victim = q->owner};
    t->visits++;
    return leads_to_start(&s, q) ? s.victim : NULL;
}

/* ---- asking ---- */

static void enqueue(struct lock_table *t, struct lock *l, struct lock_request *q, bool first)
{
    q->lock = l;
    if (first) list_push_front(&l->queue, &q->link);
    else list_push_back(&l->queue, &q->link);
    if (q->owner != NULL) q->owner->waiting = q;
    t->waiting_count++;
}

/* Breaks circles that q has closed, one victim at a time. */
static enum status resolve_deadlocks(struct lock_table *t, struct lock_request *q)
{
    struct lock_owner *victim;
    while (q->lock != NULL && !MUTANT("lock_no_deadlock_check") && (victim = deadlock_victim(t, q)) != NULL) {
        COVER("txn_lock_deadlock");
        struct lock_request *dies = victim->waiting;
        ASSERT(dies != NULL);
        struct lock *l = dies->lock;
        bool own = dies == q;
        l->pins++;
        dequeue(t, dies);
        owner_drop_if_idle(t, victim);
        if (!own) dies->on_done(dies, STATUS_DEADLOCK);
        l->pins--;
        grant(t, l);
        if (own) return STATUS_DEADLOCK;
    }
    return STATUS_WAIT; /* or granted meanwhile: then on_done has said so */
}

enum status lock_acquire(struct lock_table *t, struct txn_name name, uint64_t begin_ts, struct bytes key,
                         enum lock_mode mode, bool wait, struct lock_request *q)
{
    ASSERT(q->lock == NULL && q->on_done != NULL);
    struct lock_owner *owner = owner_make(t, name, begin_ts);
    struct lock *l = owner == NULL ? NULL : lock_make(t, key);
    if (l == NULL) {
        if (owner != NULL) owner_drop_if_idle(t, owner);
        return STATUS_NO_MEMORY;
    }
    ASSERT(owner->waiting == NULL);
    const struct hold *own = hold_of(l, owner);
    bool has = own != NULL && own->mode >= mode;
    /* A stronger mode of what it holds goes before those that wait: they wait for it anyway. */
    if (has || (compatible(l, owner, mode) && (own != NULL || list_empty(&l->queue) || MUTANT("lock_barges")))) {
        enum status status = hold_add(t, l, owner, mode);
        if (status != STATUS_OK) {
            lock_drop_if_idle(t, l);
            owner_drop_if_idle(t, owner);
        }
        return status;
    }
    if (!wait) {
        owner_drop_if_idle(t, owner);
        return STATUS_LOCKED;
    }
    q->owner = owner;
    q->mode = mode;
    enqueue(t, l, q, own != NULL);
    return resolve_deadlocks(t, q);
}

enum status lock_put(struct lock_table *t, struct txn_name name, uint64_t begin_ts, struct bytes key, enum lock_mode mode)
{
    struct lock_owner *owner = owner_make(t, name, begin_ts);
    struct lock *l = owner == NULL ? NULL : lock_make(t, key);
    enum status status = l == NULL ? STATUS_NO_MEMORY : compatible(l, owner, mode) ? hold_add(t, l, owner, mode) : STATUS_LOCKED;
    if (status != STATUS_OK && l != NULL) lock_drop_if_idle(t, l);
    if (status != STATUS_OK && owner != NULL) owner_drop_if_idle(t, owner);
    return status;
}

enum status lock_pass(struct lock_table *t, struct bytes key, struct lock_request *q)
{
    ASSERT(q->lock == NULL && q->on_done != NULL);
    if (t->lock_count == 0) return STATUS_OK;
    struct lock *l = lock_find(t, key, hash64(key.data, key.size, 0));
    if (l == NULL || compatible(l, NULL, LOCK_EXCLUSIVE)) return STATUS_OK;
    q->owner = NULL;
    q->mode = LOCK_EXCLUSIVE;
    enqueue(t, l, q, false);
    return STATUS_WAIT;
}

static void visit_passers(const struct lock *l,
                          void (*visit)(void *ctx, struct bytes key, const struct lock_owner *owner,
                                        enum lock_mode mode, const struct lock_request *waiting),
                          void *ctx)
{
    LIST_FOR_EACH(item, &l->queue) {
        const struct lock_request *q = CONTAINER_OF(item, struct lock_request, link);
        if (q->owner == NULL) visit(ctx, bytes_make(l->key, l->key_size), NULL, q->mode, q);
    }
}

void lock_table_visit(const struct lock_table *t,
                      void (*visit)(void *ctx, struct bytes key, const struct lock_owner *owner, enum lock_mode mode,
                                    const struct lock_request *waiting),
                      void *ctx)
{
    LIST_FOR_EACH(item, &t->all) {
        const struct lock_owner *o = CONTAINER_OF(item, struct lock_owner, link);
        LIST_FOR_EACH(held, &o->holds) {
            const struct hold *h = CONTAINER_OF(held, struct hold, of_owner);
            visit(ctx, bytes_make(h->lock->key, h->lock->key_size), o, h->mode, NULL);
            if (h->lock->holds.next == &h->of_lock) visit_passers(h->lock, visit, ctx); /* once per lock */
        }
        if (o->waiting != NULL)
            visit(ctx, bytes_make(o->waiting->lock->key, o->waiting->lock->key_size), o, o->waiting->mode, o->waiting);
    }
}

void lock_table_visit_queues(const struct lock_table *t, void (*visit)(void *ctx, const struct lock_request *q), void *ctx)
{
    LIST_FOR_EACH(item, &t->all) {
        const struct lock_owner *o = CONTAINER_OF(item, struct lock_owner, link);
        LIST_FOR_EACH(held, &o->holds) {
            const struct hold *h = CONTAINER_OF(held, struct hold, of_owner);
            if (h->lock->holds.next != &h->of_lock) continue; /* once per lock; nobody waits where nobody holds */
            LIST_FOR_EACH(at, &h->lock->queue) visit(ctx, CONTAINER_OF(at, struct lock_request, link));
        }
    }
}

void lock_table_cut(struct lock_table *t, struct bytes key)
{
    LIST_FOR_EACH_SAFE(item, &t->all) {
        struct lock_owner *o = CONTAINER_OF(item, struct lock_owner, link);
        LIST_FOR_EACH_SAFE(held, &o->holds) {
            struct hold *h = CONTAINER_OF(held, struct hold, of_owner);
            struct lock *l = h->lock;
            if (bytes_compare(bytes_make(l->key, l->key_size), key) < 0) continue;
            ASSERT(list_empty(&l->queue));
            hold_free(t, h);
            lock_drop_if_idle(t, l);
        }
        owner_drop_if_idle(t, o);
    }
}

void lock_table_reset(struct lock_table *t)
{
    ASSERT(t->waiting_count == 0);
    LIST_FOR_EACH_SAFE(item, &t->all) {
        struct lock_owner *o = CONTAINER_OF(item, struct lock_owner, link);
        while (!list_empty(&o->holds)) {
            struct hold *h = CONTAINER_OF(o->holds.next, struct hold, of_owner);
            struct lock *l = h->lock;
            hold_free(t, h);
            lock_drop_if_idle(t, l);
        }
        owner_drop_if_idle(t, o);
    }
    ASSERT(t->lock_count == 0 && t->owner_count == 0);
    map_deinit(&t->locks);
    map_deinit(&t->owners);
    map_init(&t->locks);
    map_init(&t->owners);
}
