/* String functions of text and bytea. */
#include <stdio.h>

#include "base/utf8.h"
#include "sql/collation.h"
#include "sql/function_string_int.h"
#include "sql/text.h"
#include "sql/types_io.h"

/* As sql_eval_effort counts. */
#define COPIED_PER_STEP 16
#define STEPS_PER_FIND 8

static struct bytes slice(struct bytes text, size_t from, size_t to)
{
    ASSERT(from <= to);
    ASSERT(to <= text.size);
    return bytes_make(text.data == NULL ? NULL : text.data + from, to - from);
}

/* --- Lengths --------------------------------------------------------------------------------- */

EVALUATE(length_text)
{
    struct bytes text = function_bytes(call, 0);
    if (call->types[0].oid == SQL_TYPE_BPCHAR) text = sql_collation_trim_padding(text);
    out->integer = (int64_t)utf8_length(text);
    return STATUS_OK;
}

EVALUATE(length_bytes)
{
    out->integer = (int64_t)function_bytes(call, 0).size;
    return STATUS_OK;
}

EVALUATE(length_bits)
{
    out->integer = (int64_t)function_bytes(call, 0).size * 8;
    return STATUS_OK;
}

/* --- Case ------------------------------------------------------------------------------------ */

EVALUATE(lower_text)
{
    return text_change_case(e, function_bytes(call, 0), TEXT_LOWER, &out->bytes);
}
EVALUATE(upper_text)
{
    return text_change_case(e, function_bytes(call, 0), TEXT_UPPER, &out->bytes);
}
EVALUATE(initcap_text)
{
    return text_change_case(e, function_bytes(call, 0), TEXT_INITCAP, &out->bytes);
}

/* --- Parts ----------------------------------------------------------------------------------- */

/* substring(text, from[, count]): positions before the first character count, but hold nothing. */
EVALUATE(substring)
{
    struct bytes text = function_bytes(call, 0);
    int64_t from = function_integer(call, 1), end = INT64_MAX;
    if (call->count > 2) {
        int64_t count = function_integer(call, 2);
        if (count < 0)
            return sql_eval_fail(e, SQLSTATE_SUBSTRING_ERROR,
                                 "negative substring length not allowed");
        end = from + count; /* both fit 32 bits */
    }
    if (from < 1) from = 1;
    if (end <= from) {
        out->bytes = slice(text, 0, 0);
        return STATUS_OK;
    }
    size_t start, stop;
    if (function_takes_bytea(call)) {
        start = (uint64_t)from - 1 < text.size ? (size_t)from - 1 : text.size;
        stop = (uint64_t)end - 1 < text.size ? (size_t)end - 1 : text.size;
    } else {
        start = text_prefix_size(text, from - 1);
        stop = start + text_prefix_size(slice(text, start, text.size), end - from);
    }
    out->bytes = slice(text, start, stop);
    return STATUS_OK;
}

/* left(text, n) is the first n characters; all but the last -n when negative. */
EVALUATE(left_text)
{
    struct bytes text = function_bytes(call, 0);
    int64_t n = function_integer(call, 1);
    if (n < 0) n += (int64_t)utf8_length(text);
    out->bytes = slice(text, 0, text_prefix_size(text, n));
    return STATUS_OK;
}

EVALUATE(right_text)
{
    struct bytes text = function_bytes(call, 0);
    int64_t n = function_integer(call, 1), length = (int64_t)utf8_length(text);
    int64_t skipped = n < 0 ? -n : length - n;
    out->bytes = slice(text, text_prefix_size(text, skipped), text.size);
    return STATUS_OK;
}

/* strpos(text, part): 0 when it does not occur. */
EVALUATE(position)
{
    struct bytes text = function_bytes(call, 0);
    size_t at = text_find(text, function_bytes(call, 1), 0);
    if (at == SIZE_MAX) return STATUS_OK;
    out->integer = 1 + (int64_t)(function_takes_bytea(call) ? at : utf8_length(slice(text, 0, at)));
    return STATUS_OK;
}

/* How often `part`, which is not empty, is in `text`. */
static enum status count_parts(struct sql_eval *e, struct bytes text, struct bytes part, size_t *count_out)
{
    size_t count = 0;
    for (size_t at = 0, found; (found = text_find(text, part, at)) != SIZE_MAX; count++) {
        enum status status = sql_eval_effort(e, STEPS_PER_FIND + (found - at) / COPIED_PER_STEP);
        if (status != STATUS_OK) return status;
        at = found + part.size;
    }
    *count_out = count;
    return STATUS_OK;
}

/* split_part(text, separator, n): from the end when n is negative. */
EVALUATE(split_part)
{
    struct bytes text = function_bytes(call, 0), separator = function_bytes(call, 1);
    int64_t n = function_integer(call, 2);
    if (n == 0)
        return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                             "field position must not be zero");
    out->bytes = BYTES_LITERAL("");
    size_t separators = 0;
    enum status status = separator.size == 0 ? STATUS_OK : count_parts(e, text, separator, &separators);
    if (status != STATUS_OK) return status;
    int64_t parts = (int64_t)separators + 1;
    if (n < 0) n += parts + 1;
    if (n < 1 || n > parts || text.size == 0) return STATUS_OK;
    size_t start = 0;
    for (int64_t i = 1; i < n; i++) {
        start = text_find(text, separator, start) + separator.size;
        status = sql_eval_effort(e, STEPS_PER_FIND);
        if (status != STATUS_OK) return status;
    }
    size_t stop = n == parts ? text.size : text_find(text, separator, start);
    out->bytes = slice(text, start, stop);
    return STATUS_OK;
}

EVALUATE(starts_with)
{
    out->boolean = bytes_has_prefix(function_bytes(call, 0), function_bytes(call, 1));
    return STATUS_OK;
}

/* --- Trimming -------------------------------------------------------------------------------- */

static bool in_set(struct bytes set, struct bytes c, bool bytewise)
{
    for (size_t at = 0; at < set.size;) {
        size_t size = bytewise ? 1 : text_char_size(set, at);
        if (bytes_equal(bytes_make(set.data + at, size), c)) return true;
        at += size;
    }
    return false;
}

static enum status trim(struct sql_eval *e, const struct sql_call *call, bool front, bool back, struct sql_datum *out)
{
    enum status status = STATUS_OK;
    bool bytewise = function_takes_bytea(call);
    struct bytes text = function_bytes(call, 0);
    struct bytes set = call->count > 1 ? function_bytes(call, 1) : BYTES_LITERAL(" ");
    size_t start = 0, stop = text.size;
    while (front && start < stop) {
        size_t size = bytewise ? 1 : text_char_size(text, start);
        status = sql_eval_effort(e, set.size);
        if (status != STATUS_OK) return status;
        if (!in_set(set, bytes_make(text.data + start, size), bytewise)) break;
        start += size;
    }
    while (back && stop > start) {
        status = sql_eval_effort(e, set.size);
        if (status != STATUS_OK) return status;
        size_t last = stop - 1;
        while (!bytewise && last > start && (text.data[last] & 0xC0) == 0x80)
            last--;
        if (!in_set(set, bytes_make(text.data + last, stop - last), bytewise)) break;
        stop = last;
    }
    out->bytes = slice(text, start, stop);
    return STATUS_OK;
}

EVALUATE(trim_both)
{
    return trim(e, call, true, true, out);
}

EVALUATE(trim_left)
{
    return trim(e, call, true, false, out);
}

EVALUATE(trim_right)
{
    return trim(e, call, false, true, out);
}

/* --- Making longer --------------------------------------------------------------------------- */

/* Puts `text` there `count` times. */
static enum status put_repeated(struct sql_eval *e, uint8_t *to, struct bytes text, size_t count)
{
    if (text.size == 0 || count == 0) return STATUS_OK;
    size_t total = text.size * count, done = text.size;
    size_t most = text.size < SQL_EVAL_PIECE_BYTES ? SQL_EVAL_PIECE_BYTES / text.size * text.size : text.size;
    function_put(to, text);
    while (done < total) { /* what is there is whole texts, and so is what is added */
        size_t size = done < most ? done : most;
        if (size > total - done) size = total - done;
        memcpy(to + done, to, size);
        done += size;
        enum status status = sql_eval_effort(e, size / COPIED_PER_STEP);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

EVALUATE(repeat_text)
{
    struct bytes text = function_bytes(call, 0);
    int64_t count = function_integer(call, 1) < 0 ? 0 : function_integer(call, 1);
    size_t size;
    uint8_t *to;
    if (__builtin_mul_overflow(text.size, (size_t)count, &size))
        return sql_eval_fail(e, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, "requested length too large");
    enum status status = function_make_bytes(e, size, out, &to);
    return status != STATUS_OK ? status : put_repeated(e, to, text, (size_t)count);
}

/* Cut to `length` characters, or filled up with the characters of `fill` in turn. */
static enum status pad(struct sql_eval *e, const struct sql_call *call, bool left,
                       struct sql_datum *out)
{
    struct bytes text = function_bytes(call, 0);
    struct bytes fill = call->count > 2 ? function_bytes(call, 2) : BYTES_LITERAL(" ");
    int64_t length = function_integer(call, 1) < 0 ? 0 : function_integer(call, 1);
    text = slice(text, 0, text_prefix_size(text, length));
    int64_t missing = length - (int64_t)utf8_length(text);
    if (missing <= 0 || fill.size == 0) {
        out->bytes = text;
        return STATUS_OK;
    }
    int64_t fill_length = (int64_t)utf8_length(fill);
    size_t part = text_prefix_size(fill, missing % fill_length);
    size_t fill_size = (size_t)(missing / fill_length) * fill.size + part;
    uint8_t *to;
    enum status status = function_make_bytes(e, text.size + fill_size, out, &to);
    if (status != STATUS_OK) return status;
    if (!left) to = function_put(to, text);
    status = put_repeated(e, to, fill, (size_t)(missing / fill_length));
    if (status != STATUS_OK) return status;
    to = function_put(to + (fill_size - part), slice(fill, 0, part));
    if (left) function_put(to, text);
    return STATUS_OK;
}

EVALUATE(pad_left)
{
    return pad(e, call, true, out);
}
EVALUATE(pad_right)
{
    return pad(e, call, false, out);
}

EVALUATE(reverse_text)
{
    struct bytes text = function_bytes(call, 0);
    uint8_t *to;
    enum status status = function_make_bytes(e, text.size, out, &to);
    if (status != STATUS_OK) return status;
    to += text.size;
    for (size_t at = 0; at < text.size;) {
        size_t size = text_char_size(text, at);
        to -= size;
        memcpy(to, text.data + at, size);
        at += size;
        status = sql_eval_effort(e, 1);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

EVALUATE(replace_text)
{
    struct bytes text = function_bytes(call, 0), from = function_bytes(call, 1), to = function_bytes(call, 2);
    size_t count = 0;
    enum status status = from.size == 0 ? STATUS_OK : count_parts(e, text, from, &count);
    if (status != STATUS_OK) return status;
    if (count == 0) {
        out->bytes = text;
        return STATUS_OK;
    }
    size_t grown;
    uint8_t *put_at;
    if (__builtin_mul_overflow(count, to.size, &grown)) return sql_eval_no_memory(e);
    status = function_make_bytes(e, text.size - count * from.size + grown, out, &put_at);
    if (status != STATUS_OK) return status;
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        size_t found = text_find(text, from, done);
        put_at = function_put(put_at, slice(text, done, found));
        put_at = function_put(put_at, to);
        done = found + from.size;
        status = sql_eval_effort(e, STEPS_PER_FIND + to.size / COPIED_PER_STEP);
        if (status != STATUS_OK) return status;
    }
    function_put(put_at, slice(text, done, text.size));
    return STATUS_OK;
}

/* translate(text, from, to): each character of from becomes the one at its place in to, or goes. */
EVALUATE(translate_text)
{
    struct bytes text = function_bytes(call, 0), from = function_bytes(call, 1), to = function_bytes(call, 2);
    uint8_t *data;
    enum status status = function_make_bytes(e, text.size * 4, out, &data);
    if (status != STATUS_OK) return status;
    uint8_t *put_at = data;
    for (size_t at = 0; at < text.size;) {
        struct bytes c = bytes_make(text.data + at, text_char_size(text, at));
        at += c.size;
        size_t f = 0, t = 0;
        status = sql_eval_effort(e, from.size);
        if (status != STATUS_OK) return status;
        while (f < from.size) {
            size_t size = text_char_size(from, f);
            if (bytes_equal(bytes_make(from.data + f, size), c)) break;
            f += size;
            if (t < to.size) t += text_char_size(to, t);
        }
        if (f == from.size)
            put_at = function_put(put_at, c);
        else if (t < to.size)
            put_at = function_put(put_at, bytes_make(to.data + t, text_char_size(to, t)));
    }
    out->bytes.size = (size_t)(put_at - data);
    return STATUS_OK;
}

/* overlay(text, new, from[, count]) */
EVALUATE(overlay)
{
    struct bytes text = function_bytes(call, 0), new = function_bytes(call, 1);
    bool bytewise = function_takes_bytea(call);
    int64_t from = function_integer(call, 2);
    int64_t count = call->count > 3 ? function_integer(call, 3)
                    : bytewise      ? (int64_t) new.size
                                    : (int64_t)utf8_length(new);
    if (from <= 0)
        return sql_eval_fail(e, SQLSTATE_SUBSTRING_ERROR, "negative substring length not allowed");
    int64_t resume = from - 1 + count < 0 ? 0 : from - 1 + count;
    size_t start, stop;
    if (bytewise) {
        start = (uint64_t)from - 1 < text.size ? (size_t)from - 1 : text.size;
        stop = (uint64_t)resume < text.size ? (size_t)resume : text.size;
    } else {
        start = text_prefix_size(text, from - 1);
        stop = text_prefix_size(text, resume);
    }
    uint8_t *to;
    enum status status = function_make_bytes(e, start + new.size + text.size - stop, out, &to);
    if (status != STATUS_OK) return status;
    function_put(function_put(function_put(to, slice(text, 0, start)), new), slice(text, stop, text.size));
    return STATUS_OK;
}

/* --- Joining --------------------------------------------------------------------------------- */

/* concat(...) and concat_ws(separator, ...): what is NULL is passed over. */
static enum status join(struct sql_eval *e, const struct sql_call *call, uint32_t first,
                        struct bytes separator, struct sql_datum *out)
{
    struct bytes parts[SQL_ARGUMENTS_MAX];
    uint32_t count = 0;
    size_t size = 0;
    for (uint32_t i = first; i < call->count; i++) {
        if (call->args[i].is_null) continue;
        enum status status = sql_type_output(e, call->types[i].oid, &call->args[i], &parts[count]);
        if (status != STATUS_OK) return status;
        size += parts[count].size + (count > 0 ? separator.size : 0);
        count++;
    }
    uint8_t *to;
    enum status status = function_make_bytes(e, size, out, &to);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++) {
        if (i > 0) to = function_put(to, separator);
        to = function_put(to, parts[i]);
    }
    return status;
}

EVALUATE(concat)
{
    return join(e, call, 0, BYTES_EMPTY, out);
}

EVALUATE(concat_ws)
{
    if (call->args[0].is_null) {
        *out = SQL_NULL;
        return STATUS_OK;
    }
    return join(e, call, 1, function_bytes(call, 0), out);
}

#define T(t) SQL_TYPE_##t

static const struct sql_function rows[] = {
    FUNCTION(1317, "length", INT4, length_text, T(TEXT)),
    FUNCTION(1318, "length", INT4, length_text, T(BPCHAR)),
    FUNCTION(2010, "length", INT4, length_bytes, T(BYTEA)),
    FUNCTION(1381, "char_length", INT4, length_text, T(TEXT)),
    FUNCTION(1372, "char_length", INT4, length_text, T(BPCHAR)),
    FUNCTION(1369, "character_length", INT4, length_text, T(TEXT)),
    FUNCTION(1367, "character_length", INT4, length_text, T(BPCHAR)),
    FUNCTION(1374, "octet_length", INT4, length_bytes, T(TEXT)),
    FUNCTION(1375, "octet_length", INT4, length_bytes, T(BPCHAR)),
    FUNCTION(720, "octet_length", INT4, length_bytes, T(BYTEA)),
    FUNCTION(1811, "bit_length", INT4, length_bits, T(TEXT)),
    FUNCTION(1810, "bit_length", INT4, length_bits, T(BYTEA)),
    FUNCTION(870, "lower", TEXT, lower_text, T(TEXT)),
    FUNCTION(871, "upper", TEXT, upper_text, T(TEXT)),
    FUNCTION(872, "initcap", TEXT, initcap_text, T(TEXT)),
    FUNCTION(877, "substr", TEXT, substring, T(TEXT), T(INT4), T(INT4)),
    FUNCTION(883, "substr", TEXT, substring, T(TEXT), T(INT4)),
    FUNCTION(2085, "substr", BYTEA, substring, T(BYTEA), T(INT4), T(INT4)),
    FUNCTION(2086, "substr", BYTEA, substring, T(BYTEA), T(INT4)),
    FUNCTION(936, "substring", TEXT, substring, T(TEXT), T(INT4), T(INT4)),
    FUNCTION(937, "substring", TEXT, substring, T(TEXT), T(INT4)),
    FUNCTION(2012, "substring", BYTEA, substring, T(BYTEA), T(INT4), T(INT4)),
    FUNCTION(2013, "substring", BYTEA, substring, T(BYTEA), T(INT4)),
    FUNCTION(3060, "left", TEXT, left_text, T(TEXT), T(INT4)),
    FUNCTION(3061, "right", TEXT, right_text, T(TEXT), T(INT4)),
    FUNCTION(868, "strpos", INT4, position, T(TEXT), T(TEXT)),
    FUNCTION(849, "position", INT4, position, T(TEXT), T(TEXT)),
    FUNCTION(2014, "position", INT4, position, T(BYTEA), T(BYTEA)),
    FUNCTION(2088, "split_part", TEXT, split_part, T(TEXT), T(TEXT), T(INT4)),
    FUNCTION(3696, "starts_with", BOOL, starts_with, T(TEXT), T(TEXT)),
    FUNCTION(884, "btrim", TEXT, trim_both, T(TEXT), T(TEXT)),
    FUNCTION(885, "btrim", TEXT, trim_both, T(TEXT)),
    FUNCTION(2015, "btrim", BYTEA, trim_both, T(BYTEA), T(BYTEA)),
    FUNCTION(875, "ltrim", TEXT, trim_left, T(TEXT), T(TEXT)),
    FUNCTION(881, "ltrim", TEXT, trim_left, T(TEXT)),
    FUNCTION(6195, "ltrim", BYTEA, trim_left, T(BYTEA), T(BYTEA)),
    FUNCTION(876, "rtrim", TEXT, trim_right, T(TEXT), T(TEXT)),
    FUNCTION(882, "rtrim", TEXT, trim_right, T(TEXT)),
    FUNCTION(6196, "rtrim", BYTEA, trim_right, T(BYTEA), T(BYTEA)),
    FUNCTION(1622, "repeat", TEXT, repeat_text, T(TEXT), T(INT4)),
    FUNCTION(873, "lpad", TEXT, pad_left, T(TEXT), T(INT4), T(TEXT)),
    FUNCTION(879, "lpad", TEXT, pad_left, T(TEXT), T(INT4)),
    FUNCTION(874, "rpad", TEXT, pad_right, T(TEXT), T(INT4), T(TEXT)),
    FUNCTION(880, "rpad", TEXT, pad_right, T(TEXT), T(INT4)),
    FUNCTION(3062, "reverse", TEXT, reverse_text, T(TEXT)),
    FUNCTION(2087, "replace", TEXT, replace_text, T(TEXT), T(TEXT), T(TEXT)),
    FUNCTION(878, "translate", TEXT, translate_text, T(TEXT), T(TEXT), T(TEXT)),
    FUNCTION(1404, "overlay", TEXT, overlay, T(TEXT), T(TEXT), T(INT4), T(INT4)),
    FUNCTION(1405, "overlay", TEXT, overlay, T(TEXT), T(TEXT), T(INT4)),
    FUNCTION(749, "overlay", BYTEA, overlay, T(BYTEA), T(BYTEA), T(INT4), T(INT4)),
    FUNCTION(752, "overlay", BYTEA, overlay, T(BYTEA), T(BYTEA), T(INT4)),
    {.oid = 3058,
     .name = "concat",
     .result = T(TEXT),
     .evaluate = concat,
     .variadic = true,
     .volatility = SQL_STABLE,
     SIGNATURE(T(ANY))},
    {.oid = 3059,
     .name = "concat_ws",
     .result = T(TEXT),
     .evaluate = concat_ws,
     .variadic = true,
     .volatility = SQL_STABLE,
     SIGNATURE(T(TEXT), T(ANY))},
};

const struct function_table function_string_table = {rows, sizeof rows / sizeof rows[0]};
