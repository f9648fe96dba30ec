/* The rules of src/io/env.h as tests that any backend can be put through. A test program names its
 * backend once:
 *
 *     static const struct conformance_backend epoll = {.name = "epoll", ...};
 *     CONFORMANCE_TESTS(epoll, &epoll)
 *
 * and gets one TEST per case. The cases use at most CONFORMANCE_SOCKETS_MAX sockets and
 * CONFORMANCE_OPERATIONS_MAX operations at a time. */
#ifndef OSTRAKA_TESTS_IO_CONFORMANCE_H
#define OSTRAKA_TESTS_IO_CONFORMANCE_H

#include "io/env.h"
#include "tests/test.h"

#define CONFORMANCE_SOCKETS_MAX 16
#define CONFORMANCE_OPERATIONS_MAX 1000

enum conformance_lacks {
    CONFORMANCE_LACKS_WAITING = 1 << 0,  /* advance never sleeps on the real clock, nor wakes */
    CONFORMANCE_LACKS_RESOLVER = 1 << 1,
    CONFORMANCE_LACKS_MODES = 1 << 2,    /* a handle opened for reading only can be written */
};

struct conformance_backend {
    const char *name;
    /* An environment on the existing, empty directory root. NULL: not offered on this machine, the
     * test is skipped. */
    struct env *(*create)(void *ctx, const char *root);
    void (*destroy)(void *ctx, struct env *env);
    /* One turn: runs callbacks; may wait until deadline_ns. NULL: env_poll. */
    void (*advance)(void *ctx, struct env *env, uint64_t deadline_ns);
    /* An address of the environment itself, port 0. family 0: 127.0.0.1. */
    struct env_addr address;
    unsigned lacks; /* enum conformance_lacks */
    void *ctx;
};

#define CONFORMANCE_CASES(X, module, backend)                                     \
    X(module, backend, nothing_completes_inside_the_call)                         \
    X(module, backend, reads_back_what_was_written)                               \
    X(module, backend, a_read_at_the_end_is_short)                                \
    X(module, backend, an_empty_transfer_completes)                               \
    X(module, backend, open_flags_mean_what_they_say)                             \
    X(module, backend, modes_of_a_handle_are_enforced)                            \
    X(module, backend, direct_files_read_to_an_odd_end)                           \
    X(module, backend, truncate_cuts_and_extends_with_zeros)                      \
    X(module, backend, rename_replaces_and_link_adds_a_name)                      \
    X(module, backend, an_unlinked_file_stays_readable_by_handle)                 \
    X(module, backend, making_an_existing_directory_is_fine)                      \
    X(module, backend, lists_directories_in_name_order)                           \
    X(module, backend, syncs_files_and_directories)                               \
    X(module, backend, many_operations_complete_once_each)                        \
    X(module, backend, an_operation_is_reusable_in_its_callback)                  \
    X(module, backend, shutdown_cancels_pending_and_later_operations)             \
    X(module, backend, shutdown_in_a_callback_cancels_the_rest)                   \
    X(module, backend, time_moves_forward)                                        \
    X(module, backend, lately_is_when_time_was_read_or_a_wait_ended)              \
    X(module, backend, a_poll_ends_at_its_deadline)                               \
    X(module, backend, a_wake_ends_the_next_poll)                                 \
    X(module, backend, another_thread_wakes_a_waiting_poll)                       \
    X(module, backend, random_numbers_differ)                                     \
    X(module, backend, resolves_numeric_and_local_names)                          \
    X(module, backend, sockets_connect_and_exchange_bytes)                        \
    X(module, backend, a_refused_connect_ends_in_on_closed)                       \
    X(module, backend, large_streams_cross_both_ways)                             \
    X(module, backend, many_connections_share_one_listener)                       \
    X(module, backend, small_messages_go_back_and_forth)                          \
    X(module, backend, disabled_reception_holds_bytes_back)                       \
    X(module, backend, disabled_reception_holds_the_sender_back)                  \
    X(module, backend, reception_switched_at_random_loses_nothing)                \
    X(module, backend, a_close_by_the_peer_comes_after_its_bytes)                 \
    X(module, backend, a_close_held_back_comes_after_its_bytes)                   \
    X(module, backend, close_is_late_once_and_final)                              \
    X(module, backend, close_gives_back_a_send_in_flight)                         \
    X(module, backend, sockets_may_be_closed_in_any_callback)                     \
    X(module, backend, a_refused_accept_is_closed_silently)                       \
    X(module, backend, a_closed_listener_accepts_no_more)                         \
    X(module, backend, a_port_in_use_is_busy)                                     \
    X(module, backend, shutdown_closes_sockets_as_cancelled)

#define CONFORMANCE_DECLARE(module, backend, fact) \
    void conformance_##fact(const struct conformance_backend *with);
CONFORMANCE_CASES(CONFORMANCE_DECLARE, , )

#define CONFORMANCE_TEST(module, backend, fact) \
    TEST(module, fact) { conformance_##fact(backend); }
#define CONFORMANCE_TESTS(module, backend) CONFORMANCE_CASES(CONFORMANCE_TEST, module, backend)

#endif
