#include "sql/copy_binary.h"

#include "base/assert.h"
#include "base/codec.h"

#define FLAG_OIDS 0x10000u
#define FLAGS_CRITICAL 0xffff0000u
#define HEADER_BYTES 19
#define TRAILER UINT16_MAX

static const uint8_t signature[11] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0};

void copy_binary_init(struct copy_binary *b, uint32_t column_count)
{
    *b = (struct copy_binary){.column_count = column_count, .column = UINT32_MAX};
    buf_init(&b->in, 2 * (size_t)COPY_BINARY_ROW_BYTES_MAX + (1u << 20));
}

void copy_binary_deinit(struct copy_binary *b)
{
    buf_deinit(&b->in);
}

size_t copy_binary_held(const struct copy_binary *b)
{
    size_t held = b->in.size - b->at;
    return b->announced > held ? b->announced : held;
}

enum status copy_binary_feed(struct copy_binary *b, struct bytes data)
{
    ASSERT(!b->ended);
    buf_consume(&b->in, b->at);
    b->at = 0;
    if (b->in.size > COPY_BINARY_ROW_BYTES_MAX) return STATUS_TOO_LARGE;
    buf_append_bytes(&b->in, data);
    return buf_status(&b->in);
}

void copy_binary_end(struct copy_binary *b)
{
    b->ended = true;
}

static enum status malformed(struct arena *arena, struct sql_error *error, const char *message)
{
    sql_error_set(error, arena, SQLSTATE_BAD_COPY_FILE_FORMAT, 0, "%s", message);
    return STATUS_INVALID;
}

/* What is not there yet comes, or is missed. */
static enum status short_of(const struct copy_binary *b, struct arena *arena, const char *message,
                            struct sql_error *error)
{
    return b->ended ? malformed(arena, error, message) : STATUS_WAIT;
}

/* What came and is not consumed. */
static struct bytes rest(const struct copy_binary *b)
{
    size_t size = b->in.size - b->at;
    return size == 0 ? BYTES_EMPTY : bytes_make(b->in.data + b->at, size); /* of nothing there is no address yet */
}

static enum status take_header(struct copy_binary *b, struct arena *arena, struct sql_error *error)
{
    struct bytes in = rest(b);
    size_t known = in.size < sizeof signature ? in.size : sizeof signature;
    if ((known > 0 && memcmp(in.data, signature, known) != 0) || (b->ended && known < sizeof signature))
        return malformed(arena, error, "COPY file signature not recognized");
    if (in.size < HEADER_BYTES - 4) return short_of(b, arena, "invalid COPY file header (missing flags)", error);
    struct reader r = reader_make(bytes_make(in.data + sizeof signature, in.size - sizeof signature));
    uint32_t flags = get_be32(&r);
    if (flags & FLAG_OIDS) return malformed(arena, error, "invalid COPY file header (WITH OIDS)");
    if (flags & FLAGS_CRITICAL) return malformed(arena, error, "unrecognized critical flags in COPY file header");
    if (in.size < HEADER_BYTES) return short_of(b, arena, "invalid COPY file header (missing length)", error);
    uint32_t extension = get_be32(&r);
    if (extension > INT32_MAX) return malformed(arena, error, "invalid COPY file header (missing length)");
    if (reader_left(&r) < extension) {
        b->announced = extension;
        if (extension > COPY_BINARY_ROW_BYTES_MAX) return STATUS_TOO_LARGE;
        return short_of(b, arena, "invalid COPY file header (wrong length)", error);
    }
    b->at += HEADER_BYTES + extension;
    b->header_done = true;
    return STATUS_OK;
}

static enum status take_fields(struct copy_binary *b, struct arena *arena, struct reader *r, struct bytes *fields,
                               struct sql_error *error)
{
    for (uint32_t i = 0; i < b->column_count; i++) {
        b->column = i;
        if (reader_left(r) < 4) return short_of(b, arena, "unexpected EOF in COPY data", error);
        uint32_t size = get_be32(r);
        fields[i] = (struct bytes){NULL, 0};
        if (size == UINT32_MAX) continue;
        if (size > INT32_MAX) return malformed(arena, error, "invalid field size");
        b->announced = size;
        if (size > COPY_BINARY_ROW_BYTES_MAX) return STATUS_TOO_LARGE;
        if (reader_left(r) < size) return short_of(b, arena, "unexpected EOF in COPY data", error);
        fields[i] = size == 0 ? BYTES_LITERAL("") : get_bytes(r, size);
    }
    b->column = UINT32_MAX;
    return STATUS_OK;
}

static enum status take_row(struct copy_binary *b, struct arena *arena, struct bytes *fields, struct sql_error *error)
{
    struct reader r = reader_make(rest(b));
    if (reader_left(&r) == 0 && b->ended) return STATUS_NOT_FOUND; /* the trailer may be missing, as in PostgreSQL */
    if (reader_left(&r) < 2) return short_of(b, arena, "unexpected EOF in COPY data", error);
    uint16_t count = get_be16(&r);
    if (count == TRAILER) {
        b->trailer_seen = true;
        b->at += 2;
        return STATUS_WAIT;
    }
    if (count != b->column_count) {
        b->row++;
        sql_error_set(error, arena, SQLSTATE_BAD_COPY_FILE_FORMAT, 0, "row field count is %d, expected %u",
                      (int16_t)count, b->column_count);
        return STATUS_INVALID;
    }
    enum status status = take_fields(b, arena, &r, fields, error);
    if (status != STATUS_WAIT) b->row++;
    if (status == STATUS_OK) b->at = b->in.size - reader_left(&r);
    return status;
}

enum status copy_binary_next(struct copy_binary *b, struct arena *arena, struct bytes *fields, struct sql_error *error)
{
    b->column = UINT32_MAX;
    if (!b->header_done) {
        enum status status = take_header(b, arena, error);
        if (status != STATUS_OK) return status;
    }
    if (!b->trailer_seen) {
        enum status status = take_row(b, arena, fields, error);
        if (!b->trailer_seen) return status;
    }
    if (b->at < b->in.size) {
        b->row++;
        return malformed(arena, error, "received copy data after EOF marker");
    }
    return b->ended ? STATUS_NOT_FOUND : STATUS_WAIT;
}

void copy_binary_put_header(struct buf *out)
{
    buf_append(out, signature, sizeof signature);
    put_be32(out, 0);
    put_be32(out, 0);
}

void copy_binary_put_trailer(struct buf *out)
{
    put_be16(out, TRAILER);
}
