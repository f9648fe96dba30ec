/* The calendar, the clock and zones: laws, known moments, and files that are no zones. */
#include "sql/datetime.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sql/datetime_int.h"
#include "sql/datetime_zone.h"
#include "sql/types_io.h"
#include "tests/sql/types_golden.h"
#include "tests/sql/types_random.h"
#include "tests/test.h"

/* --- Calendar -------------------------------------------------------------------------------- */

TEST(datetime, counts_every_day_once)
{
    int32_t year = -4713, month = 11, day = 24; /* Julian day 0 */
    assert_int_equal(sql_days_of_civil(year, month, day), SQL_DATE_MIN);
    for (int64_t days = SQL_DATE_MIN; days < 4000000; days++) {
        int32_t y, m, d;
        sql_civil_of_days(days, &y, &m, &d);
        if (y != year || m != month || d != day) fail_msg("day %lld", (long long)days);
        if (sql_days_of_civil(y, m, d) != days) fail_msg("%d-%d-%d", y, m, d);
        if (++day > sql_days_in_month(year, month)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
}

TEST(datetime, knows_the_ends_of_its_calendar)
{
    int32_t y, m, d;
    sql_civil_of_days(SQL_DATE_MAX, &y, &m, &d);
    assert_true(y == 5874897 && m == 12 && d == 31);
    struct sql_datetime t;
    sql_datetime_of_timestamp(SQL_TIMESTAMP_MAX, &t);
    assert_true(t.year == 294276 && t.month == 12 && t.day == 31 && t.us == 999999);
    sql_datetime_of_timestamp(SQL_TIMESTAMP_MIN, &t);
    assert_true(t.year == -4713 && t.month == 11 && t.day == 24 && t.hour == 0);
}

/* The C library agrees on days of the week and ISO weeks, from 1900 to 2200. */
TEST(datetime, knows_weeks_as_the_c_library_does)
{
    int64_t from = sql_days_of_civil(1900, 1, 1), to = sql_days_of_civil(2200, 1, 1);
    for (int64_t days = from; days < to; days++) {
        time_t t = (time_t)((days + SQL_UNIX_EPOCH_DAYS) * 86400);
        struct tm tm;
        char text[16];
        gmtime_r(&t, &tm);
        assert_int_equal(sql_day_of_week(days), tm.tm_wday);
        int32_t iso_year, week = sql_iso_week(days, &iso_year);
        strftime(text, sizeof text, "%G %V", &tm);
        assert_int_equal(iso_year, atoi(text));
        assert_int_equal(week, atoi(strchr(text, ' ')));
    }
}

/* --- Now ------------------------------------------------------------------------------------- */

static int64_t parse(struct golden *g, uint32_t oid, const char *text)
{
    int64_t out = 0;
    assert_int_equal(sql_datetime_parse(&g->eval, oid, bytes_of_string(text), -1, &out), STATUS_OK);
    return out;
}

TEST(datetime, now_is_the_transactions_time)
{
    struct golden g;
    golden_init(&g, "America/New_York");
    /* 2020-07-04 02:00 UTC: in New York it is still the 3rd, 22:00. */
    int64_t now = parse(&g, SQL_TYPE_TIMESTAMPTZ, "2020-07-04 02:00:00+00");
    g.eval.transaction_us = now;
    assert_true(parse(&g, SQL_TYPE_TIMESTAMPTZ, "now") == now);
    assert_true(parse(&g, SQL_TYPE_TIMESTAMP, "now") == now - 4 * US_PER_HOUR);
    int64_t third = parse(&g, SQL_TYPE_DATE, "2020-07-03");
    assert_true(parse(&g, SQL_TYPE_DATE, "now") == third);
    assert_true(parse(&g, SQL_TYPE_DATE, "today") == third);
    assert_true(parse(&g, SQL_TYPE_DATE, "tomorrow") == third + 1);
    assert_true(parse(&g, SQL_TYPE_DATE, "Yesterday") == third - 1);
    assert_true(parse(&g, SQL_TYPE_TIME, "now") == 22 * US_PER_HOUR);
    assert_true(parse(&g, SQL_TYPE_TIMESTAMP, "tomorrow 10:30") ==
                (third + 1) * US_PER_DAY + 21 * US_PER_HOUR / 2);
    assert_true(parse(&g, SQL_TYPE_TIMESTAMPTZ, "today") == third * US_PER_DAY + 4 * US_PER_HOUR);
    golden_deinit(&g);
}

TEST(datetime, date_order_decides_what_slashes_mean)
{
    struct golden g;
    golden_init(&g, NULL);
    int64_t february = sql_days_of_civil(2003, 2, 1), january = sql_days_of_civil(2003, 1, 2);
    assert_true(parse(&g, SQL_TYPE_DATE, "1/2/2003") == january);
    g.eval.date_order = SQL_DATE_ORDER_DMY;
    assert_true(parse(&g, SQL_TYPE_DATE, "1/2/2003") == february);
    assert_true(parse(&g, SQL_TYPE_DATE, "2003-02-01") == february);
    assert_true(parse(&g, SQL_TYPE_DATE, "1 Feb 03") == february);
    g.eval.date_order = SQL_DATE_ORDER_YMD;
    assert_true(parse(&g, SQL_TYPE_DATE, "03/02/01") == february);
    golden_deinit(&g);
}

/* --- Zones ----------------------------------------------------------------------------------- */

/* Against the C library, which reads the same files: every hour of three years, and months apart
 * over centuries. */
static void compare_zone(const char *name)
{
    struct golden g;
    golden_init(&g, name);
    char path[1024];
    snprintf(path, sizeof path, ":%s/sql/zoneinfo/%s", TEST_DATA_DIR, name);
    setenv("TZ", path, 1);
    tzset();
    for (int pass = 0; pass < 2; pass++) {
        int64_t from = pass == 0 ? 1577836800 : -2208988800,
                to = pass == 0 ? 1672531200 : 6311433600;
        for (int64_t t = from; t < to; t += pass == 0 ? 1799 : 86400 * 9 + 3601) {
            time_t moment = (time_t)t;
            struct tm tm;
            localtime_r(&moment, &tm);
            if (sql_zone_offset_at(g.zone, t) != tm.tm_gmtoff)
                fail_msg("%s at %lld", name, (long long)t);
        }
    }
    unsetenv("TZ");
    tzset();
    golden_deinit(&g);
}

TEST(zone, agrees_with_the_c_library)
{
    compare_zone("America/New_York");
    compare_zone("Europe/Berlin");
    compare_zone("Asia/Kolkata");
    compare_zone("Australia/Lord_Howe");
}

/* Where a local time exists once, both directions agree. */
TEST(zone, local_time_goes_there_and_back)
{
    struct golden g;
    struct prng p;
    golden_init(&g, "Europe/Berlin");
    prng_init(&p, 1);
    for (int i = 0; i < 100000; i++) {
        int64_t t = (int64_t)prng_below(&p, UINT64_C(9000000000)) - 3000000000;
        int32_t offset = sql_zone_offset_at(g.zone, t);
        int32_t found = sql_zone_offset_of_local(g.zone, t + offset);
        if (found != offset) /* only where the reading came twice, and then the later is taken */
            assert_int_equal(sql_zone_offset_at(g.zone, t + offset - found), found);
    }
    golden_deinit(&g);
}

static void expect_setting(const char *text, bool found, int32_t offset)
{
    struct sql_zone zone;
    enum status status = sql_zone_resolve_setting(NULL, bytes_of_string(text), &zone);
    assert_int_equal(status, found ? STATUS_OK : STATUS_NOT_FOUND);
    if (found) assert_int_equal(sql_zone_offset_at(&zone, 0), offset);
}

TEST(zone, settings_are_names_rules_and_hours)
{
    expect_setting("UTC", true, 0);
    expect_setting("gmt", true, 0);
    expect_setting("-8", true, -8 * 3600);
    expect_setting("5.5", true, 5 * 3600 + 1800);
    expect_setting("+05:30", true, -(5 * 3600 + 1800)); /* POSIX: west */
    expect_setting("UTC+3", true, -3 * 3600);
    expect_setting("<+03>-03", true, 3 * 3600);
    expect_setting("EST5EDT", true, -5 * 3600);
    expect_setting("Mars/Olympus", false, 0);
    expect_setting("", false, 0);
    expect_setting("99", false, 0);
    expect_setting("EST", false, 0);
    expect_setting("EST5EDT,M13.1.1,M1.1.1", false, 0);
    expect_setting("EST5EDT,M3.2.0", false, 0);
}

TEST(zone, names_match_in_any_case)
{
    struct golden g;
    golden_init(&g, NULL);
    assert_non_null(sql_zones_find(g.zones, BYTES_LITERAL("america/NEW_york")));
    assert_null(sql_zones_find(g.zones, BYTES_LITERAL("America/New_Yorkk")));
    assert_null(sql_zones_find(g.zones, BYTES_LITERAL("America/New_Yor")));
    assert_string_equal(sql_zones_at(g.zones, 0)->name, "America/New_York");
    assert_null(sql_zones_at(g.zones, 1000));
    golden_deinit(&g);
}

static size_t read_file(const char *name, uint8_t *buffer, size_t size_max)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/sql/zoneinfo/%s", TEST_DATA_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t size = fread(buffer, 1, size_max, f);
    fclose(f);
    return size;
}

TEST(zone, survives_files_that_are_no_zones)
{
    struct prng p;
    prng_init(&p, 2);
    static uint8_t original[8192], file[8192];
    size_t whole = read_file("Europe/Berlin", original, sizeof original);
    for (int i = 0; i < 20000; i++) {
        memcpy(file, original, whole);
        size_t size = prng_chance(&p, 1, 3) ? prng_below(&p, whole + 1) : whole;
        for (uint64_t k = prng_below(&p, 6); k > 0 && size > 0; k--)
            file[prng_chance(&p, 1, 2) ? prng_below(&p, size < 120 ? size : 120)
                                       : prng_below(&p, size)] = (uint8_t)prng_next(&p);
        struct sql_zones *zones = sql_zones_create();
        assert_non_null(zones);
        enum status status =
            sql_zones_add(zones, BYTES_LITERAL("Test/Zone"), bytes_make(file, size));
        assert_true(status == STATUS_OK || status == STATUS_INVALID);
        const struct sql_zone *zone = sql_zones_find(zones, BYTES_LITERAL("test/zone"));
        assert_int_equal(zone != NULL, status == STATUS_OK);
        for (int k = 0; zone != NULL && k < 4; k++) {
            int64_t t = (int64_t)prng_below(&p, UINT64_C(20000000000000)) - 200000000000;
            sql_zone_offset_at(zone, t);
            sql_zone_offset_of_local(zone, t);
        }
        sql_zones_destroy(zones);
    }
}

TEST(zone, survives_rules_that_are_none)
{
    struct prng p;
    prng_init(&p, 3);
    static const char alphabet[] = "0123456789+-,./:<>JMESTDabc";
    for (int i = 0; i < 300000; i++) {
        char text[48];
        int size = snprintf(text, sizeof text, "EST5EDT,M%u.%u.%u/%d,J%u/%d",
                            (unsigned)prng_below(&p, 14), (unsigned)prng_below(&p, 7),
                            (unsigned)prng_below(&p, 8), (int)prng_below(&p, 340) - 170,
                            (unsigned)prng_below(&p, 370), (int)prng_below(&p, 340) - 170);
        for (uint64_t k = prng_below(&p, 4); k > 0; k--)
            text[prng_below(&p, (uint64_t)size)] = alphabet[prng_below(&p, sizeof alphabet - 1)];
        struct sql_zone zone = {.has_rule = true};
        if (sql_zone_parse_rule(bytes_make(text, (size_t)size), &zone.rule) != STATUS_OK) continue;
        int64_t t = (int64_t)prng_below(&p, UINT64_C(9000000000000)) - 200000000000;
        sql_zone_offset_at(&zone, t);
        sql_zone_offset_of_local(&zone, t);
    }
}

TEST(zone, refuses_impossible_names)
{
    static uint8_t file[8192];
    size_t size = read_file("Asia/Kolkata", file, sizeof file);
    struct sql_zones *zones = sql_zones_create();
    struct bytes sound = bytes_make(file, size);
    assert_int_equal(sql_zones_add(zones, BYTES_LITERAL("../etc"), sound), STATUS_INVALID);
    assert_int_equal(sql_zones_add(zones, BYTES_LITERAL(""), sound), STATUS_INVALID);
    assert_int_equal(sql_zones_add(zones, BYTES_LITERAL("A\nB"), sound), STATUS_INVALID);
    assert_int_equal(sql_zones_add(zones, BYTES_LITERAL("Asia/Kolkata"), sound), STATUS_OK);
    assert_int_equal(sql_zones_add(zones, BYTES_LITERAL("ASIA/Kolkata"), sound), STATUS_EXISTS);
    assert_int_equal(sql_zones_load(zones, "/nonexistent"), STATUS_NOT_FOUND);
    sql_zones_destroy(zones);
}

/* --- Intervals ------------------------------------------------------------------------------- */

TEST(interval, text_reads_back_exactly)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 4);
    for (int i = 0; i < 100000; i++) {
        golden_reset(&g);
        struct sql_interval a = random_datum(&p, &g.arena, SQL_TYPE_INTERVAL).interval, b;
        if (a.us == INT64_MIN)
            continue; /* written as -2562047788:00:54.775808, which no one reads */
        char text[SQL_INTERVAL_TEXT_BYTES_MAX];
        size_t size = sql_interval_format(&a, text);
        enum status status = sql_interval_parse(&g.eval, bytes_make(text, size), -1, &b);
        if (status != STATUS_OK) fail_msg("%.*s", (int)size, text);
        assert_true(a.us == b.us && a.days == b.days && a.months == b.months);
    }
    golden_deinit(&g);
}

/* Adding and taking away again without months comes back to the same moment. */
TEST(interval, moves_there_and_back)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 5);
    for (int i = 0; i < 100000; i++) {
        struct sql_eval *e = golden_reset(&g);
        int64_t t = (int64_t)prng_below(&p, UINT64_C(4000000000000000)), there, back;
        struct sql_interval i1 = {.us = (int64_t)prng_below(&p, 1u << 30) * 1000,
                                  .days = (int32_t)prng_below(&p, 10000)},
                            i2;
        assert_int_equal(sql_interval_negate(e, &i1, &i2), STATUS_OK);
        assert_int_equal(sql_timestamp_add(e, SQL_TYPE_TIMESTAMP, t, &i1, &there), STATUS_OK);
        assert_int_equal(sql_timestamp_add(e, SQL_TYPE_TIMESTAMP, there, &i2, &back), STATUS_OK);
        assert_true(back == t);
        struct sql_interval difference;
        assert_int_equal(sql_timestamp_subtract(e, there, t, &difference), STATUS_OK);
        assert_true(sql_interval_length(&difference) == sql_interval_length(&i1));
    }
    golden_deinit(&g);
}
