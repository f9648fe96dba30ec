/* Every production backend through the rules of src/io/env.h. */
#include "tests/io/conformance.h"
#include "tests/io/real_backends.h"

CONFORMANCE_TESTS(epoll, &real_epoll)
CONFORMANCE_TESTS(epoll_busy_poll, &real_epoll_busy_poll)
CONFORMANCE_TESTS(uring, &real_uring)
CONFORMANCE_TESTS(uring_busy_poll, &real_uring_busy_poll)
CONFORMANCE_TESTS(uring_no_defer, &real_uring_no_defer)
CONFORMANCE_TESTS(uring_no_defer_busy_poll, &real_uring_no_defer_busy_poll)
CONFORMANCE_TESTS(uring_no_multishot_accept, &real_uring_no_multishot_accept)
CONFORMANCE_TESTS(uring_no_multishot_receive, &real_uring_no_multishot_receive)
CONFORMANCE_TESTS(uring_no_registered_ring, &real_uring_no_registered_ring)
CONFORMANCE_TESTS(uring_bare, &real_uring_bare)
CONFORMANCE_TESTS(uring_small, &real_uring_small)
