#include "shard/key_sample.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define SEEN_ENOUGH  (2 * KEY_SAMPLE_KEYS)
#define AHEAD_PERCENT 60u

void key_sample_begin(struct key_sample *s)
{
    s->seen = s->ahead = 0;
    s->held = 0;
    s->highest.size = 0;
}

static void take(struct sampled_key *k, struct bytes key)
{
    k->size = (uint8_t)(key.size < KEY_SAMPLE_BYTES ? key.size : KEY_SAMPLE_BYTES);
    if (k->size > 0) memcpy(k->bytes, key.data, k->size);
}

static struct bytes view(const struct sampled_key *k)
{
    return bytes_make(k->bytes, k->size);
}

void key_sample_add(struct key_sample *s, struct bytes key, uint64_t random)
{
    s->seen++;
    struct sampled_key k;
    take(&k, key);
    if (bytes_compare(view(&k), view(&s->highest)) > 0) {
        s->highest = k;
        s->ahead++;
    }
    if (s->held < KEY_SAMPLE_KEYS) {
        s->keys[s->held++] = k;
        return;
    }
    uint64_t at = random % s->seen;
    if (at < KEY_SAMPLE_KEYS) s->keys[at] = k;
}

static int key_order(const void *a, const void *b)
{
    return bytes_compare(view(a), view(b));
}

bool key_sample_median(const struct key_sample *s, struct buf *key_out)
{
    if (s->seen < SEEN_ENOUGH) return false;
    ASSERT(s->held == KEY_SAMPLE_KEYS);
    struct sampled_key keys[KEY_SAMPLE_KEYS];
    memcpy(keys, s->keys, sizeof keys);
    qsort(keys, KEY_SAMPLE_KEYS, sizeof keys[0], key_order);
    /* The first key of the upper side: the nearest to the middle that differs from the one before it. */
    for (uint32_t off = 0; off <= KEY_SAMPLE_KEYS / 4; off++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            uint32_t at = sign < 0 ? KEY_SAMPLE_KEYS / 2 - off : KEY_SAMPLE_KEYS / 2 + off;
            if (key_order(&keys[at - 1], &keys[at]) == 0) continue;
            buf_append_bytes(key_out, view(&keys[at]));
            return true;
        }
    }
    return false;
}

bool key_sample_tail(const struct key_sample *s, struct buf *key_out)
{
    if (s->seen < SEEN_ENOUGH || s->ahead * 100 < s->seen * AHEAD_PERCENT) return false;
    if (s->highest.size == KEY_SAMPLE_BYTES) return false; /* cut: what comes next may be below */
    static const uint8_t next = 0;
    buf_append_bytes(key_out, view(&s->highest));
    buf_append(key_out, &next, 1);
    return true;
}
