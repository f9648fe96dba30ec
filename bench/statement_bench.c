/* What a single-row statement costs the processor between the wire and the key API: parse, bind,
 * plan, execute, with the transaction calls answered from memory. Prints nanoseconds per statement,
 * and instructions where perf events may be read.
 *
 *     statement_bench [COUNT]            all kinds
 *     statement_bench COUNT select       one kind: for a profiler */
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/map.h"
#include "io/env.h"
#include "sql/activity.h"
#include "sql/session.h"

/* ---- the key API from memory: one map, no versions ---- */

struct txn {
    struct arena *arena;
};

struct entry {
    struct bytes key, value;
};
static struct map table;

static struct entry *find(struct bytes key)
{
    return map_get(&table, hash64(key.data, key.size, 0) | 1);
}

enum status txn_create(struct kv *kv, struct arena *arena, struct txn **txn_out)
{
    (void)kv;
    *txn_out = calloc(1, sizeof **txn_out);
    (*txn_out)->arena = arena;
    return STATUS_OK;
}
void txn_destroy(struct txn *t)
{
    free(t);
}
void txn_set_deadline(struct txn *t, uint64_t deadline_ns)
{
    (void)t, (void)deadline_ns;
}
bool txn_has_writes(const struct txn *t)
{
    return t == NULL;
}
uint64_t txn_write_bytes(const struct txn *t)
{
    return t == NULL;
}
uint64_t txn_read_ts(const struct txn *t)
{
    return t != NULL;
}
void txn_set_write_bytes_max(struct txn *t, uint64_t bytes)
{
    (void)t;
    (void)bytes;
}
uint64_t txn_write_bytes_max(const struct txn *t)
{
    (void)t;
    return TXN_WRITE_BYTES_DEFAULT;
}
void txn_set_no_quorum_timeout(struct txn *t, uint64_t timeout_ns)
{
    (void)t, (void)timeout_ns;
}
void txn_interrupt(struct txn *t)
{
    (void)t;
}
uint64_t kv_version_retention(const struct kv *kv)
{
    (void)kv;
    return KV_VERSION_RETENTION_NS;
}
uint64_t kv_clock_estimate(const struct kv *kv)
{
    (void)kv;
    return 1;
}
enum status txn_read_at(struct txn *t, uint64_t ts)
{
    (void)t, (void)ts;
    return STATUS_OK;
}
enum status txn_read_stale(struct txn *t, uint64_t least_ts, uint64_t age_ns)
{
    (void)t, (void)least_ts, (void)age_ns;
    return STATUS_OK;
}
bool txn_reads_past(const struct txn *t)
{
    return t == NULL;
}
void txn_reading(const struct txn *t, struct txn_reading *out)
{
    (void)t;
    *out = (struct txn_reading){0};
}
bool txn_is_spill_full(const struct txn *t)
{
    return t == NULL;
}
void txn_explain_limit(const struct txn *t, char *text, size_t size)
{
    (void)t;
    if (size > 0) text[0] = 0;
}
void txn_id_format(struct txn_id id, char text[TXN_ID_BYTES])
{
    (void)id, text[0] = 0;
}
void txn_id(const struct txn *t, char id[TXN_ID_BYTES])
{
    (void)t, id[0] = 0;
}

bool txn_has_put(const struct txn *t, struct bytes key)
{
    (void)t, (void)key;
    return false;
}
void txn_unlock(struct txn *t) { (void)t; }
void txn_resume(struct txn *t) { (void)t; }
void txn_back(struct txn *t, struct txn_mark mark) { (void)t, (void)mark; }
enum status txn_back_and_refresh(struct txn *t, struct txn_mark mark)
{
    (void)t, (void)mark;
    return STATUS_UNSUPPORTED;
}
void txn_set_last_ct(struct txn *t, uint64_t ts) { (void)t, (void)ts; }
void txn_pause(struct txn *t, uint64_t duration_ns) { (void)t, (void)duration_ns; }
struct txn_id txn_id_of(const struct txn *t)
{
    (void)t;
    return (struct txn_id){1, 1};
}
bool txn_id_parse(struct bytes text, struct txn_id *id_out)
{
    (void)text, (void)id_out;
    return false;
}
enum status txn_outcome_of(struct txn *t, struct txn_id id, enum txn_outcome *outcome_out, uint64_t *ts_out)
{
    (void)t, (void)id, (void)outcome_out, (void)ts_out;
    return STATUS_UNSUPPORTED;
}
uint64_t kv_timestamp_seen(const struct kv *kv)
{
    (void)kv;
    return UINT64_C(1700000000000000000); /* when the keys of put-key say they were made */
}

enum status txn_get(struct txn *t, struct bytes key, struct bytes *value_out)
{
    uint64_t ts;
    return txn_get_version(t, key, value_out, &ts);
}
enum status txn_get_version(struct txn *t, struct bytes key, struct bytes *value_out, uint64_t *ts_out)
{
    *ts_out = 1;
    struct entry *e = find(key);
    if (e == NULL || e->value.data == NULL) return STATUS_NOT_FOUND;
    *value_out = arena_copy(t->arena, e->value);
    return STATUS_OK;
}

enum status txn_get_many(struct txn *t, const struct bytes *keys, uint32_t count,
                         struct bytes *values_out)
{
    (void)t, (void)keys, (void)count, (void)values_out;
    return STATUS_UNSUPPORTED;
}

enum status txn_put(struct txn *t, struct bytes key, struct bytes value)
{
    struct entry *e = find(key);
    (void)t;
    if (e == NULL) {
        e = calloc(1, sizeof *e);
        uint8_t *copy = malloc(key.size);
        memcpy(copy, key.data, key.size);
        e->key = bytes_make(copy, key.size);
        if (map_put(&table, hash64(key.data, key.size, 0) | 1, e) != STATUS_OK) abort();
    }
    uint8_t *bytes = realloc((void *)(uintptr_t)e->value.data, value.size + 1);
    memcpy(bytes, value.data, value.size);
    e->value = bytes_make(bytes, value.size);
    return STATUS_OK;
}

enum status txn_insert(struct txn *t, struct bytes key, struct bytes value)
{
    return txn_put(t, key, value);
}

enum status txn_delete(struct txn *t, struct bytes key)
{
    struct entry *e = find(key);
    (void)t;
    if (e == NULL) return STATUS_OK;
    free((void *)(uintptr_t)e->value.data);
    e->value = BYTES_EMPTY;
    return STATUS_OK;
}

enum status txn_lock(struct txn *t, const struct bytes *keys, uint32_t count, enum txn_lock_mode mode,
                     enum txn_lock_wait wait, struct txn_locked *out)
{
    (void)mode, (void)wait;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = (struct txn_locked){.found = true};
        enum status status = txn_get(t, keys[i], &out[i].value);
        if (status == STATUS_NOT_FOUND) out[i].found = false;
        else if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}
enum status txn_restart(struct txn *t, struct arena *arena)
{
    t->arena = arena;
    return STATUS_OK;
}
/* What operators see is not asked for here. */
void txn_inspect(const struct txn *t, struct txn_inspection *out)
{
    (void)t;
    *out = (struct txn_inspection){0};
}
void kv_locks(const struct kv *kv, void (*visit)(void *ctx, const struct kv_lock *lock), void *ctx)
{
    (void)kv;
    (void)visit;
    (void)ctx;
}
void kv_prepared(const struct kv *kv, void (*visit)(void *ctx, const struct kv_prepared *prepared), void *ctx)
{
    (void)kv;
    (void)visit;
    (void)ctx;
}
bool kv_leads(const struct kv *kv, struct bytes key)
{
    (void)kv;
    (void)key;
    return false;
}
struct store *kv_store(const struct kv *kv)
{
    (void)kv;
    return NULL;
}

void txn_set_lock_timeout(struct txn *t, uint64_t timeout_ns) { (void)t, (void)timeout_ns; }
void txn_set_overlay(struct txn *t, bool on) { (void)t, (void)on; }
bool txn_is_pending(const struct txn *t) { return t == NULL; }
bool txn_is_fresh(const struct txn *t) { return t == NULL; }
enum status txn_sleep(struct txn *t, uint64_t duration_ns) { return t != NULL && duration_ns > 0 ? STATUS_OK : STATUS_TIMEOUT; }

enum status txn_assume(struct txn *t, struct bytes key, uint64_t ts)
{
    (void)t, (void)key, (void)ts;
    return STATUS_OK;
}
struct txn_mark txn_mark(struct txn *t)
{
    (void)t;
    return (struct txn_mark){0};
}
void txn_view(struct txn *t, const struct txn_mark *mark)
{
    (void)t, (void)mark;
}
void txn_requests(const struct txn *t, uint64_t *requests_out, uint64_t *retries_out)
{
    (void)t;
    *requests_out = *retries_out = 0;
}
enum status txn_breathe(struct txn *t)
{
    (void)t;
    return STATUS_OK;
}
enum status txn_verify(struct txn *t)
{
    (void)t;
    return STATUS_OK;
}

enum status txn_commit(struct txn *t, uint64_t *ts_out)
{
    (void)t;
    if (ts_out != NULL) *ts_out = 1;
    return STATUS_OK;
}

enum status txn_scan_open(struct txn *t, struct bytes start, struct bytes end, bool reverse,
                          uint64_t limit, struct txn_scan **scan_out)
{
    (void)t, (void)start, (void)end, (void)reverse, (void)limit, (void)scan_out;
    return STATUS_UNSUPPORTED;
}
void txn_scan_rows_alone(struct txn_scan *scan)
{
    (void)scan;
}
enum status txn_scan_next(struct txn_scan *scan, struct bytes *key_out, struct bytes *value_out)
{
    (void)scan, (void)key_out, (void)value_out;
    return STATUS_UNSUPPORTED;
}
void txn_scan_close(struct txn_scan *scan)
{
    (void)scan;
}

/* ---- an environment with a clock that stands still ---- */

static uint64_t at_zero(struct env *e)
{
    (void)e;
    return 1000000000;
}
static uint64_t at_random(struct env *e)
{
    static uint64_t state = 1;
    (void)e;
    return state = state * 6364136223846793005u + 1442695040888963407u;
}
static const struct env_table still_table = {
    .now_ns = at_zero, .wall_ns = at_zero, .random_u64 = at_random};
static struct env still = {.table = &still_table};

/* ---- the sink: counts ---- */

static uint64_t rows;
static bool on_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    (void)ctx, (void)columns, (void)count;
    return true;
}
static bool on_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    (void)ctx, (void)eval, (void)values;
    rows++;
    return true;
}
static bool on_complete(void *ctx, const char *tag)
{
    (void)ctx, (void)tag;
    return true;
}
static void on_parameter(void *ctx, const char *name, const char *value)
{
    (void)ctx, (void)name, (void)value;
}

static const struct sql_sink sink = {
    .begin = on_begin, .row = on_row, .complete = on_complete, .parameter = on_parameter};

static void run(struct sql_session *s, const char *text)
{
    struct sql_error error = {.message = NULL};
    if (sql_session_query(s, bytes_of_string(text), &sink, &error)) return;
    fprintf(stderr, "%s: %s\n", text, error.message);
    exit(1);
}

/* ---- measuring ---- */

static int counter_open(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_HW_INSTRUCTIONS,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t counter_read(int fd)
{
    uint64_t value = 0;
    return fd >= 0 && read(fd, &value, sizeof value) == sizeof value ? value : 0;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void report(const char *name, uint64_t ns, uint64_t instructions, int count)
{
    printf("%-12s %8.0f ns", name, (double)ns / count);
    if (instructions > 0) printf(" %8.0f instructions", (double)instructions / count);
    printf("\n");
}

#define UPSERT \
    "INSERT INTO kv (k, v) VALUES (%d, 'a value of some thirty bytes..') ON CONFLICT (k) DO UPDATE SET v = excluded.v"

/* Name, statement, and what is sent before it. */
static const char *const kinds[][3] = {
    {"insert", "INSERT INTO kv (k, v) VALUES (%d, 'a value of some thirty bytes..')"},
    {"upsert", UPSERT},
    {"select", "SELECT v FROM kv WHERE k = %d"},
    {"update", "UPDATE kv SET v = 'another value of about thirty' WHERE k = %d"},
    {"delete", "DELETE FROM kv WHERE k = %d"},
    {"put-set", UPSERT, "SET lock_timeout='1000000000'"},
    {"put-key", UPSERT, "SET ostraka.idempotency_key='1700000000000/%016x'"},
    {"put-anchored", UPSERT, "SET ostraka.idempotency_key='1700000000000/%016x','kv(%d)'"},
};

static void measure(struct sql_session *s, const char *const kind[3], int count)
{
    char text[256];
    int fd = counter_open();
    uint64_t start = now_ns(), before = counter_read(fd);
    for (int i = 0; i < count; i++) {
        if (kind[2] != NULL) {
            snprintf(text, sizeof text, kind[2], 1000000 + i, 1000000 + i);
            run(s, text);
        }
        snprintf(text, sizeof text, kind[1], 1000000 + i);
        run(s, text);
    }
    report(kind[0], now_ns() - start, counter_read(fd) - before, count);
    if (fd >= 0) close(fd);
}

/* ---- prepared once: Bind, Execute, Sync ---- */

struct prepared_kind {
    const char *name, *text;
    const char *values[5]; /* of parameters; %d: the key */
};

static const struct prepared_kind prepared_kinds[] = {
    {"p-insert", "INSERT INTO kv (k, v) VALUES ($1, $2)", {"%d", "a value of some thirty bytes.."}},
    {"p-upsert", "INSERT INTO kv VALUES ($1,$2) ON CONFLICT (k) DO UPDATE SET v=excluded.v",
     {"%d", "a value of some thirty bytes.."}},
    {"p-select", "SELECT v FROM kv WHERE k=$1", {"%d"}},
    {"p-update", "UPDATE kv SET v=$2 WHERE k=$1", {"%d", "another value of about thirty"}},
    {"p-cas", "UPDATE cas SET v=$5,n=CASE WHEN n=CASE k WHEN $1 THEN $2::bigint ELSE $4::bigint END "
              "THEN n+1 ELSE 1/(n-n) END WHERE k IN ($1,$3)",
     {"1", "%d", "2", "%d", "a value of some thirty bytes.."}},
    {"p-balance", "UPDATE cas SET n=n+$1 WHERE k=$2", {"0", "3"}},
    {"p-delete", "DELETE FROM kv WHERE k=$1", {"%d"}},
};

static void bind_body(struct buf *body, const struct prepared_kind *kind, int key)
{
    uint32_t count = 0;
    while (count < 5 && kind->values[count] != NULL) count++;
    buf_reset(body);
    put_be16(body, 0); /* formats: text */
    put_be16(body, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        char text[64];
        int size = snprintf(text, sizeof text, kind->values[i], key);
        put_be32(body, (uint32_t)size);
        buf_append_bytes(body, bytes_make(text, (size_t)size));
    }
    put_be16(body, 0);
}

static void run_prepared(struct sql_session *s, struct bytes body)
{
    struct sql_error error = {.message = NULL};
    bool paused;
    if (sql_session_bind(s, "", "p", body, &error) && sql_session_execute(s, "", 0, true, &sink, &paused, &error) &&
        sql_session_sync(s, &sink, &error))
        return;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

static void measure_prepared(struct sql_session *s, const struct prepared_kind *kind, int count)
{
    struct sql_error error = {.message = NULL};
    struct buf body;
    buf_init(&body, 1024);
    sql_session_close_statement(s, "p");
    if (!sql_session_parse(s, "p", bytes_of_string(kind->text), NULL, 0, &error)) {
        fprintf(stderr, "%s: %s\n", kind->text, error.message);
        exit(1);
    }
    bool cas = strcmp(kind->name, "p-cas") == 0; /* its rows begin with 0, and are counted up */
    int fd = counter_open();
    uint64_t start = now_ns(), before = counter_read(fd);
    for (int i = 0; i < count; i++) {
        bind_body(&body, kind, cas ? i : 1000000 + i);
        run_prepared(s, buf_view(&body));
    }
    report(kind->name, now_ns() - start, counter_read(fd) - before, count);
    if (fd >= 0) close(fd);
    buf_deinit(&body);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 100000;
    struct sql_activity_options activity = {.env = &still, .log_slow_ms = -1};
    struct sql_session_options o = {
        .env = &still, .user = "postgres", .database = "postgres"};
    if (sql_activity_create(&activity, &o.activity) != STATUS_OK) return 1;
    struct sql_session *s;
    map_init(&table);
    if (sql_session_create(&o, &s) != STATUS_OK) return 1;
    run(s, "CREATE TABLE kv (k bigint PRIMARY KEY, v text)");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (argc > 2 && strcmp(argv[2], kinds[i][0]) != 0 && i > 0) continue;
        measure(s, kinds[i], count);
    }
    run(s, "CREATE TABLE cas (k bigint PRIMARY KEY, n bigint, v text)");
    run(s, "INSERT INTO cas VALUES (1, 0, ''), (2, 0, ''), (3, 0, '')");
    for (size_t i = 0; i < sizeof prepared_kinds / sizeof prepared_kinds[0]; i++)
        if (argc <= 2 || strcmp(argv[2], prepared_kinds[i].name) == 0) measure_prepared(s, &prepared_kinds[i], count);
    sql_session_destroy(s);
    sql_activity_destroy(o.activity);
    return rows == 0;
}
