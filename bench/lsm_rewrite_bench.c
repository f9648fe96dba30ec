/* What flushes and compactions cost a range that writes random rows, and what they cost when every
 * row comes with a record under an idempotency key, in the order of time or beside the row: bytes written per operation,
 * and CPU time.
 * lsm_rewrite_bench [OPERATIONS [DIRECTORY]] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/prng.h"
#include "io/backends.h"
#include "lsm/lsm.h"

#define RANGE         ((struct range_id){1})
#define ROWS          100000
#define ROW_BYTES     40
#define RECORD_BYTES  71
#define ROW_KEY_BYTES 13
#define OPS_PER_MS    25 /* as many are sent in a millisecond ... */
#define OPS_IN_FLIGHT 64 /* ... and these may be committed in any order */
#define LIFE          (UINT64_C(86400000) * OPS_PER_MS) /* of a record beside a row, in operations */
#define AHEAD         (UINT64_C(6000) * OPS_PER_MS)    /* so long before it was made nobody wrote it */
#define MARK          0xfe

enum kind { ROWS_ALONE, WITH_KEYS, WITH_ANCHORS };

struct bench {
    struct env *env;
    struct fiber_pool *fibers;
    struct lsm *l;
    uint64_t count;
    struct prng prng;
};

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(enum status status)
{
    if (status == STATUS_OK) return;
    fprintf(stderr, "%s\n", status_name(status));
    abort();
}

static void turn(struct bench *b)
{
    fiber_run_ready(b->fibers);
    uint64_t now = env_now_ns(b->env), next = now + 1000000;
    uint64_t wanted = lsm_step(b->l, now);
    env_poll(b->env, wanted < next ? wanted : next);
}

static uint64_t value_ends(struct bytes value)
{
    return value.size == RECORD_BYTES && value.data[0] == MARK ? load_le64(value.data + 1) : 0;
}

static bool key_may_end(struct bytes key)
{
    return key.size == ROW_KEY_BYTES + 17;
}

static void open_entry(void *arg)
{
    struct bench *b = arg;
    struct lsm_options options = {.env = b->env,
                                  .fibers = b->fibers,
                                  .directory = "lsm",
                                  .store_id = 1,
                                  .memtable_bytes = UINT64_C(128) << 20,
                                  .cache_bytes = UINT64_C(64) << 20,
                                  .compress = true,
                                  .value_ends = value_ends,
                                  .key_may_end = key_may_end,
                                  .seed = 1};
    struct lsm_range_visitor visitor = {NULL, NULL};
    must(lsm_open(&options, &visitor, &b->l));
}

static struct bytes noise(struct bench *b, uint8_t *out, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)letters[prng_next(&b->prng) % 36];
    return bytes_make(out, size);
}

/* As the leader does before it proposes the record: it must not be there. */
static void look_for(struct bench *b, struct bytes key, uint64_t now)
{
    struct lsm_version version;
    uint64_t ts_min = now > AHEAD ? now - AHEAD : 0;
    enum status status;
    do {
        status = key_may_end(key) ? lsm_find_ending(b->l, RANGE, key, ts_min, NULL, &version)
                                  : lsm_get(b->l, RANGE, LSM_SPACE_VERSIONS, key, LSM_TS_MAX, NULL, &version, NULL);
        if (status == STATUS_WAIT) turn(b);
    } while (status == STATUS_WAIT);
    if (status != STATUS_NOT_FOUND) must(STATUS_EXISTS);
}

static void operation(struct bench *b, uint64_t i, enum kind kind)
{
    uint8_t row[ROW_KEY_BYTES] = {4, 0, 0, 0, 7}, row_value[ROW_BYTES], value[RECORD_BYTES];
    uint8_t beside[ROW_KEY_BYTES + 17];
    char key[64] = {5};
    uint64_t n = prng_next(&b->prng) % ROWS,
             sent = i + OPS_IN_FLIGHT - prng_next(&b->prng) % OPS_IN_FLIGHT;
    for (int byte = 0; byte < 8; byte++)
        row[5 + byte] = (uint8_t)(n >> (56 - 8 * byte));
    uint64_t ms = UINT64_C(1700000000000) + sent / OPS_PER_MS, random = prng_next(&b->prng);
    memcpy(beside, row, sizeof row);
    beside[sizeof row] = 0xfe;
    store_be64(beside + sizeof row + 1, ms << 16 | (random & 0xffff));
    store_be64(beside + sizeof row + 9, random);
    int size = 1 + snprintf(key + 1, sizeof key - 1, "%013" PRIu64 "/%016" PRIx64,
                            ms, random);
    struct lsm_write writes[2] = {
        {LSM_SPACE_VERSIONS, false, bytes_make(row, sizeof row), i + 1,
         noise(b, row_value, sizeof row_value)},
        {LSM_SPACE_VERSIONS, false,
         kind == WITH_ANCHORS ? bytes_make(beside, sizeof beside) : bytes_make(key, (size_t)size), i + 1,
         noise(b, value, kind == WITH_ANCHORS ? sizeof value : sizeof value - 9)},
    };
    if (kind == WITH_ANCHORS) {
        value[0] = MARK;
        store_le64(value + 1, i + LIFE);
    }
    if (kind != ROWS_ALONE) look_for(b, writes[1].key, i);
    must(lsm_apply(b->l, RANGE, i + 1, writes, kind == ROWS_ALONE ? 1 : 2));
    if (i % 256 == 0) turn(b);
    while (lsm_pressure(b->l) > 50)
        turn(b);
}

static void run(struct bench *b, enum kind kind)
{
    static const char *const names[] = {"rows", "with keys", "anchored"};
    must(fiber_spawn(b->fibers, open_entry, b, NULL));
    while (b->l == NULL)
        env_poll(b->env, env_now_ns(b->env) + 1000000);
    must(lsm_range_create(b->l, RANGE));
    uint64_t start = cpu_ns();
    for (uint64_t i = 0; i < b->count; i++)
        operation(b, i, kind);
    while (lsm_step(b->l, env_now_ns(b->env)) != UINT64_MAX || !lsm_idle(b->l))
        turn(b);
    const struct lsm_metrics *m = lsm_metrics(b->l);
    double count = (double)b->count;
    printf("%-10s %8.0f ns/op  flushed %6.1f B/op in %" PRIu64 "  compacted %6.1f B/op in %" PRIu64
           "  tables %" PRIu64 " of %.1f MB\n",
           names[kind], (double)(cpu_ns() - start) / count,
           (double)m->flush_bytes / count, m->flush_count,
           (double)m->compaction_write_bytes / count, m->compaction_count, m->table_count,
           (double)m->table_bytes / 1e6);
    lsm_close(b->l);
    b->l = NULL;
    for (int i = 0; i < 200; i++)
        env_poll(b->env, env_now_ns(b->env) + 100000);
}

static int measure(const char *directory, uint64_t count, enum kind kind)
{
    char root[200], command[256];
    snprintf(root, sizeof root, "%s/lsm_bench_XXXXXX", directory);
    if (mkdtemp(root) == NULL) return 1;
    struct bench b = {.count = count};
    prng_init(&b.prng, 1);
    struct env_options options = {.root = root};
    if (env_epoll_create(&options, &b.env) != STATUS_OK) return 1;
    b.fibers = fiber_pool_create(256 << 10, 16);
    run(&b, kind);
    env_destroy(b.env);
    fiber_pool_destroy(b.fibers);
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 600000;
    const char *directory = argc > 2 ? argv[2] : "/tmp";
    return measure(directory, count, ROWS_ALONE) | measure(directory, count, WITH_KEYS) |
           measure(directory, count, WITH_ANCHORS);
}
