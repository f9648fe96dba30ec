/* The two production backends. Only src/node, src/cli and tests create environments, each on the
 * thread that will poll it. The program ignores SIGXFSZ, so that a limit on file sizes is an error
 * of the write and not a signal. */
#ifndef OSTRAKA_IO_BACKENDS_H
#define OSTRAKA_IO_BACKENDS_H

#include "io/busy_poll.h"
#include "io/env.h"

/* Features the io_uring backend probes for; a set bit in `masked` pretends it is missing, so that
 * tests cover each path. */
enum uring_feature {
    URING_FEATURE_DEFER_TASKRUN = 1 << 0,
    URING_FEATURE_MULTISHOT_ACCEPT = 1 << 1,
    URING_FEATURE_MULTISHOT_RECEIVE = 1 << 2, /* with a provided buffer ring */
    URING_FEATURE_REGISTERED_RING = 1 << 3,
};

struct env_options {
    const char *root;      /* the data directory; must exist. Borrowed for the call. */
    struct logger *logger; /* borrowed for the life of the environment */
    unsigned masked;       /* enum uring_feature bits */
    unsigned operation_max; /* file operations in the ring, and sockets, at a time; 0: 4096 */
    struct busy_poll *busy_poll; /* borrowed for the life of the environment, which keeps its books; NULL: polls sleep at once */
};

/* STATUS_UNSUPPORTED: the kernel has no io_uring for us (too old, seccomp, disabled); the caller
 * falls back to epoll and logs it. STATUS_IO: the root cannot be opened. STATUS_NO_MEMORY. */
MUST_USE enum status env_uring_create(const struct env_options *options, struct env **env_out);
MUST_USE enum status env_epoll_create(const struct env_options *options, struct env **env_out);

#endif
