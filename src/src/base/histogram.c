#include "base/histogram.h"

#include "base/assert.h"

#define LINEAR_BITS  4
#define LINEAR_COUNT (1u << LINEAR_BITS)

/* Values below 16 have a bucket each. Above, the highest set bit picks a group of 16 buckets and
 * the four bits below it the bucket. */
static unsigned bucket_of(uint64_t value)
{
    if (value < LINEAR_COUNT) return (unsigned)value;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(value);
    unsigned linear = (unsigned)(value >> (exponent - LINEAR_BITS)) & (LINEAR_COUNT - 1);
    unsigned bucket = (exponent - LINEAR_BITS + 1) * LINEAR_COUNT + linear;
    ASSERT(bucket < HISTOGRAM_BUCKETS);
    return bucket;
}

/* The largest value that falls into the bucket. */
static uint64_t upper_edge(unsigned bucket)
{
    ASSERT(bucket < HISTOGRAM_BUCKETS);
    if (bucket < LINEAR_COUNT) return bucket;
    unsigned shift = bucket / LINEAR_COUNT - 1;
    uint64_t low = (uint64_t)(LINEAR_COUNT + bucket % LINEAR_COUNT) << shift;
    return low + ((uint64_t)1 << shift) - 1;
}

void histogram_init(struct histogram *h)
{
    *h = (struct histogram){0};
}

void histogram_add(struct histogram *h, uint64_t value)
{
    if (h->count == 0 || value < h->min) h->min = value;
    if (value > h->max) h->max = value;
    h->count++;
    h->sum += value;
    h->buckets[bucket_of(value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    ASSERT(into != from);
    if (from->count == 0) return;
    if (into->count == 0 || from->min < into->min) into->min = from->min;
    if (from->max > into->max) into->max = from->max;
    into->count += from->count;
    into->sum += from->sum;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

/* ceil(q * count), at least 1: the rank of the sample asked for. */
static uint64_t rank_of(const struct histogram *h, double q)
{
    double exact = q * (double)h->count;
    if (exact >= (double)h->count) return h->count;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact) rank++;
    return rank == 0 ? 1 : rank;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
    ASSERT(q >= 0.0);
    ASSERT(q <= 1.0);
    if (h->count == 0) return 0;
    uint64_t rank = rank_of(h, q), seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen < rank) continue;
        uint64_t edge = upper_edge(i);
        return edge < h->max ? edge : h->max;
    }
    UNREACHABLE();
}

uint64_t histogram_count_below(const struct histogram *h, uint64_t value)
{
    if (value >= h->max) return h->count;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS && upper_edge(i) <= value; i++)
        seen += h->buckets[i];
    return seen;
}
