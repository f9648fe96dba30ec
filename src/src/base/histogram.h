/* A log-linear histogram of u64 samples (nanoseconds, bytes, counts): 16 linear buckets per power
 * of two, so a quantile is off by at most 1/16. Fixed size, no allocation. */
#ifndef OSTRAKA_BASE_HISTOGRAM_H
#define OSTRAKA_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS (61 * 16)

struct histogram {
    uint64_t count, sum, min, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The value at or below which a fraction q (0..1) of the samples lie: the upper edge of the bucket
 * it falls in, capped at max; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);
/* How many samples are <= value, exact at bucket edges (for Prometheus `le` buckets). */
uint64_t histogram_count_below(const struct histogram *h, uint64_t value);

#endif
