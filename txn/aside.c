/* Records that stand beside rows: mark and id behind the row's key, mark and end before the record.
 *
 * The id has a fixed size, so what stands before it is found without knowing what rows look like. A row's key may end in
 * bytes that look like it: only the value tells for certain. */
#include "base/assert.h"
#include "base/codec.h"
#include "txn/txn.h"

void txn_aside_key(struct buf *row_key, const uint8_t id[TXN_ASIDE_ID_BYTES])
{
    buf_append_byte(row_key, TXN_ASIDE_MARK);
    buf_append(row_key, id, TXN_ASIDE_ID_BYTES);
}

void txn_aside_head(uint64_t ts, uint8_t out[TXN_ASIDE_HEAD_BYTES])
{
    ASSERT(ts != 0);
    out[0] = TXN_ASIDE_MARK;
    store_le64(out + 1, ts);
    _Static_assert(1 + sizeof ts == TXN_ASIDE_HEAD_BYTES, "txn/README.md, Formats");
}

bool txn_is_aside(struct bytes value)
{
    return value.size >= TXN_ASIDE_HEAD_BYTES && value.data[0] == TXN_ASIDE_MARK;
}

uint64_t txn_aside_ends(struct bytes value)
{
    if (MUTANT("aside_never_ends") || !txn_is_aside(value)) return 0;
    return load_le64(value.data + 1);
}

uint64_t txn_aside_begins(uint64_t end)
{
    return end > TXN_ASIDE_LIFE_NS_MAX ? end - TXN_ASIDE_LIFE_NS_MAX : 0;
}

bool txn_aside_key_like(struct bytes key)
{
    return key.size > TXN_ASIDE_KEY_BYTES && key.data[key.size - TXN_ASIDE_KEY_BYTES] == TXN_ASIDE_MARK;
}

struct bytes txn_aside_row(struct bytes key)
{
    if (!txn_aside_key_like(key)) return key;
    return bytes_make(key.data, key.size - TXN_ASIDE_KEY_BYTES);
}
