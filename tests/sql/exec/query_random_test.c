/* Random queries in two forms that have to give the same: as they are, so that keys are looked up, rows hashed and
 * conditions moved; and with every condition inside a CASE with a volatile function, which no plan makes use of or moves,
 * so that all pairs of rows are tried where the condition stands. Besides, the rows for which a condition is true, false and unknown are
 * together all rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sql/exec/database.h"
#include "tests/test.h"

#define QUERIES 500

struct random {
    uint64_t state;
};

static uint32_t draw(struct random *r, uint32_t bound)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(r->state >> 33) % bound;
}

static const char *const tables[] = {"a", "b", "c", "n"};
static const char *const columns[][3] = {{"id", "x", "x"}, {"id", "a_id", "y"}, {"p", "q", "z"}, {"v", "w", "v"}};

struct query {
    struct random random;
    uint32_t items[4], count; /* tables, called t0, t1, ... */
    bool opaque;
    struct buf text;
};

static void column(struct query *q, uint32_t known)
{
    uint32_t item = draw(&q->random, known);
    buf_printf(&q->text, "t%u.%s", item, columns[q->items[item]][draw(&q->random, 3)]);
}

static void comparison(struct query *q, uint32_t known, bool join)
{
    static const char *const operators[] = {"=", "=", "=", "<", ">=", "<>"};
    uint32_t last = known - 1;
    if (join && draw(&q->random, 4) != 0) { /* what joins are for */
        buf_printf(&q->text, "t%u.%s = ", last, columns[q->items[last]][draw(&q->random, 2)]);
        column(q, last);
        return;
    }
    column(q, known);
    switch (draw(&q->random, 9)) {
    case 0:
    case 4:
    case 5:
    case 6: buf_append_string(&q->text, " IS NULL"); return;
    case 1: buf_printf(&q->text, " IN (%u, %u)", draw(&q->random, 9), draw(&q->random, 9)); return;
    case 2: buf_printf(&q->text, " = %u", draw(&q->random, 9)); return;
    case 3: buf_append_string(&q->text, " IN (SELECT p FROM c)"); return;
    default: break;
    }
    buf_printf(&q->text, " %s ", operators[draw(&q->random, 6)]);
    column(q, known);
}

static void condition(struct query *q, uint32_t known, bool join)
{
    if (q->opaque) buf_append_string(&q->text, "CASE WHEN ");
    uint32_t count = 1 + draw(&q->random, 2);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) buf_append_string(&q->text, draw(&q->random, 4) == 0 ? " OR " : " AND ");
        comparison(q, known, join);
    }
    if (q->opaque) buf_append_string(&q->text, " THEN random() < 2 ELSE false END");
}

/* FROM with all joins; where: 0 none, 1 the condition, 2 its negation, 3 that it is unknown. */
static void build(struct query *q, uint64_t seed, bool opaque, int where)
{
    static const char *const joins[] = {"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"};
    q->random = (struct random){seed};
    q->opaque = opaque;
    q->count = 2 + draw(&q->random, 3);
    for (uint32_t i = 0; i < q->count; i++) q->items[i] = draw(&q->random, 4);
    buf_reset(&q->text);
    buf_append_string(&q->text, "SELECT count(*)");
    for (uint32_t i = 0; i < q->count; i++)
        buf_printf(&q->text, ", count(t%u.%s), sum(t%u.%s), count(DISTINCT t%u.s), min(t%u.s), max(t%u.s)", i,
                   columns[q->items[i]][0], i, columns[q->items[i]][1], i, i, i);
    buf_printf(&q->text, " FROM %s AS t0", tables[q->items[0]]);
    for (uint32_t i = 1; i < q->count; i++) {
        buf_printf(&q->text, " %s %s AS t%u ON ", joins[draw(&q->random, 4)], tables[q->items[i]], i);
        condition(q, i + 1, true);
    }
    if (where == 0) return;
    buf_append_string(&q->text, where == 2 ? " WHERE NOT (" : " WHERE (");
    condition(q, q->count, false);
    buf_append_string(&q->text, where == 3 ? ") IS NULL" : ")");
}

static void run(struct database *d, struct query *q, struct buf *out)
{
    buf_append_byte(&q->text, 0);
    buf_reset(out);
    if (!database_run(d, "a", (const char *)q->text.data, NULL, 0, out))
        fail_msg("%s: %.*s", q->text.data, (int)out->size, (const char *)out->data);
}

static void must_work(struct database *d, const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_true(database_run(d, "a", text, NULL, 0, &out));
    buf_deinit(&out);
}

static struct database *begin(void)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    struct database *d = database_create(1);
    must_work(d, "CREATE TABLE a (id int PRIMARY KEY, x int, s text)");
    must_work(d, "CREATE TABLE b (id int PRIMARY KEY, a_id int, y bigint, s text)");
    must_work(d, "CREATE TABLE c (p int, q int, z numeric, s text, PRIMARY KEY (p, q))");
    must_work(d, "CREATE TABLE n (v int, w int, s text)");
    must_work(d, "INSERT INTO a SELECT i, nullif(i * 5 % 9, 3), 'the text of a ' || i FROM generate_series(1, 8) AS i");
    must_work(d, "INSERT INTO b SELECT i, nullif(i * 7 % 10, 0), nullif(i * 3 % 8, 5), 'the text of b ' || i FROM generate_series(1, 9) AS i");
    must_work(d, "INSERT INTO c SELECT i, j, nullif((i + j) % 6, 2), 'the text of c ' || i || j "
                 "FROM generate_series(1, 4) AS i, "
                 "generate_series(1, 3) AS j");
    must_work(d, "INSERT INTO n SELECT nullif(i % 5, 1), nullif(i % 3, 0), 'the text of n ' || i FROM generate_series(1, 8) AS i");
    return d;
}

TEST(query_random, plans_do_not_change_results)
{
    struct database *d = begin();
    struct query q = {.count = 0};
    struct buf planned, naive;
    buf_init(&q.text, 1 << 16);
    buf_init(&planned, 1 << 16);
    buf_init(&naive, 1 << 16);
    for (uint64_t seed = 1; seed <= QUERIES; seed++) {
        build(&q, seed, true, 1);
        run(d, &q, &naive);
        build(&q, seed, false, 1);
        run(d, &q, &planned);
        if (!bytes_equal(buf_view(&planned), buf_view(&naive)))
            fail_msg("%s:\n%.*sbut\n%.*s", q.text.data, (int)planned.size, (const char *)planned.data,
                     (int)naive.size, (const char *)naive.data);
    }
    buf_deinit(&q.text);
    buf_deinit(&planned);
    buf_deinit(&naive);
    database_destroy(d);
}

/* The number in the first column of the only row. */
static unsigned long first_count(const struct buf *out)
{
    const uint8_t *bar = memchr(out->data, '|', out->size);
    assert_non_null(bar);
    return strtoul((const char *)bar + 1, NULL, 10);
}

TEST(query_random, a_condition_parts_all_rows_in_three)
{
    struct database *d = begin();
    struct query q = {.count = 0};
    struct buf out;
    buf_init(&q.text, 1 << 16);
    buf_init(&out, 1 << 16);
    for (uint64_t seed = 1; seed <= QUERIES; seed++) {
        unsigned long counts[4];
        for (int where = 0; where < 4; where++) {
            build(&q, seed, false, where);
            run(d, &q, &out);
            buf_append_byte(&out, 0);
            counts[where] = first_count(&out);
        }
        if (counts[0] != counts[1] + counts[2] + counts[3])
            fail_msg("%s: %lu rows, but %lu, %lu and %lu", q.text.data, counts[0], counts[1], counts[2], counts[3]);
    }
    buf_deinit(&q.text);
    buf_deinit(&out);
    database_destroy(d);
}
