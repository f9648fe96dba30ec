#include "tests/sim/cluster/owners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define SERVED_MAX (4u << 20) /* more is not looked at: the order of the first so many is enough */
#define MERGED_BACK 64        /* reads of the same span by the same owner that close become one */

/* Own copies of keys, each once: two are equal when their places are. */
struct text {
    struct text *next;
    size_t size;
    uint8_t bytes[];
};

struct tenure { /* the bounds of a (range, epoch) */
    uint64_t range, epoch;
    const struct text *start, *end; /* end empty: unbounded */
    size_t next;                    /* + 1: an earlier one of the same bucket */
};

struct served {
    uint64_t range, epoch, ts;
    const struct text *start, *end;
    bool wrote, point;
};

#define TEXT_BUCKETS   4096
#define TENURE_BUCKETS 1024

struct owners {
    struct kv_witness witness;
    struct text *texts[TEXT_BUCKETS];
    struct tenure *tenures;
    size_t tenure_count, tenure_room;
    size_t tenure_first[TENURE_BUCKETS]; /* + 1, by range: all replicas are looked at all the time */
    struct served *served;
    size_t served_count, served_room;
    char failure[256];
};

static struct bytes view(const struct text *t)
{
    return bytes_make(t->bytes, t->size);
}

static const struct text *keep(struct owners *o, struct bytes key)
{
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < key.size; i++) hash = (hash ^ key.data[i]) * 1099511628211u;
    struct text **bucket = &o->texts[hash % TEXT_BUCKETS];
    for (struct text *t = *bucket; t != NULL; t = t->next)
        if (bytes_equal(view(t), key)) return t;
    struct text *t = malloc(sizeof *t + key.size);
    ASSERT(t != NULL);
    t->next = *bucket;
    t->size = key.size;
    if (key.size > 0) memcpy(t->bytes, key.data, key.size);
    *bucket = t;
    return t;
}

static void *room_for_one(void *array, size_t count, size_t *room, size_t item_size)
{
    if (count < *room) return array;
    *room = *room == 0 ? 64 : *room * 2;
    array = realloc(array, *room * item_size);
    ASSERT(array != NULL);
    return array;
}

/* ---- what is told ---- */

static struct tenure *tenure_of(const struct owners *o, uint64_t range, uint64_t epoch)
{
    for (size_t i = o->tenure_first[range % TENURE_BUCKETS]; i != 0; i = o->tenures[i - 1].next)
        if (o->tenures[i - 1].range == range && o->tenures[i - 1].epoch == epoch) return &o->tenures[i - 1];
    return NULL;
}

void owners_see(struct owners *o, const struct descriptor *d)
{
    if (d->epoch == 0) return; /* a newcomer knows nothing */
    const struct text *start = keep(o, d->start), *end = keep(o, d->end);
    const struct tenure *t = tenure_of(o, d->range.value, d->epoch);
    if (t == NULL) {
        o->tenures = room_for_one(o->tenures, o->tenure_count, &o->tenure_room, sizeof *o->tenures);
        size_t *first = &o->tenure_first[d->range.value % TENURE_BUCKETS];
        o->tenures[o->tenure_count++] = (struct tenure){d->range.value, d->epoch, start, end, *first};
        *first = o->tenure_count;
    } else if ((t->start != start || t->end != end) && o->failure[0] == '\0') {
        snprintf(o->failure, sizeof o->failure, "OWNER-1 range %llu has two pairs of bounds at epoch %llu",
                 (unsigned long long)d->range.value, (unsigned long long)d->epoch);
    }
}

/* A read of the same by the same raises the timestamp of an earlier one. */
static bool joins(struct owners *o, const struct served *s)
{
    size_t from = o->served_count > MERGED_BACK ? o->served_count - MERGED_BACK : 0;
    for (size_t i = o->served_count; !s->wrote && i-- > from;) {
        struct served *e = &o->served[i];
        if (e->wrote || e->range != s->range || e->epoch != s->epoch || e->point != s->point || e->start != s->start ||
            e->end != s->end)
            continue;
        if (e->ts < s->ts) e->ts = s->ts;
        return true;
    }
    return false;
}

static void on_served(void *ctx, const struct kv_served *served)
{
    struct owners *o = ctx;
    if (served->range.value == RANGE_META.value || o->served_count == SERVED_MAX) return;
    struct served s = {.range = served->range.value,
                       .epoch = served->epoch,
                       .ts = served->ts,
                       .start = keep(o, served->start),
                       .end = keep(o, served->point ? BYTES_EMPTY : served->end),
                       .wrote = served->wrote,
                       .point = served->point};
    if (joins(o, &s)) return;
    o->served = room_for_one(o->served, o->served_count, &o->served_room, sizeof *o->served);
    o->served[o->served_count++] = s;
}

struct owners *owners_create(void)
{
    struct owners *o = calloc(1, sizeof *o);
    ASSERT(o != NULL);
    o->witness = (struct kv_witness){on_served, o};
    return o;
}

void owners_destroy(struct owners *o)
{
    for (size_t i = 0; i < TEXT_BUCKETS; i++)
        while (o->texts[i] != NULL) {
            struct text *t = o->texts[i];
            o->texts[i] = t->next;
            free(t);
        }
    free(o->tenures);
    free(o->served);
    free(o);
}

const struct kv_witness *owners_witness(struct owners *o)
{
    return &o->witness;
}

/* ---- what must hold ---- */

static bool within(const struct tenure *t, const struct served *s)
{
    if (bytes_compare(view(s->start), view(t->start)) < 0) return false;
    if (t->end->size == 0) return true;
    if (s->point) return bytes_compare(view(s->start), view(t->end)) < 0;
    return s->end->size != 0 && bytes_compare(view(s->end), view(t->end)) <= 0;
}

static bool shows(const struct served *read, const struct text *key)
{
    if (read->point) return read->start == key;
    return bytes_compare(view(read->start), view(key)) <= 0 &&
           (read->end->size == 0 || bytes_compare(view(key), view(read->end)) < 0);
}

static bool complain(char *failure, size_t size, const char *what, const struct served *a, const struct served *b)
{
    snprintf(failure, size, "%s: range %llu epoch %llu at %llu, range %llu epoch %llu at %llu", what,
             (unsigned long long)a->range, (unsigned long long)a->epoch, (unsigned long long)a->ts,
             (unsigned long long)b->range, (unsigned long long)b->epoch, (unsigned long long)b->ts);
    return false;
}

/* Commits by key, then by timestamp. */
static int by_key_and_ts(const void *a, const void *b)
{
    const struct served *x = a, *y = b;
    if (x->start != y->start) {
        int order = bytes_compare(view(x->start), view(y->start));
        ASSERT(order != 0);
        return order;
    }
    return x->ts < y->ts ? -1 : x->ts > y->ts;
}

static bool check_bounds(struct owners *o, char *failure, size_t size)
{
    for (size_t i = 0; i < o->served_count; i++) {
        const struct served *s = &o->served[i];
        const struct tenure *t = tenure_of(o, s->range, s->epoch);
        if (t != NULL && !within(t, s)) return complain(failure, size, "OWNER-2 served what it did not own", s, s);
    }
    return true;
}

/* The commits [from, to) are of one key, by timestamp. */
static bool check_key(const struct served *commits, size_t from, size_t to, const struct served *reads, size_t read_count,
                      char *failure, size_t size)
{
    for (size_t i = from + 1; i < to; i++)
        if (commits[i].epoch < commits[i - 1].epoch)
            return complain(failure, size, "OWNER-3 an earlier owner committed above a later one", &commits[i - 1], &commits[i]);
    for (size_t r = 0; r < read_count; r++) {
        if (!shows(&reads[r], commits[from].start)) continue;
        for (size_t i = from; i < to && commits[i].ts <= reads[r].ts; i++)
            if (commits[i].epoch > reads[r].epoch)
                return complain(failure, size, "OWNER-4 a later owner committed below what was shown", &reads[r], &commits[i]);
    }
    return true;
}

bool owners_check(struct owners *o, char *failure, size_t failure_size)
{
    if (o->failure[0] != '\0') {
        snprintf(failure, failure_size, "%s", o->failure);
        return false;
    }
    if (!check_bounds(o, failure, failure_size)) return false;
    struct served *sorted = malloc((o->served_count + 1) * sizeof *sorted);
    ASSERT(sorted != NULL);
    size_t commits = 0, reads = o->served_count;
    for (size_t i = 0; i < o->served_count; i++) {
        if (o->served[i].wrote) sorted[commits++] = o->served[i];
        else sorted[--reads] = o->served[i];
    }
    ASSERT(commits == reads);
    qsort(sorted, commits, sizeof *sorted, by_key_and_ts);
    bool ok = true;
    for (size_t from = 0, to; ok && from < commits; from = to) {
        for (to = from; to < commits && sorted[to].start == sorted[from].start; to++) continue;
        ok = check_key(sorted, from, to, sorted + commits, o->served_count - commits, failure, failure_size);
    }
    free(sorted);
    return ok;
}
