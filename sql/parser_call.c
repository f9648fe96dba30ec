/* Function calls, what may follow them, and the constructs that SQL writes like calls. */
#include "sql/parser_int.h"

/* --- Arguments --- */

struct args {
    struct parser_vec values, names;
    bool named; /* any argument is */
};

/* The name of `name => value` or `name := value`, if there is one. */
PARSER_APART static void argument_name(struct sql_parser *p, struct args *args)
{
    const char *name = NULL;
    if (parser_at_name(p, PARSER_TYPE_FUNCTION_NAME)) {
        uint16_t next = parser_peek(p, 1)->kind;
        if (next == SQL_TOKEN_EQUALS_GREATER || next == SQL_TOKEN_COLON_EQUALS) {
            name = parser_name(p, PARSER_TYPE_FUNCTION_NAME);
            parser_next(p);
            args->named = true;
        }
    }
    *PARSER_PUSH(p, &args->names, const char *) = name;
}

static void argument(struct sql_parser *p, struct args *args)
{
    argument_name(p, args);
    parser_push_node(p, &args->values, parser_expr(p));
}

PARSER_APART static void arguments(struct sql_parser *p, struct sql_call_expr *call)
{
    struct args args = {.named = false};
    bool last = false;
    bool quantified = parser_at_kw(p, SQL_KW_ALL) || parser_at_kw(p, SQL_KW_DISTINCT);
    if (quantified) {
        call->distinct = parser_at_kw(p, SQL_KW_DISTINCT);
        parser_next(p);
    }
    do {
        last = !quantified && parser_accept_kw(p, SQL_KW_VARIADIC);
        call->variadic = last;
        argument(p, &args);
    } while (!last && parser_accept(p, ','));
    call->args = parser_list(&args.values);
    if (args.named) call->arg_names = args.names.items;
    call->order_by = parser_opt_order_by(p);
}

/* --- WITHIN GROUP, FILTER, OVER --- */

PARSER_APART static void within_group(struct sql_parser *p, struct sql_call_expr *call)
{
    uint32_t position = p->token.position;
    if (!parser_accept_kw(p, SQL_KW_WITHIN)) return;
    parser_expect_kw(p, SQL_KW_GROUP);
    parser_expect(p, '(');
    if (!parser_at_kw(p, SQL_KW_ORDER)) parser_fail_here(p);
    struct sql_sorts order_by = parser_opt_order_by(p);
    parser_expect(p, ')');
    const char *wrong = call->order_by.count > 0 ? "multiple ORDER BY clauses"
                        : call->distinct         ? "DISTINCT"
                        : call->variadic         ? "VARIADIC"
                                                 : NULL;
    if (wrong != NULL)
        parser_fail(p, SQLSTATE_SYNTAX_ERROR, position, "cannot use %s with WITHIN GROUP", wrong);
    call->order_by = order_by;
    call->within_group = true;
}

PARSER_APART static void filter(struct sql_parser *p, struct sql_call_expr *call)
{
    if (!parser_accept_kw(p, SQL_KW_FILTER)) return;
    parser_expect(p, '(');
    if (!parser_at_kw(p, SQL_KW_WHERE)) parser_fail_here(p);
    call->filter = parser_opt_where(p);
    parser_expect(p, ')');
}

/* One end of a window frame; *offset_out is set for `n PRECEDING` and `n FOLLOWING`. */
static enum sql_frame_bound frame_bound(struct sql_parser *p, const struct sql_node **offset_out)
{
    if (parser_accept_kw2(p, SQL_KW_CURRENT, SQL_KW_ROW)) return SQL_FRAME_CURRENT_ROW;
    bool unbounded = parser_at_kw2(p, SQL_KW_UNBOUNDED, SQL_KW_PRECEDING) ||
                     parser_at_kw2(p, SQL_KW_UNBOUNDED, SQL_KW_FOLLOWING);
    if (unbounded)
        parser_next(p);
    else
        *offset_out = parser_expr(p);
    if (parser_accept_kw(p, SQL_KW_PRECEDING))
        return unbounded ? SQL_FRAME_UNBOUNDED_PRECEDING : SQL_FRAME_OFFSET_PRECEDING;
    parser_expect_kw(p, SQL_KW_FOLLOWING);
    return unbounded ? SQL_FRAME_UNBOUNDED_FOLLOWING : SQL_FRAME_OFFSET_FOLLOWING;
}

static void check_frame(struct sql_parser *p, const struct sql_window *w, bool between,
                        uint32_t position)
{
    const char *wrong = NULL;
    if (w->frame_start == SQL_FRAME_UNBOUNDED_FOLLOWING)
        wrong = "frame start cannot be UNBOUNDED FOLLOWING";
    else if (w->frame_end == SQL_FRAME_UNBOUNDED_PRECEDING)
        wrong = "frame end cannot be UNBOUNDED PRECEDING";
    else if (w->frame_start == SQL_FRAME_CURRENT_ROW && w->frame_end == SQL_FRAME_OFFSET_PRECEDING)
        wrong = "frame starting from current row cannot have preceding rows";
    else if (!between && w->frame_start == SQL_FRAME_OFFSET_FOLLOWING)
        wrong = "frame starting from following row cannot end with current row";
    else if (w->frame_start == SQL_FRAME_OFFSET_FOLLOWING &&
             (w->frame_end == SQL_FRAME_OFFSET_PRECEDING || w->frame_end == SQL_FRAME_CURRENT_ROW))
        wrong = "frame starting from following row cannot have preceding rows";
    if (wrong != NULL) parser_fail(p, SQLSTATE_WINDOWING_ERROR, position, "%s", wrong);
}

PARSER_APART static void frame_exclusion(struct sql_parser *p, struct sql_window *w)
{
    if (!parser_accept_kw(p, SQL_KW_EXCLUDE)) return;
    if (parser_accept_kw(p, SQL_KW_GROUP)) {
        w->frame_exclusion = SQL_FRAME_EXCLUDE_GROUP;
    } else if (parser_accept_kw(p, SQL_KW_TIES)) {
        w->frame_exclusion = SQL_FRAME_EXCLUDE_TIES;
    } else if (parser_accept_kw(p, SQL_KW_CURRENT)) {
        parser_expect_kw(p, SQL_KW_ROW);
        w->frame_exclusion = SQL_FRAME_EXCLUDE_CURRENT_ROW;
    } else {
        parser_expect_kw(p, SQL_KW_NO);
        parser_expect_kw(p, SQL_KW_OTHERS);
    }
}

PARSER_APART static void frame(struct sql_parser *p, struct sql_window *w)
{
    if (parser_at_kw(p, SQL_KW_RANGE))
        w->frame_mode = SQL_FRAME_RANGE;
    else if (parser_at_kw(p, SQL_KW_ROWS))
        w->frame_mode = SQL_FRAME_ROWS;
    else if (parser_at_kw(p, SQL_KW_GROUPS))
        w->frame_mode = SQL_FRAME_GROUPS;
    else
        return;
    parser_next(p);
    bool between = parser_accept_kw(p, SQL_KW_BETWEEN);
    uint32_t position = p->token.position;
    w->frame_start = frame_bound(p, &w->frame_start_offset);
    w->frame_end = SQL_FRAME_CURRENT_ROW;
    if (between) {
        parser_expect_kw(p, SQL_KW_AND);
        if (w->frame_start != SQL_FRAME_UNBOUNDED_FOLLOWING) position = p->token.position;
        w->frame_end = frame_bound(p, &w->frame_end_offset);
    }
    check_frame(p, w, between, position);
    frame_exclusion(p, w);
}

void parser_window(struct sql_parser *p, struct sql_window *w)
{
    w->position = p->token.position;
    parser_expect(p, '(');
    bool frame_word = parser_at_kw(p, SQL_KW_PARTITION) || parser_at_kw(p, SQL_KW_RANGE) ||
                      parser_at_kw(p, SQL_KW_ROWS) || parser_at_kw(p, SQL_KW_GROUPS);
    if (!frame_word && parser_at_name(p, PARSER_COL_ID)) w->base_name = parser_col_id(p);
    if (parser_accept_kw(p, SQL_KW_PARTITION)) {
        parser_expect_kw(p, SQL_KW_BY);
        w->partition_by = parser_expr_list(p);
    }
    w->order_by = parser_opt_order_by(p);
    frame(p, w);
    parser_expect(p, ')');
}

PARSER_APART static void over(struct sql_parser *p, struct sql_call_expr *call)
{
    if (!parser_accept_kw(p, SQL_KW_OVER)) return;
    struct sql_window *w = parser_alloc(p, sizeof *w);
    call->over = w;
    if (parser_at(p, '(')) {
        parser_window(p, w);
        return;
    }
    w->position = p->token.position;
    w->name = parser_col_id(p);
}

/* --- Calls --- */

/* `(arguments)` and, if they may, the clauses behind. */
static void call_rest(struct sql_parser *p, struct sql_call_expr *call, bool clauses)
{
    parser_expect(p, '(');
    if (parser_accept(p, '*'))
        call->star = true;
    else if (!parser_at(p, ')'))
        arguments(p, call);
    parser_expect(p, ')');
    if (!clauses) return;
    within_group(p, call);
    filter(p, call);
    over(p, call);
}

const struct sql_node *parser_call_rest(struct sql_parser *p, struct sql_name name, bool clauses)
{
    struct sql_call_expr *call = PARSER_NODE(p, sql_call_expr, SQL_EXPR_CALL, name.position);
    call->name = name;
    call_rest(p, call, clauses);
    return &call->node;
}

PARSER_APART static const struct sql_node *call_as_type(struct sql_parser *p,
                                                        const struct sql_call_expr *call)
{
    bool plain = !call->star && !call->distinct && !call->variadic && !call->within_group &&
                 call->arg_names == NULL && call->order_by.count == 0 && call->filter == NULL &&
                 call->over == NULL && call->args.count > 0;
    if (!plain) {
        parser_fail_here(p);
        return &call->node;
    }
    struct sql_type_name type = {.name = call->name, .modifiers = call->args};
    return parser_typed_literal(p, &type);
}

const struct sql_node *parser_call_or_literal(struct sql_parser *p, struct sql_call_expr *call)
{
    call_rest(p, call, true);
    if (parser_at(p, SQL_TOKEN_STRING)) return call_as_type(p, call);
    return &call->node;
}

/* CAST(a AS type) */
PARSER_APART static const struct sql_node *cast(struct sql_parser *p, uint32_t position)
{
    const struct sql_node *arg = parser_expr(p);
    parser_expect_kw(p, SQL_KW_AS);
    struct sql_type_name type;
    parser_type(p, &type);
    return parser_make_cast(p, arg, &type, position);
}

/* COALESCE, GREATEST, LEAST */
PARSER_APART static const struct sql_node *expr_list(struct sql_parser *p, enum sql_node_kind kind,
                                                     uint32_t position)
{
    struct sql_expr_list *node = PARSER_NODE(p, sql_expr_list, kind, position);
    node->list = parser_expr_list(p);
    return &node->node;
}

PARSER_APART static const struct sql_node *nullif(struct sql_parser *p, uint32_t position)
{
    struct sql_expr_list *node = PARSER_NODE(p, sql_expr_list, SQL_EXPR_NULLIF, position);
    struct parser_vec items = {NULL, 0, 0};
    parser_push_node(p, &items, parser_expr(p));
    parser_expect(p, ',');
    parser_push_node(p, &items, parser_expr(p));
    node->list = parser_list(&items);
    return &node->node;
}

/* EXTRACT(field FROM a) */
PARSER_APART static const struct sql_node *extract(struct sql_parser *p, uint32_t position)
{
    bool word = parser_at(p, SQL_TOKEN_IDENTIFIER) || parser_at(p, SQL_TOKEN_STRING);
    switch (p->token.keyword) {
    case SQL_KW_YEAR:
    case SQL_KW_MONTH:
    case SQL_KW_DAY:
    case SQL_KW_HOUR:
    case SQL_KW_MINUTE:
    case SQL_KW_SECOND: word = true; break;
    default: break;
    }
    if (!word) {
        parser_fail_here(p);
        return &parser_failed_node;
    }
    const struct sql_node *field =
        parser_const_string(p, p->token.text, p->token.text_size, p->token.position);
    parser_next(p);
    parser_expect_kw(p, SQL_KW_FROM);
    const struct sql_node *const args[] = {field, parser_expr(p)};
    return parser_make_call(p, "extract", position, args, 2);
}

/* POSITION(a IN b) */
PARSER_APART static const struct sql_node *position_of(struct sql_parser *p, uint32_t position)
{
    const struct sql_node *needle = parser_expr_flags(p, PARSER_EXPR_B);
    parser_expect_kw(p, SQL_KW_IN);
    const struct sql_node *const args[] = {parser_expr_flags(p, PARSER_EXPR_B), needle};
    return parser_make_call(p, "position", position, args, 2);
}

/* TRIM([BOTH | LEADING | TRAILING] [characters FROM] strings) */
PARSER_APART static const struct sql_node *trim(struct sql_parser *p, uint32_t position)
{
    const char *name = "btrim";
    if (parser_accept_kw(p, SQL_KW_LEADING))
        name = "ltrim";
    else if (parser_accept_kw(p, SQL_KW_TRAILING))
        name = "rtrim";
    else
        parser_accept_kw(p, SQL_KW_BOTH);
    struct sql_call_expr *call = PARSER_NODE(p, sql_call_expr, SQL_EXPR_CALL, position);
    struct parser_vec args = {NULL, 0, 0};
    const struct sql_node *characters = NULL;
    if (!parser_accept_kw(p, SQL_KW_FROM)) {
        const struct sql_node *first = parser_expr(p);
        if (parser_accept_kw(p, SQL_KW_FROM)) {
            characters = first;
        } else {
            parser_push_node(p, &args, first);
        }
    }
    if (args.count == 0) parser_push_node(p, &args, parser_expr(p));
    while (parser_accept(p, ','))
        parser_push_node(p, &args, parser_expr(p));
    if (characters != NULL) parser_push_node(p, &args, characters);
    call->name = (struct sql_name){.schema = "pg_catalog", .name = name, .position = position};
    call->args = parser_list(&args);
    return &call->node;
}

const struct sql_node *parser_normal_form(struct sql_parser *p)
{
    const char *form = NULL;
    switch (p->token.keyword) {
    case SQL_KW_NFC: form = "NFC"; break;
    case SQL_KW_NFD: form = "NFD"; break;
    case SQL_KW_NFKC: form = "NFKC"; break;
    case SQL_KW_NFKD: form = "NFKD"; break;
    default: parser_fail_here(p); return &parser_failed_node;
    }
    const struct sql_node *node = parser_const_word(p, form, p->token.position);
    parser_next(p);
    return node;
}

/* NORMALIZE(a [, form]) */
PARSER_APART static const struct sql_node *normalize(struct sql_parser *p, uint32_t position)
{
    const struct sql_node *args[2] = {parser_expr(p), NULL};
    if (!parser_accept(p, ',')) return parser_make_call(p, "normalize", position, args, 1);
    args[1] = parser_normal_form(p);
    return parser_make_call(p, "normalize", position, args, 2);
}

/* --- SUBSTRING and OVERLAY: words between the arguments, or a plain argument list --- */

/* SUBSTRING(s FROM a FOR n), in either order, either alone. Stands at the first of the words. */
PARSER_APART static const struct sql_node *
substring_rest(struct sql_parser *p, const struct sql_node *s, uint32_t position)
{
    const struct sql_node *from = NULL, *length = NULL;
    for (int i = 0; i < 2; i++) {
        if (from == NULL && parser_accept_kw(p, SQL_KW_FROM))
            from = parser_expr(p);
        else if (length == NULL && parser_accept_kw(p, SQL_KW_FOR))
            length = parser_expr(p);
    }
    parser_expect(p, ')');
    if (from == NULL) {
        struct sql_type_name type = parser_system_type("int4", 0);
        from = parser_const_integer(p, 1, 0);
        length = parser_make_cast(p, length == NULL ? from : length, &type, 0);
    }
    const struct sql_node *const args[] = {s, from, length};
    return parser_make_call(p, "substring", position, args, length == NULL ? 2 : 3);
}

PARSER_APART static const struct sql_node *
substring_similar(struct sql_parser *p, const struct sql_node *s, uint32_t position)
{
    parser_expect_kw(p, SQL_KW_SIMILAR);
    const struct sql_node *pattern = parser_expr(p);
    parser_expect_kw(p, SQL_KW_ESCAPE);
    const struct sql_node *const args[] = {s, pattern, parser_expr(p)};
    parser_expect(p, ')');
    return parser_make_call(p, "substring", position, args, 3);
}

PARSER_APART static const struct sql_node *overlay_rest(struct sql_parser *p,
                                                        const struct sql_node *s, uint32_t position)
{
    const struct sql_node *args[4] = {s, NULL, NULL, NULL};
    uint32_t count = 3;
    parser_expect_kw(p, SQL_KW_PLACING);
    args[1] = parser_expr(p);
    parser_expect_kw(p, SQL_KW_FROM);
    args[2] = parser_expr(p);
    if (parser_accept_kw(p, SQL_KW_FOR)) args[count++] = parser_expr(p);
    parser_expect(p, ')');
    return parser_make_call(p, "overlay", position, args, count);
}

/* The plain list: its first argument may have been read. */
PARSER_APART static const struct sql_node *
plain_call(struct sql_parser *p, const char *name, const struct sql_node *first, uint32_t position)
{
    struct sql_call_expr *call = PARSER_NODE(p, sql_call_expr, SQL_EXPR_CALL, position);
    struct args args = {.named = false};
    call->name = (struct sql_name){.name = name, .position = position};
    if (first != NULL) {
        *PARSER_PUSH(p, &args.names, const char *) = NULL;
        parser_push_node(p, &args.values, first);
        while (parser_accept(p, ','))
            argument(p, &args);
    } else if (!parser_at(p, ')')) {
        do
            argument(p, &args);
        while (parser_accept(p, ','));
    }
    parser_expect(p, ')');
    call->args = parser_list(&args.values);
    if (args.named) call->arg_names = args.names.items;
    return &call->node;
}

/* Stands behind `(`; consumes the `)`. */
PARSER_APART static const struct sql_node *substring_or_overlay(struct sql_parser *p, bool overlay,
                                                                uint32_t position)
{
    const char *name = overlay ? "overlay" : "substring";
    uint16_t next = parser_peek(p, 1)->kind;
    bool named = parser_at_name(p, PARSER_TYPE_FUNCTION_NAME) &&
                 (next == SQL_TOKEN_EQUALS_GREATER || next == SQL_TOKEN_COLON_EQUALS);
    if (parser_at(p, ')') || named) return plain_call(p, name, NULL, position);
    const struct sql_node *first = parser_expr_flags(p, overlay ? 0 : PARSER_EXPR_SIMILAR);
    if (overlay && parser_at_kw(p, SQL_KW_PLACING)) return overlay_rest(p, first, position);
    if (!overlay && parser_at_kw(p, SQL_KW_SIMILAR)) return substring_similar(p, first, position);
    if (!overlay && (parser_at_kw(p, SQL_KW_FROM) || parser_at_kw(p, SQL_KW_FOR)))
        return substring_rest(p, first, position);
    return plain_call(p, name, first, position);
}

/* --- Dispatch --- */

/* COLLATION FOR (a) */
PARSER_APART static const struct sql_node *collation_for(struct sql_parser *p, uint32_t position)
{
    parser_expect_kw(p, SQL_KW_COLLATION);
    parser_expect_kw(p, SQL_KW_FOR);
    parser_expect(p, '(');
    const struct sql_node *const args[] = {parser_expr(p)};
    parser_expect(p, ')');
    return parser_make_call(p, "pg_collation_for", position, args, 1);
}

/* CURRENT_SCHEMA is a function's name too (current_schema()), the word alone a value. */
PARSER_APART static const struct sql_node *current_schema(struct sql_parser *p, uint32_t position)
{
    if (parser_peek(p, 1)->kind == '(' || parser_peek(p, 1)->kind == SQL_TOKEN_STRING) return NULL;
    struct sql_value_function_expr *node =
        PARSER_NODE(p, sql_value_function_expr, SQL_EXPR_VALUE_FUNCTION, position);
    node->function = SQL_VALUE_CURRENT_SCHEMA;
    node->precision = -1;
    parser_next(p);
    return &node->node;
}

static bool is_xml(enum sql_keyword keyword)
{
    switch (keyword) {
    case SQL_KW_XMLCONCAT:
    case SQL_KW_XMLELEMENT:
    case SQL_KW_XMLEXISTS:
    case SQL_KW_XMLFOREST:
    case SQL_KW_XMLPARSE:
    case SQL_KW_XMLPI:
    case SQL_KW_XMLROOT:
    case SQL_KW_XMLSERIALIZE:
    case SQL_KW_XMLTABLE: return true;
    default: return false;
    }
}

static bool is_special(enum sql_keyword keyword)
{
    switch (keyword) {
    case SQL_KW_CAST:
    case SQL_KW_COALESCE:
    case SQL_KW_EXTRACT:
    case SQL_KW_GREATEST:
    case SQL_KW_LEAST:
    case SQL_KW_NORMALIZE:
    case SQL_KW_NULLIF:
    case SQL_KW_OVERLAY:
    case SQL_KW_POSITION:
    case SQL_KW_SUBSTRING:
    case SQL_KW_TREAT:
    case SQL_KW_TRIM: return true;
    default: return is_xml(keyword);
    }
}

bool parser_at_special_call(struct sql_parser *p)
{
    return is_special(p->token.keyword) && parser_peek(p, 1)->kind == '(';
}

/* Behind `(`; the caller consumes the `)`. */
PARSER_APART static const struct sql_node *special_body(struct sql_parser *p,
                                                        enum sql_keyword keyword, uint32_t position)
{
    switch (keyword) {
    case SQL_KW_CAST: return cast(p, position);
    case SQL_KW_COALESCE: return expr_list(p, SQL_EXPR_COALESCE, position);
    case SQL_KW_GREATEST: return expr_list(p, SQL_EXPR_GREATEST, position);
    case SQL_KW_LEAST: return expr_list(p, SQL_EXPR_LEAST, position);
    case SQL_KW_NULLIF: return nullif(p, position);
    case SQL_KW_EXTRACT: return extract(p, position);
    case SQL_KW_POSITION: return position_of(p, position);
    case SQL_KW_TRIM: return trim(p, position);
    case SQL_KW_NORMALIZE: return normalize(p, position);
    case SQL_KW_TREAT: parser_unsupported(p, position, "TREAT"); return &parser_failed_node;
    default: parser_unsupported(p, position, "XML"); return &parser_failed_node;
    }
}

const struct sql_node *parser_special_call(struct sql_parser *p)
{
    enum sql_keyword keyword = p->token.keyword;
    uint32_t position = p->token.position;
    if (keyword == SQL_KW_COLLATION && parser_peek(p, 1)->keyword == SQL_KW_FOR)
        return collation_for(p, position);
    if (keyword == SQL_KW_CURRENT_SCHEMA) return current_schema(p, position);
    if (!is_special(keyword)) return NULL;
    parser_next(p);
    parser_expect(p, '(');
    if (keyword == SQL_KW_SUBSTRING || keyword == SQL_KW_OVERLAY)
        return substring_or_overlay(p, keyword == SQL_KW_OVERLAY, position);
    const struct sql_node *node = special_body(p, keyword, position);
    parser_expect(p, ')');
    return node;
}
