/* Locks of a transaction: what txn_lock.c and txn_lock_many.c share. */
#ifndef OSTRAKA_TXN_TXN_LOCK_H
#define OSTRAKA_TXN_TXN_LOCK_H

#include "txn/txn_state.h"

#define LOCK_KEYS_PER_REQUEST 1000u
#define LOCK_REQUEST_BYTES (1u << 20)

/* Keys of one range, and how they are locked. */
struct locking {
    const struct bytes *keys;
    uint32_t count;
    enum txn_lock_mode mode;
    enum txn_lock_wait wait;
    uint64_t since_ns; /* it has been waited for them since; 0: for no time */
};

/* Before the request goes out: it may leave locks there whatever it answers. */
MUST_USE enum status txn_lock_note(struct txn *t, const struct route *route, struct bytes low, struct bytes high);
/* The transaction may hold locks between the range's bounds. */
bool txn_locks_reach(const struct txn *t, const struct route *route);
/* The body of RPC_LOCK, in the transaction's request. */
void txn_lock_encode(struct txn *t, const struct locking *l, const struct route *route, uint64_t timeout_ns, struct hull *hull);
/* [fiber] The range has granted them: moves the view and fills in one result for each key. */
MUST_USE enum status txn_lock_take(struct txn *t, const struct locking *l, const struct route *route, struct bytes reply,
                                   struct txn_locked *out);

/* ---- txn_lock_many.c ---- */

/* [fiber] Several keys, in all their ranges at once. *done_out false: they lie in one, or somebody else holds one of them; nothing
 * that was locked here is held, they are to be asked for one range after the other. Statuses as txn_lock. */
MUST_USE enum status txn_lock_at_once(struct txn *t, const struct locking *l, struct txn_locked *out, bool *done_out);

#endif
