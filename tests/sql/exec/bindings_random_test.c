/* Random statements over one table in two forms that have to answer the same: with constants, and prepared, with the constants as
 * values of parameters, each statement with several sets of values, so that most executions use what was kept (sql/bindings.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/sql/exec/database.h"
#include "tests/test.h"

#define STATEMENTS 250
#define EXECUTIONS 5

static uint32_t draw(struct prng *r, uint32_t bound)
{
    return (uint32_t)prng_below(r, bound);
}

#define PARAMETERS 5
static const char *const types[PARAMETERS] = {"int", "int", "bool", "text", "bigint"};
static const char *const values[PARAMETERS][5] = {{"0", "3", "NULL", "5", "-1"},
                                                  {"2", "NULL", "0", "4", "7"},
                                                  {"true", "NULL", "false", "true", "false"},
                                                  {"'s2'", "''", "NULL", "'s'", "'S4'"},
                                                  {"1", "6000000000", "NULL", "2", "8"}};

struct statement {
    struct prng random;
    const uint32_t *chosen; /* values; NULL: as parameters */
    bool columns;           /* may be named here */
    const char *row;        /* what stands before their names: "", "r." */
    struct buf text;
};

static void integer(struct statement *s, uint32_t depth);
static void condition(struct statement *s, uint32_t depth);

static void say(struct statement *s, const char *text)
{
    buf_append_string(&s->text, text);
}

static void parameter(struct statement *s, uint32_t at)
{
    if (s->chosen == NULL) buf_printf(&s->text, "$%u", at + 1);
    else buf_printf(&s->text, "((%s)::%s)", values[at][s->chosen[at]], types[at]);
}

static void column(struct statement *s, const char *name, const char *instead)
{
    if (s->columns) buf_printf(&s->text, "%s%s", s->row, name);
    else say(s, instead);
}

static void pair(struct statement *s, const char *before, void (*a)(struct statement *, uint32_t), const char *between,
                 void (*b)(struct statement *, uint32_t), uint32_t depth)
{
    say(s, before);
    a(s, depth);
    say(s, between);
    b(s, depth);
    say(s, ")");
}

static void text(struct statement *s, uint32_t depth)
{
    switch (draw(&s->random, depth == 0 ? 3 : 5)) {
    case 0: column(s, "s", "'s1'"); return;
    case 1: parameter(s, 3); return;
    case 2: say(s, "'s3'"); return;
    case 3: pair(s, "(", text, " || ", text, depth - 1); return;
    default:
        say(s, "CASE WHEN ");
        condition(s, depth - 1);
        pair(s, " THEN (", text, ") ELSE (", text, depth - 1);
        say(s, " END");
    }
}

static void integer(struct statement *s, uint32_t depth)
{
    switch (draw(&s->random, depth == 0 ? 5 : 13)) {
    case 0: column(s, "k", "4"); return;
    case 1: column(s, "n", "2"); return;
    case 2: parameter(s, draw(&s->random, 2)); return;
    case 3: buf_printf(&s->text, "%u", draw(&s->random, 6)); return;
    case 4: parameter(s, draw(&s->random, 2)); return;
    case 5: pair(s, "(", integer, " + ", integer, depth - 1); return;
    case 6: pair(s, "(", integer, " * ", integer, depth - 1); return;
    case 7: pair(s, "(", integer, " / ", integer, depth - 1); return;
    case 8: pair(s, "coalesce(", integer, ", ", integer, depth - 1); return;
    case 9: pair(s, "nullif(", integer, ", ", integer, depth - 1); return;
    case 10: pair(s, "greatest(", integer, ", ", integer, depth - 1); return;
    case 11:
        say(s, "length(");
        text(s, depth - 1);
        say(s, ")");
        return;
    default:
        say(s, "CASE WHEN ");
        condition(s, depth - 1);
        pair(s, " THEN (", integer, ") ELSE (", integer, depth - 1);
        say(s, " END");
    }
}

static void of_key(struct statement *s)
{
    static const char *const operators[] = {" = ", " = ", " < ", " >= "};
    column(s, "k", "3");
    if (draw(&s->random, 2) == 0) {
        say(s, operators[draw(&s->random, 4)]);
        parameter(s, draw(&s->random, 2) == 0 ? 4 : draw(&s->random, 2));
        return;
    }
    pair(s, " IN (", integer, ", ", integer, 0);
}

static void condition(struct statement *s, uint32_t depth)
{
    switch (draw(&s->random, depth == 0 ? 4 : 12)) {
    case 0: parameter(s, 2); return;
    case 1: column(s, "f", "true"); return;
    case 2:
    case 3: of_key(s); return;
    case 4: pair(s, "(", condition, " AND ", condition, depth - 1); return;
    case 5: pair(s, "(", condition, " OR ", condition, depth - 1); return;
    case 6:
        say(s, "(NOT ");
        condition(s, depth - 1);
        say(s, ")");
        return;
    case 7: pair(s, "(", integer, " < ", integer, depth - 1); return;
    case 8: pair(s, "(", text, " = ", text, depth - 1); return;
    case 9:
        say(s, "(");
        integer(s, depth - 1);
        pair(s, " IN (", integer, ", ", integer, depth - 1);
        say(s, ")");
        return;
    case 10:
        say(s, "(");
        integer(s, depth - 1);
        say(s, " IS NULL)");
        return;
    default: pair(s, "(", integer, " IS DISTINCT FROM ", integer, depth - 1); return;
    }
}

/* What is in front of WHERE; true: a query. */
static bool head(struct statement *s)
{
    switch (draw(&s->random, 4)) {
    case 0:
        say(s, "UPDATE r SET n = ");
        integer(s, 2);
        say(s, ", s = ");
        text(s, 2);
        return false;
    case 1: say(s, "DELETE FROM r"); return false;
    case 2:
        s->columns = false;
        say(s, "INSERT INTO r (k, n, s) VALUES (");
        integer(s, 1);
        pair(s, ", ", integer, ", ", text, 2);
        say(s, " ON CONFLICT (k) DO UPDATE SET n = ");
        s->columns = true;
        s->row = draw(&s->random, 2) == 0 ? "r." : "excluded.";
        integer(s, 2);
        return false;
    default:
        say(s, "SELECT k AS a, ");
        integer(s, 2);
        say(s, " AS b, ");
        text(s, 2);
        say(s, " AS c FROM r");
        return true;
    }
}

static void build(struct statement *s, uint64_t seed, const uint32_t *chosen)
{
    prng_init(&s->random, seed);
    s->chosen = chosen;
    s->columns = true;
    s->row = "";
    bool query = head(s);
    say(s, " WHERE ");
    condition(s, 2);
    s->row = "";
    say(s, query ? " ORDER BY 0 + " : " RETURNING k AS a, ");
    integer(s, 1);
    say(s, query ? ", k" : " AS b");
}

/* ---- both forms ---- */

static void run(struct database *d, const char *text, struct buf *out)
{
    buf_reset(out);
    database_run(d, "a", text, NULL, 0, out);
    buf_append_byte(out, 0);
}

/* Every statement leaves the table as it was. */
static void run_undone(struct database *d, struct statement *s, struct buf *out)
{
    struct buf aside;
    buf_init(&aside, 1 << 20);
    buf_append_byte(&s->text, 0);
    run(d, "BEGIN", &aside);
    run(d, (const char *)s->text.data, out);
    run(d, "ROLLBACK", &aside);
    buf_deinit(&aside);
}

static void must_work(struct database *d, const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    if (!database_run(d, "a", text, NULL, 0, &out)) fail_msg("%s: %s", text, out.data);
    buf_deinit(&out);
}

/* Places in the two texts differ. */
static void forget_places(struct buf *out)
{
    char *at = strstr((char *)out->data, " at ");
    if (strncmp((char *)out->data, "ERROR", 5) == 0 && at != NULL && at - (char *)out->data == 11)
        memmove(at, strchr(at, ':'), strlen(strchr(at, ':')) + 1);
}

static void prepare(struct database *d, struct statement *s, uint64_t seed)
{
    buf_reset(&s->text);
    say(s, "PREPARE p (int, int, bool, text, bigint) AS ");
    build(s, seed, NULL);
    buf_append_byte(&s->text, 0);
    must_work(d, (const char *)s->text.data);
}

static void execute(struct database *d, struct statement *s, const uint32_t *chosen, struct buf *out)
{
    buf_reset(&s->text);
    say(s, "EXECUTE p (");
    for (uint32_t i = 0; i < PARAMETERS; i++) buf_printf(&s->text, "%s%s", i == 0 ? "" : ", ", values[i][chosen[i]]);
    say(s, ")");
    run_undone(d, s, out);
    forget_places(out);
}

TEST(bindings_random, parameters_are_as_constants)
{
    struct database *d = database_create(1);
    struct statement s = {.text = {0}};
    struct buf constants, prepared;
    buf_init(&s.text, 1 << 16);
    buf_init(&constants, 1 << 20);
    buf_init(&prepared, 1 << 20);
    must_work(d, "CREATE TABLE r (k int PRIMARY KEY, n int, s text, f bool)");
    must_work(d, "INSERT INTO r SELECT i, nullif(i * 5 % 7, 3), nullif('s' || i, 's5'), nullif(i % 3, 1) = 2 FROM generate_series(0, 7) AS i");
    for (uint64_t seed = 1; seed <= STATEMENTS; seed++) {
        struct prng random;
        prng_init(&random, seed * 77);
        prepare(d, &s, seed);
        for (uint32_t i = 0; i < EXECUTIONS; i++) {
            uint32_t chosen[PARAMETERS];
            for (uint32_t k = 0; k < PARAMETERS; k++) chosen[k] = draw(&random, 5);
            execute(d, &s, chosen, &prepared);
            buf_reset(&s.text);
            build(&s, seed, chosen);
            run_undone(d, &s, &constants);
            forget_places(&constants);
            if (strcmp((const char *)prepared.data, (const char *)constants.data) != 0)
                fail_msg("%s:\n%sbut prepared\n%s", s.text.data, constants.data, prepared.data);
        }
        must_work(d, "DEALLOCATE p");
    }
    buf_deinit(&s.text);
    buf_deinit(&constants);
    buf_deinit(&prepared);
    database_destroy(d);
}
