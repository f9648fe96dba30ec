#include "base/hex.h"

#include "base/assert.h"

static void encode(struct bytes bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        *out++ = digits[bytes.data[i] >> 4];
        *out++ = digits[bytes.data[i] & 15];
    }
}

void hex_encode(struct bytes bytes, char *text_out)
{
    ASSERT(text_out != NULL);
    ASSERT(bytes.size == 0 || bytes.data != NULL);
    encode(bytes, text_out);
    text_out[2 * bytes.size] = 0;
}

void hex_append(struct buf *b, struct bytes bytes)
{
    ASSERT(bytes.size == 0 || bytes.data != NULL);
    ASSERT(bytes.size <= SIZE_MAX / 2);
    uint8_t *place = buf_reserve(b, 2 * bytes.size);
    if (place == NULL) return;
    encode(bytes, (char *)place);
    b->size += 2 * bytes.size;
}

/* 0 to 15, or -1. */
static int digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

enum status hex_decode(struct bytes text, uint8_t *bytes_out)
{
    ASSERT(text.size == 0 || text.data != NULL);
    if (text.size % 2 != 0) return STATUS_INVALID;
    for (size_t i = 0; i < text.size; i += 2) {
        int high = digit_value(text.data[i]), low = digit_value(text.data[i + 1]);
        if (high < 0 || low < 0) return STATUS_INVALID;
        bytes_out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return STATUS_OK;
}
