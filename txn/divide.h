/* What becomes of ranges at their leader when one is divided (divide.c) or two become one (unite.c): the hooks of struct shard_app. */
#ifndef OSTRAKA_TXN_DIVIDE_H
#define OSTRAKA_TXN_DIVIDE_H

#include "txn/range.h"

/* ---- divide.c ---- */

enum status divide_may(void *state, struct bytes key);
enum status divide_begin(void *state, struct bytes key, struct buf *part);
void divide_end(void *state);
bool divide_part_valid(struct bytes part);
void divide_apply(void *left_state, void *right_state, struct bytes key, struct bytes part);
/* Commits that touch keys from `key` on wait, until divide_end. STATUS_NO_MEMORY. */
MUST_USE enum status latch_close(struct range *g, struct bytes key);
uint64_t latch_closed_ns(const struct range *g);
/* True: a split is proposed, and the op waits for what comes of it (TXN-14). */
bool divide_holds(struct range_op *op);
/* A split is proposed whose right half the op touches. */
bool divide_latched(const struct range_op *op);
/* The leadership is gone, and all who waited with it. */
void divide_forget(struct range *g);
/* The range serves: the split that made it is over for clients. */
void divide_served(struct range *g);
/* Body of a STALE_ROUTE reply: repeated { sized descriptor, leader node u64 }: of the replica, and of the one here that
 * begins where it ends. */
void divide_stale_body(struct kv *kv, const struct replica *r, struct buf *out);

/* ---- unite.c ---- */

enum status unite_begin(void *state);
void unite_part(void *state, struct buf *part);
void unite_reopen(void *state);
bool unite_part_valid(struct bytes part);
void unite_apply(void *left_state, void *right_state, struct bytes part);

#endif
