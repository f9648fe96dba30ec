/* Functions of regular expressions. */
#include "sql/function_int.h"
#include "sql/text.h"
#include "sql/text_regex.h"

/* --- Flags ----------------------------------------------------------------------------------- */

struct flags {
    struct text_regex_options options;
    bool global;
};

/* `function` names itself where there is no "all matches"; NULL where there is. */
static enum status read_flags(struct sql_eval *e, struct bytes text, const char *function,
                              struct flags *out)
{
    *out = (struct flags){.global = false};
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case 'g': out->global = true; break;
        case 'i': out->options.ignore_case = true; break;
        case 'c': out->options.ignore_case = false; break;
        case 's': break; /* as it is anyway */
        default:
            return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                                 "invalid regular expression option: \"%.*s\"",
                                 (int)text_char_size(text, i), (const char *)text.data + i);
        }
    }
    if (out->global && function != NULL)
        return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                             "%s() does not support the \"global\" option", function);
    return STATUS_OK;
}

/* Compiles args[1] with the flags in args[flags_at], when there are so many. */
static enum status compile(struct sql_eval *e, const struct sql_call *call, uint32_t flags_at,
                           const char *function, struct flags *flags_out, struct text_regex **out)
{
    struct bytes text = call->count > flags_at ? call->args[flags_at].bytes : BYTES_EMPTY;
    enum status status = read_flags(e, text, function, flags_out);
    if (status != STATUS_OK) return status;
    return text_regex_compile(e, call->args[1].bytes, flags_out->options, out);
}

/* --- Matching -------------------------------------------------------------------------------- */

EVALUATE(regexp_like)
{
    struct flags flags;
    struct text_regex *regex;
    struct text_regex_match match;
    enum status status = compile(e, call, 2, "regexp_like", &flags, &regex);
    if (status != STATUS_OK) return status;
    return text_regex_search(e, regex, call->args[0].bytes, 0, &out->boolean, &match);
}

/* Behind a match, and behind one more character when it was empty. */
static size_t resume_at(struct bytes text, const struct text_regex_match *m)
{
    if (m->end[0] > m->start[0]) return m->end[0];
    return m->end[0] < text.size ? m->end[0] + text_char_size(text, m->end[0]) : SIZE_MAX;
}

EVALUATE(regexp_count)
{
    struct flags flags;
    struct text_regex *regex;
    struct text_regex_match match;
    struct bytes text = call->args[0].bytes;
    enum status status = compile(e, call, 3, "regexp_count", &flags, &regex);
    size_t at = 0;
    if (call->count > 2) {
        if (call->args[2].integer < 1)
            return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE,
                                 "invalid value for parameter \"%s\": %lld", "start",
                                 (long long)call->args[2].integer);
        at = text_prefix_size(text, call->args[2].integer - 1);
    }
    while (status == STATUS_OK && at != SIZE_MAX) {
        bool found;
        status = text_regex_search(e, regex, text, at, &found, &match);
        if (status != STATUS_OK || !found) break;
        out->integer++;
        at = resume_at(text, &match);
    }
    return status;
}

/* substring(text from pattern): the first group, or all of it when there is none. */
EVALUATE(substring_pattern)
{
    struct flags flags;
    struct text_regex *regex;
    struct text_regex_match m;
    bool found = false;
    struct bytes text = call->args[0].bytes;
    enum status status = compile(e, call, 2, "substring", &flags, &regex);
    if (status == STATUS_OK) status = text_regex_search(e, regex, text, 0, &found, &m);
    if (status != STATUS_OK) return status;
    uint32_t group = text_regex_group_count(regex) > 0;
    out->is_null = !found || m.start[group] == SIZE_MAX;
    if (!out->is_null)
        out->bytes = bytes_make(text.data + m.start[group], m.end[group] - m.start[group]);
    return STATUS_OK;
}

EVALUATE(regexp_substr)
{
    struct flags flags;
    struct text_regex *regex;
    struct text_regex_match m;
    bool found = false;
    struct bytes text = call->args[0].bytes;
    enum status status = compile(e, call, 2, "regexp_substr", &flags, &regex);
    if (status == STATUS_OK) status = text_regex_search(e, regex, text, 0, &found, &m);
    if (status != STATUS_OK) return status;
    out->is_null = !found;
    if (found) out->bytes = bytes_make(text.data + m.start[0], m.end[0] - m.start[0]);
    return STATUS_OK;
}

/* --- Replacing ------------------------------------------------------------------------------- */

/* Text under construction; doubles. */
struct builder {
    uint8_t *data;
    size_t size, capacity;
};

static enum status append(struct sql_eval *e, struct builder *b, struct bytes text)
{
    if (b->size + text.size > b->capacity) {
        size_t capacity = (b->size + text.size) * 2;
        uint8_t *data = sql_eval_alloc(e, capacity);
        if (data == NULL) return STATUS_NO_MEMORY;
        if (b->size > 0) memcpy(data, b->data, b->size);
        b->data = data;
        b->capacity = capacity;
    }
    if (text.size > 0) memcpy(b->data + b->size, text.data, text.size);
    b->size += text.size;
    return STATUS_OK;
}

/* \1 to \9 are groups, \& is all that matched, \\ a backslash. */
static enum status append_replacement(struct sql_eval *e, struct builder *b, struct bytes with,
                                      struct bytes text, const struct text_regex_match *m)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < with.size && status == STATUS_OK; i++) {
        uint8_t c = with.data[i], next = i + 1 < with.size ? with.data[i + 1] : 0;
        bool group = c == '\\' && ((next >= '1' && next <= '9') || next == '&');
        if (group) {
            uint32_t g = next == '&' ? 0 : (uint32_t)(next - '0');
            if (m->start[g] != SIZE_MAX && m->end[g] != SIZE_MAX)
                status = append(e, b, bytes_make(text.data + m->start[g], m->end[g] - m->start[g]));
        } else {
            status = append(e, b, bytes_make(&with.data[i], 1));
        }
        i += group || (c == '\\' && next == '\\');
    }
    return status;
}

EVALUATE(regexp_replace)
{
    struct flags flags;
    struct text_regex *regex;
    struct text_regex_match m;
    struct builder b = {.size = 0};
    struct bytes text = call->args[0].bytes;
    enum status status = compile(e, call, 3, NULL, &flags, &regex);
    size_t at = 0, copied = 0;
    bool found = true;
    while (status == STATUS_OK && at != SIZE_MAX) {
        status = text_regex_search(e, regex, text, at, &found, &m);
        if (status != STATUS_OK || !found) break;
        status = append(e, &b, bytes_make(text.data + copied, m.start[0] - copied));
        if (status == STATUS_OK) status = append_replacement(e, &b, call->args[2].bytes, text, &m);
        copied = m.end[0];
        at = flags.global ? resume_at(text, &m) : SIZE_MAX;
    }
    if (status == STATUS_OK)
        status = append(e, &b, bytes_make(text.data + copied, text.size - copied));
    out->bytes = bytes_make(b.data, b.size);
    return status;
}

#define T(t) SQL_TYPE_##t

static const struct sql_function rows[] = {
    FUNCTION(6263, "regexp_like", BOOL, regexp_like, T(TEXT), T(TEXT)),
    FUNCTION(6264, "regexp_like", BOOL, regexp_like, T(TEXT), T(TEXT), T(TEXT)),
    FUNCTION(6254, "regexp_count", INT4, regexp_count, T(TEXT), T(TEXT)),
    FUNCTION(6255, "regexp_count", INT4, regexp_count, T(TEXT), T(TEXT), T(INT4)),
    FUNCTION(6256, "regexp_count", INT4, regexp_count, T(TEXT), T(TEXT), T(INT4), T(TEXT)),
    FUNCTION(6265, "regexp_substr", TEXT, regexp_substr, T(TEXT), T(TEXT)),
    FUNCTION(2073, "substring", TEXT, substring_pattern, T(TEXT), T(TEXT)),
    FUNCTION(2284, "regexp_replace", TEXT, regexp_replace, T(TEXT), T(TEXT), T(TEXT)),
    FUNCTION(2285, "regexp_replace", TEXT, regexp_replace, T(TEXT), T(TEXT), T(TEXT), T(TEXT)),
};

const struct function_table function_regex_table = {rows, sizeof rows / sizeof rows[0]};
