/* Parts of a transaction: going back to a mark, and moving on what was read before it. */
#include "txn/txn_state.h"

struct txn_mark txn_mark(struct txn *t)
{
    ASSERT(!t->ended);
    return (struct txn_mark){.writes = write_set_mark(&t->writes), .spilled = spill_end_at(t), .spans = t->span_count};
}

static void forget_writes(struct txn *t, struct txn_mark mark)
{
    write_set_back(&t->writes, mark.writes);
    spill_cut(t, mark.spilled);
}

void txn_back(struct txn *t, struct txn_mark mark)
{
    ASSERT(!t->ended);
    if (!MUTANT("savepoint_keeps_writes")) forget_writes(t, mark);
}

void txn_view(struct txn *t, const struct txn_mark *mark)
{
    t->view = mark == NULL ? WRITE_SET_NOW : mark->writes;
}

/* When spans were widened meanwhile the first one covers all that were there at the mark: more than
 * must be stays. */
static void forget_reads(struct txn *t, struct txn_mark mark)
{
    if (t->span_count > mark.spans) t->span_count = mark.spans;
}

enum status txn_back_and_refresh(struct txn *t, struct txn_mark mark)
{
    ASSERT(!t->ended);
    ASSERT(t->pending_term == 0); /* what is computed from writes in flight is never the part of something */
    if (t->past.on) return STATUS_OK; /* it reads where it has read */
    forget_writes(t, mark);
    forget_reads(t, mark);
    if (t->span_count == 0 || MUTANT("refresh_unvalidated")) {
        t->span_count = 0;
        t->read_ts = 0;
        t->read_ts_assumed = false;
        return STATUS_OK;
    }
    COVER("txn_refreshed");
    return txn_lock_nothing(t, t->spans[0].start);
}
