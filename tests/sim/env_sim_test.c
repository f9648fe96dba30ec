/* The scheduler itself: determinism, clocks, turns, crash points, faults of disks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timer.h"
#include "tests/sim/sim_fixture.h"
#include "tests/test.h"

/* ---- determinism: a small program of files, crashes and faults, run twice ---- */

struct outcome {
    uint64_t trace_hash, disk_hash, events;
};

static struct outcome run_program(uint64_t seed, FILE *trace)
{
    struct fixture f;
    struct sim_options options;
    static uint8_t data[20000];
    sim_options_init(&options, seed);
    options.trace = trace;
    options.tear_sector_ppm = 100000;
    fixture_open_with(&f, &options);
    sim_disk_inject(f.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_WRITE_ERROR, .ppm = 50000});
    for (int round = 0; round < 5; round++) {
        int64_t file = fixture_try_open(&f, "a", FIXTURE_CREATE);
        for (int i = 0; i < 20 && file >= 0; i++) {
            size_t size = 1 + (size_t)sim_below(f.sim, sizeof data);
            memset(data, (int)env_random_u64(f.env) & 0xff, size);
            fixture_write(&f, (env_file)file, data, size, sim_below(f.sim, 100000));
            if (sim_chance(f.sim, SIM_ALWAYS / 4)) fixture_sync(&f, (env_file)file);
            if (sim_chance(f.sim, SIM_ALWAYS / 8)) fixture_rename(&f, "a", "b");
        }
        fixture_crash(&f, round % 2 == 0 ? SIM_CRASH_POWER : SIM_CRASH_PROCESS);
    }
    struct outcome outcome = {sim_trace_hash(f.sim), sim_disk_hash(f.disk), sim_event_count(f.sim)};
    fixture_close(&f);
    return outcome;
}

TEST(sim, same_seed_gives_the_same_trace_and_bytes)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct outcome a = run_program(seed, NULL), b = run_program(seed, NULL);
        assert_u64_equal(a.trace_hash, b.trace_hash);
        assert_u64_equal(a.disk_hash, b.disk_hash);
        assert_u64_equal(a.events, b.events);
        struct outcome c = run_program(seed + 100, NULL);
        assert_true(a.trace_hash != c.trace_hash);
    }
}

TEST(sim, textual_trace_changes_nothing)
{
    char *text = NULL;
    size_t size = 0;
    FILE *trace = open_memstream(&text, &size);
    struct outcome a = run_program(1, trace), b = run_program(1, NULL);
    fclose(trace);
    assert_true(size > 1000);
    assert_u64_equal(a.trace_hash, b.trace_hash);
    free(text);
}

/* ---- clocks ---- */

TEST(sim, clock_drifts_jumps_and_freezes)
{
    struct fixture f;
    fixture_open(&f, 1);
    uint64_t start = env_now_ns(f.env), wall = env_wall_ns(f.env);
    sim_run_for(f.sim, SIM_SEC);
    assert_u64_equal(env_now_ns(f.env), start + SIM_SEC);
    sim_clock_drift(f.sim, 1, 50000);
    sim_run_for(f.sim, SIM_SEC);
    assert_u64_equal(env_now_ns(f.env), start + 2 * SIM_SEC + 50 * SIM_MS);
    sim_clock_drift(f.sim, 1, 0);
    sim_clock_jump(f.sim, 1, 262 * SIM_SEC);
    assert_u64_equal(env_now_ns(f.env), start + 264 * SIM_SEC + 50 * SIM_MS);
    sim_clock_freeze(f.sim, 1, true);
    sim_run_for(f.sim, SIM_SEC);
    assert_u64_equal(env_now_ns(f.env), start + 264 * SIM_SEC + 50 * SIM_MS);
    sim_clock_freeze(f.sim, 1, false);
    sim_run_for(f.sim, SIM_SEC);
    assert_u64_equal(env_now_ns(f.env), start + 265 * SIM_SEC + 50 * SIM_MS);
    sim_wall_set(f.sim, 1, -(int64_t)(3600 * SIM_SEC));
    assert_true(env_wall_ns(f.env) < wall);
    fixture_close(&f);
}

struct turns {
    struct sim *sim;
    struct env *env;
    int count;
    uint64_t last_ns, last_clock_ns;
};

static void count_turn(void *ctx)
{
    struct turns *t = ctx;
    t->count++;
    t->last_ns = sim_now(t->sim);
    t->last_clock_ns = env_now_ns(t->env);
}

TEST(sim, deadline_follows_the_machines_own_clock)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct turns t = {.sim = f.sim, .env = f.env};
    sim_env_on_turn(f.env, count_turn, &t);
    sim_run_for(f.sim, SIM_MS);
    assert_int_equal(t.count, 1);
    uint64_t start = env_now_ns(f.env);
    sim_clock_drift(f.sim, 1, 100000);
    sim_env_set_deadline(f.env, start + 11 * SIM_SEC);
    sim_run_for(f.sim, 9900 * SIM_MS);
    assert_int_equal(t.count, 1);
    sim_run_for(f.sim, 200 * SIM_MS);
    assert_int_equal(t.count, 2);
    assert_true(t.last_clock_ns >= start + 11 * SIM_SEC);
    sim_env_set_deadline(f.env, env_now_ns(f.env) + 1000 * SIM_SEC);
    sim_clock_jump(f.sim, 1, 1000 * SIM_SEC);
    sim_run_for(f.sim, SIM_MS);
    assert_int_equal(t.count, 3);
    fixture_close(&f);
}

TEST(sim, wake_causes_a_turn_and_a_turn_costs_time)
{
    struct fixture f;
    fixture_open(&f, 1);
    struct turns t = {.sim = f.sim, .env = f.env};
    sim_env_on_turn(f.env, count_turn, &t);
    sim_run_for(f.sim, SIM_MS);
    sim_node_slow(f.sim, 1, 1000); /* 5 ms a turn */
    env_wake(f.env);
    sim_run_for(f.sim, SIM_MS);
    assert_int_equal(t.count, 2);
    uint64_t before = t.last_ns;
    env_wake(f.env);
    sim_run_for(f.sim, 20 * SIM_MS);
    assert_int_equal(t.count, 3);
    assert_true(t.last_ns >= before + 5 * SIM_MS);
    fixture_close(&f);
}

struct busy {
    struct fixture f;
    struct env_op op;
    env_file file;
    bool started;
    uint64_t start_ns, done_ns;
};

static void busy_done(struct env_op *op, int64_t result)
{
    struct busy *b = op->ctx;
    assert_int_equal(result, 1);
    b->done_ns = sim_now(b->f.sim);
}

static void busy_turn(void *ctx)
{
    struct busy *b = ctx;
    if (b->started) return;
    b->started = true;
    b->start_ns = sim_now(b->f.sim);
    env_file_write(b->f.env, b->file, "x", 1, 0, &b->op);
    sim_env_charge(b->f.env, 7 * SIM_MS);
}

TEST(sim, nothing_is_delivered_to_a_busy_environment)
{
    struct busy b = {0};
    fixture_open(&b.f, 1);
    b.op = (struct env_op){.on_done = busy_done, .ctx = &b};
    b.file = fixture_create(&b.f, "a");
    sim_env_on_turn(b.f.env, busy_turn, &b);
    sim_run_for(b.f.sim, SIM_SEC);
    assert_true(b.started);
    assert_true(b.done_ns >= b.start_ns + 7 * SIM_MS);
    fixture_close(&b.f);
}

TEST(sim, poll_waits_no_longer_than_its_deadline)
{
    struct fixture f;
    fixture_open(&f, 1);
    uint64_t start = env_now_ns(f.env);
    env_poll(f.env, start + SIM_SEC);
    assert_u64_equal(env_now_ns(f.env), start + SIM_SEC);
    env_wake(f.env);
    env_poll(f.env, start + 2 * SIM_SEC);
    assert_u64_equal(env_now_ns(f.env), start + SIM_SEC);
    env_poll(f.env, 0);
    assert_true(env_now_ns(f.env) > start + SIM_SEC);
    fixture_close(&f);
}

TEST(sim, cores_of_one_machine_share_its_disk_and_its_end)
{
    struct fixture f;
    struct env *second;
    fixture_open(&f, 1);
    sim_env_create(f.sim, 1, NULL, &second);
    struct turns t = {.sim = f.sim, .env = second};
    sim_env_on_turn(second, count_turn, &t);
    sim_run_for(f.sim, SIM_MS);
    env_wake(second);
    sim_run_for(f.sim, SIM_MS);
    assert_int_equal(t.count, 2);
    assert_true(env_random_u64(f.env) != env_random_u64(second));
    fixture_create(&f, "a");
    probe_init(&f.probe);
    env_file_open(second, "a", ENV_OPEN_READ, &f.probe.op);
    assert_true(probe_wait(&f, &f.probe) >= 0);
    sim_env_crash(second, SIM_CRASH_PROCESS);
    assert_true(sim_env_is_down(f.env) && sim_env_is_down(second));
    env_wake(second);
    sim_run_for(f.sim, SIM_MS);
    assert_int_equal(t.count, 2); /* not even the one that the open had caused */
    sim_env_drain(second);
    env_destroy(second);
    fixture_close(&f);
}

TEST(sim, power_loss_restarts_the_clock)
{
    struct fixture f;
    fixture_open(&f, 1);
    sim_clock_jump(f.sim, 1, 3600 * SIM_SEC);
    fixture_crash(&f, SIM_CRASH_POWER);
    assert_true(env_now_ns(f.env) <= 31 * SIM_SEC);
    fixture_close(&f);
}

TEST(sim, exponential_times_have_their_mean)
{
    struct fixture f;
    uint64_t sum = 0;
    fixture_open(&f, 1);
    for (int i = 0; i < 100000; i++) sum += sim_exponential(f.sim, 1000);
    assert_in_range(sum / 100000, 950, 1050);
    fixture_close(&f);
}

TEST(sim, buggify_is_per_run_and_per_name)
{
    struct sim_options options;
    struct fixture f;
    int active = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        sim_options_init(&options, seed);
        options.buggify_site_ppm = 250000;
        options.buggify_ppm = SIM_ALWAYS;
        fixture_open_with(&f, &options);
        bool first = env_buggify(f.env, "small_batch");
        assert_int_equal(env_buggify(f.env, "small_batch"), first);
        active += first;
        fixture_close(&f);
    }
    assert_in_range(active, 10, 45);
}

/* ---- faults of disks ---- */

static void fill(struct fixture *f, env_file file, int byte, size_t pages)
{
    static uint8_t page[4096];
    for (size_t i = 0; i < pages; i++) {
        memset(page, byte, sizeof page);
        assert_int_equal(fixture_write(f, file, page, sizeof page, i * sizeof page), sizeof page);
    }
    assert_int_equal(fixture_sync(f, file), 0);
    assert_int_equal(fixture_dir_sync(f, "."), 0);
}

static uint8_t first_byte(struct fixture *f, env_file file, size_t page)
{
    uint8_t byte = 0;
    assert_int_equal(fixture_read(f, file, &byte, 1, page * 4096), 1);
    return byte;
}

static void inject(struct fixture *f, enum sim_fault kind)
{
    sim_disk_inject(f->disk, &(struct sim_disk_fault){.kind = kind, .count = 1, .path_part = "a"});
}

TEST(sim_disk, faults_strike_when_told)
{
    struct fixture f;
    static uint8_t page[4096];
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    fill(&f, file, 1, 4);
    memset(page, 2, sizeof page);
    inject(&f, SIM_FAULT_WRITE_ERROR);
    assert_int_equal(fixture_write(&f, file, page, 4096, 0), -EIO);
    inject(&f, SIM_FAULT_READ_ERROR);
    assert_int_equal(fixture_read(&f, file, page, 4096, 0), -EIO);
    inject(&f, SIM_FAULT_WRITE_LOST);
    assert_int_equal(fixture_write(&f, file, page, 4096, 4096), 4096);
    assert_int_equal(first_byte(&f, file, 1), 1);
    inject(&f, SIM_FAULT_READ_STALE); /* history is kept from here on */
    assert_int_equal(fixture_write(&f, file, page, 4096, 8192), 4096);
    assert_int_equal(first_byte(&f, file, 2), 1);
    assert_int_equal(first_byte(&f, file, 2), 2);
    fill(&f, file, 1, 4);
    inject(&f, SIM_FAULT_WRITE_MISDIRECTED);
    assert_int_equal(fixture_write(&f, file, page, 4096, 0), 4096);
    assert_int_equal(first_byte(&f, file, 0), 1);
    const enum sim_fault kinds[] = {SIM_FAULT_WRITE_ERROR, SIM_FAULT_READ_ERROR,
                                    SIM_FAULT_WRITE_LOST, SIM_FAULT_READ_STALE,
                                    SIM_FAULT_WRITE_MISDIRECTED};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        assert_u64_equal(sim_fault_hits(f.sim, kinds[i]), 1);
    fixture_close(&f);
}

TEST(sim_disk, full_disk_refuses_new_pages_only)
{
    struct fixture f;
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    fill(&f, file, 1, 2);
    sim_disk_set_quota(f.disk, sim_disk_used_bytes(f.disk));
    assert_int_equal(fixture_write(&f, file, "x", 1, 8192), -ENOSPC);
    assert_int_equal(fixture_write(&f, file, "x", 1, 0), 1);
    assert_int_equal(fixture_truncate(&f, file, 0), 0);
    assert_int_equal(fixture_write(&f, file, "x", 1, 0), 1);
    fixture_close(&f);
}

TEST(sim_disk, stall_and_slowness_cost_time)
{
    struct fixture f;
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    uint64_t start = sim_now(f.sim);
    assert_int_equal(fixture_write(&f, file, "x", 1, 0), 1);
    assert_true(sim_now(f.sim) - start < SIM_MS);
    sim_disk_slow(f.disk, 100);
    start = sim_now(f.sim);
    assert_int_equal(fixture_write(&f, file, "x", 1, 0), 1);
    assert_true(sim_now(f.sim) - start >= 2 * SIM_MS);
    sim_disk_heal(f.disk);
    probe_init(&f.probe);
    env_file_write(f.env, file, "x", 1, 0, &f.probe.op);
    sim_disk_stall(f.disk, 5 * SIM_SEC); /* also what is under way */
    start = sim_now(f.sim);
    assert_int_equal(probe_wait(&f, &f.probe), 1);
    assert_true(sim_now(f.sim) - start >= 5 * SIM_SEC);
    sim_disk_stall(f.disk, 5 * SIM_SEC); /* and what comes later */
    start = sim_now(f.sim);
    assert_int_equal(fixture_write(&f, file, "x", 1, 0), 1);
    assert_true(sim_now(f.sim) - start >= 5 * SIM_SEC);
    fixture_close(&f);
}

TEST(sim_disk, rot_flips_one_bit)
{
    struct fixture f;
    static uint8_t data[8192];
    int flipped = 0;
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    fill(&f, file, 0, 2);
    assert_true(sim_disk_rot_random(f.disk, NULL));
    assert_int_equal(fixture_read(&f, file, data, 8192, 0), 8192);
    for (size_t i = 0; i < 8192; i++) flipped += __builtin_popcount(data[i]);
    assert_int_equal(flipped, 1);
    assert_true(sim_disk_rot(f.disk, "a", 5, 3));
    assert_false(sim_disk_rot(f.disk, "a", 8192, 3));
    assert_false(sim_disk_rot_random(f.disk, "b"));
    fixture_close(&f);
}

TEST(sim_disk, is_wiped_and_rolled_back)
{
    struct fixture f;
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    fill(&f, file, 1, 1);
    assert_int_equal(fixture_link(&f, "a", "hard"), 0);
    uint64_t hash = sim_disk_hash(f.disk);
    struct sim_disk_image *image = sim_disk_snapshot(f.disk);
    fill(&f, file, 2, 2);
    assert_true(sim_disk_hash(f.disk) != hash);
    sim_env_drain(f.env);
    env_destroy(f.env);
    sim_disk_restore(f.disk, image);
    assert_u64_equal(sim_disk_hash(f.disk), hash);
    sim_env_create(f.sim, 1, NULL, &f.env);
    file = fixture_open_file(&f, "a", ENV_OPEN_READ | ENV_OPEN_WRITE);
    assert_int_equal(first_byte(&f, file, 0), 1);
    assert_int_equal(fixture_write(&f, file, "x", 1, 0), 1);
    env_file hard = fixture_open_file(&f, "hard", ENV_OPEN_READ);
    assert_int_equal(first_byte(&f, hard, 0), 'x');
    sim_env_drain(f.env);
    env_destroy(f.env);
    sim_disk_wipe(f.disk);
    sim_env_create(f.sim, 1, NULL, &f.env);
    assert_int_equal(fixture_try_open(&f, "a", ENV_OPEN_READ), -ENOENT);
    sim_disk_image_destroy(image);
    fixture_close(&f);
}

/* ---- crash points ---- */

TEST(sim_disk, machine_stands_still_at_a_crash_point)
{
    struct fixture f;
    struct probe first, second;
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    probe_init(&first);
    probe_init(&second);
    sim_disk_crash_after(f.disk, sim_disk_op_count(f.disk) + 1);
    env_file_write(f.env, file, "x", 1, 0, &first.op);
    env_file_write(f.env, file, "y", 1, 1, &second.op);
    sim_run_for(f.sim, SIM_SEC);
    assert_true(sim_disk_crash_reached(f.disk));
    assert_true(first.done != second.done);
    fixture_crash(&f, SIM_CRASH_POWER);
    assert_true(first.done && second.done);
    fixture_close(&f);
}

/* One sector written three times: which version stands when some of the last two are kept. */
static int version_kept(bool keep_second, bool keep_third)
{
    struct fixture f;
    bool keep[2] = {keep_second, keep_third};
    char byte = 0;
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    assert_int_equal(fixture_write(&f, file, "1", 1, 0), 1);
    assert_int_equal(fixture_sync(&f, file), 0);
    assert_int_equal(fixture_dir_sync(&f, "."), 0);
    sim_disk_crash_after(f.disk, sim_disk_op_count(f.disk) + 2);
    assert_int_equal(fixture_write(&f, file, "2", 1, 0), 1);
    assert_int_equal(fixture_write(&f, file, "3", 1, 0), 1);
    (void)fixture_sync(&f, file);
    assert_true(sim_disk_crash_reached(f.disk));
    assert_int_equal(sim_disk_crash_choices(f.disk), 2);
    sim_disk_crash_choose(f.disk, keep, 2);
    fixture_crash(&f, SIM_CRASH_POWER);
    file = fixture_open_file(&f, "a", ENV_OPEN_READ);
    assert_int_equal(fixture_read(&f, file, &byte, 1, 0), 1);
    fixture_close(&f);
    return byte - '0';
}

TEST(sim_disk, newest_kept_version_of_a_sector_stands)
{
    assert_int_equal(version_kept(false, false), 1);
    assert_int_equal(version_kept(true, false), 2);
    assert_int_equal(version_kept(false, true), 3);
    assert_int_equal(version_kept(true, true), 3);
}

#define STEPS 4

/* Replaces "a" the careful way: write, sync, rename, sync of the directory. */
static void replace_file(struct fixture *f, bool with_sync)
{
    int64_t opened = fixture_try_open(f, "new", FIXTURE_CREATE);
    env_file file = (env_file)opened;
    if (opened < 0) return;
    if (fixture_write(f, file, "NEW!", 4, 0) != 4) return;
    if (with_sync && fixture_sync(f, file) != 0) return;
    if (fixture_rename(f, "new", "a") != 0) return;
    (void)fixture_dir_sync(f, ".");
}

/* Crashes after `point` operations with that subset kept. False: the point was not reached. */
static bool crash_once(uint64_t point, uint64_t subset, bool with_sync, size_t *choices_out,
                       bool *intact_out)
{
    struct fixture f;
    char data[4] = {0};
    bool keep[16];
    fixture_open(&f, 1);
    env_file file = fixture_create(&f, "a");
    assert_int_equal(fixture_write(&f, file, "old!", 4, 0), 4);
    assert_int_equal(fixture_sync(&f, file), 0);
    assert_int_equal(fixture_dir_sync(&f, "."), 0);
    sim_disk_crash_after(f.disk, sim_disk_op_count(f.disk) + point);
    replace_file(&f, with_sync);
    bool reached = sim_disk_crash_reached(f.disk);
    *choices_out = reached ? sim_disk_crash_choices(f.disk) : 0;
    if (reached) {
        assert_true(*choices_out <= 16);
        for (size_t i = 0; i < *choices_out; i++) keep[i] = (subset >> i & 1) != 0;
        sim_disk_crash_choose(f.disk, keep, *choices_out);
        fixture_crash(&f, SIM_CRASH_POWER);
        file = fixture_open_file(&f, "a", ENV_OPEN_READ);
        bool full = fixture_read(&f, file, data, 4, 0) == 4;
        *intact_out = full && (memcmp(data, "old!", 4) == 0 || memcmp(data, "NEW!", 4) == 0);
    }
    fixture_close(&f);
    return reached;
}

/* How many of all crash points and subsets leave something else than the old or new file. */
static int broken_crashes(bool with_sync)
{
    int broken = 0, points = 0;
    for (uint64_t point = 0;; point++) {
        size_t choices = 0;
        bool intact = true;
        if (!crash_once(point, 0, with_sync, &choices, &intact)) break;
        broken += !intact;
        points++;
        for (uint64_t subset = 1; subset < UINT64_C(1) << choices; subset++) {
            assert_true(crash_once(point, subset, with_sync, &choices, &intact));
            broken += !intact;
        }
    }
    assert_true(points >= STEPS);
    return broken;
}

TEST(sim_disk, every_crash_point_and_subset_can_be_visited)
{
    assert_int_equal(broken_crashes(true), 0);
    assert_true(broken_crashes(false) > 0);
}
