/* The engine's hot path in memory: nanoseconds of CPU per lsm_apply and lsm_get of one 24-byte key,
 * and per item of a scan. lsm_bench [KEYS] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "io/backends.h"
#include "lsm/lsm.h"

#define KEY_BYTES 24

struct bench {
    struct env *env;
    struct fiber_pool *fibers;
    struct lsm *l;
    uint64_t keys, index;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void open_entry(void *arg)
{
    struct bench *b = arg;
    struct lsm_options options = {.env = b->env,
                                  .fibers = b->fibers,
                                  .directory = "lsm",
                                  .store_id = 1,
                                  .memtable_bytes = UINT64_C(4) << 30,
                                  .cache_bytes = UINT64_C(64) << 20,
                                  .table_bytes = UINT64_C(1) << 30,
                                  .compress = true,
                                  .seed = 1};
    struct lsm_range_visitor visitor = {NULL, NULL};
    enum status status = lsm_open(&options, &visitor, &b->l);
    ASSERT(status == STATUS_OK);
}

static void key_make(uint64_t i, bool shuffled, uint8_t key[KEY_BYTES])
{
    uint64_t n = shuffled ? hash_u64(i + 1) : i;
    memcpy(key, "t\0\0\0\1\0\0\0", 8);
    for (int byte = 0; byte < 8; byte++)
        key[8 + byte] = (uint8_t)(n >> (56 - 8 * byte));
    memset(key + 16, 'k', KEY_BYTES - 16);
}

static void report(const char *what, uint64_t start_ns, uint64_t count)
{
    printf("%-28s %8.1f ns\n", what, (double)(now_ns() - start_ns) / (double)count);
}

static void fill(struct bench *b, struct range_id range, bool shuffled)
{
    uint8_t key[KEY_BYTES], value[32] = "thirty-two bytes of value here";
    enum status status = lsm_range_create(b->l, range);
    ASSERT(status == STATUS_OK);
    uint64_t start_ns = now_ns();
    for (uint64_t i = 0; i < b->keys; i++) {
        key_make(i, shuffled, key);
        struct lsm_write w = {LSM_SPACE_VERSIONS, false, bytes_make(key, KEY_BYTES), i + 1,
                              bytes_make(value, sizeof value), false};
        status = lsm_apply(b->l, range, i + 1, &w, 1);
        ASSERT(status == STATUS_OK);
    }
    report(shuffled ? "apply, shuffled keys" : "apply, ascending keys", start_ns, b->keys);
}

static void look_up(struct bench *b, struct range_id range, bool shuffled)
{
    uint8_t key[KEY_BYTES];
    struct buf value;
    buf_init(&value, 4096);
    uint64_t start_ns = now_ns();
    for (uint64_t i = 0; i < b->keys; i++) {
        struct lsm_version version;
        key_make(hash_u64(i) % b->keys, shuffled, key);
        buf_reset(&value);
        enum status status = lsm_get(b->l, range, LSM_SPACE_VERSIONS, bytes_make(key, KEY_BYTES),
                                     LSM_TS_MAX, NULL, &version, &value);
        ASSERT(status == STATUS_OK);
    }
    report(shuffled ? "get, shuffled keys" : "get, ascending keys", start_ns, b->keys);
    buf_deinit(&value);
}

static void scan(struct bench *b, struct range_id range, bool reverse)
{
    struct lsm_iter *it;
    struct lsm_item item;
    uint64_t count = 0, start_ns = now_ns();
    enum status status = lsm_iter_open(b->l, range, LSM_SPACE_VERSIONS, BYTES_EMPTY, BYTES_EMPTY,
                                       LSM_TS_MAX, LSM_ITER_NEWEST, reverse, &it);
    ASSERT(status == STATUS_OK);
    while ((status = lsm_iter_next(it, NULL, &item)) == STATUS_OK)
        count++;
    ASSERT(status == STATUS_NOT_FOUND);
    ASSERT(count == b->keys);
    lsm_iter_close(it);
    report(reverse ? "scan, descending, per item" : "scan, ascending, per item", start_ns, count);
}

int main(int argc, char **argv)
{
    struct bench b = {.keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000};
    char root[] = "/tmp/lsm_bench_XXXXXX";
    if (mkdtemp(root) == NULL) return 1;
    struct env_options options = {.root = root};
    if (env_epoll_create(&options, &b.env) != STATUS_OK) return 1;
    b.fibers = fiber_pool_create(256 << 10, 16);
    enum status status = fiber_spawn(b.fibers, open_entry, &b, NULL);
    ASSERT(status == STATUS_OK);
    while (b.l == NULL)
        env_poll(b.env, env_now_ns(b.env) + 1000000);
    fill(&b, (struct range_id){1}, false);
    fill(&b, (struct range_id){2}, true);
    look_up(&b, (struct range_id){1}, false);
    look_up(&b, (struct range_id){2}, true);
    scan(&b, (struct range_id){2}, false);
    scan(&b, (struct range_id){2}, true);
    lsm_close(b.l);
    for (int i = 0; i < 20; i++)
        env_poll(b.env, env_now_ns(b.env) + 1000000);
    env_destroy(b.env);
    fiber_pool_destroy(b.fibers);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command) == 0 ? 0 : 1;
}
