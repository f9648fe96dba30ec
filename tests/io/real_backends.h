/* The production backends, each feature on and off, as conformance backends. */
#ifndef OSTRAKA_TESTS_IO_REAL_BACKENDS_H
#define OSTRAKA_TESTS_IO_REAL_BACKENDS_H

#include "tests/io/conformance.h"

extern const struct conformance_backend real_epoll, real_epoll_busy_poll, real_uring, real_uring_busy_poll,
    real_uring_no_defer, real_uring_no_defer_busy_poll,
    real_uring_no_multishot_accept, real_uring_no_multishot_receive, real_uring_no_registered_ring,
    real_uring_bare, real_uring_small;

#endif
