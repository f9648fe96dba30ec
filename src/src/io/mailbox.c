/* Two single-producer single-consumer rings with credits. Each side keeps its own copy of the other
 * side's index and reads the shared one only when the copy says full or empty, so that the cache
 * line moves between cores about once per batch. */
#include "io/mailbox.h"

#include <stdlib.h>

#include "base/assert.h"
#include "io/env.h"

#define CACHE_LINE 64

struct ring {
    _Alignas(CACHE_LINE) _Atomic uint32_t tail; /* written by the producer: items ever sent */
    uint32_t head_seen;                         /* [producer] */
    _Alignas(CACHE_LINE) _Atomic uint32_t head; /* written by the consumer: items ever received */
    uint32_t tail_seen;                         /* [consumer] */
    _Alignas(CACHE_LINE) uint32_t capacity;     /* a power of two [const after create] */
    struct mailbox_item *items;                 /* [const after create] */
};

struct mailbox_end {
    _Alignas(CACHE_LINE) struct ring *out;
    struct ring *in;
    struct doorbell *other; /* the receiver of what this end sends */
    uint32_t request_max;
    uint32_t credits; /* requests that may still be sent */
    uint32_t owed;    /* requests received and not answered */
};

struct mailbox {
    struct ring rings[2]; /* rings[i]: sent by end i */
    struct mailbox_end ends[2];
};

/* ---- doorbells ---- */

void doorbell_init(struct doorbell *d, struct env *env)
{
    d->env = env;
    atomic_init(&d->asleep, false);
}

/* The fences here and in doorbell_ring pair up: either the sender sees that the owner sleeps, or
 * the owner, looking into its mailboxes after this, sees the item. */
void doorbell_sleep(struct doorbell *d)
{
    atomic_store_explicit(&d->asleep, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

void doorbell_awake(struct doorbell *d)
{
    atomic_store_explicit(&d->asleep, false, memory_order_relaxed);
}

void doorbell_ring(struct doorbell *d)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (!atomic_load_explicit(&d->asleep, memory_order_relaxed)) return;
    /* Of several senders one wakes. */
    if (atomic_exchange_explicit(&d->asleep, false, memory_order_relaxed)) env_wake(d->env);
}

/* ---- rings ---- */

static uint32_t ring_room(struct ring *r)
{
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    ASSERT(tail - r->head_seen <= r->capacity);
    return r->capacity - (tail - r->head_seen);
}

/* Room for producers, read again from the consumer's index when less than `wanted`. */
static uint32_t ring_room_at_least(struct ring *r, uint32_t wanted)
{
    uint32_t room = ring_room(r);
    if (room >= wanted) return room;
    r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
    return ring_room(r);
}

static void ring_push(struct ring *r, const struct mailbox_item *item)
{
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    ASSERT(tail - r->head_seen < r->capacity);
    r->items[tail & (r->capacity - 1)] = *item;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
}

static bool ring_pop(struct ring *r, struct mailbox_item *item_out)
{
    uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == r->tail_seen) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head == r->tail_seen) return false;
    }
    ASSERT(r->tail_seen - head <= r->capacity);
    *item_out = r->items[head & (r->capacity - 1)];
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

static bool ring_init(struct ring *r, uint32_t room)
{
    r->capacity = 1;
    while (r->capacity < room) r->capacity *= 2;
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    r->items = calloc(r->capacity, sizeof *r->items);
    return r->items != NULL;
}

/* ---- mailboxes ---- */

enum status mailbox_create(uint32_t request_max, uint32_t message_max, struct doorbell *first,
                           struct doorbell *second, struct mailbox **mailbox_out)
{
    ASSERT(request_max > 0);
    ASSERT(request_max <= MAILBOX_ROOM_MAX && message_max <= MAILBOX_ROOM_MAX - request_max);
    struct doorbell *bells[2] = {first, second};
    struct mailbox *m = aligned_alloc(CACHE_LINE, sizeof *m);
    if (m == NULL) return STATUS_NO_MEMORY;
    *m = (struct mailbox){0};
    for (unsigned i = 0; i < 2; i++) {
        /* Requests of this end, replies to those of the other end, and messages. */
        if (!ring_init(&m->rings[i], 2 * request_max + message_max)) {
            mailbox_destroy(m);
            return STATUS_NO_MEMORY;
        }
        m->ends[i] = (struct mailbox_end){.out = &m->rings[i], .in = &m->rings[1 - i],
                                          .other = bells[1 - i], .request_max = request_max,
                                          .credits = request_max};
    }
    *mailbox_out = m;
    return STATUS_OK;
}

void mailbox_destroy(struct mailbox *m)
{
    for (unsigned i = 0; i < 2; i++) free(m->rings[i].items);
    free(m);
}

struct mailbox_end *mailbox_end(struct mailbox *m, unsigned index)
{
    ASSERT(index < 2);
    return &m->ends[index];
}

static void send_item(struct mailbox_end *e, const struct mailbox_item *item,
                      enum mailbox_class item_class)
{
    struct mailbox_item sent = *item;
    sent.item_class = item_class;
    ring_push(e->out, &sent);
    doorbell_ring(e->other); /* MAIL-3 */
}

enum status mailbox_request(struct mailbox_end *e, const struct mailbox_item *item)
{
    ASSERT(e->credits <= e->request_max);
    if (e->credits == 0) return STATUS_BUSY;
    e->credits--;
    ASSERT(ring_room_at_least(e->out, 1) > 0); /* what is not for messages is for this */
    send_item(e, item, MAILBOX_REQUEST);
    return STATUS_OK;
}

void mailbox_reply(struct mailbox_end *e, const struct mailbox_item *item)
{
    ASSERT(e->owed > 0);
    e->owed--;
    ASSERT(ring_room_at_least(e->out, 1) > 0); /* MAIL-2 */
    send_item(e, item, MAILBOX_REPLY);
}

/* Messages leave room for every request and every reply that may still come, so they are refused
 * while the others would not be. */
enum status mailbox_message(struct mailbox_end *e, const struct mailbox_item *item)
{
    uint32_t reserved = 2 * e->request_max;
    if (ring_room_at_least(e->out, reserved + 1) <= reserved) {
        COVER("mailbox_message_refused");
        return STATUS_BUSY;
    }
    send_item(e, item, MAILBOX_MESSAGE);
    return STATUS_OK;
}

bool mailbox_receive(struct mailbox_end *e, struct mailbox_item *item_out)
{
    if (!ring_pop(e->in, item_out)) return false;
    if (item_out->item_class == MAILBOX_REQUEST) {
        ASSERT(e->owed < e->request_max);
        e->owed++;
    } else if (item_out->item_class == MAILBOX_REPLY) {
        ASSERT(e->credits < e->request_max);
        e->credits++;
    }
    return true;
}

bool mailbox_has_mail(const struct mailbox_end *e)
{
    return atomic_load_explicit(&e->in->tail, memory_order_acquire) !=
           atomic_load_explicit(&e->in->head, memory_order_relaxed);
}

uint32_t mailbox_credits(const struct mailbox_end *e)
{
    return e->credits;
}
