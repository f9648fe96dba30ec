#include "shard/byte_rate.h"

#include "base/assert.h"

uint64_t byte_rate_take(struct byte_rate *r, uint64_t now_ns, uint64_t bytes)
{
    ASSERT(bytes <= UINT64_C(1) << 32);
    if (r->bytes_per_s == 0) return now_ns;
    bool late = !r->gentle && r->free_ns != 0 && r->free_ns < now_ns && now_ns - r->free_ns <= BYTE_RATE_LATE_NS;
    bool waits = r->free_ns > now_ns;
    uint64_t place = late || waits ? r->free_ns : now_ns;
    r->free_ns = place + bytes * 1000000000u / r->bytes_per_s;
    return waits ? place : now_ns;
}
