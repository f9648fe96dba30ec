/* Looking for what completes instead of sleeping until it does. Who sleeps has to be woken, and a processor that has nothing
 * to do halts meanwhile: on a virtual machine 35 to 40 us pass until it runs again, more than most requests need. So a
 * wait first looks for a moment, and lets whoever else wants the processor have it in between. It pays as long as what
 * is waited for mostly comes within that moment: after some waits in a row that lasted longer, waits sleep at once, until
 * one is short again. A node that has nothing to do sleeps.
 *
 * The same is known as idle polling (Seastar's --idle-poll-time-us) and halt polling (Documentation/virt/kvm/halt-polling.rst,
 * whose window grows and shrinks by the length of the last wait). */
#ifndef OSTRAKA_IO_BUSY_POLL_H
#define OSTRAKA_IO_BUSY_POLL_H

#include <stdbool.h>
#include <stdint.h>

#define BUSY_POLL_LONG_MAX 4 /* long waits in a row, until waits sleep at once */

/* Zeroed but for the limit. One thread. */
struct busy_poll {
    uint64_t limit_ns; /* for which a wait looks; 0: never */
    bool pays;         /* of the last waits one was no longer than that */
    uint32_t long_in_a_row;
    uint64_t found, slept; /* waits that ended while they looked; those that slept */
    uint64_t looked_ns;    /* in all, other threads' turns in between included */
};

/* For how long a wait that may last for timeout_ns is to look before it sleeps. */
uint64_t busy_poll_span(const struct busy_poll *b, uint64_t timeout_ns);
/* A wait is over: it looked for looked_ns and took waited_ns in all, which is more if it slept. */
void busy_poll_over(struct busy_poll *b, uint64_t looked_ns, uint64_t waited_ns, bool slept);

#endif
