#include "sql/copy_parse.h"

#include <stdlib.h>

#include "base/assert.h"

#define ROW_BYTES_DEFAULT (2u << 20)

/* Bytes that came and are not consumed stay in `in`; a row is decoded only when it is there as a whole, so
 * that pieces may be cut anywhere. */
struct copy_parser {
    struct copy_options options;
    struct buf in, out; /* out: decoded fields of one row; fields hold offsets until the row is done */
    size_t at;          /* consumed part of in */
    size_t scanned;     /* csv: how far the search for the row's end has come, relative to at */
    bool in_quotes, ended, over, header_done;
    bool marked;        /* the end marker stood behind the current row */
    bool marker_corrupt; /* and something other than a line end behind it: it is no marker, and cannot be data */
    uint64_t line, row_line;
    struct bytes row; /* as it came, without its line end */
};

enum status copy_parser_create(const struct copy_options *options, struct copy_parser **out)
{
    struct copy_parser *p = calloc(1, sizeof *p);
    if (p == NULL) return STATUS_NO_MEMORY;
    p->options = *options;
    if (p->options.row_bytes_max == 0) p->options.row_bytes_max = ROW_BYTES_DEFAULT;
    size_t bound = (size_t)p->options.row_bytes_max * 2 + (1u << 20);
    buf_init(&p->in, bound);
    buf_init(&p->out, bound);
    *out = p;
    return STATUS_OK;
}

void copy_parser_destroy(struct copy_parser *p)
{
    buf_deinit(&p->in);
    buf_deinit(&p->out);
    free(p);
}

enum status copy_parse_feed(struct copy_parser *p, struct bytes data)
{
    ASSERT(!p->ended);
    if (p->at > 0) {
        buf_consume(&p->in, p->at);
        p->at = 0;
    }
    if (p->in.size > p->options.row_bytes_max) return STATUS_TOO_LARGE;
    buf_append_bytes(&p->in, data);
    return buf_status(&p->in);
}

void copy_parse_end(struct copy_parser *p)
{
    p->ended = true;
}

size_t copy_parse_held(const struct copy_parser *p)
{
    return p->in.size - p->at;
}

uint64_t copy_parse_line(const struct copy_parser *p)
{
    return p->row_line;
}

struct bytes copy_parse_row(const struct copy_parser *p)
{
    return p->row;
}

/* The row's bytes without its line end, and what the line end takes; false: not there yet. */
static bool find_row(struct copy_parser *p, struct bytes *row, size_t *total)
{
    size_t size = p->in.size - p->at;
    if (size == 0) return false;
    const uint8_t *data = p->in.data + p->at;
    const struct copy_options *o = &p->options;
    for (size_t i = p->scanned; i < size; i++) {
        uint8_t c = data[i];
        if (o->csv) {
            /* Inside quotes an escape that is not the quote hides what follows; a doubled quote closes and opens. */
            if (p->in_quotes && c == (uint8_t)o->escape && o->escape != o->quote) {
                if (i + 1 >= size && !p->ended) {
                    p->scanned = i;
                    return false;
                }
                i++;
                continue;
            }
            if (c == (uint8_t)o->quote) p->in_quotes = !p->in_quotes;
            if (p->in_quotes) continue;
        } else if (c == '\\') {
            if (i + 1 >= size && !p->ended) {
                p->scanned = i;
                return false;
            }
            if (i + 1 >= size) break; /* the last byte of all */
            if (data[i + 1] == '.' && i + 2 >= size && !p->ended) {
                p->scanned = i;
                return false;
            }
            if (data[i + 1] == '.') { /* the end marker, also behind data */
                p->marker_corrupt = i + 2 >= size || (data[i + 2] != '\n' && data[i + 2] != '\r');
                *row = bytes_make(data, i);
                *total = size;
                p->marked = true;
                return true;
            }
            i++; /* a backslash before a newline is data */
            continue;
        }
        if (c != '\n' && c != '\r') continue;
        if (c == '\r' && i + 1 >= size && !p->ended) {
            p->scanned = i;
            return false;
        }
        bool crlf = c == '\r' && i + 1 < size && data[i + 1] == '\n';
        *row = bytes_make(data, i);
        *total = i + 1 + crlf;
        p->scanned = 0;
        return true;
    }
    p->scanned = size;
    if (!p->ended || size == 0) return false;
    *row = bytes_make(data, size);
    *total = size;
    p->scanned = 0;
    return true;
}

static uint64_t count_lines(struct bytes bytes)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < bytes.size; i++) lines += bytes.data[i] == '\n';
    return lines;
}

static bool malformed(struct arena *arena, struct sql_error *error, const char *format, const char *name)
{
    return sql_error_set(error, arena, SQLSTATE_BAD_COPY_FILE_FORMAT, 0, format, name);
}

static unsigned hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16;
}

/* The character that a backslash sequence stands for; *i is at the character behind the backslash. */
static uint8_t unescape(struct bytes row, size_t *i)
{
    uint8_t c = row.data[*i];
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    case 'x': {
        unsigned value = 0, digits = 0;
        while (digits < 2 && *i + 1 < row.size && hex_value(row.data[*i + 1]) < 16) {
            value = value * 16 + hex_value(row.data[++*i]);
            digits++;
        }
        return digits == 0 ? 'x' : (uint8_t)value;
    }
    default: break;
    }
    if (c < '0' || c > '7') return c;
    unsigned value = c - '0', digits = 1;
    while (digits < 3 && *i + 1 < row.size && row.data[*i + 1] >= '0' && row.data[*i + 1] <= '7') {
        value = value * 8 + (unsigned)(row.data[++*i] - '0');
        digits++;
    }
    return (uint8_t)value;
}

/* Decodes one field starting at *at; leaves *at behind its delimiter. *last_out: the row ended. */
static void text_field(struct copy_parser *p, struct bytes row, size_t *at, bool *last_out, bool *null_out)
{
    size_t start = *at, i = start;
    *last_out = true;
    for (; i < row.size; i++) {
        if (row.data[i] == (uint8_t)p->options.delimiter) {
            *last_out = false;
            break;
        }
        if (row.data[i] != '\\' || i + 1 >= row.size) {
            buf_append_byte(&p->out, row.data[i]);
            continue;
        }
        i++;
        buf_append_byte(&p->out, unescape(row, &i));
    }
    *null_out = bytes_equal(bytes_make(row.data + start, i - start), bytes_of_string(p->options.null_text));
    *at = i + 1;
}

static bool csv_field(struct copy_parser *p, struct bytes row, size_t *at, bool *last_out, bool *null_out)
{
    const struct copy_options *o = &p->options;
    size_t start = *at, i = start, out_start = p->out.size;
    bool quoted = false, inside = false;
    *last_out = true;
    for (; i < row.size; i++) {
        uint8_t c = row.data[i];
        if (inside) {
            bool escapes = c == (uint8_t)o->escape && i + 1 < row.size &&
                           (row.data[i + 1] == (uint8_t)o->quote || row.data[i + 1] == (uint8_t)o->escape);
            if (escapes) buf_append_byte(&p->out, row.data[++i]);
            else if (c == (uint8_t)o->quote) inside = false;
            else buf_append_byte(&p->out, c);
        } else if (c == (uint8_t)o->quote) {
            inside = quoted = true;
        } else if (c == (uint8_t)o->delimiter) {
            *last_out = false;
            break;
        } else {
            buf_append_byte(&p->out, c);
        }
    }
    size_t size = p->out.size - out_start; /* of nothing there is no address yet */
    struct bytes text = size == 0 ? BYTES_EMPTY : bytes_make(p->out.data + out_start, size);
    *null_out = !quoted && bytes_equal(text, bytes_of_string(o->null_text));
    *at = i + 1;
    return !inside;
}

static bool split_row(struct copy_parser *p, struct arena *arena, struct bytes row,
                      const char *const *names, struct copy_field *fields, struct sql_error *error)
{
    uint32_t count = 0;
    size_t at = 0;
    bool last = false;
    buf_reset(&p->out);
    while (!last) {
        if (count == p->options.column_count)
            return malformed(arena, error, "extra data after last expected column%s", "");
        size_t start = p->out.size;
        bool null = false;
        if (!p->options.csv) text_field(p, row, &at, &last, &null);
        else if (!csv_field(p, row, &at, &last, &null))
            return malformed(arena, error, "unterminated CSV quoted field%s", "");
        if (p->out.failed) return sql_error_out_of_memory(error);
        fields[count].is_null = null;
        fields[count].text = (struct bytes){(const uint8_t *)(uintptr_t)start, p->out.size - start};
        count++;
    }
    if (count < p->options.column_count)
        return malformed(arena, error, "missing data for column \"%s\"", names[count]);
    for (uint32_t i = 0; i < count; i++) {
        bool force_null = p->options.force_null != NULL && p->options.force_null[i];
        bool force_not_null = p->options.force_not_null != NULL && p->options.force_not_null[i];
        size_t start = (uintptr_t)fields[i].text.data; /* of empty fields alone there is no address */
        fields[i].text = fields[i].text.size == 0 ? BYTES_EMPTY
                                                  : bytes_make(p->out.data + start, fields[i].text.size);
        if (force_not_null) fields[i].is_null = false;
        if (force_null && bytes_equal(fields[i].text, bytes_of_string(p->options.null_text)))
            fields[i].is_null = true;
    }
    return true;
}

/* HEADER MATCH: the fields of the first line are the names of the columns. */
static bool match_header(struct copy_parser *p, struct arena *arena, struct bytes row, const char *const *names,
                         struct sql_error *error)
{
    uint32_t count = 0, bad = 0;
    const char *got = NULL;
    size_t at = 0;
    bool last = false;
    buf_reset(&p->out);
    while (!last) {
        bool null = false;
        size_t start = p->out.size;
        if (!p->options.csv) text_field(p, row, &at, &last, &null);
        else if (!csv_field(p, row, &at, &last, &null))
            return malformed(arena, error, "unterminated CSV quoted field%s", "");
        if (p->out.failed) return sql_error_out_of_memory(error);
        struct bytes field = bytes_make(p->out.data + start, p->out.size - start);
        count++;
        if (count > p->options.column_count || bad != 0) continue;
        if (!null && bytes_equal(field, bytes_of_string(names[count - 1]))) continue;
        bad = count;
        got = null ? "null" : arena_printf(arena, "\"%.*s\"", (int)field.size, (const char *)field.data);
    }
    if (count != p->options.column_count)
        return sql_error_set(error, arena, SQLSTATE_BAD_COPY_FILE_FORMAT, 0,
                             "wrong number of fields in header line: got %u, expected %u", count,
                             p->options.column_count);
    return bad == 0 || sql_error_set(error, arena, SQLSTATE_BAD_COPY_FILE_FORMAT, 0,
                                     "column name mismatch in header line field %u: got %s, expected \"%s\"", bad,
                                     got != NULL ? got : "", names[bad - 1]);
}

enum status copy_parse_next(struct copy_parser *p, struct arena *arena, const char *const *column_names,
                            struct copy_field *fields, struct sql_error *error)
{
    for (;;) {
        if (p->over) return STATUS_NOT_FOUND;
        struct bytes row;
        size_t total;
        if (!find_row(p, &row, &total)) {
            if (p->in.size - p->at > p->options.row_bytes_max) return STATUS_TOO_LARGE;
            if (!p->ended) return STATUS_WAIT;
            p->over = true;
            if (!p->options.header_match || p->header_done) continue;
            p->row = bytes_of_string("");
            p->row_line = ++p->line;
            if (!match_header(p, arena, p->row, column_names, error)) return STATUS_INVALID;
            continue;
        }
        if (row.size > p->options.row_bytes_max) return STATUS_TOO_LARGE; /* came in one piece */
        p->line += 1 + count_lines(row);
        p->row_line = p->line; /* the row's last line, as PostgreSQL counts */
        p->row = row;
        p->at += total;
        bool marker = p->options.csv && row.size == 2 && row.data[0] == '\\' && row.data[1] == '.';
        p->over = marker || p->marked;
        if (p->marker_corrupt) {
            p->row = BYTES_EMPTY;
            malformed(arena, error, "end-of-copy marker corrupt%s", "");
            return STATUS_INVALID;
        }
        if (marker || (p->marked && row.size == 0)) continue;
        if (p->options.header && !p->header_done) {
            p->header_done = true;
            if (p->options.header_match && !match_header(p, arena, row, column_names, error)) return STATUS_INVALID;
            continue;
        }
        if (p->ended && row.size == 0 && p->at >= p->in.size && total == 0) continue;
        p->in_quotes = false;
        return split_row(p, arena, row, column_names, fields, error) ? STATUS_OK : STATUS_INVALID;
    }
}
