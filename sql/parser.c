/* Tokens, recursion and memory of the parser; the entry points; which statement it is. */
#include "sql/parser_int.h"

#include <stdio.h>

const struct sql_node parser_failed_node = {.kind = SQL_NODE_NONE};

/* --- Tokens --- */

/* After this the current token matches nothing, and reading on gives more of the same. */
static void stop(struct sql_parser *p)
{
    ASSERT(sql_error_is_set(p->error));
    p->failed = true;
    p->ahead_count = 0;
    p->token = (struct sql_token){.kind = SQL_TOKEN_FAILED,
                                  .position = p->token.position,
                                  .offset = p->token.offset,
                                  .text = ""};
}

const struct sql_token *parser_peek(struct sql_parser *p, uint32_t n)
{
    ASSERT(n >= 1);
    ASSERT(n <= PARSER_AHEAD_MAX);
    if (p->failed) return &p->token;
    while (p->ahead_count < n)
        sql_lexer_next(&p->lexer, &p->ahead[p->ahead_count++]);
    return &p->ahead[n - 1];
}

void parser_next(struct sql_parser *p)
{
    if (p->failed) return;
    ASSERT(p->token.kind != SQL_TOKEN_FAILED);
    p->consumed_end = p->token.offset + p->token.size;
    if (p->ahead_count == 0) {
        sql_lexer_next(&p->lexer, &p->token);
        return;
    }
    p->token = p->ahead[0];
    p->ahead_count--;
    for (uint32_t i = 0; i < p->ahead_count; i++)
        p->ahead[i] = p->ahead[i + 1];
}

void parser_fail_here(struct sql_parser *p)
{
    parser_fail_near(p, "syntax error");
}

void parser_fail_near(struct sql_parser *p, const char *message)
{
    if (p->failed) return;
    if (p->token.kind == SQL_TOKEN_FAILED) {
        ASSERT(sql_error_is_set(&p->lexer.error));
        *p->error = p->lexer.error;
    } else {
        sql_lexer_error_near(&p->lexer, &p->token, p->error, SQLSTATE_SYNTAX_ERROR, message);
    }
    stop(p);
}

void parser_fail(struct sql_parser *p, const char *sqlstate, uint32_t position, const char *format,
                 ...)
{
    if (p->failed) return;
    va_list args;
    va_start(args, format);
    sql_error_vset(p->error, p->arena, sqlstate, position, format, args);
    va_end(args);
    stop(p);
}

void parser_unsupported(struct sql_parser *p, uint32_t position, const char *what)
{
    parser_fail(p, SQLSTATE_FEATURE_NOT_SUPPORTED, position, "%s is not supported", what);
}

void parser_expect(struct sql_parser *p, uint16_t kind)
{
    if (p->token.kind == kind)
        parser_next(p);
    else
        parser_fail_here(p);
}

void parser_expect_kw(struct sql_parser *p, enum sql_keyword keyword)
{
    if (p->token.keyword == keyword)
        parser_next(p);
    else
        parser_fail_here(p);
}

bool parser_at_kw2(struct sql_parser *p, enum sql_keyword keyword, enum sql_keyword next)
{
    return p->token.keyword == keyword && parser_peek(p, 1)->keyword == next;
}

bool parser_accept_kw2(struct sql_parser *p, enum sql_keyword first, enum sql_keyword second)
{
    if (!parser_at_kw2(p, first, second)) return false;
    parser_next(p);
    parser_next(p);
    return true;
}

bool parser_at_word(const struct sql_parser *p, const char *word)
{
    return p->token.kind == SQL_TOKEN_IDENTIFIER && strcmp(p->token.text, word) == 0 &&
           p->lexer.text[p->token.offset] != '"';
}

/* --- Recursion --- */

static void fail_nesting(struct sql_parser *p)
{
    if (p->failed) return;
    COVER("sql_nested_too_deeply");
    parser_fail(p, SQLSTATE_STATEMENT_TOO_COMPLEX, p->token.position,
                "statement is nested too deeply");
    sql_error_detail(p->error, p->arena, "Nesting is limited to %d levels.", SQL_NESTING_MAX);
}

bool parser_enter(struct sql_parser *p)
{
    ASSERT(p->depth <= SQL_NESTING_MAX);
    if (p->depth == SQL_NESTING_MAX) {
        fail_nesting(p);
        return false;
    }
    p->depth++;
    return true;
}

void parser_leave(struct sql_parser *p)
{
    ASSERT(p->depth > 0);
    p->depth--;
}

void parser_wrap(struct sql_parser *p)
{
    p->height++;
    if (p->height > SQL_NESTING_MAX) fail_nesting(p);
}

/* --- Memory --- */

void *parser_alloc(struct sql_parser *p, size_t size)
{
    void *memory = arena_zalloc(p->arena, 1, size);
    if (memory != NULL) return memory;
    COVER("sql_parser_out_of_memory");
    if (!p->failed) {
        sql_error_out_of_memory(p->error);
        stop(p);
    }
    ASSERT(size <= sizeof p->spare);
    memset(p->spare, 0, sizeof p->spare);
    return p->spare;
}

void *parser_node(struct sql_parser *p, size_t size, enum sql_node_kind kind, uint32_t position)
{
    ASSERT(kind != SQL_NODE_NONE);
    struct sql_node *node = parser_alloc(p, size);
    /* The spare place is nobody's node: its kind stays NONE, as others write there too. */
    if (!p->failed) node->kind = (uint16_t)kind;
    node->position = position;
    return node;
}

void *parser_push(struct sql_parser *p, struct parser_vec *v, size_t item_size)
{
    ASSERT(item_size <= PARSER_SPARE_BYTES);
    ASSERT(v->count <= v->capacity);
    if (p->failed) return parser_alloc(p, item_size);
    if (v->count == v->capacity) {
        uint32_t capacity = v->capacity == 0 ? 4 : v->capacity * 2;
        void *items = arena_alloc(p->arena, capacity * item_size);
        if (items == NULL) {
            sql_error_out_of_memory(p->error);
            stop(p);
            return parser_alloc(p, item_size);
        }
        if (v->count > 0) memcpy(items, v->items, v->count * item_size);
        v->items = items;
        v->capacity = capacity;
    }
    void *item = (uint8_t *)v->items + v->count++ * item_size;
    memset(item, 0, item_size);
    return item;
}

void parser_push_node(struct sql_parser *p, struct parser_vec *v, const struct sql_node *node)
{
    ASSERT(node != NULL);
    *PARSER_PUSH(p, v, const struct sql_node *) = node;
}

/* --- Statements --- */

/* Statements that PostgreSQL has and that end here whatever follows their name. */
static const char *unsupported_name(enum sql_keyword keyword)
{
    switch (keyword) {
    case SQL_KW_CALL: return "CALL";
    case SQL_KW_CHECKPOINT: return "CHECKPOINT";
    case SQL_KW_CLUSTER: return "CLUSTER";
    case SQL_KW_COMMENT: return "COMMENT";
    case SQL_KW_DO: return "DO";
    case SQL_KW_IMPORT: return "IMPORT FOREIGN SCHEMA";
    case SQL_KW_LOAD: return "LOAD";
    case SQL_KW_MERGE: return "MERGE";
    case SQL_KW_REASSIGN: return "REASSIGN OWNED";
    case SQL_KW_REFRESH: return "REFRESH MATERIALIZED VIEW";
    case SQL_KW_REINDEX: return "REINDEX";
    case SQL_KW_SECURITY: return "SECURITY LABEL";
    default: return NULL;
    }
}

const struct sql_node *parser_unsupported_statement(struct sql_parser *p, const char *name,
                                                    uint32_t position)
{
    uint32_t depth = 0;
    while (!parser_at(p, SQL_TOKEN_END) && !(parser_at(p, ';') && depth == 0)) {
        if (parser_at(p, SQL_TOKEN_FAILED)) {
            parser_fail_here(p);
            break;
        }
        if (parser_at(p, '(')) depth++;
        if (parser_at(p, ')') && depth > 0) depth--;
        parser_next(p);
    }
    struct sql_unsupported *node = PARSER_NODE(p, sql_unsupported, SQL_STMT_UNSUPPORTED, position);
    node->name = name;
    return &node->node;
}

const struct sql_node *parser_statement(struct sql_parser *p)
{
    uint32_t position = p->token.position;
    const char *unsupported = unsupported_name(p->token.keyword);
    if (unsupported != NULL) return parser_unsupported_statement(p, unsupported, position);
    switch (p->token.keyword) {
    case SQL_KW_ABORT:
    case SQL_KW_BEGIN:
    case SQL_KW_COMMIT:
    case SQL_KW_END:
    case SQL_KW_RELEASE:
    case SQL_KW_ROLLBACK:
    case SQL_KW_SAVEPOINT:
    case SQL_KW_START: return parser_transaction(p);
    case SQL_KW_ALTER: return parser_alter(p);
    case SQL_KW_ANALYSE:
    case SQL_KW_ANALYZE:
    case SQL_KW_VACUUM: return parser_vacuum(p);
    case SQL_KW_CLOSE: return parser_close(p);
    case SQL_KW_COPY: return parser_copy(p);
    case SQL_KW_CREATE: return parser_create(p);
    case SQL_KW_DEALLOCATE: return parser_deallocate(p);
    case SQL_KW_DECLARE: return parser_declare(p);
    case SQL_KW_DISCARD: return parser_discard(p);
    case SQL_KW_DROP: return parser_drop(p);
    case SQL_KW_EXECUTE: return parser_execute(p);
    case SQL_KW_EXPLAIN: return parser_explain(p);
    case SQL_KW_FETCH:
    case SQL_KW_MOVE: return parser_fetch(p);
    case SQL_KW_GRANT:
    case SQL_KW_REVOKE: return parser_grant(p);
    case SQL_KW_LISTEN: return parser_listen(p);
    case SQL_KW_LOCK: return parser_lock(p);
    case SQL_KW_NOTIFY: return parser_notify(p);
    case SQL_KW_PREPARE: return parser_prepare(p);
    case SQL_KW_RESET: return parser_reset(p);
    case SQL_KW_SET: return parser_set(p);
    case SQL_KW_SHOW: return parser_show(p);
    case SQL_KW_TRUNCATE: return parser_truncate(p);
    case SQL_KW_UNLISTEN: return parser_unlisten(p);
    default: return parser_preparable(p);
    }
}

/* --- Entry points --- */

static bool start(struct sql_parser *p, struct arena *arena, struct bytes text,
                  struct sql_error *error)
{
    ASSERT(!sql_error_is_set(error));
    /* Not all of it: the spare place and the tokens ahead are written before they are read. */
    p->arena = arena;
    p->error = error;
    p->ahead_count = 0;
    p->consumed_end = 0;
    p->depth = 0;
    p->height = 0;
    p->param_max = 0;
    p->failed = false;
    if (!sql_lexer_init(&p->lexer, arena, text, error)) return false;
    sql_lexer_next(&p->lexer, &p->token);
    return true;
}

/* What is left must be nothing. */
static bool finish(struct sql_parser *p)
{
    if (!parser_at(p, SQL_TOKEN_END)) parser_fail_here(p);
    ASSERT(p->failed == sql_error_is_set(p->error));
    ASSERT(p->failed || p->depth == 0);
    return !p->failed;
}

static void parse_statement(struct sql_parser *p, struct parser_vec *statements)
{
    ASSERT(p->depth == 0 || p->failed);
    p->height = 0;
    p->param_max = 0;
    uint32_t offset = p->token.offset;
    const struct sql_node *node = parser_statement(p);
    struct sql_statement *statement = PARSER_PUSH(p, statements, struct sql_statement);
    *statement = (struct sql_statement){.node = node,
                                        .offset = offset,
                                        .size = p->failed ? 0 : p->consumed_end - offset,
                                        .param_max = p->param_max};
}

bool sql_parse(struct arena *arena, struct bytes text, struct sql_script *script_out,
               struct sql_error *error)
{
    struct sql_parser p;
    if (!start(&p, arena, text, error)) return false;
    struct parser_vec statements = {NULL, 0, 0};
    do {
        if (!parser_at(&p, ';') && !parser_at(&p, SQL_TOKEN_END)) parse_statement(&p, &statements);
    } while (parser_accept(&p, ';'));
    if (!finish(&p)) return false;
    *script_out = (struct sql_script){statements.items, statements.count};
    return true;
}

bool sql_parse_expression(struct arena *arena, struct bytes text, const struct sql_node **expr_out,
                          struct sql_error *error)
{
    struct sql_parser p;
    if (!start(&p, arena, text, error)) return false;
    const struct sql_node *expr = parser_expr(&p);
    if (!finish(&p)) return false;
    *expr_out = expr;
    return true;
}

bool sql_parse_type(struct arena *arena, struct bytes text, struct sql_type_name *type_out,
                    struct sql_error *error)
{
    struct sql_parser p;
    if (!start(&p, arena, text, error)) return false;
    struct sql_type_name type;
    parser_type(&p, &type);
    if (!finish(&p)) return false;
    *type_out = type;
    return true;
}
