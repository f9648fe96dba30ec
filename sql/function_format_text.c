/* format(): printf for SQL. */
#include <stdlib.h>

#include "base/utf8.h"
#include "sql/function_format_int.h"
#include "sql/text.h"
#include "sql/types_io.h"

#define WIDTH_MAX (16 << 20) /* more does not fit into the memory of a row */
#define HINT_PERCENT "For a single \"%%\" use \"%%%%\"."

struct formatter {
    struct sql_eval *e;
    const struct sql_call *call;
    struct bytes format;
    size_t at;          /* behind what was read */
    uint32_t argument;  /* that was used last; 0 is the format itself */
    struct format_text out;
};

/* One %[n$][-][width]type. */
struct specifier {
    uint32_t argument, width_argument; /* 0: the next one */
    bool width_from_argument, left;
    int64_t width;
    uint8_t type;
};

static enum status invalid(struct formatter *f, const char *message)
{
    return sql_eval_fail(f->e, SQLSTATE_INVALID_PARAMETER_VALUE, "%s", message);
}

static enum status unterminated(struct formatter *f)
{
    enum status status = invalid(f, "unterminated format() type specifier");
    sql_error_hint(f->e->error, f->e->arena, HINT_PERCENT);
    return status;
}

/* A number, when there is one. */
static enum status read_number(struct formatter *f, bool *found, int64_t *out)
{
    *found = false;
    *out = 0;
    while (f->at < f->format.size && f->format.data[f->at] >= '0' && f->format.data[f->at] <= '9') {
        *out = *out * 10 + (f->format.data[f->at++] - '0');
        if (*out > INT32_MAX)
            return sql_eval_fail(f->e, SQLSTATE_NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range");
        *found = true;
    }
    return f->at < f->format.size ? STATUS_OK : unterminated(f);
}

static enum status check_argument(struct formatter *f, int64_t n)
{
    if (n == 0) return invalid(f, "format specifies argument 0, but arguments are numbered from 1");
    return STATUS_OK;
}

/* *, *n$ or digits. */
static enum status read_width(struct formatter *f, struct specifier *s)
{
    bool found;
    int64_t n;
    if (f->format.data[f->at] != '*') return read_number(f, &found, &s->width);
    s->width_from_argument = true;
    if (++f->at >= f->format.size) return unterminated(f);
    enum status status = read_number(f, &found, &n);
    if (status != STATUS_OK || !found) return status;
    if (f->format.data[f->at] != '$')
        return invalid(f, "width argument position must be ended by \"$\"");
    s->width_argument = (uint32_t)n;
    if (++f->at >= f->format.size) return unterminated(f);
    return check_argument(f, n);
}

/* Behind the percent sign. */
static enum status read_specifier(struct formatter *f, struct specifier *s)
{
    *s = (struct specifier){.type = 0};
    bool found;
    int64_t n;
    enum status status = read_number(f, &found, &n);
    if (status != STATUS_OK) return status;
    if (found && f->format.data[f->at] == '$') {
        s->argument = (uint32_t)n;
        if ((status = check_argument(f, n)) != STATUS_OK) return status;
        if (++f->at >= f->format.size) return unterminated(f);
        found = false;
    }
    if (found) {
        s->width = n;
    } else {
        for (; f->format.data[f->at] == '-'; s->left = true)
            if (++f->at >= f->format.size) return unterminated(f);
        if ((status = read_width(f, s)) != STATUS_OK) return status;
    }
    s->type = f->format.data[f->at++];
    return STATUS_OK;
}

static enum status next_argument(struct formatter *f, uint32_t wanted, uint32_t *out)
{
    f->argument = wanted != 0 ? wanted : f->argument + 1;
    *out = f->argument;
    return f->argument < f->call->count ? STATUS_OK : invalid(f, "too few arguments for format()");
}

static enum status argument_width(struct formatter *f, struct specifier *s)
{
    uint32_t i;
    enum status status = next_argument(f, s->width_argument, &i);
    if (status != STATUS_OK) return status;
    const struct sql_datum *v = &f->call->args[i];
    if (v->is_null) return STATUS_OK;
    struct bytes text;
    status = sql_type_output(f->e, f->call->types[i].oid, v, &text);
    return status != STATUS_OK ? status : sql_integer_parse(f->e, SQL_TYPE_INT4, text, &s->width);
}

static enum status value_text(struct formatter *f, uint8_t type, uint32_t i, struct bytes *out)
{
    const struct sql_datum *v = &f->call->args[i];
    if (v->is_null && type == 'I')
        return sql_eval_fail(f->e, SQLSTATE_NULL_VALUE_NOT_ALLOWED, "null values cannot be formatted as an SQL identifier");
    if (v->is_null) {
        *out = type == 'L' ? BYTES_LITERAL("NULL") : BYTES_LITERAL("");
        return STATUS_OK;
    }
    struct bytes text;
    enum status status = sql_type_output(f->e, f->call->types[i].oid, v, &text);
    if (status != STATUS_OK) return status;
    if (type == 'I') return text_quote_identifier(f->e, text, out);
    if (type == 'L') return text_quote_literal(f->e, text, out);
    *out = text;
    return STATUS_OK;
}

static enum status put_padded(struct formatter *f, const struct specifier *s, struct bytes text)
{
    bool left = s->left || s->width < 0;
    uint64_t width = s->width < 0 ? -(uint64_t)s->width : (uint64_t)s->width, length = utf8_length(text);
    if (width > WIDTH_MAX) return sql_eval_no_memory(f->e);
    enum status status = left ? format_put(f->e, &f->out, text) : STATUS_OK;
    for (; status == STATUS_OK && length < width; length++) status = format_put(f->e, &f->out, BYTES_LITERAL(" "));
    return status == STATUS_OK && !left ? format_put(f->e, &f->out, text) : status;
}

static enum status put_value(struct formatter *f)
{
    struct specifier s;
    uint32_t i;
    struct bytes text;
    enum status status = read_specifier(f, &s);
    if (status != STATUS_OK) return status;
    if (strchr("sIL", s.type) == NULL || s.type == 0) {
        status = sql_eval_fail(f->e, SQLSTATE_INVALID_PARAMETER_VALUE,
                               "unrecognized format() type specifier \"%.*s\"",
                               (int)utf8_decode(bytes_make(f->format.data + f->at - 1, f->format.size - f->at + 1), NULL),
                               (const char *)f->format.data + f->at - 1);
        sql_error_hint(f->e->error, f->e->arena, HINT_PERCENT);
        return status;
    }
    if (s.width_from_argument && (status = argument_width(f, &s)) != STATUS_OK) return status;
    if ((status = next_argument(f, s.argument, &i)) != STATUS_OK) return status;
    status = value_text(f, s.type, i, &text);
    return status != STATUS_OK ? status : put_padded(f, &s, text);
}

EVALUATE(format)
{
    if (call->args[0].is_null) {
        *out = SQL_NULL;
        return STATUS_OK;
    }
    struct formatter f = {.e = e, .call = call, .format = call->args[0].bytes};
    enum status status = STATUS_OK;
    while (status == STATUS_OK && f.at < f.format.size) {
        const uint8_t *percent = memchr(f.format.data + f.at, '%', f.format.size - f.at);
        size_t end = percent == NULL ? f.format.size : (size_t)(percent - f.format.data);
        status = format_put(e, &f.out, bytes_make(f.format.data + f.at, end - f.at));
        f.at = end + 1;
        if (status != STATUS_OK || percent == NULL) break;
        if (f.at >= f.format.size) return unterminated(&f);
        if (f.format.data[f.at] == '%') {
            f.at++;
            status = format_put(e, &f.out, BYTES_LITERAL("%"));
        } else {
            status = put_value(&f);
        }
    }
    out->bytes = bytes_make(f.out.data, f.out.size);
    return status;
}

static const struct sql_function rows[] = {
    {.oid = 3539,
     .name = "format",
     .result = SQL_TYPE_TEXT,
     .evaluate = format,
     .variadic = true,
     .volatility = SQL_STABLE,
     SIGNATURE(SQL_TYPE_TEXT, SQL_TYPE_ANY)},
    {.oid = 3540,
     .name = "format",
     .result = SQL_TYPE_TEXT,
     .evaluate = format,
     .volatility = SQL_STABLE,
     SIGNATURE(SQL_TYPE_TEXT)},
};

const struct function_table function_format_text_table = {rows, sizeof rows / sizeof rows[0]};
