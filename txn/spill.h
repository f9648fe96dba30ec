/* Values of a transaction's writes that lie in a temporary file of its node's data directory, not in memory (README.md, Spilled
 * values). The file belongs to one transaction: it has no name as soon as it is open, and goes with it, or with the process. */
#ifndef OSTRAKA_TXN_SPILL_H
#define OSTRAKA_TXN_SPILL_H

#include "base/arena.h"
#include "io/fio.h"

struct kv;
struct txn;
struct write;
struct write_set;
struct buf;

#define SPILL_KEPT_BYTES_MAX (4u << 20)    /* of values that a transaction keeps in memory */
#define SPILL_KEPT_BYTES_SHORT (64u << 10) /* the same, while half of what sessions may hold is in use */
#define SPILL_VALUE_BYTES_MIN 128          /* smaller ones stay */
#define SPILL_BUFFER_BYTES (128u << 10)

struct spill {
    struct kv *kv;
    struct fio fio;
    env_file file;              /* < 0: not open yet */
    struct arena arena;         /* of the two buffers; part of the session's memory */
    uint64_t written;           /* bytes in the file that count; values that came later are in the tail */
    uint8_t *tail, *window;     /* window: what was read last; NULL: no memory for it */
    size_t tail_size, tail_capacity;
    uint64_t window_at;
    size_t window_size;
    struct env_op close;
};

/* This value of the transaction goes to a file, for what is in memory is enough. Never outside of a fiber. */
bool spill_is_due(const struct txn *t, struct bytes value);
/* [fiber] The value, which is borrowed, goes there: w gets its place, and no value. STATUS_NO_MEMORY: not even for a buffer;
 * STATUS_NO_SPACE: the disk is full; STATUS_IO, STATUS_CANCELLED. After an error nothing has changed. */
MUST_USE enum status spill_put(struct txn *t, struct bytes value, struct write *w);
bool spill_has(const struct write *w);
/* [fiber] The value of one that is there, to `to`, which has room for it. STATUS_IO: the file cannot be read, or has not what was written. */
MUST_USE enum status spill_get(struct txn *t, const struct write *w, uint8_t *to);
/* [fiber, when it is spilled] The value of a write, wherever it is: borrowed, or a copy in the arena. */
MUST_USE enum status spill_value(struct txn *t, const struct write *w, struct arena *arena, struct bytes *value_out);
/* [fiber] encode_write for those from `first` to `last` (NULL: to the end), in the order in which their values lie. */
MUST_USE enum status spill_encode(struct txn *t, struct buf *out, const struct write *first, const struct write *last);
/* Where the next value goes. */
uint64_t spill_end_at(const struct txn *t);
/* Forgets what lies there and behind, which nobody looks at any more. */
void spill_cut(struct txn *t, uint64_t at);
/* The transaction's file goes, if there is one. */
void spill_drop(struct txn *t);
/* At the start: files of a process that came to its end between opening and unlinking one. */
void spill_sweep(struct kv *kv);

#endif
