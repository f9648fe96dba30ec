#include "sql/pgwire.h"

#include "base/utf8.h"

enum pgwire_parse pgwire_next(struct bytes input, bool startup, struct pgwire_message *message)
{
    size_t head = startup ? 4 : 5;
    if (input.size < head) return PGWIRE_MORE;
    uint32_t length = load_be32(input.data + head - 4);
    uint32_t bound = startup ? PGWIRE_STARTUP_BYTES_MAX : PGWIRE_MESSAGE_BYTES_MAX;
    if (length < 4 || length > INT32_MAX || (startup && (length < 8 || length > bound))) return PGWIRE_BAD;
    message->type = startup ? 0 : input.data[0];
    message->size = head - 4 + length;
    if (length > bound) return PGWIRE_TOO_LARGE;
    if (input.size < message->size) return PGWIRE_MORE;
    message->body = bytes_make(input.data + head, length - 4);
    return PGWIRE_MESSAGE;
}

const char *pgwire_text(struct reader *r)
{
    size_t left = reader_left(r);
    const uint8_t *end = left == 0 ? NULL : memchr(r->at, 0, left);
    if (end == NULL || r->failed) {
        r->failed = true;
        return "";
    }
    const char *text = (const char *)r->at;
    r->at = end + 1;
    return text;
}

size_t pgwire_begin(struct buf *out, uint8_t type)
{
    put_u8(out, type);
    size_t start = out->size;
    put_be32(out, 0);
    return start;
}

void pgwire_end(struct buf *out, size_t start)
{
    if (!out->failed) store_be32(out->data + start, (uint32_t)(out->size - start));
}

void pgwire_put_text(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text) + 1);
}

/* Errors may quote names as the client sent them: what is not UTF-8 goes back as '?', or drivers fail to read it. */
static void put_field(struct buf *out, char code, const char *text)
{
    if (text == NULL) return;
    put_u8(out, (uint8_t)code);
    struct bytes rest = bytes_of_string(text);
    while (rest.size > 0) {
        size_t size = utf8_decode(rest, NULL);
        if (size == 0) put_u8(out, '?');
        else buf_append(out, rest.data, size);
        rest.data += size == 0 ? 1 : size;
        rest.size -= size == 0 ? 1 : size;
    }
    put_u8(out, 0);
}

void pgwire_put_error(struct buf *out, uint8_t type, const char *severity, const struct sql_error *error)
{
    size_t start = pgwire_begin(out, type);
    put_field(out, 'S', severity);
    put_field(out, 'V', severity);
    put_field(out, 'C', error->sqlstate[0] != 0 ? error->sqlstate : SQLSTATE_INTERNAL_ERROR);
    put_field(out, 'M', error->message != NULL ? error->message : "unknown error");
    put_field(out, 'D', error->detail);
    put_field(out, 'H', error->hint);
    put_field(out, 'W', error->context);
    if (error->position != 0) {
        put_u8(out, 'P');
        buf_printf(out, "%u", error->position);
        put_u8(out, 0);
    }
    put_field(out, 's', error->schema_name);
    put_field(out, 't', error->table_name);
    put_field(out, 'c', error->column_name);
    put_field(out, 'd', error->datatype_name);
    put_field(out, 'n', error->constraint_name);
    put_u8(out, 0);
    pgwire_end(out, start);
}
