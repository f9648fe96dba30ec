/* Constants become parameters; nothing else does. */
#include "tests/test.h"

#include <string.h>

#include "tests/sim/cluster/sql_lift.h"

static void lifts(const char *text, const char *wanted, const char *values)
{
    struct buf out, strings, shown;
    struct sql_lifted lifted;
    buf_init(&out, 4096);
    buf_init(&strings, 4096);
    buf_init(&shown, 4096);
    sql_lift(text, &lifted, &out, &strings);
    for (uint32_t i = 0; i < lifted.count; i++) {
        const struct sql_lifted_value *v = &lifted.values[i];
        if (v->is_number) buf_printf(&shown, "%lld;", (long long)v->number);
        else buf_printf(&shown, "'%.*s';", (int)v->size, (const char *)strings.data + v->at);
    }
    buf_append_byte(&out, 0);
    buf_append_byte(&shown, 0);
    assert_string_equal((const char *)out.data, wanted);
    assert_string_equal((const char *)shown.data, values);
    buf_deinit(&out);
    buf_deinit(&strings);
    buf_deinit(&shown);
}

TEST(sql_lift, takes_numbers_and_strings_out)
{
    lifts("SELECT v FROM t WHERE k = 7", "SELECT v FROM t WHERE k = $1", "7;");
    lifts("SELECT k1 FROM t2", "SELECT k1 FROM t2", "");
    lifts("VALUES (1,'it''s', -3)", "VALUES ($1,$2, $3)", "1;'it's';-3;");
    lifts("SET v = v || ',12'", "SET v = v || $1", "',12';");
    lifts("v = '' AND k IN (1, 2)", "v = $1 AND k IN ($2, $3)", "'';1;2;");
}

TEST(sql_lift, tells_a_sign_from_an_operator)
{
    lifts("SET b = b - 5 WHERE k = -5", "SET b = b - $1 WHERE k = $2", "5;-5;");
    lifts("THEN -20 ELSE 20 END", "THEN $1 ELSE $2 END", "-20;20;");
}

TEST(sql_lift, leaves_what_is_too_much)
{
    lifts("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 'a1'",
          "$1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 $13 $14 $15 $16 17 'a1'",
          "1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;");
}
