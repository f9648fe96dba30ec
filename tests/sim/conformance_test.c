/* The simulated environment through the rules of src/io/env.h, as it is and with every delivery
 * made as ugly as the rules allow. */
#include "tests/io/conformance.h"
#include "tests/sim/env/sim.h"

static struct env *create(void *ctx, const char *root)
{
    const bool *ugly = ctx;
    struct sim_options options;
    struct env *env;
    (void)root; /* its disk is its own */
    sim_options_init(&options, 1);
    if (*ugly) {
        options.chunk_split_ppm = SIM_ALWAYS / 2;
        options.socket_buffer_bytes = 50000;
        options.disk_tail_ns = SIM_MS;
        options.loopback_ns = 100 * SIM_US;
    }
    sim_env_create(sim_create(&options), 1, NULL, &env);
    return env;
}

static void destroy(void *ctx, struct env *env)
{
    struct sim *sim = sim_of(env);
    (void)ctx;
    env_destroy(env);
    sim_destroy(sim);
}

static bool is_plain = false, is_ugly = true;
static const struct conformance_backend
    plain = {.name = "sim", .create = create, .destroy = destroy,
             .lacks = CONFORMANCE_LACKS_WAITING, .ctx = &is_plain},
    ugly = {.name = "sim ugly", .create = create, .destroy = destroy,
            .address = {.family = 4, .ip = {10, 0, 0, 1}},
            .lacks = CONFORMANCE_LACKS_WAITING, .ctx = &is_ugly};

CONFORMANCE_TESTS(sim, &plain)
CONFORMANCE_TESTS(sim_ugly, &ugly)
