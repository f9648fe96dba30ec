/* Files of the simulated environment: what is kept, what a power loss takes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim_fixture.h"
#include "tests/test.h"

TEST(sim_file, reads_back_what_was_written)
{
    struct fixture f;
    char data[16] = {0};
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    assert_int_equal(fixture_write(&f, file, "hello", 5, 3), 5);
    assert_int_equal(fixture_read(&f, file, data, 16, 0), 8);
    assert_memory_equal(data, "\0\0\0hello", 8);
    assert_int_equal(fixture_size(&f, file), 8);
    fixture_close(&f);
}

TEST(sim_file, completes_nothing_inside_the_call)
{
    struct fixture f;
    struct probe probe;
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    probe_init(&probe);
    env_file_write(f.env, file, "x", 1, 0, &probe.op);
    assert_false(probe.done);
    while (!probe.done) env_poll(f.env, UINT64_MAX);
    assert_int_equal(probe.result, 1);
    fixture_close(&f);
}

/* How often the bytes survive a power loss, out of 100 seeds. */
static int survivals(bool sync_file, bool sync_directory, unsigned flags)
{
    int survived = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct fixture f;
        char data[4] = {0};
        fixture_open(&f, seed);
        env_file file = fixture_open_file(&f, "a", FIXTURE_CREATE | flags);
        assert_int_equal(fixture_write(&f, file, "data", 4, 0), 4);
        if (sync_file) assert_int_equal(fixture_sync(&f, file), 0);
        if (sync_directory) assert_int_equal(fixture_dir_sync(&f, "."), 0);
        fixture_crash(&f, SIM_CRASH_POWER);
        int64_t again = fixture_try_open(&f, "a", ENV_OPEN_READ);
        if (again >= 0 && fixture_read(&f, (env_file)again, data, 4, 0) == 4 &&
            memcmp(data, "data", 4) == 0)
            survived++;
        fixture_close(&f);
    }
    return survived;
}

TEST(sim_file, power_loss_keeps_what_was_synced)
{
    assert_int_equal(survivals(true, true, 0), 100);
    assert_int_equal(survivals(false, true, ENV_OPEN_DSYNC), 100);
}

TEST(sim_file, power_loss_may_take_unsynced_bytes)
{
    int survived = survivals(false, true, 0);
    assert_in_range(survived, 5, 95);
}

TEST(sim_file, power_loss_may_take_unsynced_names)
{
    int survived = survivals(true, false, 0);
    assert_in_range(survived, 5, 95);
}

TEST(sim_file, process_crash_keeps_completed_writes)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture f;
        char data[4] = {0};
        fixture_open(&f, seed);
        env_file file = fixture_create(&f, "a");
        assert_int_equal(fixture_write(&f, file, "data", 4, 0), 4);
        fixture_crash(&f, SIM_CRASH_PROCESS);
        file = fixture_open_file(&f, "a", ENV_OPEN_READ);
        assert_int_equal(fixture_read(&f, file, data, 4, 0), 4);
        assert_memory_equal(data, "data", 4);
        fixture_close(&f);
    }
}

TEST(sim_file, rename_without_directory_sync_may_be_lost)
{
    int old_names = 0, new_names = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct fixture f;
        fixture_open(&f, seed);
        fixture_create(&f, "old");
        assert_int_equal(fixture_dir_sync(&f, "."), 0);
        assert_int_equal(fixture_rename(&f, "old", "new"), 0);
        fixture_crash(&f, SIM_CRASH_POWER);
        int64_t old_result = fixture_try_open(&f, "old", ENV_OPEN_READ);
        int64_t new_result = fixture_try_open(&f, "new", ENV_OPEN_READ);
        assert_true((old_result >= 0) != (new_result >= 0)); /* never both, never none */
        if (old_result >= 0) old_names++;
        else new_names++;
        fixture_close(&f);
    }
    assert_in_range(old_names, 5, 95);
    assert_in_range(new_names, 5, 95);
}

TEST(sim_file, names_of_one_directory_survive_as_a_prefix)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct fixture f;
        const char *names[] = {"a", "b", "c", "d"};
        fixture_open(&f, seed);
        for (int i = 0; i < 4; i++) fixture_create(&f, names[i]);
        fixture_crash(&f, SIM_CRASH_POWER);
        bool gone = false;
        for (int i = 0; i < 4; i++) {
            bool here = fixture_try_open(&f, names[i], ENV_OPEN_READ) >= 0;
            assert_false(gone && here);
            gone = !here;
        }
        fixture_close(&f);
    }
}

/* Writes pages 1, 2, 3 un-synced and tells which survived, as bits. */
static unsigned surviving_pages(uint64_t seed)
{
    struct fixture f;
    static uint8_t page[3 * 4096];
    unsigned bits = 0;
    fixture_open(&f, seed);
    env_file file = fixture_create(&f, "a");
    memset(page, 0, sizeof page);
    assert_int_equal(fixture_write(&f, file, page, sizeof page, 0), sizeof page);
    assert_int_equal(fixture_sync(&f, file), 0);
    assert_int_equal(fixture_dir_sync(&f, "."), 0);
    memset(page, 7, sizeof page);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_write(&f, file, page, 4096, (uint64_t)i * 4096), 4096);
    fixture_crash(&f, SIM_CRASH_POWER);
    file = fixture_open_file(&f, "a", ENV_OPEN_READ);
    assert_int_equal(fixture_read(&f, file, page, sizeof page, 0), sizeof page);
    for (int i = 0; i < 3; i++)
        if (page[i * 4096] == 7) bits |= 1u << i;
    fixture_close(&f);
    return bits;
}

TEST(sim_file, any_subset_of_unsynced_sectors_may_survive)
{
    unsigned seen = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) seen |= 1u << surviving_pages(seed);
    assert_int_equal(seen, 0xff);
}

TEST(sim_file, sync_covers_only_writes_completed_before_it)
{
    int lost = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct fixture f;
        struct probe sync, write;
        char byte = 0;
        fixture_open(&f, seed);
        env_file file = fixture_create(&f, "a");
        assert_int_equal(fixture_write(&f, file, "a", 1, 0), 1);
        assert_int_equal(fixture_sync(&f, file), 0);
        assert_int_equal(fixture_dir_sync(&f, "."), 0);
        probe_init(&sync);
        probe_init(&write);
        env_file_write(f.env, file, "b", 1, 0, &write.op);
        env_file_sync(f.env, file, &sync.op);
        while (!sync.done || !write.done) env_poll(f.env, UINT64_MAX);
        fixture_crash(&f, SIM_CRASH_POWER);
        file = fixture_open_file(&f, "a", ENV_OPEN_READ);
        assert_int_equal(fixture_read(&f, file, &byte, 1, 0), 1);
        lost += byte == 'a';
        fixture_close(&f);
    }
    assert_in_range(lost, 5, 95);
}

TEST(sim_file, failed_sync_forgets_the_bytes_and_later_syncs_succeed)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct fixture f;
        char byte = 0;
        fixture_open(&f, seed);
        env_file file = fixture_create(&f, "a");
        assert_int_equal(fixture_write(&f, file, "a", 1, 0), 1);
        assert_int_equal(fixture_sync(&f, file), 0);
        assert_int_equal(fixture_dir_sync(&f, "."), 0);
        assert_int_equal(fixture_write(&f, file, "b", 1, 0), 1);
        sim_disk_inject(f.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_SYNC_ERROR, .count = 1});
        assert_int_equal(fixture_sync(&f, file), -EIO);
        assert_int_equal(fixture_sync(&f, file), 0);
        fixture_crash(&f, SIM_CRASH_POWER);
        file = fixture_open_file(&f, "a", ENV_OPEN_READ);
        assert_int_equal(fixture_read(&f, file, &byte, 1, 0), 1);
        assert_int_equal(byte, 'a');
        assert_u64_equal(sim_fault_hits(f.sim, SIM_FAULT_SYNC_ERROR), 1);
        fixture_close(&f);
    }
}

TEST(sim_file, durable_write_outlives_the_unsynced_one_below_it)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct fixture f;
        char byte = 0;
        fixture_open(&f, seed);
        env_file plain = fixture_create(&f, "a");
        env_file durable = fixture_open_file(&f, "a", FIXTURE_CREATE | ENV_OPEN_DSYNC);
        assert_int_equal(fixture_dir_sync(&f, "."), 0);
        assert_int_equal(fixture_write(&f, plain, "a", 1, 0), 1);
        assert_int_equal(fixture_write(&f, durable, "b", 1, 0), 1);
        fixture_crash(&f, SIM_CRASH_POWER);
        plain = fixture_open_file(&f, "a", ENV_OPEN_READ);
        assert_int_equal(fixture_read(&f, plain, &byte, 1, 0), 1);
        assert_int_equal(byte, 'b');
        fixture_close(&f);
    }
}

TEST(sim_file, lost_extension_leaves_zeros_behind)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct fixture f;
        char data[4] = {0};
        fixture_open(&f, seed);
        env_file file = fixture_create(&f, "a");
        assert_int_equal(fixture_write(&f, file, "a", 1, 0), 1);
        assert_int_equal(fixture_sync(&f, file), 0);
        assert_int_equal(fixture_dir_sync(&f, "."), 0);
        assert_int_equal(fixture_write(&f, file, "bcd", 3, 1), 3);
        fixture_crash(&f, SIM_CRASH_POWER);
        file = fixture_open_file(&f, "a", ENV_OPEN_READ | ENV_OPEN_WRITE);
        int64_t size = fixture_size(&f, file);
        assert_int_equal(fixture_truncate(&f, file, 4), 0);
        assert_int_equal(fixture_read(&f, file, data, 4, 0), 4);
        assert_int_equal(data[0], 'a');
        if (size == 1) assert_memory_equal(data + 1, "\0\0\0", 3);
        fixture_close(&f);
    }
}

TEST(sim_file, directory_sync_covers_its_own_names_and_what_a_rename_ties_to_them)
{
    int root_names = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct fixture f;
        fixture_open(&f, seed);
        assert_int_equal(fixture_dir_make(&f, "a"), 0);
        assert_int_equal(fixture_dir_make(&f, "b"), 0);
        assert_int_equal(fixture_dir_sync(&f, "."), 0);
        fixture_create(&f, "loose");
        fixture_create(&f, "a/x");
        fixture_create(&f, "b/y");
        assert_int_equal(fixture_rename(&f, "a/x", "b/z"), 0);
        assert_int_equal(fixture_dir_sync(&f, "a"), 0);
        fixture_crash(&f, SIM_CRASH_POWER);
        assert_int_equal(fixture_try_open(&f, "a/x", ENV_OPEN_READ), -ENOENT);
        assert_true(fixture_try_open(&f, "b/y", ENV_OPEN_READ) >= 0);
        assert_true(fixture_try_open(&f, "b/z", ENV_OPEN_READ) >= 0);
        root_names += fixture_try_open(&f, "loose", ENV_OPEN_READ) >= 0;
        fixture_close(&f);
    }
    assert_in_range(root_names, 5, 55);
}

TEST(sim_file, renaming_between_two_names_of_one_file_does_nothing)
{
    struct fixture f;
    fixture_open(&f, 1);
    fixture_create(&f, "a");
    assert_int_equal(fixture_link(&f, "a", "b"), 0);
    assert_int_equal(fixture_rename(&f, "a", "b"), 0);
    assert_true(fixture_try_open(&f, "a", ENV_OPEN_READ) >= 0);
    assert_true(fixture_try_open(&f, "b", ENV_OPEN_READ) >= 0);
    fixture_close(&f);
}

/* How often a write that failed, or that nobody saw complete, is there. */
static int leftovers(bool fails)
{
    int found = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct fixture f;
        static uint8_t page[8192];
        fixture_open(&f, seed);
        env_file file = fixture_create(&f, "a");
        memset(page, 7, sizeof page);
        sim_disk_inject(f.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_WRITE_ERROR});
        if (fails) {
            assert_int_equal(fixture_write(&f, file, page, sizeof page, 0), -EIO);
        } else {
            sim_disk_heal(f.disk);
            probe_init(&f.probe);
            env_file_write(f.env, file, page, sizeof page, 0, &f.probe.op);
            fixture_crash(&f, SIM_CRASH_PROCESS);
            assert_int_equal(f.probe.result, -ECANCELED);
            file = fixture_open_file(&f, "a", ENV_OPEN_READ);
        }
        found += fixture_size(&f, file) > 0;
        fixture_close(&f);
    }
    return found;
}

TEST(sim_file, failed_and_cancelled_writes_may_leave_something)
{
    assert_in_range(leftovers(true), 5, 55);
    assert_in_range(leftovers(false), 5, 55);
}

TEST(sim_file, direct_io_demands_alignment)
{
    struct fixture f;
    static _Alignas(4096) uint8_t page[8192];
    fixture_open(&f, 1);
    env_file file = fixture_open_file(&f, "a", FIXTURE_CREATE | ENV_OPEN_DIRECT);
    assert_int_equal(fixture_write(&f, file, page, 4096, 4096), 4096);
    assert_int_equal(fixture_write(&f, file, page + 512, 4096, 0), -EINVAL);
    assert_int_equal(fixture_write(&f, file, page, 100, 0), -EINVAL);
    assert_int_equal(fixture_read(&f, file, page, 4096, 100), -EINVAL);
    sim_disk_refuse_direct(f.disk, true);
    assert_int_equal(fixture_try_open(&f, "a", ENV_OPEN_READ | ENV_OPEN_DIRECT), -EINVAL);
    fixture_close(&f);
}

TEST(sim_file, errors_are_those_of_the_system)
{
    struct fixture f;
    fixture_open(&f, 1);
    assert_int_equal(fixture_try_open(&f, "a", ENV_OPEN_READ), -ENOENT);
    env_file file = fixture_create(&f, "a");
    assert_int_equal(fixture_try_open(&f, "a", FIXTURE_CREATE | ENV_OPEN_EXCLUSIVE), -EEXIST);
    assert_int_equal(fixture_try_open(&f, "no/a", FIXTURE_CREATE), -ENOENT);
    assert_int_equal(fixture_dir_make(&f, "d"), 0);
    assert_int_equal(fixture_dir_make(&f, "d"), 0);
    assert_int_equal(fixture_dir_make(&f, "a"), -EEXIST);
    assert_int_equal(fixture_try_open(&f, "d", ENV_OPEN_READ), -EISDIR);
    assert_int_equal(fixture_rename(&f, "none", "x"), -ENOENT);
    assert_int_equal(fixture_rename(&f, "a", "d/b"), 0);
    assert_int_equal(fixture_link(&f, "d/b", "c"), 0);
    assert_int_equal(fixture_link(&f, "d/b", "c"), -EEXIST);
    assert_int_equal(fixture_unlink(&f, "d/b"), 0);
    assert_int_equal(fixture_unlink(&f, "d/b"), -ENOENT);
    assert_int_equal(fixture_rename(&f, "d", "d/e"), -EINVAL);
    assert_int_equal(fixture_rename(&f, "d", "e"), 0);
    assert_int_equal(fixture_dir_sync(&f, "d"), -ENOENT);
    assert_int_equal(fixture_dir_sync(&f, "e"), 0);
    assert_int_equal(fixture_close_file(&f, file), 0);
    assert_int_equal(fixture_write(&f, file, "x", 1, 0), -EBADF);
    assert_true(fixture_try_open(&f, "c", ENV_OPEN_READ) >= 0);
    fixture_close(&f);
}

static void list_name(void *ctx, const char *name, bool is_directory, uint64_t size)
{
    char *text = ctx;
    size_t used = strlen(text);
    snprintf(text + used, 100 - used, "%s%s%d ", name, is_directory ? "/" : "=", (int)size);
}

TEST(sim_file, lists_names_in_order)
{
    struct fixture f;
    char text[100] = "";
    struct env_dir_visitor visitor = {list_name, text};
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "b");
    assert_int_equal(fixture_write(&f, file, "xyz", 3, 0), 3);
    fixture_create(&f, "a");
    assert_int_equal(fixture_dir_make(&f, "c"), 0);
    assert_int_equal(env_dir_list(f.env, ".", &visitor), STATUS_OK);
    assert_string_equal(text, "a=0 b=3 c/0 ");
    assert_int_equal(env_dir_list(f.env, "none", &visitor), STATUS_NOT_FOUND);
    fixture_close(&f);
}

TEST(sim_file, truncation_is_undone_or_kept_with_all_that_follows)
{
    bool seen[3] = {false};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct fixture f;
        char data[8] = {0};
        fixture_open(&f, seed);
        env_file file = fixture_create(&f, "a");
        assert_int_equal(fixture_write(&f, file, "AAAA", 4, 0), 4);
        assert_int_equal(fixture_sync(&f, file), 0);
        assert_int_equal(fixture_dir_sync(&f, "."), 0);
        assert_int_equal(fixture_truncate(&f, file, 0), 0);
        assert_int_equal(fixture_write(&f, file, "B", 1, 0), 1);
        fixture_crash(&f, SIM_CRASH_POWER);
        file = fixture_open_file(&f, "a", ENV_OPEN_READ);
        int64_t size = fixture_read(&f, file, data, 8, 0);
        if (size == 4) assert_memory_equal(data, "AAAA", 4);
        else if (size == 1) assert_true(data[0] == 'B' || data[0] == 0);
        else assert_int_equal(size, 0);
        seen[size == 4 ? 0 : size == 1 ? 1 : 2] = true;
        fixture_close(&f);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}
