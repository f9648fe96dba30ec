#include "txn/clock_bounds.h"

#include "base/assert.h"

uint64_t clock_rate_up(uint64_t elapsed_ns)
{
    return elapsed_ns + elapsed_ns / 1000000 * CLOCK_RATE_PPM + elapsed_ns % 1000000 * CLOCK_RATE_PPM / 1000000 + 1;
}

static uint64_t rate_down(uint64_t elapsed_ns)
{
    uint64_t slower = clock_rate_up(elapsed_ns) - elapsed_ns;
    return elapsed_ns > slower ? elapsed_ns - slower : 0;
}

/* What is known, carried on to now_ns. */
static void carry_on(const struct clock_bounds *b, uint64_t now_ns, uint64_t *low_out, uint64_t *high_out)
{
    uint64_t elapsed_ns = now_ns - b->at_ns;
    uint64_t low = b->low + (MUTANT("clock_drift_ignored") ? elapsed_ns : rate_down(elapsed_ns));
    *low_out = low > b->least ? low : b->least;
    *high_out = b->high + (MUTANT("clock_drift_ignored") ? elapsed_ns : clock_rate_up(elapsed_ns));
}

enum clock_verdict clock_bounds_add(struct clock_bounds *b, uint64_t epoch, uint64_t sent_ns, uint64_t received_ns,
                                    uint64_t reading)
{
    ASSERT(sent_ns <= received_ns);
    if (epoch < b->epoch && !MUTANT("clock_epoch_mixed")) return CLOCK_SAMPLE_OLD;
    if (received_ns - sent_ns > CLOCK_SAMPLE_NS && !MUTANT("clock_sample_of_old")) return CLOCK_SAMPLE_OLD;
    if (epoch > b->epoch) clock_bounds_fence(b, epoch);
    uint64_t low = reading, high = reading + clock_rate_up(received_ns - sent_ns);
    if (MUTANT("clock_delay_ignored")) high = reading + 1;
    if (low < b->least) low = b->least;
    if (b->known && received_ns >= b->at_ns) {
        uint64_t known_low, known_high;
        carry_on(b, received_ns, &known_low, &known_high);
        if (low < known_low) low = known_low;
        if (high > known_high) high = known_high;
    }
    if (low >= high) {
        b->known = false;
        return CLOCK_SAMPLE_CONTRADICTS;
    }
    if (!b->known || sent_ns > b->sent_ns) b->sent_ns = sent_ns;
    b->known = true;
    b->at_ns = received_ns;
    b->low = low;
    b->high = high;
    b->looked_ns = received_ns;
    if (reading > b->least) b->least = reading;
    return CLOCK_SAMPLE_TAKEN;
}

void clock_bounds_fence(struct clock_bounds *b, uint64_t epoch)
{
    ASSERT(epoch >= b->epoch);
    if (epoch > b->epoch && !MUTANT("clock_epoch_mixed")) b->known = false;
    b->epoch = epoch;
}

bool clock_bounds_look(struct clock_bounds *b, uint64_t now_ns)
{
    bool gap = b->known && now_ns > b->looked_ns + CLOCK_GAP_NS && !MUTANT("clock_gap_unnoticed");
    if (gap) b->known = false;
    b->looked_ns = now_ns;
    return gap;
}

bool clock_bounds_at(const struct clock_bounds *b, uint64_t now_ns, uint64_t *low_out, uint64_t *high_out)
{
    if (!b->known || now_ns < b->at_ns) return false;
    if (now_ns > b->sent_ns + CLOCK_SAMPLE_NS && !MUTANT("clock_sample_for_ever")) return false;
    if (now_ns > b->looked_ns + CLOCK_GAP_NS && !MUTANT("clock_gap_unnoticed")) return false;
    uint64_t low, high;
    carry_on(b, now_ns, &low, &high);
    if (high - low > CLOCK_WIDTH_NS_MAX && !MUTANT("clock_width_unlimited")) return false;
    *low_out = low;
    *high_out = high;
    return true;
}

bool clock_bounds_heard(struct clock_bounds *b, uint64_t now_ns, uint64_t ts)
{
    uint64_t low, high;
    /* Who relies on nothing, or not any more, may hear of a new master's time first from others. */
    if (!clock_bounds_at(b, now_ns, &low, &high) || MUTANT("clock_messages_unheard")) return false;
    b->known = ts < high;
    return !b->known;
}
