/* Values of a transaction's writes that lie in a file of its gateway's node (README.md, Spilled values): whatever is done with them
 * is done as if they lay in memory. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/txn/world.h"
#include "txn/txn_state.h"

#define DIRECTORY "store1"
#define KEYS 40u

struct place {
    struct world w;
    struct txn *t;
    struct arena arena;
    struct arena_account *account; /* NULL: none */
};

static struct kv *gateway(struct place *p)
{
    return world_kv(&p->w, 1);
}

static const struct kv_metrics *metrics(struct place *p)
{
    return kv_metrics(gateway(p));
}

static struct sim_disk *disk_of(struct place *p)
{
    return sim_disk(cluster_sim(p->w.cluster), 1);
}

static void begin(struct place *p)
{
    arena_init(&p->arena, 64u << 20);
    if (p->account != NULL) arena_share(&p->arena, p->account);
    assert_int_equal(txn_create(gateway(p), &p->arena, &p->t), STATUS_OK);
}

static void end(struct place *p)
{
    txn_destroy(p->t);
    arena_deinit(&p->arena);
    world_run_ms(&p->w, 100);
    assert_u64_equal(metrics(p)->spilled_bytes_now, 0);
}

/* Everything is spilled, and written to the file a little at a time. */
static void open_place(struct place *p, bool three)
{
    *p = (struct place){.t = NULL};
    if (three) world_open_three(&p->w, 3);
    else world_open(&p->w, 1, 0);
    kv_set_spill(gateway(p), &(struct kv_spill){.kept_bytes = 0, .value_bytes = 1, .buffer_bytes = 64});
    begin(p);
}

static void close_place(struct place *p)
{
    end(p);
    world_close(&p->w);
}

#define RUN(p, function) world_call(&(p)->w, 1, function, p)

static struct bytes key_of(uint32_t i, char room[8])
{
    snprintf(room, 8, "%c%c%03u", KEY_PREFIX_TABLE, "aiz"[i % 3], i); /* in all three ranges, and not in their order */
    return bytes_make(room, 5);
}

static size_t size_of(uint32_t i)
{
    static const size_t sizes[] = {1, 7, 63, 64, 65, 300, 5000, 16384, 16385, 20000, 40000};
    return sizes[i % 11];
}

static struct bytes value_of(uint32_t i, uint32_t version)
{
    static uint8_t room[40000];
    struct prng prng;
    prng_init(&prng, i * 1000 + version);
    for (size_t k = 0; k < size_of(i); k++) room[k] = (uint8_t)prng_next(&prng);
    return bytes_make(room, size_of(i));
}

static enum status put(struct place *p, uint32_t i, uint32_t version)
{
    char room[8];
    return txn_put(p->t, key_of(i, room), value_of(i, version));
}

static enum status put_all(struct core *core, void *ctx)
{
    struct place *p = ctx;
    (void)core;
    for (uint32_t n = 0; n < KEYS; n++)
        assert_int_equal(put(p, n * 7 % KEYS, 1), STATUS_OK);
    return STATUS_OK;
}

static void check_value(uint32_t i, uint32_t version, struct bytes value)
{
    assert_true(bytes_equal(value, value_of(i, version)));
}

static enum status get_all(struct core *core, void *ctx)
{
    struct place *p = ctx;
    char rooms[KEYS][8];
    struct bytes value, keys[KEYS], values[KEYS];
    struct txn_locked locked[KEYS];
    (void)core;
    for (uint32_t i = 0; i < KEYS; i++) {
        keys[i] = key_of(i, rooms[i]);
        assert_int_equal(txn_get(p->t, keys[i], &value), STATUS_OK);
        check_value(i, 1, value);
    }
    assert_int_equal(txn_get_many(p->t, keys, KEYS, values), STATUS_OK);
    assert_int_equal(txn_lock(p->t, keys, KEYS, TXN_LOCK_EXCLUSIVE, TXN_LOCK_WAIT, locked), STATUS_OK);
    for (uint32_t i = 0; i < KEYS; i++) {
        check_value(i, 1, values[i]);
        assert_true(locked[i].found);
        check_value(i, 1, locked[i].value);
    }
    return STATUS_OK;
}

static enum status scan_all(struct core *core, void *ctx)
{
    struct place *p = ctx;
    (void)core;
    for (int reverse = 0; reverse < 2; reverse++) {
        struct txn_scan *scan;
        struct bytes key, value;
        uint32_t count = 0;
        assert_int_equal(txn_scan_open(p->t, BYTES_LITERAL("\x04"), BYTES_LITERAL("\x05"), reverse, 0, &scan), STATUS_OK);
        for (enum status s; (s = txn_scan_next(scan, &key, &value)) != STATUS_NOT_FOUND; count++) {
            assert_int_equal(s, STATUS_OK);
            assert_u64_equal(key.size, 5);
            char digits[4] = {(char)key.data[2], (char)key.data[3], (char)key.data[4], 0};
            check_value((uint32_t)atoi(digits), 1, value);
        }
        assert_u64_equal(count, KEYS);
        txn_scan_close(scan);
    }
    return STATUS_OK;
}

static enum status commit(struct core *core, void *ctx)
{
    (void)core;
    return txn_commit(((struct place *)ctx)->t, NULL);
}

static void commit_is_as_from_memory(bool three)
{
    struct place p;
    open_place(&p, three);
    assert_int_equal(RUN(&p, put_all), STATUS_OK);
    uint64_t bytes = metrics(&p)->spilled_bytes;
    assert_u64_equal(metrics(&p)->spills, 1);
    assert_true(bytes > 300000);
    assert_u64_equal(metrics(&p)->spilled_bytes_now, bytes);
    assert_true(p.t->spill->written > bytes - 64);
    assert_int_equal(RUN(&p, get_all), STATUS_OK);
    assert_int_equal(RUN(&p, scan_all), STATUS_OK);
    assert_int_equal(RUN(&p, commit), STATUS_OK);
    end(&p);
    begin(&p);
    assert_int_equal(RUN(&p, scan_all), STATUS_OK); /* what others find */
    assert_u64_equal(metrics(&p)->spills, 1);
    close_place(&p);
}

TEST(txn_spill, what_is_spilled_is_read_and_committed_in_one_range)
{
    commit_is_as_from_memory(false);
}

TEST(txn_spill, what_is_spilled_is_prepared_in_several_ranges)
{
    commit_is_as_from_memory(true);
}

/* Requests go out a few at a time. */
TEST(txn_spill, what_is_spilled_is_prepared_in_many_parts)
{
    struct place p;
    open_place(&p, true);
    kv_set_entry_bytes(gateway(&p), 4000);
    assert_int_equal(RUN(&p, put_all), STATUS_OK);
    assert_int_equal(RUN(&p, commit), STATUS_OK);
    assert_u64_equal(metrics(&p)->two_phase_commits, 1);
    end(&p);
    begin(&p);
    assert_int_equal(RUN(&p, scan_all), STATUS_OK);
    close_place(&p);
}

/* ---- what is spilled, and what is not ---- */

static enum status put_small_and_large(struct core *core, void *ctx)
{
    struct place *p = ctx;
    uint8_t value[9000] = {0};
    (void)core;
    assert_int_equal(txn_put(p->t, BYTES_LITERAL("\x04" "a"), bytes_make(value, 9000)), STATUS_OK);
    assert_null(p->t->spill); /* there is room for it */
    assert_int_equal(txn_put(p->t, BYTES_LITERAL("\x04" "b"), bytes_make(value, 9000)), STATUS_OK);
    assert_u64_equal(metrics(p)->spilled_bytes, 9000);
    assert_int_equal(txn_put(p->t, BYTES_LITERAL("\x04" "c"), bytes_make(value, 99)), STATUS_OK);
    assert_int_equal(txn_delete(p->t, BYTES_LITERAL("\x04" "b")), STATUS_OK);
    value[0] = TXN_ASIDE_MARK;
    assert_int_equal(txn_put(p->t, BYTES_LITERAL("\x04" "d"), bytes_make(value, 1000)), STATUS_OK);
    assert_u64_equal(metrics(p)->spilled_bytes, 9000);
    return STATUS_OK;
}

TEST(txn_spill, only_large_values_of_large_transactions_are_spilled)
{
    struct place p;
    open_place(&p, false);
    kv_set_spill(gateway(&p), &(struct kv_spill){.kept_bytes = 10000, .value_bytes = 100, .buffer_bytes = 64});
    assert_int_equal(RUN(&p, put_small_and_large), STATUS_OK);
    close_place(&p);
}

#define ROWS 1000u
static enum status put_a_megabyte(struct core *core, void *ctx)
{
    struct place *p = ctx;
    uint8_t value[1024] = {0};
    char key[8] = {KEY_PREFIX_TABLE};
    (void)core;
    for (uint32_t i = 0; i < ROWS; i++) {
        snprintf(key + 1, sizeof key - 1, "%04u", i);
        enum status status = txn_put(p->t, bytes_make(key, 5), bytes_make(value, sizeof value));
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

/* With the defaults a megabyte stays in memory, where there is enough of it. */
TEST(txn_spill, a_transaction_takes_less_memory_while_that_is_short)
{
    static const struct kv_spill defaults = {.kept_bytes = 4u << 20, .value_bytes = 128, .buffer_bytes = 128u << 10};
    struct arena_account account = {.held_max = 8u << 20};
    struct place p;
    open_place(&p, false);
    end(&p);
    kv_set_spill(gateway(&p), &defaults);
    p.account = &account;
    begin(&p);
    assert_int_equal(RUN(&p, put_a_megabyte), STATUS_OK);
    assert_null(p.t->spill);
    end(&p);
    account.held_max = 800u << 10; /* less than all of it */
    begin(&p);
    assert_int_equal(RUN(&p, put_a_megabyte), STATUS_OK);
    assert_true(metrics(&p)->spilled_bytes > 400000);
    assert_true(account.held <= account.held_max);
    end(&p);
    assert_u64_equal(account.held, 0);
    account.held_max = 20u << 10; /* not even a buffer */
    begin(&p);
    assert_int_equal(RUN(&p, put_a_megabyte), STATUS_NO_MEMORY);
    assert_true(account.refused > 0);
    close_place(&p);
}

/* ---- marks ---- */

static struct bytes text_of(char fill, size_t size, char room[1000])
{
    memset(room, fill, size);
    return bytes_make(room, size);
}

static enum status put_text(struct place *p, const char *key, char fill, size_t size)
{
    char room[1000];
    return txn_put(p->t, bytes_of_string(key), text_of(fill, size, room));
}

static void must_be(struct place *p, const char *key, char fill, size_t size)
{
    char room[1000];
    struct bytes value;
    assert_int_equal(txn_get(p->t, bytes_of_string(key), &value), STATUS_OK);
    assert_true(bytes_equal(value, text_of(fill, size, room)));
}

#define A "\x04" "a"
#define B "\x04" "b"
#define C "\x04" "c"

static enum status go_back(struct core *core, void *ctx)
{
    struct place *p = ctx;
    struct bytes value;
    (void)core;
    assert_int_equal(put_text(p, A, '1', 100), STATUS_OK);
    assert_int_equal(put_text(p, B, '1', 40), STATUS_OK);
    struct txn_mark mark = txn_mark(p->t);
    for (char round = '2'; round < '8'; round++) {
        assert_int_equal(put_text(p, A, 'x', 10), STATUS_OK); /* nobody wants it back */
        assert_int_equal(put_text(p, A, round, 100), STATUS_OK);
        assert_int_equal(put_text(p, C, round, 90), STATUS_OK);
        if (round % 2 == 0) assert_int_equal(put_text(p, B, round, 30), STATUS_OK);
        must_be(p, A, round, 100);
        must_be(p, C, round, 90);
        txn_view(p->t, &mark);
        must_be(p, A, '1', 100);
        txn_view(p->t, NULL);
        txn_back(p->t, mark);
        must_be(p, A, '1', 100);
        must_be(p, B, '1', 40);
        assert_int_equal(txn_get(p->t, bytes_of_string(C), &value), STATUS_NOT_FOUND);
        assert_true(metrics(p)->spilled_bytes_now <= 140);
    }
    assert_int_equal(put_text(p, C, '9', 500), STATUS_OK);
    return STATUS_OK;
}

static enum status see_after_going_back(struct core *core, void *ctx)
{
    struct place *p = ctx;
    (void)core;
    must_be(p, A, '1', 100);
    must_be(p, B, '1', 40);
    must_be(p, C, '9', 500);
    return STATUS_OK;
}

TEST(txn_spill, going_back_to_a_mark_gives_room_back_and_what_was_there)
{
    struct place p;
    open_place(&p, false);
    assert_int_equal(RUN(&p, go_back), STATUS_OK);
    assert_int_equal(RUN(&p, see_after_going_back), STATUS_OK);
    assert_int_equal(RUN(&p, commit), STATUS_OK);
    end(&p);
    begin(&p);
    assert_int_equal(RUN(&p, see_after_going_back), STATUS_OK);
    close_place(&p);
}

static enum status put_again(struct core *core, void *ctx)
{
    struct place *p = ctx;
    (void)core;
    txn_set_write_bytes_max(p->t, 1000);
    for (char round = 'a'; round < 'z'; round++) assert_int_equal(put_text(p, A, round, 300), STATUS_OK);
    assert_u64_equal(metrics(p)->spilled_bytes, 1800);
    must_be(p, A, 'y', 300);
    return STATUS_OK;
}

TEST(txn_spill, a_file_has_a_bound_whatever_is_written_again_and_again)
{
    struct place p;
    open_place(&p, false);
    assert_int_equal(RUN(&p, put_again), STATUS_OK);
    close_place(&p);
}

static enum status restart(struct core *core, void *ctx)
{
    struct place *p = ctx;
    struct bytes value;
    (void)core;
    assert_int_equal(put_text(p, A, '1', 100), STATUS_OK);
    assert_int_equal(txn_restart(p->t, &p->arena), STATUS_OK);
    assert_u64_equal(metrics(p)->spilled_bytes_now, 0);
    assert_int_equal(txn_get(p->t, bytes_of_string(A), &value), STATUS_NOT_FOUND);
    assert_int_equal(put_text(p, A, '2', 100), STATUS_OK);
    must_be(p, A, '2', 100);
    return STATUS_OK;
}

TEST(txn_spill, a_new_attempt_has_a_new_file)
{
    struct place p;
    open_place(&p, false);
    assert_int_equal(RUN(&p, restart), STATUS_OK);
    assert_int_equal(RUN(&p, commit), STATUS_OK);
    close_place(&p);
}

/* ---- a disk that lies, and one that is full ---- */

static enum status put_and_damage(struct core *core, void *ctx)
{
    struct place *p = ctx;
    struct bytes value;
    (void)core;
    assert_int_equal(put_text(p, A, '1', 100), STATUS_OK);
    assert_int_equal(put_text(p, B, '1', 100), STATUS_OK);
    struct spill *s = p->t->spill;
    assert_u64_equal(s->written, 200);
    assert_int_equal(fio_write(&s->fio, s->file, "2", 1, 50), STATUS_OK);
    assert_int_equal(txn_get(p->t, bytes_of_string(A), &value), STATUS_IO);
    assert_int_equal(txn_get(p->t, bytes_of_string(B), &value), STATUS_OK);
    return STATUS_OK;
}

static enum status put_and_cut_off(struct core *core, void *ctx)
{
    struct place *p = ctx;
    (void)core;
    assert_int_equal(put_text(p, A, '1', 100), STATUS_OK);
    assert_int_equal(put_text(p, B, '1', 100), STATUS_OK);
    struct spill *s = p->t->spill;
    return fio_truncate(&s->fio, s->file, 150);
}

static enum status find_nothing(struct core *core, void *ctx)
{
    struct place *p = ctx;
    struct bytes value;
    (void)core;
    assert_int_equal(txn_get(p->t, bytes_of_string(A), &value), STATUS_NOT_FOUND);
    assert_int_equal(txn_get(p->t, bytes_of_string(B), &value), STATUS_NOT_FOUND);
    return STATUS_OK;
}

TEST(txn_spill, damaged_bytes_are_an_error_and_nothing_is_committed)
{
    for (int i = 0; i < 4; i++) {
        struct place p;
        open_place(&p, false);
        if (i % 2 == 1) kv_set_entry_bytes(gateway(&p), 16); /* prepared, in parts */
        assert_int_equal(RUN(&p, i < 2 ? put_and_damage : put_and_cut_off), STATUS_OK);
        assert_int_equal(RUN(&p, commit), STATUS_IO);
        end(&p);
        world_run_ms(&p.w, 2000);
        begin(&p);
        assert_int_equal(RUN(&p, find_nothing), STATUS_OK);
        close_place(&p);
    }
}

static enum status put_until_full(struct core *core, void *ctx)
{
    struct place *p = ctx;
    (void)core;
    assert_int_equal(put_text(p, A, '1', 10), STATUS_OK); /* in the buffer */
    struct sim_disk *disk = disk_of(p);
    sim_disk_set_quota(disk, 0);
    assert_int_equal(put_text(p, B, '1', 100), STATUS_NO_SPACE);
    assert_true(txn_is_spill_full(p->t));
    must_be(p, A, '1', 10);
    struct bytes value;
    assert_int_equal(txn_get(p->t, bytes_of_string(B), &value), STATUS_NOT_FOUND);
    sim_disk_set_quota(disk, UINT64_MAX);
    assert_int_equal(put_text(p, B, '1', 100), STATUS_OK);
    assert_false(txn_is_spill_full(p->t));
    must_be(p, A, '1', 10);
    must_be(p, B, '1', 100);
    return STATUS_OK;
}

TEST(txn_spill, a_full_disk_is_said_and_what_was_written_before_stays)
{
    struct place p;
    open_place(&p, false);
    assert_int_equal(RUN(&p, put_until_full), STATUS_OK);
    assert_int_equal(RUN(&p, commit), STATUS_OK);
    close_place(&p);
}

/* ---- files ---- */

static void count_file(void *ctx, const char *name, bool is_directory, uint64_t size_bytes)
{
    (void)is_directory, (void)size_bytes;
    *(int *)ctx += strncmp(name, "spill-", 6) == 0;
}

static int files(struct place *p)
{
    int count = 0;
    struct env_dir_visitor visitor = {count_file, &count};
    assert_int_equal(env_dir_list(cluster_machine(p->w.cluster, 1)->env, DIRECTORY, &visitor), STATUS_OK);
    return count;
}

static enum status leave_file(struct core *core, void *ctx)
{
    struct fio fio = {store_env(core_store(core)), core_fibers(core), 0};
    env_file file;
    (void)ctx;
    assert_int_equal(fio_open(&fio, DIRECTORY "/spill-1", ENV_OPEN_WRITE | ENV_OPEN_CREATE, &file), STATUS_OK);
    fio_close(&fio, file);
    return fio_dir_sync(&fio, DIRECTORY);
}

TEST(txn_spill, files_have_no_name_and_those_of_a_crash_go_at_the_start)
{
    struct place p;
    open_place(&p, false);
    assert_int_equal(RUN(&p, put_all), STATUS_OK);
    assert_int_equal(files(&p), 0);
    uint64_t used = sim_disk_used_bytes(disk_of(&p)), spilled = p.t->spill->written;
    assert_true(spilled > 300000);
    end(&p);
    assert_int_equal(RUN(&p, leave_file), STATUS_OK); /* syncs the directory: the simulated disk lets go of what has no name then */
    assert_true(sim_disk_used_bytes(disk_of(&p)) + spilled / 2 < used);
    assert_int_equal(files(&p), 1);
    cluster_crash(p.w.cluster, 1, SIM_CRASH_PROCESS);
    cluster_start(p.w.cluster, 1);
    world_leader(&p.w);
    assert_int_equal(files(&p), 0);
    world_close(&p.w);
}
