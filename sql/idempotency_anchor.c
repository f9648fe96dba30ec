#include "sql/idempotency_anchor.h"

#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"
#include "sql/keywords.h"
#include "sql/lexer.h"
#include "sql/parser.h"

#define NS_PER_MS 1000000u
#define PLAIN_DIGITS_MAX 9 /* an integer constant of any column's type */

/* What an anchor says: a table and values. */
struct anchor {
    struct sql_name table;
    struct sql_list values;
    struct sql_const number; /* the only value, if it is a plain one */
    const struct sql_node *only;
    char name[SQL_IDENTIFIER_BYTES_MAX + 1];
};

static bool is_plain_name(const struct anchor *a, size_t size)
{
    enum sql_keyword word = sql_keyword_find(a->name, size);
    return size > 0 && word == SQL_KEYWORD_NONE;
}

static bool continues_name(char c, bool begun)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (begun && c >= '0' && c <= '9');
}

/* What most anchors look like, name(number), needs no parser. False: it may be anything. */
static bool read_plain(const char *text, struct anchor *a)
{
    size_t size = 0;
    while (size < sizeof a->name - 1 && continues_name(text[size], size > 0)) {
        a->name[size] = text[size];
        size++;
    }
    a->name[size] = '\0';
    if (text[size] != '(' || !is_plain_name(a, size)) return false;
    const char *digits = text + size + 1, *end = digits;
    int64_t value = 0;
    while (*end >= '0' && *end <= '9' && end - digits < PLAIN_DIGITS_MAX) value = value * 10 + (*end++ - '0');
    if (end == digits || strcmp(end, ")") != 0) return false;
    a->number = (struct sql_const){.node = {.kind = SQL_EXPR_CONST}, .type = SQL_CONST_INTEGER, .integer = value};
    a->only = &a->number.node;
    a->table = (struct sql_name){.name = a->name};
    a->values = (struct sql_list){&a->only, 1};
    return true;
}

/* Its form is that of a call with plain arguments. */
static bool parse(struct exec *x, const char *text, struct anchor *a)
{
    const struct sql_node *node;
    if (read_plain(text, a)) return true;
    if (!sql_parse_expression(x->arena, bytes_of_string(text), &node, x->error)) return false;
    if (node->kind == SQL_EXPR_CALL) {
        const struct sql_call_expr *call = sql_as_call_expr(node);
        bool plain = call->arg_names == NULL && !call->star && !call->distinct && !call->variadic && !call->within_group &&
                     call->order_by.count == 0 && call->filter == NULL && call->over == NULL;
        a->table = call->name;
        a->values = call->args;
        if (plain) return true;
    }
    return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                         "an idempotency anchor is TABLE(value, ...)");
}

static struct sql_table *find_table(struct exec *x, const struct anchor *a)
{
    struct sql_table *t = exec_table(x, &a->table);
    if (t == NULL) return NULL;
    if (t->from != NULL || t->key_count == 0) {
        sql_error_set(x->error, x->arena, SQLSTATE_WRONG_OBJECT_TYPE, 0,
                      "table \"%s\" has no primary key: none of its rows can be an idempotency anchor", t->name);
        return NULL;
    }
    if (a->values.count == t->key_count) return t;
    sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                  "an idempotency anchor has a value for each column of the primary key: \"%s\" has %u, not %u", t->name,
                  t->key_count, a->values.count);
    return NULL;
}

/* What tells keys of one row apart: when they were made, so that they come in that order, and a part of their hash. */
static void put_id(struct bytes key, uint64_t issued_ns, uint8_t id[TXN_ASIDE_ID_BYTES])
{
    uint64_t halves[2], ms = issued_ns / NS_PER_MS;
    hash128(key.data, key.size, halves);
    store_be64(id, ms << 16 | (halves[0] & 0xffff));
    store_be64(id + 8, halves[1]);
}

static bool find_place(struct exec *x, const char *text, struct bytes key, uint64_t issued_ns,
                       struct idempotency_place *place)
{
    struct sql_datum values[SQL_KEY_COLUMNS_MAX];
    uint8_t id[TXN_ASIDE_ID_BYTES];
    struct anchor anchor;
    const struct sql_table *t = parse(x, text, &anchor) ? find_table(x, &anchor) : NULL;
    if (t == NULL || !exec_key_values(x, t, &anchor.values, "an idempotency anchor that is not constant", values)) return false;
    buf_reset(place->row_key);
    enum status status = catalog_key_prefix(t, values, t->key_count, place->row_key);
    put_id(key, issued_ns, id);
    txn_aside_key(place->row_key, id);
    place->keys_after = t->keys_after;
    if (status == STATUS_OK) status = buf_status(place->row_key);
    if (status == STATUS_TOO_LARGE)
        return sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                             "the key of a row that is an idempotency anchor is limited to %d bytes; this one has %zu",
                             TXN_KEY_BYTES_MAX - TXN_ASIDE_KEY_BYTES,
                             place->row_key->size + place->row_key->refused - TXN_ASIDE_KEY_BYTES);
    return status == STATUS_OK || exec_fail(x, status);
}

bool idempotency_anchor_place(struct exec *x, const char *anchor, struct bytes key, uint64_t issued_ns,
                              struct idempotency_place *place)
{
    ASSERT(issued_ns != 0);
    struct parameters *parameters = x->parameters;
    x->parameters = NULL; /* those are of a statement */
    bool ok = find_place(x, anchor, key, issued_ns, place);
    x->parameters = parameters;
    if (ok) return true;
    x->error->position = 0; /* it is none of the statement's text */
    sql_error_context(x->error, x->arena, "idempotency anchor \"%s\"", anchor);
    return false;
}
