/* The syntax tree of SQL statements, as the parser leaves it: PostgreSQL 15's grammar, nothing
 * resolved.
 *
 * Everything lies in the arena handed to sql_parse, is never changed afterwards and dies with the
 * arena; texts may also be constant. A node is a struct that begins with `struct sql_node`, whose
 * kind says which; sql_as_NAME(node) casts with a check. A pointer or text is NULL, and an array
 * has count 0 (and any pointer), when the part was not written. Names are as PostgreSQL would store
 * them: folded, unquoted, at most 63 bytes, no NUL.
 *
 * position is the 1-based character where the construct starts in the whole text (that of the
 * operator for an infix expression, as PostgreSQL reports it): what sql_error_set takes. 0: none.
 *
 * A tree is at most about twice SQL_NESTING_MAX levels of expressions, queries and joins high, so
 * consumers may recurse. AND and OR take a list each and do not count per operand. */
#ifndef OSTRAKA_SQL_AST_H
#define OSTRAKA_SQL_AST_H

#include "base/buf.h"
#include "sql/ast_ddl.h"
#include "sql/ast_expr.h"
#include "sql/ast_query.h"
#include "sql/ast_session.h"

/* --- Casts: const struct sql_NAME *sql_as_NAME(node) --- */

#define SQL_NODE_CAST(name, condition) \
    static inline const struct sql_##name *sql_as_##name(const struct sql_node *node) \
    { \
        unsigned kind = node->kind; \
        ASSERT(condition); \
        return (const struct sql_##name *)node; \
    }

SQL_NODE_CAST(const, kind == SQL_EXPR_CONST)
SQL_NODE_CAST(param, kind == SQL_EXPR_PARAM)
SQL_NODE_CAST(column, kind == SQL_EXPR_COLUMN)
SQL_NODE_CAST(operator_expr, kind == SQL_EXPR_OPERATOR)
SQL_NODE_CAST(expr_list, kind == SQL_EXPR_AND || kind == SQL_EXPR_OR || kind == SQL_EXPR_COALESCE ||
                             kind == SQL_EXPR_GREATEST || kind == SQL_EXPR_LEAST ||
                             kind == SQL_EXPR_NULLIF || kind == SQL_EXPR_ARRAY ||
                             kind == SQL_EXPR_GROUPING)
SQL_NODE_CAST(expr_unary, kind == SQL_EXPR_NOT)
SQL_NODE_CAST(is, kind == SQL_EXPR_IS)
SQL_NODE_CAST(is_distinct, kind == SQL_EXPR_IS_DISTINCT)
SQL_NODE_CAST(in, kind == SQL_EXPR_IN)
SQL_NODE_CAST(between, kind == SQL_EXPR_BETWEEN)
SQL_NODE_CAST(like, kind == SQL_EXPR_LIKE)
SQL_NODE_CAST(quantified, kind == SQL_EXPR_QUANTIFIED)
SQL_NODE_CAST(case, kind == SQL_EXPR_CASE)
SQL_NODE_CAST(cast, kind == SQL_EXPR_CAST)
SQL_NODE_CAST(collate, kind == SQL_EXPR_COLLATE)
SQL_NODE_CAST(call_expr, kind == SQL_EXPR_CALL)
SQL_NODE_CAST(row, kind == SQL_EXPR_ROW)
SQL_NODE_CAST(subquery, kind == SQL_EXPR_SUBQUERY)
SQL_NODE_CAST(indirection, kind == SQL_EXPR_INDIRECTION)
SQL_NODE_CAST(value_function_expr, kind == SQL_EXPR_VALUE_FUNCTION)
SQL_NODE_CAST(grouping_set, kind == SQL_EXPR_GROUPING_SET)
SQL_NODE_CAST(from_table, kind == SQL_FROM_TABLE)
SQL_NODE_CAST(from_subquery, kind == SQL_FROM_SUBQUERY)
SQL_NODE_CAST(from_function, kind == SQL_FROM_FUNCTION)
SQL_NODE_CAST(from_join, kind == SQL_FROM_JOIN)
SQL_NODE_CAST(select, kind == SQL_STMT_SELECT)
SQL_NODE_CAST(insert, kind == SQL_STMT_INSERT)
SQL_NODE_CAST(update, kind == SQL_STMT_UPDATE)
SQL_NODE_CAST(delete, kind == SQL_STMT_DELETE)
SQL_NODE_CAST(copy, kind == SQL_STMT_COPY)
SQL_NODE_CAST(create_table, kind == SQL_STMT_CREATE_TABLE)
SQL_NODE_CAST(create_table_as, kind == SQL_STMT_CREATE_TABLE_AS)
SQL_NODE_CAST(create_index, kind == SQL_STMT_CREATE_INDEX)
SQL_NODE_CAST(sequence, kind == SQL_STMT_CREATE_SEQUENCE || kind == SQL_STMT_ALTER_SEQUENCE)
SQL_NODE_CAST(create_view, kind == SQL_STMT_CREATE_VIEW)
SQL_NODE_CAST(create_schema, kind == SQL_STMT_CREATE_SCHEMA)
SQL_NODE_CAST(create_database, kind == SQL_STMT_CREATE_DATABASE)
SQL_NODE_CAST(role_statement, kind == SQL_STMT_CREATE_ROLE || kind == SQL_STMT_ALTER_ROLE)
SQL_NODE_CAST(alter_table, kind == SQL_STMT_ALTER_TABLE)
SQL_NODE_CAST(rename, kind == SQL_STMT_RENAME)
SQL_NODE_CAST(drop, kind == SQL_STMT_DROP)
SQL_NODE_CAST(truncate, kind == SQL_STMT_TRUNCATE)
SQL_NODE_CAST(grant, kind == SQL_STMT_GRANT)
SQL_NODE_CAST(transaction, kind == SQL_STMT_TRANSACTION)
SQL_NODE_CAST(set, kind == SQL_STMT_SET)
SQL_NODE_CAST(set_transaction, kind == SQL_STMT_SET_TRANSACTION)
SQL_NODE_CAST(show, kind == SQL_STMT_SHOW)
SQL_NODE_CAST(show_ranges, kind == SQL_STMT_SHOW_RANGES)
SQL_NODE_CAST(explain, kind == SQL_STMT_EXPLAIN)
SQL_NODE_CAST(prepare, kind == SQL_STMT_PREPARE)
SQL_NODE_CAST(execute, kind == SQL_STMT_EXECUTE)
SQL_NODE_CAST(named, kind == SQL_STMT_DEALLOCATE || kind == SQL_STMT_CLOSE ||
                         kind == SQL_STMT_LISTEN || kind == SQL_STMT_UNLISTEN)
SQL_NODE_CAST(declare_cursor, kind == SQL_STMT_DECLARE_CURSOR)
SQL_NODE_CAST(fetch, kind == SQL_STMT_FETCH)
SQL_NODE_CAST(discard, kind == SQL_STMT_DISCARD)
SQL_NODE_CAST(vacuum, kind == SQL_STMT_VACUUM)
SQL_NODE_CAST(notify, kind == SQL_STMT_NOTIFY)
SQL_NODE_CAST(lock, kind == SQL_STMT_LOCK)
SQL_NODE_CAST(alter_cluster, kind == SQL_STMT_ALTER_CLUSTER)
SQL_NODE_CAST(alter_system, kind == SQL_STMT_ALTER_SYSTEM)
SQL_NODE_CAST(unsupported, kind == SQL_STMT_UNSUPPORTED)

#undef SQL_NODE_CAST

/* Appends the text of a statement, expression or FROM item. Parsing it gives the same tree but for
 * positions: every nested expression is in parentheses where it might need them, strings that need
 * it are E'', and names are quoted when they are not plain or are key words. */
void sql_ast_print(const struct sql_node *node, struct buf *out);
void sql_ast_print_type(const struct sql_type_name *type, struct buf *out);
/* Appends a name as an identifier, in quotes when it needs them. */
void sql_ast_print_identifier(const char *name, struct buf *out);

#endif
