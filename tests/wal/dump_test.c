/* The dump of a small log is the golden file tests/data/wal/dump.txt: a change of the format shows.
 * With OSTRAKA_REWRITE set in the environment, the file is written instead; read the difference. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"
#include "tests/test.h"
#include "tests/wal/flights.h"

struct dump_call {
    struct rig *r;
    struct buf text;
    enum status status;
};

static void on_line(void *ctx, const char *text)
{
    struct dump_call *d = ctx;
    buf_append_string(&d->text, text);
    buf_append_byte(&d->text, '\n');
}

static void dump_main(void *arg)
{
    struct dump_call *d = arg;
    struct fio f = {.env = d->r->env, .fibers = d->r->fibers};
    d->status = wal_dump(&f, RIG_DIRECTORY, on_line, d);
}

static enum status dump(struct rig *r, struct buf *text_out)
{
    struct dump_call d = {.r = r};
    buf_init(&d.text, 1u << 20);
    assert_true(rig_on_fiber(r, dump_main, &d));
    *text_out = d.text;
    return d.status;
}

static void small_log(struct rig *r)
{
    static uint8_t zeros[2000];
    rig_create(r, 1);
    r->options.compress = true;
    rig_must_open(r);
    rig_fact(r, 1, BYTES_LITERAL("store identity"));
    rig_hard_state(r, 1, 2, 3, 0);
    rig_entry(r, 1, 2, 1, BYTES_LITERAL("hello"));
    rig_entry(r, 1, 2, 2, BYTES_EMPTY);
    assert_true(rig_flush(r));
    rig_entry(r, 2, 7, 1, bytes_make(zeros, sizeof zeros));
    rig_start(r, 1, (struct log_pos){2, 1});
    rig_start(r, 1, (struct log_pos){9, 40});
    rig_hard_state(r, 3, 1, 0, 0);
    rig_dropped(r, 3);
    assert_true(rig_flush(r));
    rig_marker(r);
    assert_true(rig_flush(r));
    rig_reopen(r);
    rig_must_be_complete(r);
}

TEST(dump, of_a_small_log_is_the_golden_file)
{
    struct rig r;
    struct buf text;
    static char golden[65536];
    const char *path = TEST_DATA_DIR "/wal/dump.txt";
    small_log(&r);
    assert_int_equal(dump(&r, &text), STATUS_OK);
    bool rewrite = getenv("OSTRAKA_REWRITE") != NULL;
    FILE *file = fopen(path, rewrite ? "w" : "r");
    assert_non_null(file);
    if (rewrite) {
        assert_u64_equal(fwrite(text.data, 1, text.size, file), text.size);
    } else {
        size_t size = fread(golden, 1, sizeof golden - 1, file);
        buf_append_byte(&text, 0);
        golden[size] = 0;
        assert_string_equal((const char *)text.data, golden);
    }
    fclose(file);
    buf_deinit(&text);
    rig_destroy(&r);
}

TEST(dump, of_a_damaged_log_says_what_is_bad)
{
    static const struct {
        uint64_t offset;
        const char *expected;
    } cases[] = {{5, "BAD head"}, {4096 + 30, "BAD frame"}, {8192 + 200, "BAD frame"}};
    for (size_t i = 0; i < 3; i++) {
        struct rig r;
        struct buf text;
        small_log(&r);
        assert_true(sim_disk_rot(r.disk, RIG_DIRECTORY "/00000001.wal", cases[i].offset, 3));
        assert_int_equal(dump(&r, &text), STATUS_CORRUPT);
        buf_append_byte(&text, 0);
        assert_non_null(strstr((const char *)text.data, cases[i].expected));
        buf_deinit(&text);
        rig_destroy(&r);
    }
}

TEST(dump, of_two_unfinished_frames_calls_nothing_bad)
{
    struct rig r;
    struct buf text;
    flights_create(&r, 1, WAL_SYNC_DSYNC);
    flights_halt(&r);
    flights_entry(&r, 9000);
    flights_entry(&r, 100); /* is whole */
    assert_u64_equal(flights_lose_power(&r, 1), 4);
    assert_int_equal(dump(&r, &text), STATUS_OK);
    buf_append_byte(&text, 0);
    assert_non_null(strstr((const char *)text.data, "  unfinished frame at=12288"));
    assert_null(strstr((const char *)text.data, "frame 4"));
    buf_deinit(&text);
    rig_destroy(&r);
}

TEST(dump, writes_nothing)
{
    struct rig r;
    struct buf text;
    small_log(&r);
    assert_true(rig_idle(&r));
    uint64_t before = sim_disk_hash(r.disk);
    assert_int_equal(dump(&r, &text), STATUS_OK);
    assert_u64_equal(sim_disk_hash(r.disk), before);
    buf_deinit(&text);
    rig_destroy(&r);
}
