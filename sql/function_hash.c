/* md5 (RFC 1321) and SHA-2 (FIPS 180-4) of text and bytes. */
#include "base/codec.h"
#include "sql/function_int.h"

#define MD5_BYTES 16
#define BLOCK_MAX 128
#define STEPS_PER_BYTE 2 /* as sql_eval_effort counts */

/* What the hashes have in common: a state that takes whole blocks, and an end that holds the length in bits. */
struct hash {
    uint32_t block_bytes, length_bytes;
    void (*block)(void *state, const uint8_t *block);
    bool little_endian;
};

static enum status hash_all(struct sql_eval *e, const struct hash *h, void *state, struct bytes text)
{
    size_t done = 0;
    for (; text.size - done >= h->block_bytes; done += h->block_bytes) {
        enum status status = sql_eval_effort(e, h->block_bytes * STEPS_PER_BYTE);
        if (status != STATUS_OK) return status;
        h->block(state, text.data + done);
    }
    uint8_t last[2 * BLOCK_MAX] = {0};
    size_t rest = text.size - done;
    if (rest > 0) memcpy(last, text.data + done, rest);
    last[rest] = 0x80;
    size_t total = rest + 1 + h->length_bytes <= h->block_bytes ? h->block_bytes : 2 * (size_t)h->block_bytes;
    uint64_t bits = (uint64_t)text.size * 8;
    if (h->little_endian) store_le64(last + total - 8, bits);
    else store_be32(last + total - 8, (uint32_t)(bits >> 32)), store_be32(last + total - 4, (uint32_t)bits);
    for (size_t at = 0; at < total; at += h->block_bytes) h->block(state, last + at);
    return STATUS_OK;
}

/* ---- md5 ---- */

static uint32_t rotate_left(uint32_t v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static const uint32_t md5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

static void md5_block(void *state, const uint8_t *block)
{
    static const uint8_t shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t *s = state, a = s[0], b = s[1], c = s[2], d = s[3];
    for (unsigned i = 0; i < 64; i++) {
        unsigned round = i / 16, word;
        uint32_t mix;
        switch (round) {
        case 0: mix = (b & c) | (~b & d); word = i; break;
        case 1: mix = (d & b) | (~d & c); word = (5 * i + 1) % 16; break;
        case 2: mix = b ^ c ^ d; word = (3 * i + 5) % 16; break;
        default: mix = c ^ (b | ~d); word = 7 * i % 16; break;
        }
        uint32_t sum = a + mix + md5_sines[i] + load_le32(block + 4 * (size_t)word);
        a = d;
        d = c;
        c = b;
        b += rotate_left(sum, shifts[round][i % 4]);
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
}

EVALUATE(md5)
{
    static const struct hash md5_hash = {64, 8, md5_block, true};
    static const char digits[] = "0123456789abcdef";
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    enum status status = hash_all(e, &md5_hash, state, call->args[0].bytes);
    if (status != STATUS_OK) return status;
    uint8_t *text = sql_eval_alloc(e, 2 * MD5_BYTES);
    if (text == NULL) return STATUS_NO_MEMORY;
    for (unsigned i = 0; i < MD5_BYTES; i++) {
        uint8_t byte = (uint8_t)(state[i / 4] >> 8 * (i % 4));
        text[2 * i] = (uint8_t)digits[byte >> 4];
        text[2 * i + 1] = (uint8_t)digits[byte & 15];
    }
    out->bytes = bytes_make(text, 2 * MD5_BYTES);
    return STATUS_OK;
}

/* ---- SHA-2 ---- */

/* The first 64 bits of the fractions of the cube roots of the first 80 primes; SHA-256 takes the upper half of the
 * first 64. */
static const uint64_t roots[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

static uint32_t right32(uint32_t v, unsigned n)
{
    return v >> n | v << (32 - n);
}

static void sha256_block(void *state, const uint8_t *block)
{
    uint32_t *s = state, v[8], w[64];
    memcpy(v, s, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        if (i < 16) {
            w[i] = load_be32(block + 4 * (size_t)i);
        } else {
            uint32_t a = w[i - 15], b = w[i - 2];
            w[i] = w[i - 16] + (right32(a, 7) ^ right32(a, 18) ^ a >> 3) + w[i - 7] +
                   (right32(b, 17) ^ right32(b, 19) ^ b >> 10);
        }
        uint32_t one = v[7] + (right32(v[4], 6) ^ right32(v[4], 11) ^ right32(v[4], 25)) +
                       ((v[4] & v[5]) ^ (~v[4] & v[6])) + (uint32_t)(roots[i] >> 32) + w[i];
        uint32_t two = (right32(v[0], 2) ^ right32(v[0], 13) ^ right32(v[0], 22)) +
                       ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += one;
        v[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++) s[i] += v[i];
}

static uint64_t right64(uint64_t v, unsigned n)
{
    return v >> n | v << (64 - n);
}

static void sha512_block(void *state, const uint8_t *block)
{
    uint64_t *s = state, v[8], w[80];
    memcpy(v, s, sizeof v);
    for (unsigned i = 0; i < 80; i++) {
        if (i < 16) {
            w[i] = load_be64(block + 8 * (size_t)i);
        } else {
            uint64_t a = w[i - 15], b = w[i - 2];
            w[i] = w[i - 16] + (right64(a, 1) ^ right64(a, 8) ^ a >> 7) + w[i - 7] +
                   (right64(b, 19) ^ right64(b, 61) ^ b >> 6);
        }
        uint64_t one = v[7] + (right64(v[4], 14) ^ right64(v[4], 18) ^ right64(v[4], 41)) +
                       ((v[4] & v[5]) ^ (~v[4] & v[6])) + roots[i] + w[i];
        uint64_t two = (right64(v[0], 28) ^ right64(v[0], 34) ^ right64(v[0], 39)) +
                       ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += one;
        v[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++) s[i] += v[i];
}

static enum status sha_small(struct sql_eval *e, struct bytes text, uint32_t state[8], size_t size, struct sql_datum *out)
{
    static const struct hash sha256_hash = {64, 8, sha256_block, false};
    uint8_t *digest = sql_eval_alloc(e, 32);
    if (digest == NULL) return STATUS_NO_MEMORY;
    enum status status = hash_all(e, &sha256_hash, state, text);
    if (status != STATUS_OK) return status;
    for (unsigned i = 0; i < 8; i++) store_be32(digest + 4 * (size_t)i, state[i]);
    out->bytes = bytes_make(digest, size);
    return STATUS_OK;
}

static enum status sha_large(struct sql_eval *e, struct bytes text, uint64_t state[8], size_t size, struct sql_datum *out)
{
    static const struct hash sha512_hash = {128, 16, sha512_block, false};
    uint8_t *digest = sql_eval_alloc(e, 64);
    if (digest == NULL) return STATUS_NO_MEMORY;
    enum status status = hash_all(e, &sha512_hash, state, text);
    if (status != STATUS_OK) return status;
    for (unsigned i = 0; i < 16; i++) store_be32(digest + 4 * (size_t)i, (uint32_t)(state[i / 2] >> (i % 2 ? 0 : 32)));
    out->bytes = bytes_make(digest, size);
    return STATUS_OK;
}

EVALUATE(sha224)
{
    uint32_t state[8] = {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4};
    return sha_small(e, call->args[0].bytes, state, 28, out);
}

EVALUATE(sha256)
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    return sha_small(e, call->args[0].bytes, state, 32, out);
}

EVALUATE(sha384)
{
    uint64_t state[8] = {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
                         0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4};
    return sha_large(e, call->args[0].bytes, state, 48, out);
}

EVALUATE(sha512)
{
    uint64_t state[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                         0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    return sha_large(e, call->args[0].bytes, state, 64, out);
}

#define T(t) SQL_TYPE_##t

static const struct sql_function rows[] = {
    FUNCTION(2311, "md5", TEXT, md5, T(TEXT)),         FUNCTION(2321, "md5", TEXT, md5, T(BYTEA)),
    FUNCTION(3419, "sha224", BYTEA, sha224, T(BYTEA)), FUNCTION(3420, "sha256", BYTEA, sha256, T(BYTEA)),
    FUNCTION(3421, "sha384", BYTEA, sha384, T(BYTEA)), FUNCTION(3422, "sha512", BYTEA, sha512, T(BYTEA)),
};

const struct function_table function_hash_table = {rows, sizeof rows / sizeof rows[0]};
