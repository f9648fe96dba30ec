#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"
#include "tests/base/dies.h"

struct sink {
    char text[3 * LOG_LINE_BYTES_MAX];
    int size, count;
};

static void sink_write(void *ctx, const char *line, int size)
{
    struct sink *sink = ctx;
    memcpy(sink->text, line, (size_t)size);
    sink->text[size] = 0;
    sink->size = size;
    sink->count++;
}

static uint64_t sink_time(void *ctx)
{
    (void)ctx;
    return 1767323045123456789; /* 2026-01-02T03:04:05.123456789Z */
}

static struct logger logger_for(struct sink *sink)
{
    *sink = (struct sink){.count = 0};
    return (struct logger){.level = LOG_LEVEL_INFO, .write = sink_write, .ctx = sink};
}

TEST(log, a_line_has_time_level_module_node_message_and_values)
{
    struct sink sink;
    struct logger l = logger_for(&sink);
    l.wall_ns = sink_time;
    l.node_id = 3;
    LOG_WARN(&l, "raft", "became leader", "term=%d why=\"%s\"", 7, "no heartbeat");
    assert_string_equal(sink.text, "ts=2026-01-02T03:04:05.123456Z level=warn module=raft node=3 "
                                   "msg=\"became leader\" term=7 why=\"no heartbeat\"\n");
    assert_int_equal(sink.size, strlen(sink.text));
}

TEST(log, without_clock_node_and_values_those_are_left_out)
{
    struct sink sink;
    struct logger l = logger_for(&sink);
    LOG_INFO(&l, "wal", "opened", "");
    assert_string_equal(sink.text, "level=info module=wal msg=\"opened\"\n");
}

TEST(log, lines_below_the_level_and_to_no_logger_are_dropped)
{
    struct sink sink;
    struct logger l = logger_for(&sink), *none = NULL;
    LOG_DEBUG(&l, "wal", "hidden", "");
    log_line(&l, LOG_LEVEL_DEBUG, "wal", "hidden", "");
    LOG_ERROR(none, "wal", "hidden", "");
    log_line(NULL, LOG_LEVEL_ERROR, "wal", "hidden", "");
    assert_int_equal(sink.count, 0);
    l.level = LOG_LEVEL_DEBUG;
    LOG_DEBUG(&l, "wal", "shown", "");
    LOG_ERROR(&l, "wal", "shown", "");
    assert_int_equal(sink.count, 2);
    assert_non_null(strstr(sink.text, "level=error"));
}

TEST(log, hostile_values_cannot_forge_a_line)
{
    struct sink sink;
    struct logger l = logger_for(&sink);
    LOG_INFO(&l, "sql", "bad\nmessage", "q=\"%s\"", "x\nlevel=error\r\t\x1b[2J\x7f\\n");
    assert_string_equal(sink.text, "level=info module=sql msg=\"bad\\nmessage\" "
                                   "q=\"x\\nlevel=error\\r\\t\\x1b[2J\\x7f\\\\n\"\n");
}

TEST(log, text_passes_and_what_is_not_text_is_escaped)
{
    struct sink sink;
    struct logger l = logger_for(&sink);
    LOG_INFO(&l, "sql", "m", "v=%s", "\xc3\xa4\xe2\x82\xac");
    assert_string_equal(sink.text, "level=info module=sql msg=\"m\" v=\xc3\xa4\xe2\x82\xac\n");
    /* A stray byte, a C1 control and a line separator. */
    LOG_INFO(&l, "sql", "m", "v=%s", "\x85|\xc2\x85|\xe2\x80\xa8|\xff");
    assert_string_equal(sink.text, "level=info module=sql msg=\"m\" "
                                   "v=\\x85|\\xc2\\x85|\\xe2\\x80\\xa8|\\xff\n");
}

TEST(log, a_long_line_is_cut_marked_and_ends_once)
{
    struct sink sink;
    struct logger l = logger_for(&sink);
    static char value[3 * LOG_LINE_BYTES_MAX];
    for (size_t size = LOG_LINE_BYTES_MAX - 100; size < LOG_LINE_BYTES_MAX + 100; size++) {
        memset(value, 'x', size);
        value[size] = 0;
        LOG_INFO(&l, "m", "m", "v=%s", value);
        size_t whole = strlen("level=info module=m msg=\"m\" v=\n") + size;
        assert_true(sink.size <= LOG_LINE_BYTES_MAX);
        assert_ptr_equal(strchr(sink.text, '\n'), sink.text + sink.size - 1);
        bool cut = strstr(sink.text, "...\n") != NULL;
        assert_true(cut == (whole > LOG_LINE_BYTES_MAX - 3));
        if (!cut) assert_int_equal(sink.size, whole);
    }
}

TEST(log, a_cut_never_splits_an_escape_or_a_character)
{
    struct sink sink;
    struct logger l = logger_for(&sink);
    static char value[2 * LOG_LINE_BYTES_MAX];
    for (size_t shift = 0; shift < 8; shift++) {
        memset(value, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof value; i += 4)
            memcpy(value + i, "\xe2\x82\xac\x01", 5);
        LOG_INFO(&l, "m", "m", "v=%s", value);
        assert_true(sink.size <= LOG_LINE_BYTES_MAX);
        assert_true(utf8_valid(bytes_make(sink.text, (size_t)sink.size)));
        const char *dots = strstr(sink.text, "...\n");
        assert_non_null(dots);
        assert_true(memcmp(dots - 3, "\xe2\x82\xac", 3) == 0 || memcmp(dots - 4, "\\x01", 4) == 0);
    }
}

static void log_to_stderr(void *ctx)
{
    struct logger l;
    (void)ctx;
    logger_init_stderr(&l, LOG_LEVEL_INFO);
    LOG_INFO(&l, "m", "hello", "");
}

TEST(log, the_standard_logger_writes_to_stderr_with_the_time)
{
    char text[200];
    assert_int_equal(dies_of(log_to_stderr, NULL, text, sizeof text), 0);
    int year, fraction, end = 0;
    assert_int_equal(
        sscanf(text, "ts=%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%6dZ %n", &year, &fraction, &end), 2);
    assert_true(year >= 2024);
    assert_string_equal(text + end, "level=info module=m msg=\"hello\"\n");
}
