/* Type names. */
#include "sql/parser_int.h"

struct sql_type_name parser_system_type(const char *name, uint32_t position)
{
    return (struct sql_type_name){
        .name = {.schema = "pg_catalog", .name = name, .position = position}};
}

bool parser_at_own_type(struct sql_parser *p)
{
    switch (p->token.keyword) {
    case SQL_KW_INT:
    case SQL_KW_INTEGER:
    case SQL_KW_SMALLINT:
    case SQL_KW_BIGINT:
    case SQL_KW_REAL:
    case SQL_KW_FLOAT:
    case SQL_KW_DECIMAL:
    case SQL_KW_DEC:
    case SQL_KW_NUMERIC:
    case SQL_KW_BOOLEAN:
    case SQL_KW_BIT:
    case SQL_KW_CHARACTER:
    case SQL_KW_CHAR:
    case SQL_KW_VARCHAR:
    case SQL_KW_NATIONAL:
    case SQL_KW_NCHAR:
    case SQL_KW_TIMESTAMP:
    case SQL_KW_TIME:
    case SQL_KW_INTERVAL: return true;
    case SQL_KW_DOUBLE: return parser_peek(p, 1)->keyword == SQL_KW_PRECISION;
    default: return false;
    }
}

static void add_modifier(struct sql_parser *p, struct sql_type_name *type, int32_t value,
                         uint32_t position)
{
    struct parser_vec modifiers = {NULL, 0, 0};
    parser_push_node(p, &modifiers, parser_const_integer(p, value, position));
    type->modifiers = parser_list(&modifiers);
}

/* `(n)`, or nothing. */
static bool opt_length(struct sql_parser *p, struct sql_type_name *type)
{
    if (!parser_accept(p, '(')) return false;
    uint32_t position = p->token.position;
    add_modifier(p, type, parser_integer(p), position);
    parser_expect(p, ')');
    return true;
}

/* `(a, b)`, or nothing. */
PARSER_APART static bool opt_modifiers(struct sql_parser *p, struct sql_type_name *type)
{
    if (!parser_accept(p, '(')) return false;
    type->modifiers = parser_expr_list(p);
    parser_expect(p, ')');
    return true;
}

static void float_type(struct sql_parser *p, struct sql_type_name *type)
{
    type->name.name = "float8";
    if (!parser_accept(p, '(')) return;
    uint32_t position = p->token.position;
    int32_t bits = parser_integer(p);
    if (bits < 1)
        parser_fail(p, SQLSTATE_INVALID_PARAMETER_VALUE, position,
                    "precision for type float must be at least 1 bit");
    if (bits > 53)
        parser_fail(p, SQLSTATE_INVALID_PARAMETER_VALUE, position,
                    "precision for type float must be less than 54 bits");
    if (bits <= 24) type->name.name = "float4";
    parser_expect(p, ')');
}

static void character_type(struct sql_parser *p, struct sql_type_name *type, bool varying,
                           bool literal)
{
    if (!varying) varying = parser_accept_kw(p, SQL_KW_VARYING);
    type->name.name = varying ? "varchar" : "bpchar";
    if (!opt_length(p, type) && !varying && !literal) add_modifier(p, type, 1, 0);
}

static void national_type(struct sql_parser *p, struct sql_type_name *type, bool literal)
{
    if (!parser_accept_kw(p, SQL_KW_CHAR)) parser_expect_kw(p, SQL_KW_CHARACTER);
    character_type(p, type, false, literal);
}

static void bit_type(struct sql_parser *p, struct sql_type_name *type, bool literal)
{
    bool varying = parser_accept_kw(p, SQL_KW_VARYING);
    type->name.name = varying ? "varbit" : "bit";
    if (!opt_modifiers(p, type) && !varying && !literal) add_modifier(p, type, 1, 0);
}

static void time_type(struct sql_parser *p, struct sql_type_name *type, const char *without,
                      const char *with)
{
    opt_length(p, type);
    type->name.name = without;
    if (parser_at_kw2(p, SQL_KW_WITH, SQL_KW_TIME)) {
        type->name.name = with;
        parser_next(p);
    } else if (!parser_accept_kw(p, SQL_KW_WITHOUT)) {
        return;
    }
    parser_expect_kw(p, SQL_KW_TIME);
    parser_expect_kw(p, SQL_KW_ZONE);
}

void parser_own_type(struct sql_parser *p, struct sql_type_name *type, bool literal)
{
    ASSERT(p->failed || parser_at_own_type(p));
    enum sql_keyword keyword = p->token.keyword;
    *type = parser_system_type("", p->token.position);
    parser_next(p);
    switch (keyword) {
    case SQL_KW_INT:
    case SQL_KW_INTEGER: type->name.name = "int4"; break;
    case SQL_KW_SMALLINT: type->name.name = "int2"; break;
    case SQL_KW_BIGINT: type->name.name = "int8"; break;
    case SQL_KW_REAL: type->name.name = "float4"; break;
    case SQL_KW_BOOLEAN: type->name.name = "bool"; break;
    case SQL_KW_FLOAT: float_type(p, type); break;
    case SQL_KW_DOUBLE:
        type->name.name = "float8";
        parser_expect_kw(p, SQL_KW_PRECISION);
        break;
    case SQL_KW_DECIMAL:
    case SQL_KW_DEC:
    case SQL_KW_NUMERIC:
        type->name.name = "numeric";
        opt_modifiers(p, type);
        break;
    case SQL_KW_BIT: bit_type(p, type, literal); break;
    case SQL_KW_CHARACTER:
    case SQL_KW_CHAR:
    case SQL_KW_NCHAR: character_type(p, type, false, literal); break;
    case SQL_KW_VARCHAR: character_type(p, type, true, literal); break;
    case SQL_KW_NATIONAL: national_type(p, type, literal); break;
    case SQL_KW_TIMESTAMP: time_type(p, type, "timestamp", "timestamptz"); break;
    case SQL_KW_TIME: time_type(p, type, "time", "timetz"); break;
    case SQL_KW_INTERVAL:
        type->name.name = "interval";
        opt_length(p, type);
        break;
    default: parser_fail_here(p);
    }
}

static uint16_t interval_field(enum sql_keyword keyword)
{
    switch (keyword) {
    case SQL_KW_YEAR: return SQL_INTERVAL_YEAR;
    case SQL_KW_MONTH: return SQL_INTERVAL_MONTH;
    case SQL_KW_DAY: return SQL_INTERVAL_DAY;
    case SQL_KW_HOUR: return SQL_INTERVAL_HOUR;
    case SQL_KW_MINUTE: return SQL_INTERVAL_MINUTE;
    case SQL_KW_SECOND: return SQL_INTERVAL_SECOND;
    default: return 0;
    }
}

/* Which of DAY, HOUR, MINUTE and SECOND lie from `first` down to `last`; 0 when the pair is none of
 * SQL's. */
static uint16_t interval_range(uint16_t first, uint16_t last)
{
    if (first == SQL_INTERVAL_YEAR)
        return last == SQL_INTERVAL_MONTH ? SQL_INTERVAL_YEAR | SQL_INTERVAL_MONTH : 0;
    if (first < SQL_INTERVAL_DAY || last <= first) return 0;
    unsigned all = SQL_INTERVAL_DAY | SQL_INTERVAL_HOUR | SQL_INTERVAL_MINUTE | SQL_INTERVAL_SECOND;
    return (uint16_t)(all & ~(first - 1u) & (last * 2u - 1));
}

void parser_interval_fields(struct sql_parser *p, struct sql_type_name *type)
{
    uint16_t first = interval_field(p->token.keyword), last = first;
    if (first == 0) return;
    parser_next(p);
    type->interval_fields = first;
    if (parser_at_kw(p, SQL_KW_TO) && first != SQL_INTERVAL_MONTH && first != SQL_INTERVAL_SECOND) {
        parser_next(p);
        last = interval_field(p->token.keyword);
        type->interval_fields = interval_range(first, last);
        if (type->interval_fields == 0) {
            parser_fail_here(p);
            return;
        }
        parser_next(p);
    }
    if (last == SQL_INTERVAL_SECOND) opt_length(p, type);
}

PARSER_APART static void generic_type(struct sql_parser *p, struct sql_type_name *type)
{
    uint32_t position = p->token.position;
    const char *first = parser_name(p, PARSER_TYPE_FUNCTION_NAME);
    memset(type, 0, sizeof *type);
    type->name = parser_any_rest(p, first, position);
    opt_modifiers(p, type);
}

PARSER_APART static void array_bounds(struct sql_parser *p, struct sql_type_name *type)
{
    struct parser_vec bounds = {NULL, 0, 0};
    bool word = parser_accept_kw(p, SQL_KW_ARRAY);
    if (word && !parser_at(p, '[')) *PARSER_PUSH(p, &bounds, int32_t) = -1;
    while ((!word || bounds.count == 0) && parser_accept(p, '[')) {
        int32_t bound = word || !parser_at(p, ']') ? parser_integer(p) : -1;
        parser_expect(p, ']');
        *PARSER_PUSH(p, &bounds, int32_t) = bound;
    }
    type->array_bounds = bounds.items;
    type->array_bound_count = bounds.count;
}

void parser_type(struct sql_parser *p, struct sql_type_name *type)
{
    bool setof = parser_accept_kw(p, SQL_KW_SETOF);
    if (parser_at_own_type(p)) {
        bool interval = parser_at_kw(p, SQL_KW_INTERVAL);
        parser_own_type(p, type, false);
        if (interval && type->modifiers.count == 0) parser_interval_fields(p, type);
    } else {
        generic_type(p, type);
    }
    if (parser_at(p, '[') || parser_at_kw(p, SQL_KW_ARRAY)) array_bounds(p, type);
    type->setof = setof;
}
