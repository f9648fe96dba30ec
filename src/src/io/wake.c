/* Waking a polling core from any thread. A write happens only when none is pending, so a burst of
 * wakes costs one system call. */
#include "io/io_int.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum status io_wake_init(struct io_wake *w, int eventfd_flags)
{
    w->fd = eventfd(0, EFD_CLOEXEC | eventfd_flags);
    atomic_init(&w->pending, false);
    return w->fd >= 0 ? STATUS_OK : STATUS_IO;
}

void io_wake_deinit(struct io_wake *w)
{
    ASSERT(w->fd >= 0);
    close(w->fd);
    w->fd = -1;
}

void io_wake_send(struct io_wake *w)
{
    if (atomic_exchange_explicit(&w->pending, true, memory_order_acq_rel)) return;
    uint64_t one = 1;
    ssize_t written;
    do {
        written = write(w->fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
    /* EAGAIN would mean a counter near 2^64: there is a wake pending all the same. */
    ASSERT(written == (ssize_t)sizeof one || errno == EAGAIN);
}

void io_wake_seen(struct io_wake *w)
{
    /* An exchange, not a store: it reads from the sender's exchange and so acquires what the sender
     * published, also when that sender found the flag set and wrote nothing. */
    (void)atomic_exchange_explicit(&w->pending, false, memory_order_acq_rel);
}
