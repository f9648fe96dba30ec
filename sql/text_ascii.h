/* Character classes of SQL's own syntax: ASCII only, whatever the locale. */
#ifndef OSTRAKA_SQL_TEXT_ASCII_H
#define OSTRAKA_SQL_TEXT_ASCII_H

#include <string.h>

#include "base/bytes.h"

static inline bool ascii_is_digit(int c)
{
    return c >= '0' && c <= '9';
}
static inline bool ascii_is_letter(int c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
static inline bool ascii_is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static inline int ascii_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}
static inline int ascii_upper(int c)
{
    return c >= 'a' && c <= 'z' ? c - 32 : c;
}

/* Nothing else, and no NUL: eight bytes at a time. */
static inline bool ascii_only(struct bytes text)
{
    size_t at = 0;
    for (uint64_t word; text.size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text.data + at, sizeof word);
        if ((((word - 0x0101010101010101u) | word) & 0x8080808080808080u) != 0) return false;
    }
    while (at < text.size && text.data[at] - 1u < 0x7f) at++;
    return at == text.size;
}

/* Without the white space at both ends. */
static inline struct bytes ascii_trim(struct bytes text)
{
    while (text.size > 0 && ascii_is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && ascii_is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* `word` is in lower case. */
static inline bool ascii_equals_word(struct bytes text, const char *word)
{
    if (text.size != strlen(word)) return false;
    for (size_t i = 0; i < text.size; i++)
        if (ascii_lower(text.data[i]) != (uint8_t)word[i]) return false;
    return true;
}

#endif
