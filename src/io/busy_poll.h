/* Looking for what completes instead of sleeping until it does. Who sleeps has to be woken, and a processor that has nothing
 * to do halts meanwhile: on a virtual machine 35 to 40 us pass until it runs again, more than most requests need. So a
 * wait first looks for a moment, and lets whoever else wants the processor have it in between. It pays as long as what
 * is waited for mostly comes within that moment: after some waits in a row that lasted longer, waits sleep at once, until
 * one is short again. A node that has nothing to do sleeps.
 *
 * Where others compute on the same processors it is a mistake: the scheduler lets a thread that has slept go first, and one that
 * has used up its share by looking wait for whole slices. So no more than a two-hundredth of the time is lost to threads that were
 * let in and kept the processor; when it was more, waits sleep at once until it is that again.
 *
 * The same is known as idle polling (Seastar's --idle-poll-time-us) and halt polling (Documentation/virt/kvm/halt-polling.rst,
 * whose window grows and shrinks by the length of the last wait). */
#ifndef OSTRAKA_IO_BUSY_POLL_H
#define OSTRAKA_IO_BUSY_POLL_H

#include <stdbool.h>
#include <stdint.h>

#define BUSY_POLL_LONG_MAX 4           /* long waits in a row, until waits sleep at once */
#define BUSY_POLL_CROWDED_NS 1000000u   /* who keeps the processor for so long computes: a slice of Linux is 1.4 ms and more */
#define BUSY_POLL_LOST_NS_MAX 5000000u  /* at once: the machine below may take a processor away for a moment, too */
#define BUSY_POLL_LOST_PART 200

/* Zeroed but for the limit. One thread. */
struct busy_poll {
    uint64_t limit_ns; /* for which a wait looks; 0: never */
    bool pays;         /* of the last waits one was no longer than that */
    uint32_t long_in_a_row;
    uint64_t lost_ns, lost_at_ns; /* to others who computed, less what has been forgotten since, by then */
    uint64_t pause_end_ns;        /* waits sleep at once until then */
    uint64_t found, slept; /* waits that ended while they looked; those that slept */
    uint64_t crowded;      /* pauses */
    uint64_t looked_ns;    /* in all, other threads' turns in between included */
};

/* For how long a wait that begins now and may last for timeout_ns is to look before it sleeps. */
uint64_t busy_poll_span(const struct busy_poll *b, uint64_t now_ns, uint64_t timeout_ns);
/* Others were let in and came back after away_ns, at now_ns. False: the wait is to sleep. */
bool busy_poll_shared(struct busy_poll *b, uint64_t now_ns, uint64_t away_ns);
/* A wait is over: it looked for looked_ns and took waited_ns in all, which is more if it slept. */
void busy_poll_over(struct busy_poll *b, uint64_t looked_ns, uint64_t waited_ns, bool slept);

#endif
