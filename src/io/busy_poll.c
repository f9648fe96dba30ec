#include "io/busy_poll.h"

#include "base/assert.h"

uint64_t busy_poll_span(const struct busy_poll *b, uint64_t timeout_ns)
{
    if (!b->pays) return 0;
    return b->limit_ns < timeout_ns ? b->limit_ns : timeout_ns;
}

void busy_poll_over(struct busy_poll *b, uint64_t looked_ns, uint64_t waited_ns, bool slept)
{
    ASSERT(looked_ns <= waited_ns);
    b->looked_ns += looked_ns;
    b->found += slept ? 0 : 1;
    b->slept += slept ? 1 : 0;
    if (waited_ns <= b->limit_ns) {
        b->long_in_a_row = 0;
        b->pays = b->limit_ns > 0;
    } else if (++b->long_in_a_row >= BUSY_POLL_LONG_MAX && !MUTANT("io_busy_poll_never_sleeps")) {
        b->long_in_a_row = 0;
        b->pays = false;
    }
}
