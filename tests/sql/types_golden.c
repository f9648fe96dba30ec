#include "tests/sql/types_golden.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/cast.h"
#include "sql/datetime.h"
#include "sql/datetime_zone.h"
#include "sql/types_io.h"
#include "tests/test.h"

#define SHOWN_FAILURES_MAX 20

void golden_init(struct golden *g, const char *zone)
{
    *g = (struct golden){.rows = 0};
    arena_init(&g->arena, 256 << 20);
    g->zones = sql_zones_create();
    assert_non_null(g->zones);
    assert_int_equal(sql_zones_load(g->zones, TEST_DATA_DIR "/sql/zoneinfo"), STATUS_OK);
    if (zone != NULL) {
        g->zone = malloc(sizeof *g->zone);
        assert_non_null(g->zone);
        assert_int_equal(sql_zone_resolve(g->zones, bytes_of_string(zone), g->zone), STATUS_OK);
    }
    golden_reset(g);
}

void golden_deinit(struct golden *g)
{
    sql_zones_destroy(g->zones);
    free(g->zone);
    arena_deinit(&g->arena);
}

struct sql_eval *golden_reset(struct golden *g)
{
    arena_reset(&g->arena);
    sql_error_clear(&g->error);
    sql_eval_init(&g->eval, &g->arena, &g->error);
    g->eval.zones = g->zones;
    g->eval.zone = g->zone;
    return &g->eval;
}

void golden_fail(struct golden *g, const struct golden_row *row, const char *format, ...)
{
    if (g->failures++ >= SHOWN_FAILURES_MAX) return;
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    print_error("%s:%u:", g->file, row->line);
    for (uint32_t i = 0; i < row->count; i++)
        print_error(" %s[%.*s]", row->is_null[i] ? "NULL" : "",
                    (int)(row->columns[i].size < 100 ? row->columns[i].size : 100),
                    (const char *)row->columns[i].data);
    print_error("\n    %s\n", text);
}

/* Splits at tabs and resolves the escapes, in place. */
static void split(char *line, struct golden_row *row)
{
    row->count = 0;
    for (char *at = line; at != NULL;) {
        assert_true(row->count < GOLDEN_COLUMNS_MAX);
        char *next = strchr(at, '\t'), *to = at;
        size_t size = next == NULL ? strlen(at) : (size_t)(next - at);
        row->is_null[row->count] = size == 2 && memcmp(at, "\\N", 2) == 0;
        for (char *from = at; from < at + size; from++) {
            if (*from == '\\' && from + 1 < at + size) {
                from++;
                *to++ = *from == 't' ? '\t' : *from == 'n' ? '\n' : *from;
            } else {
                *to++ = *from;
            }
        }
        row->columns[row->count++] = bytes_make(at, (size_t)(to - at));
        at = next == NULL ? NULL : next + 1;
    }
}

void golden_replay(struct golden *g, const char *file,
                   void (*check)(struct golden *g, const struct golden_row *row))
{
    char path[1024];
    snprintf(path, sizeof path, "%s/sql/types/%s", TEST_DATA_DIR, file);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    g->file = file;
    g->rows = g->failures = 0;
    char *line = NULL;
    size_t capacity = 0;
    struct golden_row row = {.line = 0};
    for (ssize_t size; (size = getline(&line, &capacity, f)) >= 0;) {
        row.line++;
        if (line[0] == '#') continue;
        if (size > 0 && line[size - 1] == '\n') line[size - 1] = 0;
        split(line, &row);
        golden_reset(g);
        check(g, &row);
        g->rows++;
    }
    free(line);
    fclose(f);
    assert_true(g->rows > 0);
    if (g->failures > 0) fail_msg("%s: %u of %u rows differ", file, g->failures, g->rows);
}

/* --- Types ----------------------------------------------------------------------------------- */

static struct sql_type interval_type(struct bytes fields)
{
    static const struct {
        const char *name;
        int32_t bits;
    } names[] = {{"year", SQL_INTERVAL_YEAR},     {"month", SQL_INTERVAL_MONTH},
                 {"day", SQL_INTERVAL_DAY},       {"hour", SQL_INTERVAL_HOUR},
                 {"minute", SQL_INTERVAL_MINUTE}, {"second", SQL_INTERVAL_SECOND}};
    int32_t bits = 0;
    size_t first = 6, last = 0;
    for (size_t i = 0; i < 6; i++)
        if (memmem(fields.data, fields.size, names[i].name, strlen(names[i].name)) != NULL) {
            if (first == 6) first = i;
            last = i;
        }
    assert_true(first < 6);
    for (size_t i = first; i <= last; i++)
        bits |= names[i].bits;
    return (struct sql_type){SQL_TYPE_INTERVAL,
                             SQL_INTERVAL_TYPMOD(bits, SQL_INTERVAL_PRECISION_NONE)};
}

struct sql_type golden_type(struct golden *g, struct bytes name)
{
    char text[80] = "";
    assert_true(name.size < sizeof text);
    memcpy(text, name.data, name.size);
    if (strncmp(text, "interval ", 9) == 0)
        return interval_type(bytes_make(name.data + 9, name.size - 9));
    bool quoted = strcmp(text, "\"char\"") == 0;
    int64_t arguments[2];
    size_t count = 0;
    char *open = strchr(text, '(');
    if (open != NULL) {
        char *at = open + 1;
        do
            arguments[count++] = strtoll(at, &at, 10);
        while (*at++ == ',');
        memmove(open, at, strlen(at) + 1); /* what follows, as in timestamp(3) with time zone */
    }
    const struct sql_type_info *info =
        sql_type_find_name(quoted ? BYTES_LITERAL("char") : bytes_of_string(text), quoted);
    if (info == NULL) fail_msg("no type %s", text);
    /* A bare character is character(1). */
    if (count == 0 && strcmp(text, "character") == 0) arguments[count++] = 1;
    struct sql_type type = sql_type_of(info->oid);
    assert_int_equal(
        sql_type_make_typmod(&g->arena, info->oid, arguments, count, &type.typmod, &g->error),
        STATUS_OK);
    return type;
}

enum status golden_value(struct golden *g, struct sql_type type, const struct golden_row *row,
                         uint32_t column, struct sql_datum *out)
{
    if (row->is_null[column]) {
        *out = SQL_NULL;
        return STATUS_OK;
    }
    struct sql_datum text = sql_bytes(row->columns[column]);
    return sql_cast(&g->eval, SQL_TYPE_UNKNOWN, type, SQL_CAST_EXPLICIT, &text, out);
}

void golden_expect(struct golden *g, const struct golden_row *row, uint32_t column,
                   enum status status, uint32_t oid, const struct sql_datum *value)
{
    struct bytes expected = row->columns[column];
    char actual[4200];
    if (status != STATUS_OK) {
        snprintf(actual, sizeof actual, "!%s %s", g->error.sqlstate,
                 g->error.message == NULL ? "" : g->error.message);
    } else if (value->is_null) {
        snprintf(actual, sizeof actual, "null");
    } else {
        struct bytes text;
        struct buf written;
        buf_init(&written, 1 << 20);
        assert_int_equal(sql_type_output(&g->eval, oid, value, &text), STATUS_OK);
        sql_type_write(&g->eval, oid, value, &written);
        assert_int_equal(buf_status(&written), STATUS_OK);
        assert_true(bytes_equal(text, buf_view(&written))); /* both ways of writing agree */
        buf_deinit(&written);
        snprintf(actual, sizeof actual, "=%.*s", (int)text.size, (const char *)text.data);
    }
    if (!bytes_equal(expected, bytes_of_string(actual))) golden_fail(g, row, "answered %s", actual);
}
