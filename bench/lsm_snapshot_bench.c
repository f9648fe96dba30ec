/* How fast a range travels from one store to another: reading the chunks of a snapshot and taking
 * them in, against what the disk takes from one writer. lsm_snapshot_bench [MIB [DIRECTORY]] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/prng.h"
#include "io/backends.h"
#include "lsm/lsm.h"

#define CHUNK_BYTES (256u << 10)
#define RANGE       ((struct range_id){1})

struct bench {
    struct env *env;
    struct fiber_pool *fibers;
    struct lsm *stores[2];
    uint64_t mib, index, bytes, read_ns, take_ns;
    struct fiber *waiting;
    struct lsm_waiter waiter;
    bool done;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(enum status status)
{
    if (status == STATUS_OK) return;
    fprintf(stderr, "%s\n", status_name(status));
    abort();
}

static void report(const char *what, uint64_t bytes, uint64_t ns)
{
    printf("%-44s %8.0f MB/s\n", what, (double)bytes * 1000 / (double)ns);
}

static void turn(struct bench *b)
{
    fiber_run_ready(b->fibers);
    uint64_t now = env_now_ns(b->env), next = now + 1000000;
    for (int i = 0; i < 2; i++) {
        if (b->stores[i] == NULL) continue;
        uint64_t wanted = lsm_step(b->stores[i], now);
        if (wanted < next) next = wanted;
    }
    env_poll(b->env, next);
}

static void run(struct bench *b, void (*entry)(void *arg))
{
    b->done = false;
    must(fiber_spawn(b->fibers, entry, b, NULL));
    while (!b->done)
        turn(b);
}

static void open_entry(void *arg)
{
    struct bench *b = arg;
    static const char *const names[2] = {"sender", "receiver"};
    for (uint64_t i = 0; i < 2; i++) {
        struct lsm_options options = {.env = b->env,
                                      .fibers = b->fibers,
                                      .directory = names[i],
                                      .store_id = i + 1,
                                      .memtable_bytes = UINT64_C(64) << 20,
                                      .cache_bytes = UINT64_C(32) << 20,
                                      .compress = true,
                                      .seed = i};
        struct lsm_range_visitor visitor = {NULL, NULL};
        must(lsm_open(&options, &visitor, &b->stores[i]));
    }
    b->done = true;
}

/* Rows of about 200 bytes, half of which compress away. */
static void fill(struct bench *b)
{
    struct prng prng;
    prng_init(&prng, 1);
    must(lsm_range_create(b->stores[0], RANGE));
    uint8_t key[24] = "table/17/row/", value[200] = {0};
    for (uint64_t written = 0; written < b->mib << 20; written += sizeof key + sizeof value) {
        uint64_t n = b->index++;
        for (int i = 0; i < 8; i++)
            key[16 + i] = (uint8_t)(n >> (56 - 8 * i));
        for (size_t i = 0; i < 100; i += 8) {
            uint64_t noise = prng_next(&prng);
            memcpy(value + i, &noise, i + 8 <= 100 ? 8 : 4);
        }
        struct lsm_write w = {LSM_SPACE_VERSIONS, false, bytes_make(key, sizeof key), n + 1,
                              bytes_make(value, sizeof value), false};
        must(lsm_apply(b->stores[0], RANGE, b->index, &w, 1));
        if (n % 64 == 0) turn(b);
        while (lsm_pressure(b->stores[0]) > 50)
            turn(b);
    }
    lsm_range_flush(b->stores[0], RANGE);
    while (lsm_step(b->stores[0], env_now_ns(b->env)) != UINT64_MAX || !lsm_idle(b->stores[0]))
        turn(b);
}

static void on_ready(struct lsm_waiter *w)
{
    fiber_resume(CONTAINER_OF(w, struct bench, waiter)->waiting);
}

static void copy_entry(void *arg)
{
    struct bench *b = arg;
    struct lsm_snapshot *from;
    struct lsm_ingest *to;
    uint64_t index;
    struct buf chunk;
    b->waiting = fiber_current(b->fibers);
    lsm_waiter_init(&b->waiter, on_ready);
    buf_init(&chunk, (size_t)64 << 20);
    must(lsm_snapshot_open(b->stores[0], RANGE, &from, &index));
    must(lsm_ingest_begin(b->stores[1], RANGE, &to));
    enum status status = STATUS_OK;
    while (status != STATUS_NOT_FOUND) {
        buf_reset(&chunk);
        uint64_t start = clock_ns(CLOCK_MONOTONIC);
        while ((status = lsm_snapshot_read(from, CHUNK_BYTES, &b->waiter, &chunk)) == STATUS_WAIT)
            fiber_suspend(b->fibers);
        uint64_t read = clock_ns(CLOCK_MONOTONIC);
        if (status != STATUS_NOT_FOUND) must(status);
        must(lsm_ingest_chunk(to, buf_view(&chunk)));
        b->bytes += chunk.size;
        b->read_ns += read - start;
        b->take_ns += clock_ns(CLOCK_MONOTONIC) - read;
    }
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    must(lsm_ingest_commit(to, index, BYTES_LITERAL("meta")));
    b->take_ns += clock_ns(CLOCK_MONOTONIC) - start;
    lsm_snapshot_close(from);
    buf_deinit(&chunk);
    b->done = true;
}

/* What the disk takes from one writer that syncs every 8 MiB, as tables are written. */
static void raw_disk(const char *root, uint64_t bytes)
{
    char path[256];
    snprintf(path, sizeof path, "%s/raw", root);
    uint8_t *data = aligned_alloc(4096, 128 << 10);
    ASSERT(data != NULL);
    memset(data, 0x5a, 128 << 10);
    int file = open(path, O_CREAT | O_WRONLY | O_DIRECT, 0600);
    if (file < 0) file = open(path, O_CREAT | O_WRONLY, 0600);
    ASSERT(file >= 0);
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    for (uint64_t at = 0; at < bytes; at += 128 << 10) {
        ASSERT(write(file, data, 128 << 10) == 128 << 10);
        if (at % (8 << 20) == 0) fdatasync(file);
    }
    fdatasync(file);
    report("the disk, one writer", bytes, clock_ns(CLOCK_MONOTONIC) - start);
    close(file);
    free(data);
}

int main(int argc, char **argv)
{
    struct bench b = {.mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 256};
    char root[200];
    snprintf(root, sizeof root, "%s/lsm_bench_XXXXXX", argc > 2 ? argv[2] : "/tmp");
    if (mkdtemp(root) == NULL) return 1;
    struct env_options options = {.root = root};
    if (env_epoll_create(&options, &b.env) != STATUS_OK) return 1;
    b.fibers = fiber_pool_create(256 << 10, 16);
    run(&b, open_entry);
    fill(&b);
    uint64_t wall = clock_ns(CLOCK_MONOTONIC), processor = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    run(&b, copy_entry);
    wall = clock_ns(CLOCK_MONOTONIC) - wall;
    processor = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - processor;
    uint64_t files = lsm_metrics(b.stores[1])->table_bytes;
    printf("%-44s %8.0f MB of items, %.0f MB of tables\n", "range", (double)b.bytes / 1e6,
           (double)files / 1e6);
    report("items: reading at the sender", b.bytes, b.read_ns);
    report("items: taking in at the receiver", b.bytes, b.take_ns);
    report("items: both in one process", b.bytes, wall);
    report("tables: both in one process", files, wall);
    report("items per second of processor", b.bytes, processor);
    for (int i = 0; i < 2; i++)
        lsm_close(b.stores[i]);
    for (int i = 0; i < 200; i++)
        env_poll(b.env, env_now_ns(b.env) + 100000);
    env_destroy(b.env);
    fiber_pool_destroy(b.fibers);
    raw_disk(root, files);
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command) == 0 ? 0 : 1;
}
