/* Durable appends through the real log (wal/) beside what the disk can do bare.
 *
 *   disk-fdatasync  overwrite one aligned 4 KiB block of a file that is written already, fdatasync,
 *                   repeat: one block in flight
 *   disk-dsync      the same with O_DSYNC writes
 *   wal             N writers, each appending one entry, and the next one once that is durable
 *
 * log_bench [--directory DIR] [--seconds N] [--entry-bytes N] [--io auto|uring|epoll]
 * The directory decides which disk is measured; what is made in it is removed. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/load.h"
#include "bench/local.h"
#include "io/backends.h"
#include "wal/wal.h"

#define WRITERS_MAX      256
#define ENTRIES_PER_TRIM 4096
#define DISK_FILE_BYTES  (16u << 20)
#define BLOCK_BYTES      4096

/* Entries wait in the order of the log, so the oldest is durable first. */
struct pending {
    uint64_t lsn, started_ns;
};

struct log_bench {
    const struct options *options;
    struct env *env;
    struct fiber_pool *fibers;
    struct logger logger;
    struct wal *wal;
    enum status opened;
    struct pending pending[WRITERS_MAX];
    uint64_t first, count, writers, index;
    uint8_t *payload;
    struct histogram latency_ns;
    uint64_t done, done_ns; /* durable appends, and when the last of them was seen */
    bool measuring, open_ended, failed;
};

/* ---- the table ---- */

static void print_header(const struct options *o, const char *backend)
{
    printf("entries of %" PRIu64 " bytes; backend %s\n", o->entry_bytes, backend);
    printf("%-16s %8s %10s %9s %9s %9s %11s %11s %11s\n", "what", "writers", "appends/s", "p50_us",
           "p99_us", "p99.9_us", "sync_p50_us", "sync_p99_us", "entries/sync");
}

static void print_row(const char *what, uint64_t writers, double per_second,
                      const struct histogram *latency, const struct histogram *sync, double entries)
{
    printf("%-16s %8" PRIu64 " %10.0f", what, writers, per_second);
    printf(" %9.1f %9.1f %9.1f", (double)histogram_quantile(latency, 0.5) / 1000.0,
           (double)histogram_quantile(latency, 0.99) / 1000.0,
           (double)histogram_quantile(latency, 0.999) / 1000.0);
    printf(" %11.1f %11.1f %11.1f\n", (double)histogram_quantile(sync, 0.5) / 1000.0,
           (double)histogram_quantile(sync, 0.99) / 1000.0, entries);
    fflush(stdout);
}

/* ---- the disk alone ---- */

static bool allocate(const char *path, const uint8_t *block)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool ok = fd >= 0;
    for (off_t at = 0; ok && at < (off_t)DISK_FILE_BYTES; at += BLOCK_BYTES)
        ok = pwrite(fd, block, BLOCK_BYTES, at) == BLOCK_BYTES;
    ok = ok && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return ok;
}

static int open_disk_file(const char *root, const uint8_t *block, bool dsync)
{
    char path[512];
    snprintf(path, sizeof path, "%s/disk", root);
    if (!allocate(path, block)) return -1;
    int flags = O_RDWR | O_CLOEXEC | (dsync ? O_DSYNC : 0);
    int fd = open(path, flags | O_DIRECT);
    return fd >= 0 ? fd : open(path, flags); /* tmpfs and some overlays refuse O_DIRECT */
}

static bool measure_disk(const struct options *o, const char *root, bool dsync)
{
    struct histogram sync;
    uint8_t *block = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
    ASSERT(block != NULL);
    memset(block, 'x', BLOCK_BYTES);
    histogram_init(&sync);
    int fd = open_disk_file(root, block, dsync);
    bool ok = fd >= 0;
    uint64_t start_ns = load_now_ns(), now_ns = start_ns;
    uint64_t end_ns = start_ns + o->seconds * 1000000000u;
    for (uint64_t i = 0; ok && now_ns < end_ns; i++) {
        uint64_t before_ns = now_ns;
        memcpy(block, &i, sizeof i);
        off_t at = (off_t)(i % (DISK_FILE_BYTES / BLOCK_BYTES) * BLOCK_BYTES);
        ok = pwrite(fd, block, BLOCK_BYTES, at) == BLOCK_BYTES;
        ok = ok && (dsync || fdatasync(fd) == 0);
        now_ns = load_now_ns();
        histogram_add(&sync, now_ns - before_ns);
    }
    if (ok)
        print_row(dsync ? "disk-dsync" : "disk-fdatasync", 1,
                  (double)sync.count * 1e9 / (double)(now_ns - start_ns), &sync, &sync, 1);
    else perror("log_bench: disk");
    if (fd >= 0) close(fd);
    free(block);
    return ok;
}

/* ---- the log ---- */

static bool append_one(struct log_bench *b)
{
    ASSERT(b->count < WRITERS_MAX);
    struct lsn lsn;
    uint64_t now_ns = load_now_ns();
    memcpy(b->payload, &b->index, sizeof b->index);
    enum status status = wal_append_entry(b->wal, (struct range_id){1}, 1, b->index + 1, 1,
                                          bytes_make(b->payload, b->options->entry_bytes), &lsn);
    if (status == STATUS_BUSY) return false;
    if (status != STATUS_OK) {
        fprintf(stderr, "log_bench: append: %s\n", status_name(status));
        b->failed = true;
        return false;
    }
    b->index++;
    b->pending[(b->first + b->count++) % WRITERS_MAX] = (struct pending){lsn.value, now_ns};
    return true;
}

/* Lets the log forget what is durable, as flushed ranges do: segments are used again. */
static void trim(struct log_bench *b)
{
    struct lsn lsn;
    if (b->index % ENTRIES_PER_TRIM != 0 || b->index == 0) return;
    struct log_pos pos = {.term = 1, .index = b->index - b->count};
    enum status status = wal_append_start(b->wal, (struct range_id){1}, pos, &lsn);
    b->failed = b->failed || (status != STATUS_OK && status != STATUS_BUSY);
}

static void refill(struct log_bench *b)
{
    while (b->open_ended && b->count < b->writers && append_one(b)) trim(b);
    wal_submit(b->wal);
}

static void on_durable(void *ctx, struct lsn durable)
{
    struct log_bench *b = ctx;
    uint64_t now_ns = load_now_ns();
    while (b->count > 0 && b->pending[b->first].lsn <= durable.value) {
        if (b->measuring) histogram_add(&b->latency_ns, now_ns - b->pending[b->first].started_ns);
        b->done += b->measuring;
        b->first = (b->first + 1) % WRITERS_MAX;
        b->count--;
    }
    b->done_ns = now_ns;
}

static void on_failed(void *ctx, enum status status, const char *what)
{
    struct log_bench *b = ctx;
    fprintf(stderr, "log_bench: %s: %s\n", what, status_name(status));
    b->failed = true;
}

static void open_entry(void *arg)
{
    struct log_bench *b = arg;
    struct wal_recovery recovery;
    struct wal_options options = {.env = b->env, .fibers = b->fibers, .logger = &b->logger,
                                  .directory = "wal", .store_id = 1, .sync_mode = WAL_SYNC_AUTO,
                                  .compress = true, .on_durable = on_durable,
                                  .on_failed = on_failed, .ctx = b};
    b->opened = wal_open(&options, NULL, &recovery, &b->wal);
}

static void turn(struct log_bench *b)
{
    env_poll(b->env, env_now_ns(b->env) + 10000000);
    fiber_run_ready(b->fibers);
}

static void run_for(struct log_bench *b, uint64_t duration_ns)
{
    uint64_t end_ns = load_now_ns() + duration_ns;
    while (!b->failed && load_now_ns() < end_ns) {
        refill(b);
        turn(b);
    }
}

static bool measure_writers(struct log_bench *b, uint64_t writers)
{
    const struct wal_metrics *m = wal_metrics(b->wal);
    b->writers = writers;
    b->open_ended = true;
    run_for(b, 300000000); /* warm-up: buffers and the first segments */
    struct histogram sync_before = m->sync_ns, sync = m->sync_ns;
    uint64_t entries = m->entry_count, groups = m->group_count, start_ns = load_now_ns();
    histogram_init(&b->latency_ns);
    b->done = 0;
    b->measuring = true;
    run_for(b, b->options->seconds * 1000000000u);
    b->measuring = b->open_ended = false;
    uint64_t elapsed_ns = load_now_ns() - start_ns;
    sync = m->sync_ns;
    sync.count -= sync_before.count;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) sync.buckets[i] -= sync_before.buckets[i];
    groups = m->group_count - groups;
    print_row("wal", writers, (double)b->done * 1e9 / (double)elapsed_ns, &b->latency_ns, &sync,
              groups > 0 ? (double)(m->entry_count - entries) / (double)groups : 0);
    while (!b->failed && b->count > 0) turn(b);
    return !b->failed;
}

static enum status create_env(struct log_bench *b, const char *root)
{
    struct env_options options = {.root = root, .logger = &b->logger};
    const char *io = b->options->io;
    enum status status = STATUS_UNSUPPORTED;
    if (strcmp(io, "epoll") != 0) status = env_uring_create(&options, &b->env);
    if (status == STATUS_UNSUPPORTED && strcmp(io, "uring") != 0)
        status = env_epoll_create(&options, &b->env);
    return status;
}

static bool measure_log(struct log_bench *b)
{
    static const uint64_t writers[] = {1, 16, 256};
    enum status status = fiber_spawn(b->fibers, open_entry, b, NULL);
    ASSERT(status == STATUS_OK);
    while (fiber_pool_live(b->fibers) > 0) turn(b);
    if (b->opened != STATUS_OK) {
        fprintf(stderr, "log_bench: open: %s\n", status_name(b->opened));
        return false;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof writers / sizeof writers[0]; i++)
        ok = measure_writers(b, writers[i]);
    const struct wal_metrics *m = wal_metrics(b->wal);
    printf("log: %s, %s\n", m->sync_mode == WAL_SYNC_DSYNC ? "O_DSYNC writes" : "write, fdatasync",
           m->direct ? "O_DIRECT" : "page cache");
    env_shutdown(b->env);
    while (fiber_pool_live(b->fibers) > 0 || !wal_idle(b->wal)) turn(b);
    wal_close(b->wal);
    for (int i = 0; i < 20; i++) env_poll(b->env, env_now_ns(b->env) + 1000000);
    return ok;
}

static void fill_payload(struct log_bench *b)
{
    struct prng prng;
    prng_init(&prng, 1);
    b->payload = malloc(b->options->entry_bytes);
    ASSERT(b->payload != NULL);
    for (uint64_t i = 0; i < b->options->entry_bytes; i++)
        b->payload[i] = (uint8_t)prng_next(&prng);
}

static bool run(const struct options *o, const char *root)
{
    struct log_bench b = {.options = o};
    logger_init_stderr(&b.logger, LOG_LEVEL_WARN);
    enum status status = create_env(&b, root);
    if (status != STATUS_OK) {
        fprintf(stderr, "log_bench: %s: %s\n", o->io, status_name(status));
        return false;
    }
    b.fibers = fiber_pool_create(256u << 10, 8);
    ASSERT(b.fibers != NULL);
    fill_payload(&b);
    print_header(o, b.env->table->name);
    bool ok = measure_disk(o, root, false) && measure_disk(o, root, true);
    ok = measure_log(&b) && ok;
    env_destroy(b.env);
    fiber_pool_destroy(b.fibers);
    free(b.payload);
    return ok;
}

int main(int argc, char **argv)
{
    return local_main("log_bench", argc, argv, run);
}
