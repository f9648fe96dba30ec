#include "shard/byte_rate.h"

#include "base/assert.h"

uint64_t byte_rate_take(struct byte_rate *r, uint64_t now_ns, uint64_t bytes)
{
    ASSERT(bytes <= UINT64_C(1) << 32);
    if (r->bytes_per_s == 0) return now_ns;
    uint64_t due = r->free_ns > now_ns ? r->free_ns : now_ns;
    r->free_ns = due + bytes * 1000000000u / r->bytes_per_s;
    return due;
}
