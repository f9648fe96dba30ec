/* to_char of numbers: 9 0 . , D G S MI PL SG PR FM and quoted text; # for what does not fit. */
#include <stdio.h>

#include "sql/function_format_int.h"
#include "sql/numeric.h"
#include "sql/text_ascii.h"
#include "sql/types_io.h"

#define DIGITS_MAX 2000

enum sign_style {
    SIGN_DEFAULT = 0, /* a minus in front of the number, or a blank */
    SIGN_ANCHORED,    /* S: plus or minus, beside the number */
    SIGN_PLACED,      /* MI, SG: where it stands in the pattern */
    SIGN_BRACKETS,    /* PR */
};

/* What a pattern says as a whole. */
struct number_format {
    int32_t before, after; /* digits on both sides of the point */
    int32_t zeros_from;    /* of `before`: digits from here on are shown even when 0; -1: none */
    int32_t zeros_until;   /* of `after`: up to here zeros at the end are kept */
    bool point, fill;
    enum sign_style sign;
    bool sign_behind; /* S at the end */
};

/* A number as the pattern needs it. */
struct number_digits {
    bool negative, too_large;
    struct bytes before, after; /* digits; before is empty for 0.x */
};

enum token {
    TOKEN_LITERAL = 0,
    TOKEN_NINE,
    TOKEN_ZERO,
    TOKEN_POINT,
    TOKEN_COMMA,
    TOKEN_S,
    TOKEN_MI,
    TOKEN_PL,
    TOKEN_SG,
    TOKEN_PR,
    TOKEN_FM,
    TOKEN_UNKNOWN,
};

/* Takes a token off the front. Of a literal `literal_out` is the text. */
static enum token take_token(struct bytes *pattern, struct bytes *literal_out)
{
    static const struct {
        char word[5];
        enum token token;
    } words[] = {
        {"fm", TOKEN_FM},        {"mi", TOKEN_MI},      {"pl", TOKEN_PL},      {"sg", TOKEN_SG},
        {"pr", TOKEN_PR},        {"9", TOKEN_NINE},     {"0", TOKEN_ZERO},     {".", TOKEN_POINT},
        {"d", TOKEN_POINT},      {",", TOKEN_COMMA},    {"g", TOKEN_COMMA},    {"s", TOKEN_S},
        {"eeee", TOKEN_UNKNOWN}, {"rn", TOKEN_UNKNOWN}, {"th", TOKEN_UNKNOWN}, {"v", TOKEN_UNKNOWN},
        {"l", TOKEN_UNKNOWN},    {"c", TOKEN_UNKNOWN},  {"b", TOKEN_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t size = strlen(words[i].word);
        if (pattern->size < size ||
            !ascii_equals_word(bytes_make(pattern->data, size), words[i].word))
            continue;
        *pattern = bytes_make(pattern->data + size, pattern->size - size);
        return words[i].token;
    }
    size_t size = 1;
    *literal_out = bytes_make(pattern->data, 1);
    if (pattern->data[0] == '"') {
        while (size < pattern->size && pattern->data[size] != '"')
            size++;
        *literal_out = bytes_make(pattern->data + 1, size - 1);
        size += size < pattern->size;
    }
    *pattern = bytes_make(pattern->data + size, pattern->size - size);
    return TOKEN_LITERAL;
}

static enum status fail_pattern(struct sql_eval *e, const char *what)
{
    return sql_eval_fail(e, SQLSTATE_FEATURE_NOT_SUPPORTED, "%s", what);
}

static enum status read_format(struct sql_eval *e, struct bytes pattern, struct number_format *f)
{
    *f = (struct number_format){.zeros_from = -1};
    struct bytes literal;
    while (pattern.size > 0) {
        enum status status = sql_eval_effort(e, FORMAT_STEPS_PER_ITEM);
        if (status != STATUS_OK) return status;
        switch (take_token(&pattern, &literal)) {
        case TOKEN_ZERO:
            if (!f->point && f->zeros_from < 0) f->zeros_from = f->before;
            if (f->point) f->zeros_until = f->after + 1;
            __attribute__((fallthrough));
        case TOKEN_NINE:
            if (f->point)
                f->after++;
            else
                f->before++;
            break;
        case TOKEN_POINT:
            if (f->point) return sql_eval_fail(e, SQLSTATE_SYNTAX_ERROR, "multiple decimal points");
            f->point = true;
            break;
        case TOKEN_S:
            f->sign = SIGN_ANCHORED;
            f->sign_behind = f->before + f->after > 0;
            break;
        case TOKEN_MI:
        case TOKEN_SG: f->sign = SIGN_PLACED; break;
        case TOKEN_PR: f->sign = SIGN_BRACKETS; break;
        case TOKEN_FM: f->fill = true; break;
        case TOKEN_UNKNOWN:
            return fail_pattern(e, "to_char of numbers knows 9 0 . , D G S MI PL SG PR FM only");
        default: break;
        }
        if (f->before + f->after > DIGITS_MAX) return fail_pattern(e, "number format is too long");
    }
    return STATUS_OK;
}

/* The number rounded to the digits that the pattern shows. */
static enum status read_number(struct sql_eval *e, const struct sql_call *call,
                               const struct number_format *f, struct number_digits *out)
{
    struct sql_datum number = call->args[0];
    enum status status = sql_cast(e, call->types[0].oid, sql_type_of(SQL_TYPE_NUMERIC),
                                  SQL_CAST_EXPLICIT, &number, &number);
    if (status != STATUS_OK) return status;
    *out = (struct number_digits){.negative = sql_numeric_sign(number.bytes) < 0};
    if (!sql_numeric_is_finite(number.bytes)) {
        out->too_large = true;
        return STATUS_OK;
    }
    struct bytes rounded;
    status = sql_numeric_round(e, number.bytes, f->after, &rounded);
    if (status != STATUS_OK) return status;
    number.bytes = rounded;
    out->negative = sql_numeric_sign(rounded) < 0; /* -0.1 may be 0 now */
    struct bytes text;
    status = sql_type_output(e, SQL_TYPE_NUMERIC, &number, &text);
    if (status != STATUS_OK) return status;
    if (text.data[0] == '-') text = bytes_make(text.data + 1, text.size - 1);
    const uint8_t *point = memchr(text.data, '.', text.size);
    out->before = bytes_make(text.data, point == NULL ? text.size : (size_t)(point - text.data));
    if (point != NULL) out->after = bytes_make(point + 1, text.size - out->before.size - 1);
    if (bytes_equal(out->before, BYTES_LITERAL("0"))) out->before.size = 0;
    out->too_large = out->before.size > (size_t)f->before;
    return STATUS_OK;
}

/* --- Output ---------------------------------------------------------------------------------- */

struct writer {
    const struct number_format *f;
    const struct number_digits *n;
    struct format_text text;
    int32_t place; /* of the next digit, counted from the left */
    int32_t first; /* the place of the first digit that is shown */
    bool past_point, sign_done;
};

static enum status put(struct sql_eval *e, struct writer *w, char c)
{
    return format_put(e, &w->text, bytes_make(&c, 1));
}

/* The sign that stands beside the number, once, in front of its first character. */
static enum status put_front_sign(struct sql_eval *e, struct writer *w)
{
    if (w->sign_done) return STATUS_OK;
    w->sign_done = true;
    switch (w->f->sign) {
    case SIGN_DEFAULT:
        if (w->n->negative) return put(e, w, '-');
        return w->f->fill ? STATUS_OK : put(e, w, ' ');
    case SIGN_ANCHORED:
        return w->f->sign_behind ? STATUS_OK : put(e, w, w->n->negative ? '-' : '+');
    case SIGN_BRACKETS:
        if (w->n->negative) return put(e, w, '<');
        return w->f->fill ? STATUS_OK : put(e, w, ' ');
    case SIGN_PLACED: return STATUS_OK;
    }
    UNREACHABLE();
}

/* How many digits behind the point are shown: with FM zeros at the end go, but for those that a 0
 * in the pattern asks for. */
static int32_t kept_behind(const struct writer *w)
{
    int32_t kept = (int32_t)w->n->after.size;
    while (w->f->fill && kept > w->f->zeros_until && w->n->after.data[kept - 1] == '0')
        kept--;
    return kept;
}

static enum status put_digit(struct sql_eval *e, struct writer *w)
{
    int32_t place = w->place++;
    if (w->past_point) {
        int32_t i = place - w->f->before;
        if (w->n->too_large) return put(e, w, '#');
        return i < kept_behind(w) ? put(e, w, (char)w->n->after.data[i]) : STATUS_OK;
    }
    if (place < w->first) return w->f->fill ? STATUS_OK : put(e, w, ' ');
    enum status status = put_front_sign(e, w);
    if (status != STATUS_OK) return status;
    if (w->n->too_large) return put(e, w, '#');
    int32_t i = place - (w->f->before - (int32_t)w->n->before.size);
    return put(e, w, i < 0 ? '0' : (char)w->n->before.data[i]);
}

static enum status put_point(struct sql_eval *e, struct writer *w)
{
    w->past_point = true;
    if (w->f->after == 0 && !w->n->too_large) return STATUS_OK;
    enum status status = put_front_sign(e, w);
    /* FM leaves of 0.00 neither nothing nor a bare point. */
    bool bare = w->f->fill && w->place <= w->first && kept_behind(w) == 0;
    if (status == STATUS_OK && bare) status = put(e, w, '0');
    return status == STATUS_OK ? put(e, w, '.') : status;
}

static enum status put_comma(struct sql_eval *e, struct writer *w)
{
    if (w->place > w->first) return put(e, w, ',');
    return w->f->fill ? STATUS_OK : put(e, w, ' ');
}

static enum status put_back_sign(struct sql_eval *e, struct writer *w)
{
    if (w->f->sign == SIGN_ANCHORED && w->f->sign_behind)
        return put(e, w, w->n->negative ? '-' : '+');
    if (w->f->sign != SIGN_BRACKETS) return STATUS_OK;
    if (w->n->negative) return put(e, w, '>');
    return w->f->fill ? STATUS_OK : put(e, w, ' ');
}

static enum status put_token(struct sql_eval *e, struct writer *w, enum token token,
                             struct bytes literal)
{
    bool negative = w->n->negative;
    switch (token) {
    case TOKEN_NINE:
    case TOKEN_ZERO: return put_digit(e, w);
    case TOKEN_POINT: return put_point(e, w);
    case TOKEN_COMMA: return put_comma(e, w);
    case TOKEN_MI:
        if (negative) return put(e, w, '-');
        return w->f->fill ? STATUS_OK : put(e, w, ' ');
    case TOKEN_PL:
        if (!negative) return put(e, w, '+');
        return w->f->fill ? STATUS_OK : put(e, w, ' ');
    case TOKEN_SG: return put(e, w, negative ? '-' : '+');
    case TOKEN_LITERAL: return format_put(e, &w->text, literal);
    default: return STATUS_OK;
    }
}

/* The place where digits begin: the first significant one, the first that a 0 asks for or, when
 * there is nothing behind the point, the last. */
static int32_t first_shown(const struct number_format *f, const struct number_digits *n)
{
    if (n->too_large) return 0;
    int32_t first = f->before - (int32_t)n->before.size;
    if (f->zeros_from >= 0 && f->zeros_from < first) first = f->zeros_from;
    if (first == f->before && f->before > 0 && f->after == 0) first--;
    return first;
}

enum status function_format_number(struct sql_eval *e, const struct sql_call *call,
                                   struct sql_datum *out)
{
    struct bytes pattern = call->args[1].bytes;
    if (pattern.size == 0) return STATUS_OK;
    struct number_format f;
    struct number_digits n;
    enum status status = read_format(e, pattern, &f);
    if (status == STATUS_OK) status = read_number(e, call, &f, &n);
    if (status != STATUS_OK) return status;
    struct writer w = {.f = &f, .n = &n, .first = first_shown(&f, &n)};
    while (pattern.size > 0 && status == STATUS_OK) {
        struct bytes literal;
        enum token token = take_token(&pattern, &literal);
        status = put_token(e, &w, token, literal);
        if (status == STATUS_OK) status = sql_eval_effort(e, FORMAT_STEPS_PER_ITEM);
    }
    if (status == STATUS_OK) status = put_front_sign(e, &w);
    if (status == STATUS_OK) status = put_back_sign(e, &w);
    out->bytes = bytes_make(w.text.data, w.text.size);
    return status;
}
