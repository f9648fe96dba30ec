#include "tests/wal/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hash.h"
#include "io/backends.h"
#include "tests/test.h"

#define NODE 1

/* ---- life ---- */

static void on_durable(void *ctx, struct lsn durable)
{
    struct rig *r = ctx;
    ASSERT(durable.value >= r->acked);
    if (durable.value > r->acked) {
        for (size_t i = WAL_FLIGHTS_MAX - 1; i > 0; i--)
            r->acked_before[i] = r->acked_before[i - 1];
        r->acked_before[0] = r->acked;
    }
    r->acked = durable.value;
    r->durable_calls++;
}

static void on_failed(void *ctx, enum status status, const char *what)
{
    struct rig *r = ctx;
    ASSERT(what != NULL);
    r->failed_calls++;
    r->failed_status = status;
}

static void drop_line(void *ctx, const char *line, int size)
{
    (void)ctx;
    if (getenv("WAL_TEST_LOG") != NULL) fprintf(stderr, "%.*s", size, line);
}

static void rig_init(struct rig *r)
{
    *r = (struct rig){0};
    r->logger = (struct logger){.level = LOG_LEVEL_DEBUG, .write = drop_line};
    r->fibers = fiber_pool_create((size_t)256 << 10, 8);
    model_init(&r->model);
    model_init(&r->recovered);
}

static void set_options(struct rig *r)
{
    r->options = (struct wal_options){.env = r->env, .fibers = r->fibers, .logger = &r->logger,
                                      .directory = RIG_DIRECTORY, .store_id = 77,
                                      .segment_bytes = RIG_SEGMENT_BYTES,
                                      .group_bytes_max = 16u << 10,
                                      .sync_mode = WAL_SYNC_FDATASYNC,
                                      .on_durable = on_durable, .on_failed = on_failed, .ctx = r};
}

struct done {
    struct env_op op;
    bool done;
    int64_t result;
};

static void on_done(struct env_op *op, int64_t result)
{
    struct done *d = op->ctx;
    d->done = true;
    d->result = result;
}

/* The data directory itself exists before the log does. */
static void make_store(struct rig *r)
{
    struct done make = {.op = {.on_done = on_done, .ctx = &make}};
    env_dir_make(r->env, "store", &make.op);
    while (!make.done) rig_turn(r);
    ASSERT(make.result == 0);
    struct done sync = {.op = {.on_done = on_done, .ctx = &sync}};
    env_dir_sync(r->env, ".", &sync.op);
    while (!sync.done) rig_turn(r);
    ASSERT(sync.result == 0);
}

void rig_create_with(struct rig *r, const struct sim_options *options)
{
    rig_init(r);
    r->sim = sim_create(options);
    r->disk = sim_disk(r->sim, NODE);
    sim_env_create(r->sim, NODE, &r->logger, &r->env);
    set_options(r);
    make_store(r);
}

void rig_create(struct rig *r, uint64_t seed)
{
    struct sim_options options;
    sim_options_init(&options, seed);
    options.sector_bytes = 4096;
    rig_create_with(r, &options);
}

void rig_create_epoll(struct rig *r)
{
    rig_init(r);
    snprintf(r->root, sizeof r->root, "/tmp/ostraka-wal-XXXXXX");
    assert_non_null(mkdtemp(r->root));
    struct env_options options = {.root = r->root, .logger = &r->logger};
    assert_int_equal(env_epoll_create(&options, &r->env), STATUS_OK);
    set_options(r);
    make_store(r);
}

/* Lets the process end: everything under way completes as cancelled. */
static void tear_down(struct rig *r)
{
    while (fiber_pool_live(r->fibers) > 0 || (r->wal != NULL && !wal_idle(r->wal))) {
        if (r->sim != NULL) sim_env_drain(r->env);
        else env_poll(r->env, env_now_ns(r->env) + SIM_MS);
        fiber_run_ready(r->fibers);
    }
    if (r->wal != NULL) wal_close(r->wal);
    r->wal = NULL;
    if (r->sim != NULL) sim_env_drain(r->env);
    for (int i = 0; r->sim == NULL && i < 20; i++) env_poll(r->env, env_now_ns(r->env) + SIM_MS);
    env_destroy(r->env);
    r->env = NULL;
}

void rig_destroy(struct rig *r)
{
    env_shutdown(r->env);
    tear_down(r);
    if (r->sim != NULL) sim_destroy(r->sim);
    fiber_pool_destroy(r->fibers);
    model_deinit(&r->model);
    model_deinit(&r->recovered);
    free(r->steps);
    free(r->ever);
    if (r->root[0] == '\0') return;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", r->root);
    assert_int_equal(system(command), 0);
}

/* ---- waiting ---- */

bool rig_turn(struct rig *r)
{
    if (r->sim == NULL) {
        env_poll(r->env, env_now_ns(r->env) + 5 * SIM_MS);
    } else if (sim_disk_crash_reached(r->disk) || !sim_step(r->sim)) {
        return false;
    }
    fiber_run_ready(r->fibers);
    return true;
}

static void fiber_main(void *arg)
{
    struct rig *r = arg;
    r->call.entry(r->call.arg);
    r->call.ended = true;
}

bool rig_on_fiber(struct rig *r, void (*entry)(void *arg), void *arg)
{
    r->call.entry = entry;
    r->call.arg = arg;
    r->call.ended = false;
    assert_int_equal(fiber_spawn(r->fibers, fiber_main, r, NULL), STATUS_OK);
    while (!r->call.ended && rig_turn(r)) continue;
    return r->call.ended;
}

bool rig_idle(struct rig *r)
{
    while (!wal_idle(r->wal))
        if (!rig_turn(r)) return false;
    return true;
}

static uint64_t last_lsn(const struct rig *r)
{
    return r->steps[r->step_count - 1].lsn;
}

bool rig_flush(struct rig *r)
{
    wal_submit(r->wal);
    while (wal_durable(r->wal).value < last_lsn(r) && !wal_failed(r->wal)) {
        if (!rig_turn(r)) return false;
        wal_submit(r->wal);
    }
    return !wal_failed(r->wal);
}

/* ---- history ---- */

static uint64_t entry_digest(const struct model *m, uint64_t range, uint64_t index)
{
    const struct model_range *r = &m->ranges[range];
    const struct model_entry *e = &r->entries[index - r->start.index - 1];
    const uint64_t fields[] = {range, index, e->term, e->payload_hash, e->kind};
    return hash64(fields, sizeof fields, 0);
}

static void remember_entry(struct rig *r, uint64_t range, uint64_t index)
{
    r->ever = realloc(r->ever, (r->ever_count + 1) * sizeof r->ever[0]);
    ASSERT(r->ever != NULL);
    r->ever[r->ever_count++] = entry_digest(&r->model, range, index);
}

static bool was_ever(const struct rig *r, uint64_t digest)
{
    for (size_t i = 0; i < r->ever_count; i++)
        if (r->ever[i] == digest) return true;
    return false;
}

bool rig_only_appended_entries(const struct rig *r)
{
    for (uint64_t range = 1; range <= MODEL_RANGES; range++) {
        const struct model_range *m = &r->recovered.ranges[range];
        for (size_t i = 0; i < m->count; i++)
            if (!was_ever(r, entry_digest(&r->recovered, range, m->start.index + 1 + i)))
                return false;
    }
    return true;
}

/* ---- opening and closing ---- */

static void remember(struct rig *r, uint64_t lsn)
{
    if (r->step_count == r->step_capacity) {
        r->step_capacity = r->step_capacity * 2 + 64;
        r->steps = realloc(r->steps, r->step_capacity * sizeof r->steps[0]);
        ASSERT(r->steps != NULL);
    }
    r->steps[r->step_count++] = (struct rig_step){lsn, model_digest(&r->model)};
}

static void open_main(void *arg)
{
    struct rig *r = arg;
    struct wal_visitor visitor = model_visitor(&r->recovered);
    r->open_status = wal_open(&r->options, &visitor, &r->recovery, &r->wal);
}

enum status rig_open(struct rig *r)
{
    ASSERT(r->wal == NULL);
    model_deinit(&r->recovered);
    r->open_status = STATUS_WAIT;
    if (!rig_on_fiber(r, open_main, r)) return STATUS_WAIT;
    if (r->open_status != STATUS_OK) return r->open_status;
    return STATUS_OK;
}

void rig_remember_nothing(struct rig *r)
{
    ASSERT(r->step_count == 0);
    remember(r, 0);
}

void rig_continue(struct rig *r)
{
    model_copy(&r->model, &r->recovered);
    r->step_count = 0;
    r->acked = wal_durable(r->wal).value;
    remember(r, r->acked);
}

void rig_must_open(struct rig *r)
{
    assert_int_equal(rig_open(r), STATUS_OK);
    rig_continue(r);
}

void rig_close(struct rig *r)
{
    rig_idle(r);
    wal_close(r->wal);
    r->wal = NULL;
    for (int i = 0; i < 20; i++) rig_turn(r);
}

void rig_reopen(struct rig *r)
{
    rig_close(r);
    assert_int_equal(rig_open(r), STATUS_OK);
}

void rig_kill(struct rig *r, enum sim_crash kind)
{
    sim_node_crash(r->sim, NODE, kind);
    tear_down(r);
}

void rig_boot(struct rig *r)
{
    ASSERT(r->env == NULL);
    sim_env_create(r->sim, NODE, &r->logger, &r->env);
    r->options.env = r->env;
}

void rig_crash(struct rig *r, enum sim_crash kind)
{
    rig_kill(r, kind);
    rig_boot(r);
}

/* ---- appending ---- */

struct bytes rig_pattern(uint64_t seed, size_t size)
{
    static uint8_t data[5u << 20];
    ASSERT(size <= sizeof data);
    for (size_t at = 0; at < size; at += 8) {
        uint64_t at_or_not = seed % 4 == 0 ? 0 : at; /* a quarter of them compress well */
        uint64_t word = hash_u64(seed * 0x9e3779b97f4a7c15u + at_or_not + 1);
        memcpy(data + at, &word, size - at < 8 ? size - at : 8);
    }
    return bytes_make(data, size);
}

/* STATUS_BUSY is waited out; true: try again. */
static bool waited(struct rig *r, enum status status)
{
    if (status != STATUS_BUSY) return false;
    wal_submit(r->wal);
    return rig_turn(r);
}

#define APPEND(r, call)                                     \
    (__extension__({                                        \
        struct lsn lsn;                                     \
        enum status answer;                                 \
        do answer = call;                                   \
        while (waited(r, answer));                          \
        if (answer == STATUS_OK) appended = lsn.value;      \
        answer;                                             \
    }))

enum status rig_entry(struct rig *r, uint64_t range, uint64_t term, uint64_t index,
                      struct bytes payload)
{
    uint64_t appended = 0;
    uint8_t kind = (uint8_t)(1 + index % 3);
    struct range_id id = {range};
    enum status status =
        APPEND(r, wal_append_entry(r->wal, id, term, index, kind, payload, &lsn));
    if (status != STATUS_OK) return status;
    model_entry(&r->model, range, term, index, kind, payload);
    remember(r, appended);
    remember_entry(r, range, index);
    return STATUS_OK;
}

enum status rig_next(struct rig *r, uint64_t range, uint64_t term, size_t size)
{
    uint64_t index = model_last(&r->model.ranges[range]) + 1;
    return rig_entry(r, range, term, index, rig_pattern(range << 40 ^ index << 8 ^ term, size));
}

enum status rig_hard_state(struct rig *r, uint64_t range, uint64_t term, uint64_t vote,
                           uint64_t commit)
{
    uint64_t appended = 0;
    struct range_id id = {range};
    enum status status =
        APPEND(r, wal_append_hard_state(r->wal, id, term, vote, commit, &lsn));
    if (status != STATUS_OK) return status;
    model_hard_state(&r->model, range, term, vote, commit);
    remember(r, appended);
    return STATUS_OK;
}

enum status rig_start(struct rig *r, uint64_t range, struct log_pos pos)
{
    uint64_t appended = 0;
    struct range_id id = {range};
    enum status status = APPEND(r, wal_append_start(r->wal, id, pos, &lsn));
    if (status != STATUS_OK) return status;
    model_start(&r->model, range, pos);
    remember(r, appended);
    return STATUS_OK;
}

enum status rig_truncate(struct rig *r, uint64_t range, uint64_t index)
{
    const struct model_range *m = &r->model.ranges[range];
    ASSERT(index > m->start.index && index <= model_last(m));
    uint64_t term = m->entries[index - m->start.index - 1].term;
    return rig_start(r, range, (struct log_pos){term, index});
}

enum status rig_dropped(struct rig *r, uint64_t range)
{
    uint64_t appended = 0;
    struct range_id id = {range};
    enum status status = APPEND(r, wal_append_dropped(r->wal, id, &lsn));
    if (status != STATUS_OK) return status;
    model_dropped(&r->model, range);
    remember(r, appended);
    return STATUS_OK;
}

enum status rig_fact(struct rig *r, uint32_t key, struct bytes value)
{
    uint64_t appended = 0;
    enum status status = APPEND(r, wal_append_fact(r->wal, key, value, &lsn));
    if (status != STATUS_OK) return status;
    model_fact(&r->model, key, value);
    remember(r, appended);
    return STATUS_OK;
}

enum status rig_marker(struct rig *r)
{
    uint64_t appended = 0;
    enum status status = APPEND(r, wal_append_marker(r->wal, &lsn));
    if (status == STATUS_OK) remember(r, appended);
    return status;
}

/* ---- checking ---- */

bool rig_is_prefix(const struct rig *r, uint64_t lsn)
{
    uint64_t digest = model_digest(&r->recovered);
    size_t first = 0;
    while (first + 1 < r->step_count && r->steps[first + 1].lsn <= lsn) first++;
    for (size_t i = first; i < r->step_count; i++)
        if (r->steps[i].digest == digest) return !r->recovered.hole;
    return false;
}

const char *rig_check(const struct rig *r)
{
    uint64_t digest = model_digest(&r->recovered);
    size_t acked = 0;
    if (r->recovered.hole) return "a hole in the entries of a range";
    while (acked + 1 < r->step_count && r->steps[acked + 1].lsn <= r->acked) acked++;
    for (size_t i = acked; i < r->step_count; i++)
        if (r->steps[i].digest == digest) return NULL;
    for (size_t i = 0; i < acked; i++)
        if (r->steps[i].digest == digest) return "acknowledged appends are missing";
    return "a state that never was";
}

void rig_must_be_complete(const struct rig *r)
{
    assert_false(r->recovered.hole);
    assert_u64_equal(model_digest(&r->recovered), model_digest(&r->model));
    assert_false(r->recovery.torn);
    assert_false(r->recovery.uncertain);
    assert_false(r->recovery.damaged);
}

/* ---- reading ---- */

static void on_read(void *ctx, uint64_t term, uint64_t index, uint8_t kind, struct bytes payload)
{
    struct rig_read *read = ctx;
    const struct model_range *m = &read->r->model.ranges[read->range];
    if (index != read->next || index <= m->start.index || index > model_last(m)) {
        read->wrong = true;
        return;
    }
    const struct model_entry *e = &m->entries[index - m->start.index - 1];
    uint64_t hash = payload.size == 0 ? 7 : hash64(payload.data, payload.size, 7);
    if (e->term != term || e->kind != kind || e->payload_hash != hash) read->wrong = true;
    read->visited++;
    read->next++;
}

static void read_main(void *arg)
{
    struct rig_read *read = arg;
    read->status = wal_read(read->r->wal, (struct range_id){read->range}, read->first, read->last,
                            read->size_max, on_read, read);
}

void rig_read(struct rig *r, struct rig_read *read)
{
    read->r = r;
    read->next = read->first;
    read->visited = 0;
    read->wrong = false;
    if (read->size_max == 0) read->size_max = UINT64_MAX;
    bool ended = rig_on_fiber(r, read_main, read);
    ASSERT(ended);
}

/* ---- files ---- */

struct find {
    const char *part;
    unsigned wanted, seen;
    char *path;
    uint64_t size;
};

static void on_file(void *ctx, const char *name, bool is_directory, uint64_t size_bytes)
{
    struct find *find = ctx;
    if (is_directory || strstr(name, find->part) == NULL) return;
    if (find->seen++ != find->wanted || find->path == NULL) return;
    snprintf(find->path, 128, "%s/%s", RIG_DIRECTORY, name);
    find->size = size_bytes;
}

unsigned rig_file_count(struct rig *r, const char *part)
{
    struct find find = {.part = part};
    struct env_dir_visitor visitor = {on_file, &find};
    assert_int_equal(env_dir_list(r->env, RIG_DIRECTORY, &visitor), STATUS_OK);
    return find.seen;
}

bool rig_file_path(struct rig *r, const char *part, unsigned n, char path[128], uint64_t *size_out)
{
    struct find find = {.part = part, .wanted = n, .path = path};
    struct env_dir_visitor visitor = {on_file, &find};
    assert_int_equal(env_dir_list(r->env, RIG_DIRECTORY, &visitor), STATUS_OK);
    *size_out = find.size;
    return find.seen > n;
}

static int64_t wait_done(struct rig *r, struct done *d)
{
    while (!d->done) rig_turn(r);
    d->done = false;
    return d->result;
}

static int64_t open_file(struct rig *r, const char *path, struct done *d)
{
    *d = (struct done){.op = {.on_done = on_done, .ctx = d}};
    env_file_open(r->env, path, ENV_OPEN_READ | ENV_OPEN_WRITE, &d->op);
    return wait_done(r, d);
}

static int64_t close_file(struct rig *r, int64_t file, struct done *d, int64_t result)
{
    env_file_close(r->env, (env_file)file, &d->op);
    wait_done(r, d);
    return result;
}

int64_t rig_file_write(struct rig *r, const char *path, const void *data, size_t size,
                       uint64_t offset)
{
    struct done d;
    int64_t file = open_file(r, path, &d);
    if (file < 0) return file;
    env_file_write(r->env, (env_file)file, data, size, offset, &d.op);
    return close_file(r, file, &d, wait_done(r, &d));
}

int64_t rig_file_read(struct rig *r, const char *path, void *data, size_t size, uint64_t offset)
{
    struct done d;
    int64_t file = open_file(r, path, &d);
    if (file < 0) return file;
    env_file_read(r->env, (env_file)file, data, size, offset, &d.op);
    return close_file(r, file, &d, wait_done(r, &d));
}

int64_t rig_truncate_file(struct rig *r, const char *path, uint64_t size)
{
    struct done d;
    int64_t file = open_file(r, path, &d);
    if (file < 0) return file;
    env_file_truncate(r->env, (env_file)file, size, &d.op);
    return close_file(r, file, &d, wait_done(r, &d));
}

int64_t rig_unlink(struct rig *r, const char *path)
{
    struct done d = {.op = {.on_done = on_done, .ctx = &d}};
    env_path_unlink(r->env, path, &d.op);
    while (!d.done) rig_turn(r);
    return d.result;
}
