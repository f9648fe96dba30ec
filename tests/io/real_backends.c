#include "tests/io/real_backends.h"

#include "io/backends.h"

struct variant {
    enum status (*create)(const struct env_options *options, struct env **env_out);
    unsigned masked, operation_max;
    struct busy_poll busy_poll;
};

static struct env *variant_create(void *ctx, const char *root)
{
    struct variant *v = ctx;
    struct env_options options = {
        .root = root, .masked = v->masked, .operation_max = v->operation_max, .busy_poll = &v->busy_poll};
    struct env *env = NULL;
    enum status status = v->create(&options, &env);
    assert_true(status == STATUS_OK || status == STATUS_UNSUPPORTED);
    return env;
}

static void variant_destroy(void *ctx, struct env *env)
{
    (void)ctx;
    env_destroy(env);
}

#define VARIANT(variant_name, function, mask, max, busy_poll_ns)                              \
    static struct variant variant_##variant_name = {function, mask, max, {.limit_ns = busy_poll_ns}}; \
    const struct conformance_backend real_##variant_name = {.name = #variant_name,            \
                                                            .create = variant_create,         \
                                                            .destroy = variant_destroy,       \
                                                            .ctx = &variant_##variant_name};

VARIANT(epoll, env_epoll_create, 0, 0, 0)
VARIANT(epoll_busy_poll, env_epoll_create, 0, 0, 100000)
VARIANT(uring, env_uring_create, 0, 0, 0)
VARIANT(uring_busy_poll, env_uring_create, 0, 0, 100000)
VARIANT(uring_no_defer_busy_poll, env_uring_create, URING_FEATURE_DEFER_TASKRUN, 0, 100000)
VARIANT(uring_no_defer, env_uring_create, URING_FEATURE_DEFER_TASKRUN, 0, 0)
VARIANT(uring_no_multishot_accept, env_uring_create, URING_FEATURE_MULTISHOT_ACCEPT, 0, 0)
VARIANT(uring_no_multishot_receive, env_uring_create, URING_FEATURE_MULTISHOT_RECEIVE, 0, 0)
VARIANT(uring_no_registered_ring, env_uring_create, URING_FEATURE_REGISTERED_RING, 0, 0)
VARIANT(uring_bare, env_uring_create, ~0u, 0, 0)
/* Rings so small that they are always full. */
VARIANT(uring_small, env_uring_create, 0, CONFORMANCE_SOCKETS_MAX, 0)
