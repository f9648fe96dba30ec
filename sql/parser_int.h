/* What the parser_*.c files share. Hand-written recursive descent, operators by precedence
 * climbing, one token of lookahead and up to PARSER_AHEAD_MAX more where the grammar needs them.
 *
 * Failure is sticky: the first error is kept, the current token becomes FAILED, and that matches
 * nothing, so every loop ends and every function returns something harmless (never NULL where a
 * node, list or name is due). Nobody checks on the way; sql_parse does, at the end. A failed
 * allocation answers a spare place that anybody may scribble on: what is read back from a node must
 * not be followed before p->failed has been asked, unless a token was matched in between. */
#ifndef OSTRAKA_SQL_PARSER_INT_H
#define OSTRAKA_SQL_PARSER_INT_H

#include "sql/lexer.h"
#include "sql/parser.h"

#define PARSER_AHEAD_MAX      3
#define PARSER_SPARE_BYTES    512
#define SQL_SETTING_BYTES_MAX 255 /* a dotted name of SET */

struct sql_parser {
    struct sql_lexer lexer;
    struct arena *arena;
    struct sql_error *error;
    struct sql_token token; /* the current one: not consumed yet */
    struct sql_token ahead[PARSER_AHEAD_MAX];
    uint32_t ahead_count;
    uint32_t consumed_end; /* the byte behind the last token consumed */
    uint32_t depth;        /* recursion: expressions, queries, joins */
    uint32_t height;       /* of the tallest left-deep chain in what is being parsed */
    uint32_t param_max;
    bool failed;
    _Alignas(16) uint8_t spare[PARSER_SPARE_BYTES];
};

/* For functions that recursion passes by: inlined, their locals would make every level's frame
 * larger. A statement nested SQL_NESTING_MAX deep must fit the stack of a fiber
 * (parser_stack_test.c). */
#define PARSER_APART __attribute__((noinline))

/* --- Tokens (parser.c) --- */

/* The token n places behind the current one, 1 to PARSER_AHEAD_MAX. */
const struct sql_token *parser_peek(struct sql_parser *p, uint32_t n);
void parser_next(struct sql_parser *p);
/* `syntax error at or near "the current token"`. */
void parser_fail_here(struct sql_parser *p);
/* The same with another message. */
void parser_fail_near(struct sql_parser *p, const char *message);
__attribute__((format(printf, 4, 5))) void parser_fail(struct sql_parser *p, const char *sqlstate,
                                                       uint32_t position, const char *format, ...);
/* `WHAT is not supported`, 0A000. */
void parser_unsupported(struct sql_parser *p, uint32_t position, const char *what);
void parser_expect(struct sql_parser *p, uint16_t kind);
void parser_expect_kw(struct sql_parser *p, enum sql_keyword keyword);

static inline bool parser_at(const struct sql_parser *p, uint16_t kind)
{
    return p->token.kind == kind;
}

static inline bool parser_at_kw(const struct sql_parser *p, enum sql_keyword keyword)
{
    return p->token.keyword == keyword;
}

static inline bool parser_accept(struct sql_parser *p, uint16_t kind)
{
    if (p->token.kind != kind) return false;
    parser_next(p);
    return true;
}

static inline bool parser_accept_kw(struct sql_parser *p, enum sql_keyword keyword)
{
    if (p->token.keyword != keyword) return false;
    parser_next(p);
    return true;
}

/* Both words, or nothing is consumed. */
bool parser_accept_kw2(struct sql_parser *p, enum sql_keyword first, enum sql_keyword second);
/* The current token is `keyword` and the next one is `next`. */
bool parser_at_kw2(struct sql_parser *p, enum sql_keyword keyword, enum sql_keyword next);
/* A word that is no key word of PostgreSQL's, in any case: an identifier without quotes. */
bool parser_at_word(const struct sql_parser *p, const char *word);

/* --- Recursion --- */

/* False with 54001 when the statement is nested too deeply. Pairs with parser_leave. */
bool parser_enter(struct sql_parser *p);
void parser_leave(struct sql_parser *p);
/* One more node is put above what has been parsed in this function. */
void parser_wrap(struct sql_parser *p);

/* --- Memory --- */

void *parser_alloc(struct sql_parser *p, size_t size); /* zeroed */
void *parser_node(struct sql_parser *p, size_t size, enum sql_node_kind kind, uint32_t position);
#define PARSER_NODE(p, type, kind, position) \
    ((struct type *)parser_node((p), sizeof(struct type), (kind), (position)))

/* A growing array in the arena. */
struct parser_vec {
    void *items;
    uint32_t count, capacity;
};
/* One more item, zeroed; the pointer is good until the next push. */
void *parser_push(struct sql_parser *p, struct parser_vec *v, size_t item_size);
#define PARSER_PUSH(p, v, type) ((type *)parser_push((p), (v), sizeof(type)))
void parser_push_node(struct sql_parser *p, struct parser_vec *v, const struct sql_node *node);

static inline struct sql_list parser_list(const struct parser_vec *v)
{
    return (struct sql_list){v->items, v->count};
}

static inline struct sql_name_list parser_name_list(const struct parser_vec *v)
{
    return (struct sql_name_list){v->items, v->count};
}

/* --- Names (parser_name.c) --- */

enum {
    PARSER_UNRESERVED = 1 << SQL_KEYWORD_UNRESERVED,
    PARSER_COL_NAME = 1 << SQL_KEYWORD_COL_NAME,
    PARSER_TYPE_FUNC = 1 << SQL_KEYWORD_TYPE_FUNC,
    PARSER_RESERVED = 1 << SQL_KEYWORD_RESERVED,
    /* PostgreSQL's grammar symbols. */
    PARSER_COL_ID = PARSER_UNRESERVED | PARSER_COL_NAME,
    PARSER_TYPE_FUNCTION_NAME = PARSER_UNRESERVED | PARSER_TYPE_FUNC,
    PARSER_NON_RESERVED_WORD = PARSER_COL_ID | PARSER_TYPE_FUNC,
    PARSER_COL_LABEL = PARSER_NON_RESERVED_WORD | PARSER_RESERVED,
};

bool parser_token_is_name(const struct sql_token *token, unsigned classes);
static inline bool parser_at_name(const struct sql_parser *p, unsigned classes)
{
    return parser_token_is_name(&p->token, classes);
}
/* Consumes a name of these classes, or fails. */
const char *parser_name(struct sql_parser *p, unsigned classes);
static inline const char *parser_col_id(struct sql_parser *p)
{
    return parser_name(p, PARSER_COL_ID);
}
/* ColId {. ColLabel}: a relation (qualified_name), or another object (any_name). */
struct sql_name parser_qualified_name(struct sql_parser *p);
struct sql_names parser_qualified_names(struct sql_parser *p);
struct sql_name parser_any_name(struct sql_parser *p);
/* The same, starting with a name already consumed. */
struct sql_name parser_any_rest(struct sql_parser *p, const char *first, uint32_t position);
/* `(a, b)`; parser_opt_name_list: or nothing. */
struct sql_name_list parser_paren_name_list(struct sql_parser *p);
struct sql_name_list parser_opt_name_list(struct sql_parser *p);
struct sql_name_list parser_comma_names(struct sql_parser *p);
/* A name, or a reserved word for a role such as CURRENT_USER. */
const char *parser_role(struct sql_parser *p);

/* The value of a string token, or fails. */
const char *parser_string(struct sql_parser *p);
/* An integer constant that fits int4, without sign; or fails. */
int32_t parser_integer(struct sql_parser *p);
/* An integer with a sign. */
int32_t parser_signed_integer(struct sql_parser *p);
bool parser_accept_if_exists(struct sql_parser *p);
bool parser_accept_if_not_exists(struct sql_parser *p);
/* CASCADE is true, RESTRICT and nothing false. */
bool parser_accept_cascade(struct sql_parser *p);

/* Constants. */
const struct sql_node *parser_const_string(struct sql_parser *p, const char *text, size_t size,
                                           uint32_t position);
const struct sql_node *parser_const_word(struct sql_parser *p, const char *word, uint32_t position);
const struct sql_node *parser_const_integer(struct sql_parser *p, int64_t value, uint32_t position);
const struct sql_node *parser_const_bool(struct sql_parser *p, bool value, uint32_t position);
const struct sql_node *parser_const_null(struct sql_parser *p, uint32_t position);
/* The negative of a number constant, as a new node; NULL when the node is no number. */
const struct sql_node *parser_negate(struct sql_parser *p, const struct sql_node *node,
                                     uint32_t position);
/* `*`, as a column without a name. */
const struct sql_node *parser_star(struct sql_parser *p, uint32_t position);
/* A number with an optional sign (NumericOnly), or fails. */
const struct sql_node *parser_number(struct sql_parser *p);
bool parser_at_number(const struct sql_parser *p);
/* TRUE, FALSE, ON, a word or a string, all as string constants (opt_boolean_or_string). */
const struct sql_node *parser_boolean_or_string(struct sql_parser *p);

/* --- Types (parser_type.c) --- */

void parser_type(struct sql_parser *p, struct sql_type_name *type);
/* Types with grammar of their own, which may stand before a literal: INT '1'. There (literal) CHAR
 * and BIT without a length have no modifier. Stops before array bounds and interval fields. */
bool parser_at_own_type(struct sql_parser *p);
void parser_own_type(struct sql_parser *p, struct sql_type_name *type, bool literal);
/* YEAR TO MONTH and the like: what may follow INTERVAL. The precision of SECOND(n) is added to the
 * type's modifiers. */
void parser_interval_fields(struct sql_parser *p, struct sql_type_name *type);
struct sql_type_name parser_system_type(const char *name, uint32_t position);

/* --- Expressions (parser_expr.c, parser_predicate.c, parser_primary.c, parser_call.c) --- */

enum {
    PARSER_EXPR_FULL = 0,
    PARSER_EXPR_B = 1,       /* PostgreSQL's b_expr: no AND, IN, LIKE, IS NULL, ... at the top */
    PARSER_EXPR_TARGET = 2,  /* a key word of an operator may be a label instead */
    PARSER_EXPR_SIMILAR = 4, /* SIMILAR without TO ends it: SUBSTRING(a SIMILAR b ESCAPE c) */
};

extern const struct sql_node parser_failed_node;

const struct sql_node *parser_expr(struct sql_parser *p);
const struct sql_node *parser_expr_flags(struct sql_parser *p, unsigned flags);
/* Goes on after an operand that has been parsed. */
const struct sql_node *parser_expr_rest(struct sql_parser *p, const struct sql_node *left);
struct sql_list parser_expr_list(struct sql_parser *p);
/* An operand (c_expr): no operators but those inside parentheses. */
const struct sql_node *parser_primary(struct sql_parser *p);

/* What stands in parentheses: a query or an expression, whichever it turns out to be. */
struct parser_content {
    const struct sql_select *query; /* or */
    const struct sql_node *expr;
};
/* Called behind the opening parenthesis; stops before a comma or the closing one. */
struct parser_content parser_paren_content(struct sql_parser *p);
/* .a, [i], .*: behind an operand that may have them. */
const struct sql_node *parser_opt_indirection(struct sql_parser *p, const struct sql_node *arg);
struct sql_steps parser_opt_steps(struct sql_parser *p);
/* A call or a construct written like one; the current token is a word with `(` behind it. Answers
 * NULL (nothing consumed) when it is not one of the special ones. */
const struct sql_node *parser_special_call(struct sql_parser *p);
bool parser_at_special_call(struct sql_parser *p);
/* A call that starts with a key word: CURRENT_DATE, COALESCE(..), LEFT(..); or fails. */
const struct sql_node *parser_keyword_call(struct sql_parser *p);
/* Everything from `(` on. over: aggregate and window clauses may follow. */
const struct sql_node *parser_call_rest(struct sql_parser *p, struct sql_name name, bool over);
/* The same with the clauses, for a call that has its name only; `f(1) 'x'` is a literal of type
 * f(1). */
const struct sql_node *parser_call_or_literal(struct sql_parser *p, struct sql_call_expr *call);
/* A string of this type, which has been read; or fails. */
const struct sql_node *parser_typed_literal(struct sql_parser *p, const struct sql_type_name *type);
const struct sql_node *parser_make_call(struct sql_parser *p, const char *name, uint32_t position,
                                        const struct sql_node *const *args, uint32_t count);
const struct sql_node *parser_make_operator(struct sql_parser *p, const char *name,
                                            const struct sql_node *left,
                                            const struct sql_node *right, uint32_t position);
const struct sql_node *parser_make_cast(struct sql_parser *p, const struct sql_node *arg,
                                        const struct sql_type_name *type, uint32_t position);
/* NFC, NFD, NFKC or NFKD, as a constant. */
const struct sql_node *parser_normal_form(struct sql_parser *p);
void parser_window(struct sql_parser *p, struct sql_window *window);
/* An operator's name, at any operator token or OPERATOR(schema.name); false when there is none. */
bool parser_accept_operator(struct sql_parser *p, const char **schema_out, const char **name_out);

/* --- Queries (parser_select.c, parser_from.c) --- */

/* SELECT, VALUES, TABLE, WITH: what a query starts with, save parentheses. */
bool parser_at_query(struct sql_parser *p);
/* A query with or without parentheses, with all its clauses. */
const struct sql_select *parser_query(struct sql_parser *p);
/* The same, when its WITH has been read, or its first operand, or both. */
const struct sql_select *parser_query_rest(struct sql_parser *p, const struct sql_with *with,
                                           const struct sql_select *first);
/* Whether what follows a query in parentheses goes on with it: UNION, ORDER BY, LIMIT, ... */
bool parser_at_query_rest(const struct sql_parser *p);
/* A query in parentheses, and nothing else. */
const struct sql_select *parser_paren_query(struct sql_parser *p);
void parser_with(struct sql_parser *p, struct sql_with *with);
struct sql_sorts parser_opt_order_by(struct sql_parser *p);
struct sql_targets parser_targets(struct sql_parser *p);
struct sql_targets parser_opt_returning(struct sql_parser *p);
struct sql_list parser_from_list(struct sql_parser *p);
const struct sql_node *parser_opt_where(struct sql_parser *p);
/* AS OF SYSTEM TIME expr, or NULL. */
const struct sql_node *parser_opt_as_of(struct sql_parser *p);
bool parser_at_as_of(struct sql_parser *p);
/* [ONLY] name [*]. */
struct sql_name parser_relation(struct sql_parser *p, bool *only_out);

/* --- Statements --- */

/* Each begins at the statement's first word; CREATE, ALTER and DROP have read theirs, which stood
 * at `position`, and hand over at the next. */
const struct sql_node *parser_statement(struct sql_parser *p);
/* Reads on to the end of the statement. */
const struct sql_node *parser_unsupported_statement(struct sql_parser *p, const char *name,
                                                    uint32_t position);

/* parser_dml.c: SELECT, INSERT, UPDATE, DELETE (and VALUES, TABLE, WITH). */
const struct sql_node *parser_preparable(struct sql_parser *p);
const struct sql_node *parser_insert(struct sql_parser *p, const struct sql_with *with);
const struct sql_node *parser_update(struct sql_parser *p, const struct sql_with *with);
const struct sql_node *parser_delete(struct sql_parser *p, const struct sql_with *with);
/* parser_copy.c */
const struct sql_node *parser_copy(struct sql_parser *p);

/* parser_ddl.c */
/* A statement about an object that Ostraka does not have ("CREATE TRIGGER"), read to its end; NULL,
 * and nothing consumed, when the current word names no such object. */
const struct sql_node *parser_other_object(struct sql_parser *p, const char *verb,
                                           uint32_t position);
const struct sql_node *parser_create(struct sql_parser *p);
const struct sql_node *parser_drop(struct sql_parser *p);
const struct sql_node *parser_truncate(struct sql_parser *p);
const struct sql_node *parser_create_sequence(struct sql_parser *p,
                                              enum sql_persistence persistence, uint32_t position);
const struct sql_node *parser_create_view(struct sql_parser *p, enum sql_persistence persistence,
                                          bool replace, uint32_t position);
const struct sql_node *parser_create_schema(struct sql_parser *p, uint32_t position);
const struct sql_node *parser_create_database(struct sql_parser *p, uint32_t position);
/* Options of a sequence, up to the first word that is none. */
struct sql_options parser_sequence_options(struct sql_parser *p);
/* parser_table.c */
const struct sql_node *parser_create_table(struct sql_parser *p, enum sql_persistence persistence,
                                           uint32_t position);
void parser_column_definition(struct sql_parser *p, struct sql_column_definition *column);
/* parser_constraint.c */
void parser_table_constraint(struct sql_parser *p, struct sql_constraint *constraint);
bool parser_at_table_constraint(const struct sql_parser *p);
/* Appends a column's constraint; answers false when none stands here. */
bool parser_column_constraint(struct sql_parser *p, struct parser_vec *constraints);
/* parser_index.c */
struct sql_index_elements parser_index_elements(struct sql_parser *p);
const struct sql_node *parser_create_index(struct sql_parser *p, uint32_t position);
/* parser_alter.c */
const struct sql_node *parser_alter(struct sql_parser *p);
/* parser_cluster.c: behind ALTER; NULL (nothing consumed): something else is altered. */
const struct sql_node *parser_alter_cluster(struct sql_parser *p, uint32_t position);
bool parser_accept_dry_run(struct sql_parser *p);
/* parser_role.c */
const struct sql_node *parser_create_role(struct sql_parser *p, uint32_t position);
const struct sql_node *parser_alter_role(struct sql_parser *p, uint32_t position);
const struct sql_node *parser_grant(struct sql_parser *p);
/* A role's kind at ROLE, USER or GROUP; 0 elsewhere. */
enum sql_role_kind parser_role_kind(const struct sql_parser *p);

/* parser_option.c: `(name [= value], ...)` of WITH and SET; `(name [value], ...)` of EXPLAIN and
 * VACUUM, and with lists of columns for values, of COPY. */
struct sql_options parser_definition(struct sql_parser *p);
struct sql_options parser_generic_options(struct sql_parser *p, bool lists);
struct sql_option *parser_push_option(struct sql_parser *p, struct parser_vec *v, const char *name,
                                      uint32_t position);
static inline struct sql_options parser_options(const struct parser_vec *v)
{
    return (struct sql_options){v->items, v->count};
}

/* parser_session.c */
const struct sql_node *parser_transaction(struct sql_parser *p);
const struct sql_node *parser_set(struct sql_parser *p);
const struct sql_node *parser_reset(struct sql_parser *p);
void parser_set_setting(struct sql_parser *p, struct sql_set *set); /* name TO ..., name = ... */
const struct sql_node *parser_show(struct sql_parser *p);
const struct sql_node *parser_discard(struct sql_parser *p);
/* parser_utility.c */
const struct sql_node *parser_explain(struct sql_parser *p);
const struct sql_node *parser_prepare(struct sql_parser *p);
const struct sql_node *parser_execute(struct sql_parser *p);
const struct sql_node *parser_deallocate(struct sql_parser *p);
const struct sql_node *parser_declare(struct sql_parser *p);
const struct sql_node *parser_fetch(struct sql_parser *p);
const struct sql_node *parser_close(struct sql_parser *p);
const struct sql_node *parser_vacuum(struct sql_parser *p);
const struct sql_node *parser_listen(struct sql_parser *p);
const struct sql_node *parser_unlisten(struct sql_parser *p);
const struct sql_node *parser_notify(struct sql_parser *p);
const struct sql_node *parser_lock(struct sql_parser *p);

#endif
