#include "sql/copy_write.h"

/* The letter that stands for a control character behind a backslash; 0: it stands for itself. */
static uint8_t escape_letter(uint8_t c)
{
    switch (c) {
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\v': return 'v';
    default: return 0;
    }
}

static void write_text(const struct copy_options *o, struct bytes text, struct buf *out)
{
    size_t from = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i], letter = escape_letter(c);
        if (c != '\\' && c != (uint8_t)o->delimiter && letter == 0) continue;
        buf_append(out, text.data + from, i - from);
        buf_append_byte(out, '\\');
        buf_append_byte(out, letter != 0 ? letter : c);
        from = i + 1;
    }
    buf_append(out, text.data + from, text.size - from);
}

static bool csv_needs_quotes(const struct copy_options *o, struct bytes text)
{
    if (bytes_equal(text, bytes_of_string(o->null_text))) return true;
    /* Alone in its row it would be the end marker. */
    if (o->column_count == 1 && bytes_equal(text, bytes_of_string("\\."))) return true;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == (uint8_t)o->delimiter || c == (uint8_t)o->quote || c == '\n' || c == '\r') return true;
    }
    return false;
}

static void write_csv(const struct copy_options *o, struct bytes text, bool force_quote, struct buf *out)
{
    if (!force_quote && !csv_needs_quotes(o, text)) {
        buf_append_bytes(out, text);
        return;
    }
    buf_append_byte(out, (uint8_t)o->quote);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == (uint8_t)o->quote || c == (uint8_t)o->escape) buf_append_byte(out, (uint8_t)o->escape);
        buf_append_byte(out, c);
    }
    buf_append_byte(out, (uint8_t)o->quote);
}

void copy_write_field(const struct copy_options *o, bool first, struct bytes text, bool force_quote, struct buf *out)
{
    if (!first) buf_append_byte(out, (uint8_t)o->delimiter);
    if (text.data == NULL) buf_append_string(out, o->null_text);
    else if (o->csv) write_csv(o, text, force_quote, out);
    else write_text(o, text, out);
}
