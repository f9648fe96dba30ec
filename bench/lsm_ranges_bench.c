/* What many ranges cost the engine when nothing happens: bytes of heap per range, the time to open
 * the store, to rewrite the manifest, and the processor time of a turn. Half of the ranges hold a
 * small table, the others nothing on disk but their name. lsm_ranges_bench [RANGES] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/backends.h"
#include "lsm/lsm.h"

struct bench {
    struct env *env;
    struct fiber_pool *fibers;
    struct lsm *l;
    uint64_t ranges, flushed;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_flushed(void *ctx, __attribute__((unused)) struct range_id range,
                       __attribute__((unused)) uint64_t index)
{
    ((struct bench *)ctx)->flushed++;
}

static void open_entry(void *arg)
{
    struct bench *b = arg;
    struct lsm_options options = {.env = b->env,
                                  .fibers = b->fibers,
                                  .directory = "lsm",
                                  .store_id = 1,
                                  .memtable_bytes = UINT64_C(64) << 20,
                                  .cache_bytes = UINT64_C(1) << 20,
                                  .compress = true,
                                  .seed = 1,
                                  .on_flushed = on_flushed,
                                  .ctx = b};
    struct lsm_range_visitor visitor = {NULL, NULL};
    enum status status = lsm_open(&options, &visitor, &b->l);
    ASSERT(status == STATUS_OK);
}

static uint64_t turn(struct bench *b)
{
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    fiber_run_ready(b->fibers);
    if (b->l != NULL) (void)lsm_step(b->l, env_now_ns(b->env));
    uint64_t took = clock_ns(CLOCK_MONOTONIC) - start;
    env_poll(b->env, env_now_ns(b->env) + 100000);
    return took;
}

static void open_store(struct bench *b)
{
    b->l = NULL;
    uint64_t start = clock_ns(CLOCK_MONOTONIC), worst = 0;
    enum status status = fiber_spawn(b->fibers, open_entry, b, NULL);
    ASSERT(status == STATUS_OK);
    while (b->l == NULL) {
        uint64_t took = turn(b);
        if (took > worst) worst = took;
    }
    printf("%-36s %10.1f ms (longest turn %.1f ms)\n", "open",
           (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e6, (double)worst / 1e6);
}

static void close_store(struct bench *b)
{
    while (!lsm_idle(b->l))
        (void)turn(b);
    lsm_close(b->l);
    b->l = NULL;
    for (int i = 0; i < 200; i++)
        env_poll(b->env, env_now_ns(b->env) + 100000);
}

static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}

static void fill(struct bench *b)
{
    static const uint8_t meta[200];
    uint64_t worst = 0;
    for (uint64_t i = 1; i <= b->ranges; i++) {
        struct range_id range = {i};
        enum status status = lsm_range_create(b->l, range);
        ASSERT(status == STATUS_OK);
        struct lsm_write w = {LSM_SPACE_VERSIONS, false, bytes_make(&i, sizeof i), 1,
                              BYTES_LITERAL("value"), false};
        status = lsm_apply(b->l, range, 1, &w, i % 2 == 0 ? 1 : 0);
        ASSERT(status == STATUS_OK);
        lsm_range_set_meta(b->l, range, bytes_make(meta, sizeof meta));
        lsm_range_flush(b->l, range);
    }
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    while (b->flushed < b->ranges) {
        uint64_t took = turn(b);
        if (took > worst) worst = took;
    }
    printf("%-36s %10.1f ms (longest turn %.1f ms)\n", "flush of all",
           (double)(clock_ns(CLOCK_MONOTONIC) - start) / 1e6, (double)worst / 1e6);
}

static void idle_cost(struct bench *b)
{
    for (int i = 0; i < 1000; i++)
        (void)turn(b);
    uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < 10000; i++)
        (void)lsm_step(b->l, env_now_ns(b->env));
    printf("%-36s %10.1f ns\n", "idle turn",
           (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / 1e4);
}

int main(int argc, char **argv)
{
    struct bench b = {.ranges = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000};
    struct rlimit files = {b.ranges + 1000, b.ranges + 1000};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) perror("setrlimit");
    char root[] = "/tmp/lsm_bench_XXXXXX";
    if (mkdtemp(root) == NULL) return 1;
    struct env_options options = {.root = root};
    if (env_epoll_create(&options, &b.env) != STATUS_OK) return 1;
    b.fibers = fiber_pool_create(256 << 10, 16);
    open_store(&b);
    size_t before = heap_bytes();
    fill(&b);
    close_store(&b);
    open_store(&b);
    printf("%-36s %10.1f bytes\n", "heap per range, after open",
           (double)(heap_bytes() - before) / (double)b.ranges);
    idle_cost(&b);
    close_store(&b);
    env_destroy(b.env);
    fiber_pool_destroy(b.fibers);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command) == 0 ? 0 : 1;
}
