/* What COPY TO writes COPY FROM reads again as the same, whatever the values are and however the bytes are cut. */
#include "sql/copy_write.h"

#include <string.h>

#include "base/prng.h"
#include "tests/test.h"

#define ROWS 40
#define COLUMNS_MAX 5
#define FIELD_BYTES_MAX 12

struct field {
    char text[FIELD_BYTES_MAX];
    size_t size;
    bool null;
};

/* Mostly of characters that mean something to the formats. */
static void random_field(struct prng *p, struct field *f)
{
    static const char letters[] = "\\\\NN.,;\"\"''\n\r\t|ab \b\f\v:x0";
    f->null = prng_chance(p, 1, 6);
    f->size = (size_t)prng_below(p, FIELD_BYTES_MAX);
    for (size_t i = 0; i < f->size; i++) f->text[i] = letters[prng_below(p, sizeof letters - 1)];
}

static struct copy_options random_options(struct prng *p)
{
    static const char delimiters[] = ",;|:";
    struct copy_options o = {.csv = prng_chance(p, 1, 2), .column_count = 1 + (uint32_t)prng_below(p, COLUMNS_MAX)};
    o.delimiter = delimiters[prng_below(p, sizeof delimiters - 1)];
    if (!o.csv && prng_chance(p, 1, 2)) o.delimiter = '\t';
    o.quote = prng_chance(p, 1, 2) ? '"' : '\'';
    o.escape = prng_chance(p, 1, 2) ? o.quote : '\\';
    o.null_text = prng_chance(p, 1, 2) ? "\\N" : o.csv ? "" : "null";
    return o;
}

static void write_rows(const struct copy_options *o, struct field fields[ROWS][COLUMNS_MAX], struct buf *out)
{
    for (uint32_t row = 0; row < ROWS; row++) {
        for (uint32_t i = 0; i < o->column_count; i++) {
            const struct field *f = &fields[row][i];
            struct bytes text = f->null ? BYTES_EMPTY : bytes_make(f->text, f->size);
            copy_write_field(o, i == 0, text, (row + i) % 3 == 0, out);
        }
        buf_append_byte(out, '\n');
    }
    assert_int_equal(buf_status(out), STATUS_OK);
}

/* In text format a value that looks like the null text, written without a backslash, could not be told from it; PostgreSQL has
 * that, too, so such texts are not drawn. */
static bool ambiguous(const struct copy_options *o, const struct field *f)
{
    return !o->csv && !f->null && bytes_equal(bytes_make(f->text, f->size), bytes_of_string(o->null_text)) &&
           o->null_text[0] != '\\';
}

static void expect_row(const struct copy_options *o, const struct field *wrote, const struct copy_field *read)
{
    for (uint32_t i = 0; i < o->column_count; i++) {
        assert_int_equal(read[i].is_null, wrote[i].null);
        if (wrote[i].null) continue;
        assert_int_equal(read[i].text.size, wrote[i].size);
        if (wrote[i].size > 0) assert_memory_equal(read[i].text.data, wrote[i].text, wrote[i].size);
    }
}

static void read_rows(const struct copy_options *o, struct bytes data, size_t piece,
                      struct field fields[ROWS][COLUMNS_MAX])
{
    static const char *const names[COLUMNS_MAX] = {"a", "b", "c", "d", "e"};
    struct copy_parser *parser;
    struct copy_field read[COLUMNS_MAX];
    struct sql_error error = {0};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_int_equal(copy_parser_create(o, &parser), STATUS_OK);
    uint32_t row = 0;
    for (size_t at = 0; at <= data.size; at += piece) {
        size_t size = data.size - at < piece ? data.size - at : piece;
        assert_int_equal(copy_parse_feed(parser, bytes_make(data.data + at, size)), STATUS_OK);
        if (at + piece > data.size) copy_parse_end(parser);
        enum status status;
        while ((status = copy_parse_next(parser, &arena, names, read, &error)) == STATUS_OK) {
            assert_true(row < ROWS);
            expect_row(o, fields[row++], read);
        }
        assert_true(status == STATUS_WAIT || status == STATUS_NOT_FOUND);
    }
    assert_int_equal(row, ROWS);
    copy_parser_destroy(parser);
    arena_deinit(&arena);
}

TEST(copy_write, is_read_again_as_the_same)
{
    static struct field fields[ROWS][COLUMNS_MAX];
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct prng p;
        struct buf out;
        prng_init(&p, seed);
        buf_init(&out, 1 << 20);
        struct copy_options o = random_options(&p);
        for (uint32_t row = 0; row < ROWS; row++)
            for (uint32_t i = 0; i < o.column_count; i++)
                do random_field(&p, &fields[row][i]);
                while (ambiguous(&o, &fields[row][i]));
        write_rows(&o, fields, &out);
        read_rows(&o, buf_view(&out), 1 + (size_t)prng_below(&p, 30), fields);
        read_rows(&o, buf_view(&out), out.size + 1, fields);
        buf_deinit(&out);
    }
}

/* The byte behind the marker decides, in whichever piece it comes. */
static enum status read_cut(const char *text, size_t cut, uint32_t *rows_out)
{
    static const char *const names[] = {"a"};
    struct copy_options o = {.delimiter = '\t', .null_text = "\\N", .column_count = 1};
    struct copy_parser *p;
    struct copy_field field;
    struct sql_error error = {.message = NULL};
    struct arena arena;
    enum status status = STATUS_WAIT;
    assert_int_equal(copy_parser_create(&o, &p), STATUS_OK);
    arena_init(&arena, 1 << 16);
    *rows_out = 0;
    for (int piece = 0; piece < 3 && status == STATUS_WAIT; piece++) {
        struct bytes whole = bytes_of_string(text);
        if (piece == 0) assert_int_equal(copy_parse_feed(p, bytes_make(whole.data, cut)), STATUS_OK);
        if (piece == 1) assert_int_equal(copy_parse_feed(p, bytes_make(whole.data + cut, whole.size - cut)), STATUS_OK);
        if (piece == 2) copy_parse_end(p);
        while ((status = copy_parse_next(p, &arena, names, &field, &error)) == STATUS_OK) ++*rows_out;
    }
    arena_deinit(&arena);
    copy_parser_destroy(p);
    return status;
}

TEST(copy_parse, an_end_marker_stands_before_a_line_end)
{
    uint32_t rows;
    for (size_t cut = 0; cut <= 5; cut++) {
        assert_int_equal(read_cut("x\n\\.\n", cut, &rows), STATUS_NOT_FOUND);
        assert_int_equal(rows, 1);
        assert_int_equal(read_cut("x\\.\r\n", cut, &rows), STATUS_NOT_FOUND);
        assert_int_equal(rows, 1);
        assert_int_equal(read_cut("x\n\\.y", cut, &rows), STATUS_INVALID);
        assert_int_equal(rows, 1);
        assert_int_equal(read_cut("xy\\.", cut < 4 ? cut : 4, &rows), STATUS_INVALID);
        assert_int_equal(rows, 0);
    }
}
