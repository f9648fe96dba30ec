/* Every function, operator and cast with any arguments: an answer or an error, and a value that its
 * type can have. What is computed is other tests' business. */
#include <stdio.h>

#include "sql/cast.h"
#include "sql/operator.h"
#include "sql/types_io.h"
#include "tests/sql/types_golden.h"
#include "tests/sql/types_random.h"
#include "tests/test.h"

#define ARENA_BYTES (8 << 20) /* small: what asks for much is refused */

static void fill(void *ctx, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)prng_next(ctx);
}

struct fixture {
    struct prng p;
    struct arena arena;
    struct sql_error error;
    struct sql_eval e;
};

static void set_up(struct fixture *f, uint64_t seed)
{
    prng_init(&f->p, seed);
    arena_init(&f->arena, ARENA_BYTES);
}

static void reset(struct fixture *f)
{
    arena_reset(&f->arena);
    sql_error_clear(&f->error);
    sql_eval_init(&f->e, &f->arena, &f->error);
    f->e.random = fill;
    f->e.random_ctx = &f->p;
}

/* Words that functions look for among their texts. */
static struct sql_datum random_argument(struct fixture *f, uint32_t oid)
{
    static const char *const words[] = {
        "month",   "epoch", "hex",     "base64", "YYYY-MM-DD HH24:MI",
        "999.99",  "a%b",   "(a|b)*",  "\\d+",   "UTC",
        "EST5EDT", "g",     "i",       "julian", "FM9,999",
        "\\1",     "week",  "century", "escape", "%_\\",
    };
    bool any = oid == SQL_TYPE_ANY;
    if (any) oid = random_key_types[prng_below(&f->p, random_key_type_count)];
    bool text = oid == SQL_TYPE_TEXT && !any;
    if (text && prng_chance(&f->p, 1, 2))
        return sql_bytes(bytes_of_string(words[prng_below(&f->p, sizeof words / sizeof words[0])]));
    return random_datum(&f->p, &f->arena, oid);
}

static void check_value(struct fixture *f, uint32_t oid, enum status status,
                        const struct sql_datum *v, const char *what)
{
    if (status != STATUS_OK) {
        if (!sql_error_is_set(&f->error)) fail_msg("%s failed without saying why", what);
        return;
    }
    if (v->is_null || oid == SQL_TYPE_VOID) return;
    if (!sql_datum_check(oid, v)) fail_msg("%s gave no value of its type", what);
    struct bytes text;
    status = sql_type_output(&f->e, oid, v, &text);
    assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
}

TEST(any, function_takes_any_arguments)
{
    struct fixture f;
    set_up(&f, 1);
    const struct sql_function *fn;
    for (size_t i = 0; (fn = sql_function_at(i)) != NULL; i++) {
        if (fn->evaluate == NULL) continue;
        for (int round = 0; round < 120; round++) {
            reset(&f);
            struct sql_datum args[SQL_SIGNATURE_MAX + 3], out;
            struct sql_type types[SQL_SIGNATURE_MAX + 3];
            uint32_t count = fn->arg_count + (fn->variadic ? (uint32_t)prng_below(&f.p, 3) : 0);
            for (uint32_t k = 0; k < count; k++) {
                uint32_t oid = fn->args[k < fn->arg_count ? k : fn->arg_count - 1u];
                if (oid == SQL_TYPE_ANY)
                    oid = random_key_types[prng_below(&f.p, random_key_type_count)];
                types[k] = sql_type_of(oid);
                args[k] = prng_chance(&f.p, 1, 20) ? SQL_NULL : random_argument(&f, oid);
            }
            struct sql_call call = {args, types, count, fn->result};
            enum status status = sql_function_call(&f.e, fn, &call, &out);
            check_value(&f, fn->result, status, &out, fn->name);
        }
    }
    arena_deinit(&f.arena);
}

TEST(any, operator_takes_any_operands)
{
    struct fixture f;
    set_up(&f, 2);
    const struct sql_operator *op;
    for (size_t i = 0; (op = sql_operator_at(i)) != NULL; i++) {
        for (int round = 0; round < 80; round++) {
            reset(&f);
            struct sql_datum args[2], out;
            uint32_t oids[2] = {op->left, op->right};
            struct sql_type types[2];
            uint32_t first = op->left == 0;
            for (uint32_t k = first; k < 2; k++) {
                if (oids[k] == SQL_TYPE_ANY)
                    oids[k] = random_key_types[prng_below(&f.p, random_key_type_count)];
                types[k] = sql_type_of(oids[k]);
                args[k] = random_argument(&f, oids[k]);
            }
            enum status status = sql_operator_call(&f.e, op, types + first, args + first, &out);
            check_value(&f, op->result, status, &out, op->name);
        }
    }
    arena_deinit(&f.arena);
}

TEST(any, cast_takes_any_value)
{
    struct fixture f;
    set_up(&f, 3);
    for (size_t s = 0; s < random_key_type_count; s++) {
        for (size_t t = 0; t < random_key_type_count; t++) {
            uint32_t source = random_key_types[s], target = random_key_types[t];
            if (sql_cast_find(source, target, SQL_CAST_EXPLICIT) == SQL_CAST_NONE) continue;
            for (int round = 0; round < 60; round++) {
                reset(&f);
                struct sql_datum value = random_argument(&f, source), out;
                enum status status =
                    sql_cast(&f.e, source, sql_type_of(target), SQL_CAST_EXPLICIT, &value, &out);
                check_value(&f, target, status, &out, sql_type_find(target)->name);
            }
        }
    }
    arena_deinit(&f.arena);
}

TEST(any, aggregate_takes_any_rows)
{
    struct fixture f;
    set_up(&f, 4);
    const struct sql_function *fn;
    for (size_t i = 0; (fn = sql_function_at(i)) != NULL; i++) {
        if (fn->aggregate == NULL) continue;
        for (int round = 0; round < 60; round++) {
            reset(&f);
            struct sql_type types[2] = {{0, SQL_TYPMOD_NONE}, {0, SQL_TYPMOD_NONE}};
            for (uint32_t k = 0; k < fn->arg_count; k++)
                types[k].oid = fn->args[k] == SQL_TYPE_ANY ? SQL_TYPE_TEXT : fn->args[k];
            struct sql_aggregate_state *group;
            enum status status = sql_aggregate_init(&f.e, fn, types, fn->arg_count, &group);
            for (uint64_t n = prng_below(&f.p, 6); n > 0 && status == STATUS_OK; n--) {
                struct sql_datum args[2] = {SQL_NULL, SQL_NULL};
                for (uint32_t k = 0; k < fn->arg_count; k++)
                    if (prng_chance(&f.p, 4, 5)) args[k] = random_argument(&f, types[k].oid);
                status = sql_aggregate_step(&f.e, group, args);
            }
            struct sql_datum out = SQL_NULL;
            if (status == STATUS_OK) status = sql_aggregate_final(&f.e, group, &out);
            check_value(&f, fn->result, status, &out, fn->name);
        }
    }
    arena_deinit(&f.arena);
}
