/* Fuzzes the reader of COPY's binary format.
 *
 * The input is a byte for columns and one for the size of pieces, and the data. What must hold: rows do not depend on
 * the pieces the data came in, fields lie within the data, and an error is said in words. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "sql/copy_binary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS_MAX 8
#define ARENA_BYTES (1u << 20)

struct outcome {
    uint64_t hash, rows;
    uint32_t column;
    enum status end;
};

/* All rows there are at the moment. */
static void take_rows(struct copy_binary *b, struct arena *arena, size_t data_bytes, struct outcome *o)
{
    struct bytes fields[COLUMNS_MAX];
    struct sql_error error = {0};
    for (;;) {
        arena_reset(arena);
        o->end = copy_binary_next(b, arena, fields, &error);
        if (o->end != STATUS_OK) break;
        o->rows++;
        ASSERT(b->row == o->rows);
        for (uint32_t i = 0; i < b->column_count; i++) {
            ASSERT(fields[i].size <= data_bytes);
            o->hash = hash64(fields[i].data, fields[i].size, hash_u64(o->hash + (fields[i].data == NULL)));
        }
    }
    ASSERT((o->end == STATUS_INVALID) == sql_error_is_set(&error));
    if (o->end == STATUS_INVALID) o->column = b->column;
}

static struct outcome run(uint32_t columns, struct bytes data, size_t piece)
{
    struct outcome o = {.end = STATUS_WAIT};
    struct copy_binary b;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    copy_binary_init(&b, columns);
    for (size_t at = 0; at < data.size && o.end == STATUS_WAIT; at += piece) {
        size_t size = data.size - at < piece ? data.size - at : piece;
        uint8_t *copy = malloc(size); /* of exactly its size, and gone after the call */
        ASSERT(copy != NULL);
        memcpy(copy, data.data + at, size);
        enum status status = copy_binary_feed(&b, bytes_make(copy, size));
        free(copy);
        ASSERT(status == STATUS_OK); /* nothing here is so large */
        take_rows(&b, &arena, data.size, &o);
    }
    if (o.end == STATUS_WAIT) {
        copy_binary_end(&b);
        take_rows(&b, &arena, data.size, &o);
        ASSERT(o.end != STATUS_WAIT);
    }
    copy_binary_deinit(&b);
    arena_deinit(&arena);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > COPY_BINARY_ROW_BYTES_MAX) return 0;
    uint32_t columns = data[0] % COLUMNS_MAX + 1u;
    struct bytes rows = bytes_make(data + 2, size - 2);
    struct outcome whole = run(columns, rows, rows.size > 0 ? rows.size : 1);
    struct outcome pieces = run(columns, rows, (size_t)data[1] + 1);
    ASSERT(whole.end == pieces.end);
    ASSERT(whole.rows == pieces.rows);
    ASSERT(whole.hash == pieces.hash);
    ASSERT(whole.column == pieces.column);
    return 0;
}
