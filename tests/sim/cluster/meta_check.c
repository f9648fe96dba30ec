#include "tests/sim/cluster/meta_check.h"

#include "shard/nodes.h"

static struct store *store_of(struct cluster *c, uint64_t number)
{
    struct cluster_machine *m = cluster_machine(c, number);
    return m->core == NULL ? NULL : core_store(m->core);
}

/* Replicas of range 1 that stand at the same entry. */
static const char *compare(struct store *a, struct store *b)
{
    const struct replica *x = store_replica(a, RANGE_META), *y = store_replica(b, RANGE_META);
    if (x->applied.index != y->applied.index) return NULL;
    struct buf dumps[2];
    buf_init(&dumps[0], 64u << 20);
    buf_init(&dumps[1], 64u << 20);
    meta_state_dump(&a->meta, &dumps[0]);
    meta_state_dump(&b->meta, &dumps[1]);
    bool equal = bytes_equal(buf_view(&dumps[0]), buf_view(&dumps[1]));
    buf_deinit(&dumps[0]);
    buf_deinit(&dumps[1]);
    return equal ? NULL : "replicas of the metadata range differ";
}

const char *meta_check(struct cluster *c)
{
    struct store *first = NULL;
    for (uint64_t n = 1; n <= cluster_size(c); n++) {
        struct store *s = store_of(c, n);
        if (s == NULL || s->failed || !meta_ready(s)) continue;
        const char *why = meta_state_fault(&s->meta);
        if (why == NULL && first != NULL) why = compare(first, s);
        if (why != NULL) return why;
        first = s;
    }
    return NULL;
}

bool meta_check_same(const struct descriptor *a, const struct descriptor *b)
{
    struct buf x, y;
    buf_init(&x, DESCRIPTOR_BYTES_MAX);
    buf_init(&y, DESCRIPTOR_BYTES_MAX);
    descriptor_encode(a, &x);
    descriptor_encode(b, &y);
    bool equal = bytes_equal(buf_view(&x), buf_view(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return equal;
}

static const char *check_range(struct cluster *c, const struct descriptor *d)
{
    uint64_t leader = cluster_leader(c, d->range);
    if (leader == 0) return "a range without a leader";
    const struct replica *r = store_replica(store_of(c, leader), d->range);
    return meta_check_same(d, &r->descriptor) ? NULL : "the mirror differs from a range";
}

static const char *check_replicas(struct store *s, const struct meta_state *m)
{
    LIST_FOR_EACH(item, &s->replicas) {
        const struct replica *r = CONTAINER_OF(item, struct replica, link);
        const struct descriptor *d = meta_range(m, r->range);
        if (d == NULL) return "a replica of no range";
        const struct raft_member *member = descriptor_member_on(d, s->identity.node);
        if (member == NULL || member->id != r->id) return "a replica that is no member";
    }
    return NULL;
}

const char *meta_check_quiet(struct cluster *c)
{
    const char *why = meta_check(c);
    uint64_t leader = cluster_leader(c, RANGE_META);
    if (why == NULL && leader == 0) why = "the metadata range has no leader";
    if (why != NULL) return why;
    const struct meta_state *m = &store_of(c, leader)->meta;
    if (m->job_count > 0) return "a job is not done";
    for (uint32_t i = 0; i < m->ranges.count && why == NULL; i++) why = check_range(c, m->ranges.items[i]);
    return why;
}

const char *meta_check_orphans(struct cluster *c)
{
    const char *why = NULL;
    uint64_t leader = cluster_leader(c, RANGE_META);
    if (leader == 0) return "the metadata range has no leader";
    const struct meta_state *m = &store_of(c, leader)->meta;
    for (uint64_t n = 1; n <= cluster_size(c) && why == NULL; n++) {
        struct store *s = store_of(c, n);
        if (s != NULL && !s->failed) why = check_replicas(s, m);
    }
    return why;
}
