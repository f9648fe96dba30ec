/* The one result type of Ostraka. Expected events are statuses; a programmer's mistake is an
 * assertion (base/assert.h); a disk or peer that lies puts an object into a named failed state that
 * answers STATUS_FENCED or STATUS_CORRUPT until it is opened again. */
#ifndef OSTRAKA_BASE_STATUS_H
#define OSTRAKA_BASE_STATUS_H

#define MUST_USE __attribute__((warn_unused_result))

enum status {
    STATUS_OK = 0,
    STATUS_WAIT, /* not available yet; the object that answered will call back */
    STATUS_BUSY, /* a bounded resource is full; retry after the next completion */
    STATUS_NOT_FOUND,
    STATUS_EXISTS,
    STATUS_INVALID,   /* malformed input from outside */
    STATUS_TOO_LARGE, /* over a documented limit */
    STATUS_CORRUPT,   /* bytes that were good once are not any more */
    STATUS_FENCED,    /* an earlier failure closed this object for good */
    STATUS_IO,        /* the operating system reported an I/O error */
    STATUS_NO_SPACE,  /* the disk is full */
    STATUS_NO_MEMORY, /* a memory budget is used up */
    STATUS_CLOSED,    /* the other side is gone */
    STATUS_TIMEOUT,
    STATUS_CANCELLED,
    STATUS_NOT_LEADER,      /* this replica is not the leader; a hint may come with it */
    STATUS_STALE_ROUTE,     /* (range, epoch) do not match the owner's descriptor */
    STATUS_UNAVAILABLE,     /* no quorum; nothing was proposed */
    STATUS_UNKNOWN_OUTCOME, /* proposed, and the answer was lost */
    STATUS_CONFLICT,        /* transaction validation failed; may be retried */
    STATUS_UNSUPPORTED,     /* understood, and not offered */
    STATUS_VERSION,         /* a format or protocol version this program does not speak */
    STATUS_SNAPSHOT_TOO_OLD, /* versions that a read at this timestamp needs may be gone */
    STATUS_LOCKED,          /* another transaction holds the lock, and waiting was not wanted or took too long */
    STATUS_DEADLOCK,        /* chosen to end a circle of waiting transactions */
    STATUS_EXPIRED,         /* the time in which it was wanted is over; nothing was done */
    STATUS_COUNT
};

/* A short lower-case name for logs and messages. */
const char *status_name(enum status status);

#endif
