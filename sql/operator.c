#include "sql/operator.h"

#include "sql/function_int.h"

static const struct operator_table *const tables[] = {
    &operator_compare_table,
    &operator_arith_table,
    &operator_time_table,
    &operator_text_table,
};

const struct sql_operator *sql_operator_at(size_t index)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (index < tables[i]->count) return &tables[i]->rows[index];
        index -= tables[i]->count;
    }
    return NULL;
}

const struct sql_operator *sql_operator_find(uint32_t oid)
{
    const struct sql_operator *op;
    for (size_t i = 0; (op = sql_operator_at(i)) != NULL; i++)
        if (op->oid == oid) return op;
    return NULL;
}

bool sql_operator_exists(struct bytes name)
{
    const struct sql_operator *op;
    for (size_t i = 0; (op = sql_operator_at(i)) != NULL; i++)
        if (bytes_equal(name, bytes_of_string(op->name))) return true;
    return false;
}

const struct sql_operator *sql_operator_of_relation(enum sql_relation relation, uint32_t left,
                                                    uint32_t right)
{
    ASSERT(relation != SQL_RELATION_NONE);
    for (size_t i = 0; i < operator_compare_table.count; i++) {
        const struct sql_operator *op = &operator_compare_table.rows[i];
        if (op->relation == relation && op->left == left && op->right == right) return op;
    }
    return NULL;
}

enum sql_relation sql_relation_swap(enum sql_relation relation)
{
    switch (relation) {
    case SQL_RELATION_LESS: return SQL_RELATION_GREATER;
    case SQL_RELATION_LESS_EQUAL: return SQL_RELATION_GREATER_EQUAL;
    case SQL_RELATION_GREATER: return SQL_RELATION_LESS;
    case SQL_RELATION_GREATER_EQUAL: return SQL_RELATION_LESS_EQUAL;
    default: return relation;
    }
}

enum sql_relation sql_relation_negate(enum sql_relation relation)
{
    switch (relation) {
    case SQL_RELATION_LESS: return SQL_RELATION_GREATER_EQUAL;
    case SQL_RELATION_LESS_EQUAL: return SQL_RELATION_GREATER;
    case SQL_RELATION_GREATER: return SQL_RELATION_LESS_EQUAL;
    case SQL_RELATION_GREATER_EQUAL: return SQL_RELATION_LESS;
    case SQL_RELATION_EQUAL: return SQL_RELATION_NOT_EQUAL;
    case SQL_RELATION_NOT_EQUAL: return SQL_RELATION_EQUAL;
    default: return relation;
    }
}

/* Each operator of each statement is looked up so, whenever it is run. */
static const struct sql_operator *find_exact(struct bytes name, uint32_t left, uint32_t right)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        if (name.size == 0 || strchr(tables[t]->first, name.data[0]) == NULL) continue;
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct sql_operator *op = &tables[t]->rows[i];
            if (op->left != left || op->right != right || op->name[0] != (char)name.data[0]) continue;
            if (bytes_equal(name, bytes_of_string(op->name))) return op;
        }
    }
    return NULL;
}

static enum status fail_operator(struct arena *arena, struct bytes name, uint32_t left,
                                 uint32_t right, bool ambiguous, struct sql_error *error_out)
{
    const char *left_name = left == 0 ? "" : describe_types(arena, &left, 1);
    const char *right_name = describe_types(arena, &right, 1);
    sql_error_set(error_out, arena,
                  ambiguous ? SQLSTATE_AMBIGUOUS_FUNCTION : SQLSTATE_UNDEFINED_FUNCTION, 0,
                  "operator %s: %s%s%.*s %s", ambiguous ? "is not unique" : "does not exist",
                  left_name, left == 0 ? "" : " ", SQL_SHOWN(name), right_name);
    if (ambiguous)
        sql_error_hint(error_out, arena,
                       "Could not choose a best candidate operator. "
                       "You might need to add explicit type casts.");
    else if (left == 0)
        sql_error_hint(error_out, arena,
                       "No operator matches the given name and argument type. "
                       "You might need to add an explicit type cast.");
    else
        sql_error_hint(error_out, arena,
                       "No operator matches the given name and argument types. "
                       "You might need to add explicit type casts.");
    return STATUS_NOT_FOUND;
}

/* By PostgreSQL's rules: `'1' = x` is first tried with both of x's type. */
static const struct sql_operator *select_operator(struct bytes name, uint32_t left, uint32_t right,
                                                  bool *ambiguous_out)
{
    *ambiguous_out = false;
    uint32_t exact_left = left == SQL_TYPE_UNKNOWN ? right : left;
    uint32_t exact_right = right == SQL_TYPE_UNKNOWN && left != 0 ? left : right;
    const struct sql_operator *op = find_exact(name, exact_left, exact_right);
    if (op != NULL) return op;
    struct candidates c = {.count = 0};
    uint32_t types[2] = {left, right}, first = left == 0;
    for (size_t i = 0; (op = sql_operator_at(i)) != NULL; i++) {
        if ((op->left == 0) != (left == 0)) continue;
        if (!bytes_equal(name, bytes_of_string(op->name))) continue;
        ASSERT(c.count < CANDIDATES_MAX);
        /* left and right lie side by side: the signature is an array of them. */
        const uint32_t *args = left == 0 ? &op->right : &op->left;
        c.list[c.count++] = (struct candidate){args, 2 - first, op};
    }
    uint32_t found = candidates_select(&c, types + first, 2 - first);
    *ambiguous_out = found > 1;
    return found == 1 ? c.list[0].item : NULL;
}
_Static_assert(offsetof(struct sql_operator, right) ==
                   offsetof(struct sql_operator, left) + sizeof(uint32_t),
               "select_operator takes both for an array");

enum status sql_operator_resolve(struct arena *arena, struct bytes name, uint32_t left,
                                 uint32_t right, uint32_t *left_out, uint32_t *right_out,
                                 const struct sql_operator **out, struct sql_error *error_out)
{
    ASSERT(right != 0);
    ASSERT(out != NULL);
    bool ambiguous;
    const struct sql_operator *op = select_operator(name, left, right, &ambiguous);
    if (op == NULL) return fail_operator(arena, name, left, right, ambiguous, error_out);
    *left_out = op->left == SQL_TYPE_ANY ? left : op->left;
    *right_out = op->right == SQL_TYPE_ANY ? right : op->right;
    *out = op;
    return STATUS_OK;
}

enum status sql_operator_call(struct sql_eval *e, const struct sql_operator *op,
                              const struct sql_type *types, const struct sql_datum *args,
                              struct sql_datum *out)
{
    uint32_t count = op->left == 0 ? 1 : 2;
    if (args[0].is_null || (count == 2 && args[1].is_null)) {
        *out = SQL_NULL;
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < count; i++)
        ASSERT_SLOW(sql_datum_check(types[i].oid, &args[i]));
    struct sql_call call = {.args = args, .types = types, .count = count, .result = op->result};
    struct sql_datum result = {.is_null = false};
    enum status status = op->evaluate(e, &call, &result);
    ASSERT(status == STATUS_OK || sql_error_is_set(e->error));
    ASSERT_SLOW(status != STATUS_OK || sql_datum_check(op->result, &result));
    if (status != STATUS_OK) return status;
    *out = result;
    return sql_eval_effort_call(e, types, args, count, op->result, &result);
}
