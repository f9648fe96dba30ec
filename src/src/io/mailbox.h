/* Mailboxes: how two cores of a node talk. A mailbox joins two ends, each used by one thread; in
 * between are two bounded rings, one per direction, without locks. Three classes of items share a
 * ring:
 *
 *   request  takes a credit, which comes back with the reply. STATUS_BUSY: no credit left.
 *   reply    never refused: its room was reserved when the request was let in.
 *   message  may be dropped. STATUS_BUSY: the room for messages is used up.
 *
 *  MAIL-1  Items of one direction arrive in the order they were sent, each once.
 *  MAIL-2  A reply always finds room (asserted).
 *  MAIL-3  A receiver that has gone to sleep is woken by the next item; one that is awake is not
 *          bothered with system calls.
 *
 * A core's loop, with its doorbell:
 *
 *     receive all mail, work, send
 *     doorbell_sleep(&bell);
 *     env_poll(env, mailbox_has_mail(end) ? 0 : deadline);    for every mailbox of the core
 *     doorbell_awake(&bell); */
#ifndef OSTRAKA_IO_MAILBOX_H
#define OSTRAKA_IO_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct env;

/* ---- doorbells: one per core ---- */

struct doorbell {
    struct env *env;    /* woken when the owner sleeps; borrowed */
    atomic_bool asleep; /* [any core, atomic] */
};

void doorbell_init(struct doorbell *d, struct env *env);
/* Owner: from now on senders wake the environment. Look into the mailboxes next, then poll. */
void doorbell_sleep(struct doorbell *d);
/* Owner: back from the poll. */
void doorbell_awake(struct doorbell *d);
/* Any thread: wakes the owner if it sleeps. What was published before is visible to it then. */
void doorbell_ring(struct doorbell *d);

/* ---- mailboxes ---- */

enum mailbox_class { MAILBOX_REQUEST = 1, MAILBOX_REPLY = 2, MAILBOX_MESSAGE = 3 };

/* Handed through by value. What `payload` points to changes hands with the item. */
struct mailbox_item {
    uint32_t kind;                 /* the user's */
    enum mailbox_class item_class; /* set by the mailbox */
    uint64_t id, value;            /* the user's */
    void *payload;                 /* the user's */
};

struct mailbox;
struct mailbox_end;

#define MAILBOX_ROOM_MAX 65536

/* request_max  requests of each end that may wait for their reply; at least 1.
 * message_max  messages that fit into a direction at least.
 * Together at most MAILBOX_ROOM_MAX. Both doorbells are borrowed for the life of the mailbox. */
MUST_USE enum status mailbox_create(uint32_t request_max, uint32_t message_max,
                                    struct doorbell *first, struct doorbell *second,
                                    struct mailbox **mailbox_out);
/* Neither end may be in use. Items still inside are dropped: empty it first if they own things. */
void mailbox_destroy(struct mailbox *m);
/* The end of the core that owns the first (index 0) or second (index 1) doorbell. */
struct mailbox_end *mailbox_end(struct mailbox *m, unsigned index);

/* STATUS_BUSY: no credit. The item is the caller's still. */
MUST_USE enum status mailbox_request(struct mailbox_end *e, const struct mailbox_item *item);
/* Answers one request that was received at this end and not answered yet (asserted). */
void mailbox_reply(struct mailbox_end *e, const struct mailbox_item *item);
/* STATUS_BUSY: dropped. */
MUST_USE enum status mailbox_message(struct mailbox_end *e, const struct mailbox_item *item);
/* The next item, or false. */
bool mailbox_receive(struct mailbox_end *e, struct mailbox_item *item_out);
bool mailbox_has_mail(const struct mailbox_end *e);
/* Requests this end may still send; request_max when none is under way. */
uint32_t mailbox_credits(const struct mailbox_end *e);

#endif
