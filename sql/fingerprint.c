#include "sql/fingerprint.h"

#include <string.h>

#include "sql/lexer.h"

#define TEXT_BYTES_MAX 16384 /* looked at: more than enough words for FINGERPRINT_BYTES_MAX */

/* ---- the number ---- */

#define PRIME 0x100000001b3u /* of FNV-1a, 64 bits */
#define BASIS 0xcbf29ce484222325u

struct hasher {
    const uint8_t *at, *end;
    uint64_t hash;
    uint64_t before_comma; /* the hash when a comma followed a constant */
    bool after_constant;   /* nothing but a comma since */
    bool comma, in_list;
    uint64_t group, last_group, after_group; /* of what is behind the last "("; of the group before;
                                                the whole behind that */
    bool group_plain,
        after_plain; /* nothing but constants in it; in the one before, and only a comma since */
};

static inline void mix(struct hasher *h, uint8_t byte)
{
    h->hash = (h->hash ^ byte) * PRIME;
    if (h->group_plain) h->group = (h->group ^ byte) * PRIME;
}

static inline bool is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c >= 0x80;
}

/* A constant: "?", or "..." for all of a list behind its first. */
static void hash_constant(struct hasher *h)
{
    if (h->after_constant && h->comma) {
        if (!h->in_list)
            mix(h, '.');
        else
            h->hash = h->before_comma;
        h->in_list = true;
    } else {
        mix(h, '?');
        h->in_list = false;
    }
    h->after_constant = true;
    h->comma = false;
}

static void hash_other(struct hasher *h)
{
    h->after_constant = h->comma = h->in_list = h->group_plain = h->after_plain = false;
}

/* "Name", as it is written. */
static void hash_name(struct hasher *h)
{
    hash_other(h);
    mix(h, *h->at++);
    while (h->at < h->end && *h->at != '"')
        mix(h, *h->at++);
    if (h->at < h->end) mix(h, *h->at++);
}

static void skip_quoted(struct hasher *h, bool escapes)
{
    for (h->at++; h->at < h->end; h->at++) {
        if (escapes && *h->at == '\\' && h->at + 1 < h->end)
            h->at++;
        else if (*h->at == '\'' && !(h->at + 1 < h->end && h->at[1] == '\''))
            break;
        else if (*h->at == '\'')
            h->at++;
    }
    if (h->at < h->end) h->at++;
}

/* $1, or $tag$..$tag$. */
static void skip_dollar(struct hasher *h)
{
    const uint8_t *tag = h->at++;
    while (h->at < h->end && is_word(*h->at))
        h->at++;
    if (h->at == h->end || *h->at != '$') return;
    size_t size = (size_t)(++h->at - tag);
    const uint8_t *close = memmem(h->at, (size_t)(h->end - h->at), tag, size);
    h->at = close == NULL ? h->end : close + size;
}

static void skip_number(struct hasher *h)
{
    while (h->at < h->end && (is_word(*h->at) || *h->at == '.')) {
        bool exponent =
            (*h->at | 0x20) == 'e' && h->at + 1 < h->end && (h->at[1] == '-' || h->at[1] == '+');
        h->at += exponent ? 2 : 1;
    }
}

static void hash_word(struct hasher *h)
{
    const uint8_t *start = h->at;
    while (h->at < h->end && is_word(*h->at))
        h->at++;
    if (h->at - start == 1 && h->at < h->end && *h->at == '\'') { /* E'..', x'..' */
        skip_quoted(h, (*start | 0x20) == 'e');
        hash_constant(h);
        return;
    }
    hash_other(h);
    mix(h, ' ');
    for (; start < h->at; start++)
        mix(h, *start >= 'A' && *start <= 'Z' ? *start | 0x20 : *start);
}

static bool skip_comment(struct hasher *h)
{
    if (h->at + 1 == h->end) return false;
    if (h->at[0] == '-' && h->at[1] == '-') {
        while (h->at < h->end && *h->at != '\n')
            h->at++;
        return true;
    }
    if (h->at[0] != '/' || h->at[1] != '*') return false;
    int depth = 0;
    do {
        bool opens = h->at + 1 < h->end && h->at[0] == '/' && h->at[1] == '*';
        bool closes = h->at + 1 < h->end && h->at[0] == '*' && h->at[1] == '/';
        depth += opens - closes;
        h->at += opens || closes ? 2 : 1;
    } while (depth > 0 && h->at < h->end);
    return true;
}

/* Groups of constants that repeat count once. */
static void hash_close(struct hasher *h)
{
    bool plain = h->group_plain, repeats = plain && h->after_plain && h->group == h->last_group;
    h->last_group = h->group;
    mix(h, ')');
    if (repeats) h->hash = h->after_group;
    h->after_group = h->hash;
    h->after_plain = plain;
    h->after_constant = h->comma = h->in_list = h->group_plain = false;
}

static void hash_mark(struct hasher *h, uint8_t c)
{
    h->at++;
    switch (c) {
    case ',':
        h->before_comma = h->hash;
        h->comma = true;
        mix(h, ',');
        return;
    case '(':
        mix(h, '(');
        h->group = BASIS;
        h->after_constant = h->comma = h->in_list = false;
        h->group_plain = true;
        return;
    case ')': hash_close(h); return;
    default: hash_other(h); mix(h, c);
    }
}

uint64_t fingerprint_hash(struct bytes text)
{
    size_t size = text.size < FINGERPRINT_BYTES_MAX ? text.size : FINGERPRINT_BYTES_MAX;
    struct hasher h = {.at = text.data, .end = text.data + size, .hash = BASIS, .group = BASIS};
    while (h.at < h.end) {
        uint8_t c = *h.at;
        if (c <= ' ') {
            h.at++;
        } else if (c == '\'') {
            skip_quoted(&h, false);
            hash_constant(&h);
        } else if (c == '$') {
            skip_dollar(&h);
            hash_constant(&h);
        } else if ((c >= '0' && c <= '9') ||
                   (c == '.' && h.at + 1 < h.end && h.at[1] >= '0' && h.at[1] <= '9')) {
            skip_number(&h);
            hash_constant(&h);
        } else if (is_word(c)) {
            hash_word(&h);
        } else if (c == '"') {
            hash_name(&h);
        } else if (c == ';') {
            break;
        } else if (!((c == '-' || c == '/') && skip_comment(&h))) {
            hash_mark(&h, c);
        }
    }
    return h.hash == 0 ? 1 : h.hash;
}

/* ---- the words ---- */

struct normalizer {
    struct buf *out;
    size_t base;                 /* where this text begins in out */
    uint16_t last;               /* kind of the token before; 0: none */
    bool last_constant, in_list; /* in_list: "?, ..." is written */
    size_t group_start;          /* the last "(": from there on */
    bool group_plain;            /* and behind it nothing but constants and commas */
    size_t before_start,
        before_size; /* the plain group before, and only ", " since; size 0: none */
};

static bool is_constant(const struct sql_token *t)
{
    switch (t->kind) {
    case SQL_TOKEN_STRING:
    case SQL_TOKEN_BIT_STRING:
    case SQL_TOKEN_HEX_STRING:
    case SQL_TOKEN_INTEGER:
    case SQL_TOKEN_NUMBER:
    case SQL_TOKEN_PARAM: return true;
    default: return false;
    }
}

static void put_space(struct normalizer *n, const struct sql_token *t)
{
    bool none = n->out->size == n->base || t->kind == ',' || t->kind == ')' || t->kind == '.' ||
                t->kind == '(' || t->kind == SQL_TOKEN_TYPECAST || t->kind == ';' ||
                n->last == '(' || n->last == '.' || n->last == SQL_TOKEN_TYPECAST;
    if (t->kind == '(' && n->last != '(' && n->last != SQL_TOKEN_IDENTIFIER &&
        n->out->size > n->base)
        none = false;
    if (!none) buf_append_byte(n->out, ' ');
}

/* "?", or as one of several "..." once. */
static void put_constant(struct normalizer *n, const struct sql_token *t)
{
    if (n->last == ',' && n->last_constant) {
        if (!n->in_list)
            buf_append_string(n->out, " ...");
        else
            n->out->size--; /* the comma, too */
        n->in_list = true;
        return;
    }
    put_space(n, t);
    buf_append_byte(n->out, '?');
    n->in_list = false;
}

/* A group of constants that is like the one before it is not written again. */
static void close_group(struct normalizer *n)
{
    size_t size = n->out->size - n->group_start;
    bool repeats = n->group_plain && n->before_size == size &&
                   memcmp(n->out->data + n->before_start, n->out->data + n->group_start, size) == 0;
    if (repeats) {
        n->out->size = n->before_start + n->before_size;
        return;
    }
    n->before_start = n->group_start;
    n->before_size = n->group_plain ? size : 0;
}

static void put_token(struct normalizer *n, const struct sql_token *t, struct bytes text)
{
    bool constant = is_constant(t);
    if (constant) {
        put_constant(n, t);
    } else {
        put_space(n, t);
        if (t->kind == '(') n->group_start = n->out->size;
        if (t->kind == SQL_TOKEN_IDENTIFIER || t->kind == SQL_TOKEN_KEYWORD)
            buf_append(n->out, t->text, t->text_size);
        else
            buf_append(n->out, text.data + t->offset, t->size);
        if (n->out->failed) return;
        if (t->kind == ')')
            close_group(n);
        else if (t->kind != ',' && t->kind != '(')
            n->before_size = 0;
    }
    if (t->kind == '(')
        n->group_plain = true;
    else if (!constant && t->kind != ',')
        n->group_plain = false;
    if (t->kind != ',') n->last_constant = constant;
    if (!constant && t->kind != ',') n->in_list = false;
    n->last = t->kind;
}

void fingerprint_normalize(struct arena *arena, struct bytes text, struct buf *out)
{
    struct sql_lexer lexer;
    struct sql_error error = {0};
    struct sql_token t;
    struct normalizer n = {.out = out, .base = out->size};
    if (text.size > TEXT_BYTES_MAX) {
        text.size = TEXT_BYTES_MAX;
        while (text.size > 0 && (text.data[text.size] & 0xC0) == 0x80)
            text.size--;
    }
    if (!sql_lexer_init(&lexer, arena, text, &error)) return;
    for (;;) {
        sql_lexer_next(&lexer, &t);
        if (t.kind == SQL_TOKEN_END || t.kind == SQL_TOKEN_FAILED || t.kind == ';') return;
        if (out->size - n.base + t.size + 8 > FINGERPRINT_BYTES_MAX) return;
        put_token(&n, &t, text);
        if (out->failed) return;
    }
}
