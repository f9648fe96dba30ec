/* Fuzzes COPY's text and csv parser.
 *
 * The input is a byte of options, a byte for columns and one for the size of pieces, and the data. What must hold:
 * rows do not depend on the pieces the data came in, a field is no larger than a row may be, and an error is said
 * in words. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "sql/copy_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CSV = 1, HEADER = 2, SEMICOLON = 4, EMPTY_NULL = 8, QUOTE = 16, SMALL_ROWS = 32, FORCE = 64 };
#define ARENA_BYTES (1u << 20)

struct outcome {
    uint64_t hash, rows, line;
    enum status end;
};

static struct copy_options options_of(uint8_t flags, uint8_t columns)
{
    static const bool force[8] = {true, false, true, true};
    struct copy_options o = {.csv = (flags & CSV) != 0, .delimiter = (flags & CSV) != 0 ? ',' : '\t',
                             .quote = (flags & QUOTE) != 0 ? '\'' : '"',
                             .null_text = (flags & EMPTY_NULL) != 0 ? "" : "\\N",
                             .header = (flags & HEADER) != 0, .column_count = columns % 8u + 1,
                             .row_bytes_max = (flags & SMALL_ROWS) != 0 ? 64 : 64 << 10};
    if ((flags & SEMICOLON) != 0) o.delimiter = ';';
    o.escape = o.quote;
    if (o.csv && (flags & FORCE) != 0) o.force_not_null = o.force_null = force;
    return o;
}

static void note(struct outcome *o, const struct copy_options *options, const struct copy_field *fields)
{
    o->rows++;
    for (uint32_t i = 0; i < options->column_count; i++) {
        ASSERT(fields[i].text.size <= options->row_bytes_max);
        o->hash = hash64(fields[i].text.data, fields[i].text.size, hash_u64(o->hash + fields[i].is_null));
    }
}

/* All rows there are at the moment. */
static void take_rows(struct copy_parser *p, struct arena *arena, const struct copy_options *options,
                      struct outcome *o)
{
    static const char *const names[8] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct copy_field fields[8];
    struct sql_error error = {0};
    for (;;) {
        arena_reset(arena);
        o->end = copy_parse_next(p, arena, names, fields, &error);
        if (o->end != STATUS_OK) break;
        note(o, options, fields);
    }
    if (o->end == STATUS_INVALID) {
        ASSERT(sql_error_is_set(&error));
        o->line = copy_parse_line(p);
    }
}

static struct outcome run(const struct copy_options *options, struct bytes data, size_t piece)
{
    struct outcome o = {.end = STATUS_WAIT};
    struct copy_parser *p;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    enum status status = copy_parser_create(options, &p);
    ASSERT(status == STATUS_OK);
    for (size_t at = 0; at < data.size && o.end == STATUS_WAIT; at += piece) {
        size_t size = data.size - at < piece ? data.size - at : piece;
        uint8_t *copy = malloc(size); /* of exactly its size, and gone after the call */
        ASSERT(copy != NULL);
        memcpy(copy, data.data + at, size);
        status = copy_parse_feed(p, bytes_make(copy, size));
        free(copy);
        if (status != STATUS_OK) {
            o.end = status;
            break;
        }
        take_rows(p, &arena, options, &o);
    }
    if (o.end == STATUS_WAIT) {
        copy_parse_end(p);
        take_rows(p, &arena, options, &o);
        ASSERT(o.end != STATUS_WAIT);
    }
    copy_parser_destroy(p);
    arena_deinit(&arena);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) return 0;
    struct copy_options options = options_of(data[0], data[1]);
    struct bytes rows = bytes_make(data + 3, size - 3);
    struct outcome whole = run(&options, rows, rows.size > 0 ? rows.size : 1);
    struct outcome pieces = run(&options, rows, (size_t)data[2] + 1);
    bool large = whole.end == STATUS_TOO_LARGE || pieces.end == STATUS_TOO_LARGE;
    if (large) return 0; /* how much lies in the buffer decides when that is noticed */
    ASSERT(whole.end == pieces.end);
    ASSERT(whole.rows == pieces.rows);
    ASSERT(whole.hash == pieces.hash);
    ASSERT(whole.line == pieces.line);
    return 0;
}
