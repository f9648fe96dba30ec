#include "io/busy_poll.h"

#include "base/assert.h"

uint64_t busy_poll_span(const struct busy_poll *b, uint64_t now_ns, uint64_t timeout_ns)
{
    if (!b->pays || now_ns < b->pause_end_ns) return 0;
    return b->limit_ns < timeout_ns ? b->limit_ns : timeout_ns;
}

bool busy_poll_shared(struct busy_poll *b, uint64_t now_ns, uint64_t away_ns)
{
    if (away_ns < BUSY_POLL_CROWDED_NS || MUTANT("io_busy_poll_in_a_crowd")) return true;
    uint64_t forgotten_ns = (now_ns - b->lost_at_ns) / BUSY_POLL_LOST_PART;
    b->lost_ns = away_ns + (b->lost_ns > forgotten_ns ? b->lost_ns - forgotten_ns : 0);
    b->lost_at_ns = now_ns;
    if (b->lost_ns <= BUSY_POLL_LOST_NS_MAX) return true;
    b->pause_end_ns = now_ns + b->lost_ns * BUSY_POLL_LOST_PART;
    b->crowded++;
    return false;
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
