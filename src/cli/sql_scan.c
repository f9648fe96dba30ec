#include "cli/sql_scan.h"

#include <string.h>

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* The size of a dollar quote's tag that begins at `from`, both dollars included; 0: it is none; size + 1: it may
 * become one. */
static size_t tag_at(const char *text, size_t from, size_t size)
{
    if (from > 0 && is_name_byte(text[from - 1])) return 0; /* a$b is a name */
    size_t end = from + 1;
    while (end < size && is_name_byte(text[end])) end++;
    if (end == size) return end - from < SQL_SCAN_TAG_MAX ? size + 1 : 0;
    if (text[end] != '$' || end - from + 1 > SQL_SCAN_TAG_MAX) return 0;
    if (text[from + 1] >= '0' && text[from + 1] <= '9') return 0; /* $1 */
    return end - from + 1;
}

/* E'...' and not the last letter of a name that stands before a quote. */
static bool is_escape_quote(const char *text, size_t at)
{
    if (at == 0 || (text[at - 1] != 'e' && text[at - 1] != 'E')) return false;
    return at == 1 || !is_name_byte(text[at - 2]);
}

/* One step in plain text; how many bytes it took. 0: it has to be seen together with what comes next. */
static size_t step_plain(struct sql_scan *s, const char *text, size_t size, bool *end_out)
{
    char c = text[s->at];
    bool pair = c == '-' || c == '/';
    if (pair && s->at + 1 == size) return 0;
    if (c == ';') {
        *end_out = true;
    } else if (c == '\'') {
        s->state = is_escape_quote(text, s->at) ? SQL_SCAN_ESCAPE_QUOTE : SQL_SCAN_QUOTE;
    } else if (c == '"') {
        s->state = SQL_SCAN_NAME;
    } else if (c == '-' && text[s->at + 1] == '-') {
        s->state = SQL_SCAN_LINE_COMMENT;
    } else if (c == '/' && text[s->at + 1] == '*') {
        s->state = SQL_SCAN_COMMENT;
        s->depth = 1;
        return 2;
    } else if (c == '$') {
        s->tag_size = tag_at(text, s->at, size);
        if (s->tag_size > size) return 0;
        if (s->tag_size == 0) return 1;
        memcpy(s->tag, text + s->at, s->tag_size);
        s->state = SQL_SCAN_DOLLAR;
        return s->tag_size;
    }
    return 1;
}

static size_t step_comment(struct sql_scan *s, const char *text, size_t size)
{
    bool opens = text[s->at] == '/', closes = text[s->at] == '*';
    if (!opens && !closes) return 1;
    if (s->at + 1 == size) return 0;
    if (opens && text[s->at + 1] == '*') s->depth++;
    else if (closes && text[s->at + 1] == '/') s->depth--;
    else return 1;
    if (s->depth == 0) s->state = SQL_SCAN_PLAIN;
    return 2;
}

static size_t step_dollar(struct sql_scan *s, const char *text, size_t size)
{
    if (text[s->at] != '$') return 1;
    if (size - s->at < s->tag_size) return memcmp(text + s->at, s->tag, size - s->at) == 0 ? 0 : 1;
    if (memcmp(text + s->at, s->tag, s->tag_size) != 0) return 1;
    s->state = SQL_SCAN_PLAIN;
    return s->tag_size;
}

static size_t step(struct sql_scan *s, const char *text, size_t size, bool *end_out)
{
    char c = text[s->at];
    switch (s->state) {
    case SQL_SCAN_PLAIN: return step_plain(s, text, size, end_out);
    case SQL_SCAN_COMMENT: return step_comment(s, text, size);
    case SQL_SCAN_DOLLAR: return step_dollar(s, text, size);
    case SQL_SCAN_LINE_COMMENT:
        if (c == '\n') s->state = SQL_SCAN_PLAIN;
        return 1;
    case SQL_SCAN_NAME:
        if (c == '"') s->state = SQL_SCAN_PLAIN;
        return 1;
    case SQL_SCAN_QUOTE:
    case SQL_SCAN_ESCAPE_QUOTE:
        if (c == '\\' && s->state == SQL_SCAN_ESCAPE_QUOTE) return s->at + 1 == size ? 0 : 2;
        if (c == '\'') s->state = SQL_SCAN_PLAIN; /* a doubled one opens it again */
        return 1;
    }
    return 1;
}

size_t sql_scan_end(struct sql_scan *s, const char *text, size_t size)
{
    bool end = false;
    while (s->at < size && !end) {
        size_t taken = step(s, text, size, &end);
        if (taken == 0) return 0;
        s->at += taken;
    }
    return end ? s->at : 0;
}

bool sql_scan_is_blank(const char *text, size_t size)
{
    struct sql_scan s = {.state = SQL_SCAN_PLAIN};
    while (s.at < size) {
        bool end = false;
        if (s.state == SQL_SCAN_PLAIN && strchr(" \t\r\n\f\v;-/", text[s.at]) == NULL) return false;
        char c = text[s.at];
        size_t taken = step(&s, text, size, &end);
        if (taken == 0) return s.state == SQL_SCAN_COMMENT;
        bool sign = (c == '-' || c == '/') && s.state == SQL_SCAN_PLAIN && taken == 1;
        if (sign) return false;
        s.at += taken;
    }
    return true;
}
