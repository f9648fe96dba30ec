#include "base/utf8.h"

#include "base/assert.h"

/* Lead bytes in order, with the range that the second byte must lie in: the narrowed ranges are
 * what keeps overlong forms, surrogates and too large code points out (RFC 3629, section 4). */
struct lead {
    uint8_t last, size, second_min, second_max;
};
static const struct lead leads[] = {
    {0x7f, 1, 0, 0},       {0xc1, 0, 0, 0},       {0xdf, 2, 0x80, 0xbf}, {0xe0, 3, 0xa0, 0xbf},
    {0xec, 3, 0x80, 0xbf}, {0xed, 3, 0x80, 0x9f}, {0xef, 3, 0x80, 0xbf}, {0xf0, 4, 0x90, 0xbf},
    {0xf3, 4, 0x80, 0xbf}, {0xf4, 4, 0x80, 0x8f}, {0xff, 0, 0, 0},
};

size_t utf8_decode(struct bytes text, uint32_t *code_out)
{
    ASSERT(text.size == 0 || text.data != NULL);
    if (text.size == 0) return 0;
    const uint8_t *p = text.data;
    const struct lead *lead = leads;
    while (p[0] > lead->last)
        lead++;
    if (lead->size == 0 || lead->size > text.size) return 0;
    if (lead->size > 1 && (p[1] < lead->second_min || p[1] > lead->second_max)) return 0;
    uint32_t code = lead->size == 1 ? p[0] : p[0] & (0x7fu >> lead->size);
    for (size_t i = 1; i < lead->size; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    ASSERT(code <= 0x10ffff);
    if (code_out != NULL) *code_out = code;
    return lead->size;
}

bool utf8_valid(struct bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        uint64_t word;
        if (text.size - at >= sizeof word) { /* eight ASCII bytes at a time: the common case */
            memcpy(&word, text.data + at, sizeof word);
            if ((word & 0x8080808080808080u) == 0) {
                at += sizeof word;
                continue;
            }
        }
        size_t size = utf8_decode(bytes_make(text.data + at, text.size - at), NULL);
        if (size == 0) return false;
        at += size;
    }
    ASSERT(at == text.size);
    return true;
}

size_t utf8_length(struct bytes text)
{
    ASSERT_SLOW(utf8_valid(text));
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += (text.data[i] & 0xc0) != 0x80;
    return count;
}
