/* A cursor walks one sorted source of items (a memtable, a table, a level of tables) in one
 * direction for life. Sources that read files answer STATUS_WAIT; the call is then made again. */
#ifndef OSTRAKA_LSM_CURSOR_INT_H
#define OSTRAKA_LSM_CURSOR_INT_H

#include "lsm/item_int.h"

struct cursor;

struct cursor_table {
    /* Forward: to the first item at or after target. Reverse: to the last item before it. The
     * target stays valid until the call has answered something else than STATUS_WAIT. STATUS_OK:
     * cursor->item is it; STATUS_NOT_FOUND: no such item; STATUS_WAIT; STATUS_CORRUPT. */
    enum status (*seek)(struct cursor *c, const struct item_key *target, struct lsm_waiter *waiter);
    /* To the next item in the cursor's direction; only after a seek or step that answered
     * STATUS_OK. */
    enum status (*step)(struct cursor *c, struct lsm_waiter *waiter);
    void (*close)(struct cursor *c);
};

struct cursor {
    const struct cursor_table *table;
    struct lsm_item item; /* views, valid until the next call */
};

#endif
