/* Predicates over rows that lie in several ranges: every post keeps a guard, nothing is claimed twice. Who leaves has counted the
 * others, who claims has seen that nobody did; each writes rows that the others' predicates do not name (write skew,
 * G2). A guard may also be relieved by another one, or two of them swap posts: writes to two rows. */
#include <string.h>

#include "tests/sim/check/bank.h"
#include "tests/sim/cluster/sql_load_int.h"

#define GUARDS 8
#define POSTS 2
#define ITEMS 2
#define ITEM_KEY 100 /* of an item in the history; a post has its number */

enum what {
    COUNT = 1,   /* guards of post `key` */
    COUNT_ITEM,  /* claims on item `key` */
    LEAVE,       /* DELETE guard `key` of post `value` */
    LEAVE_ALONE, /* the same, which counts in the same statement */
    COME,        /* INSERT guard `key` at post `value` */
    POST,        /* UPDATE guard `key`: to post `value` */
    CLAIM,       /* INSERT claim `key` on item `value` */
    RELEASE,     /* DELETE the claims on item `value` */
};

static bool prepare(struct sql_load *l, uint32_t step, struct buf *text)
{
    (void)l;
    if (step == 0)
        buf_append_string(text, "CREATE TABLE IF NOT EXISTS guards (k bigint PRIMARY KEY, post bigint NOT NULL)");
    if (step == 1)
        buf_append_string(text, "CREATE TABLE IF NOT EXISTS claims (k bigint PRIMARY KEY, item bigint NOT NULL)");
    if (step >= 2) buf_printf(text, "INSERT INTO guards VALUES (%u, %u)", step - 1, 1 + step % POSTS);
    return step < 2 + GUARDS;
}

/* ---- drawing ---- */

static uint64_t any_guard(struct sql_actor *a) { return 1 + sql_below(a, GUARDS); }
static uint64_t any_post(struct sql_actor *a) { return 1 + sql_below(a, POSTS); }
static uint64_t any_item(struct sql_actor *a) { return 1 + sql_below(a, ITEMS); }

/* least: what there has to be, or nothing is to happen. */
static void add_count(struct sql_actor *a, enum what what, uint64_t key, int64_t least)
{
    struct sql_op *op = sql_op_add(a, what, key);
    op->expected = least;
    op->record = history_add(sql_load_seen(a->load), a->txn, HISTORY_READ_ALL,
                             what == COUNT ? key : ITEM_KEY + key, 0);
}

static void add(struct sql_actor *a, enum what what, uint64_t key, uint64_t value)
{
    sql_op_add(a, what, key)->value = (int64_t)value;
    a->writes = true;
}

static void draw_read(struct sql_actor *a)
{
    a->mode = SQL_EXPLICIT;
    for (uint64_t i = 1; i <= POSTS; i++) add_count(a, COUNT, i, 0);
    for (uint64_t i = 1; i <= ITEMS; i++) add_count(a, COUNT_ITEM, i, 0);
}

static void draw_guards(struct sql_actor *a)
{
    uint64_t guard = any_guard(a), other = any_guard(a), post = any_post(a);
    a->mode = SQL_EXPLICIT;
    switch (sql_below(a, 6)) {
    case 0:
        a->mode = SQL_ALONE;
        add(a, LEAVE_ALONE, guard, post);
        return;
    case 1:
        add_count(a, COUNT, post, 2);
        add(a, LEAVE, guard, post);
        return;
    case 2: /* two at once */
        add_count(a, COUNT, post, 3);
        add(a, LEAVE, guard, post);
        if (other != guard) add(a, LEAVE, other, post);
        return;
    case 3: /* relieved */
        add(a, LEAVE, guard, post);
        add(a, COME, other, post);
        return;
    case 4: /* as many as before, wherever each of them was */
        add_count(a, COUNT, post, 2);
        add(a, POST, guard, 1 + post % POSTS);
        if (other != guard) add(a, COME, other, post);
        return;
    default: a->mode = SQL_ALONE; add(a, COME, guard, post);
    }
}

static void draw_claims(struct sql_actor *a)
{
    uint64_t item = any_item(a);
    a->mode = SQL_EXPLICIT;
    if (sql_below(a, 3) == 0) {
        a->mode = SQL_ALONE;
        add(a, RELEASE, 0, item);
        return;
    }
    add_count(a, COUNT_ITEM, item, 0);
    a->ops[0].value = 1; /* nothing is to happen when there is one */
    add(a, CLAIM, any_guard(a), item);
}

static void draw(struct sql_actor *a)
{
    uint64_t draw = sql_below(a, 10);
    if (draw < 3) draw_read(a);
    else if (draw < 7) draw_guards(a);
    else draw_claims(a);
}

/* ---- statements ---- */

static void text(struct sql_actor *a, const struct sql_op *op, struct buf *out)
{
    unsigned long long key = op->key;
    long long value = op->value;
    (void)a;
    switch ((enum what)op->what) {
    case COUNT: buf_printf(out, "SELECT count(*) FROM guards WHERE post = %llu", key); return;
    case COUNT_ITEM: buf_printf(out, "SELECT count(*) FROM claims WHERE item = %llu", key); return;
    case LEAVE: buf_printf(out, "DELETE FROM guards WHERE k = %llu AND post = %lld", key, value); return;
    case LEAVE_ALONE:
        buf_printf(out,
                   "DELETE FROM guards WHERE k = %llu AND post = %lld AND "
                   "(SELECT count(*) FROM guards WHERE post = %lld) >= 2",
                   key, value, value);
        return;
    case COME: buf_printf(out, "INSERT INTO guards VALUES (%llu, %lld)", key, value); return;
    case POST: buf_printf(out, "UPDATE guards SET post = %lld WHERE k = %llu", value, key); return;
    case CLAIM: buf_printf(out, "INSERT INTO claims VALUES (%llu, %lld)", key, value); return;
    case RELEASE: buf_printf(out, "DELETE FROM claims WHERE item = %lld", value); return;
    }
    UNREACHABLE();
}

/* Nobody may see an empty post, nor all claims. */
static void stray(struct sql_actor *a, struct buf *out)
{
    unsigned long long key = any_guard(a), item = any_item(a);
    switch (sql_below(a, 3)) {
    case 0: buf_append_string(out, "DELETE FROM guards"); return;
    case 1: buf_printf(out, "UPDATE guards SET post = %d", POSTS + 1); return;
    default: buf_printf(out, "INSERT INTO claims VALUES (%llu, %llu)", key, item); return;
    }
}

static enum sql_verdict wrong(struct sql_actor *a, const struct sql_rows *rows)
{
    snprintf(a->wrong, sizeof a->wrong, "tag %s with %u rows", rows->tag, rows->row_count);
    return SQL_OP_WRONG;
}

static enum sql_verdict took_count(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    int64_t count;
    if (rows->row_count != 1 || !sql_cell_number(&rows->cells[0], &count)) return wrong(a, rows);
    history_result(sql_load_seen(a->load), op->record, &count, 1);
    bool taken = op->what == COUNT_ITEM && op->value == 1 && count > 0;
    return count < op->expected || taken ? SQL_OP_GIVE_UP : SQL_OP_DONE;
}

static enum sql_verdict took(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    const char *tag = rows->tag;
    bool none = strcmp(tag, "DELETE 0") == 0 || strcmp(tag, "UPDATE 0") == 0;
    switch ((enum what)op->what) {
    case COUNT:
    case COUNT_ITEM: return took_count(a, op, rows);
    case LEAVE: return strcmp(tag, "DELETE 1") == 0 ? SQL_OP_DONE : none ? SQL_OP_GIVE_UP : wrong(a, rows);
    case LEAVE_ALONE: return strcmp(tag, "DELETE 1") == 0 || none ? SQL_OP_DONE : wrong(a, rows);
    case POST: return strcmp(tag, "UPDATE 1") == 0 ? SQL_OP_DONE : none ? SQL_OP_GIVE_UP : wrong(a, rows);
    case COME:
    case CLAIM: return strcmp(tag, "INSERT 0 1") == 0 ? SQL_OP_DONE : wrong(a, rows);
    case RELEASE: return none || strcmp(tag, "DELETE 1") == 0 ? SQL_OP_DONE : wrong(a, rows); /* two: claimed twice */
    }
    UNREACHABLE();
}

static bool check(struct sql_load *l, struct buf *report)
{
    bool valid = true;
    for (uint64_t i = 1; i <= POSTS; i++)
        valid = count_check(sql_load_history(l), i, 1, GUARDS, report) != CHECK_INVALID && valid;
    for (uint64_t i = 1; i <= ITEMS; i++)
        valid = count_check(sql_load_history(l), ITEM_KEY + i, 0, 1, report) != CHECK_INVALID && valid;
    return valid;
}

const struct sql_kind sql_skew_kind = {.name = "skew", .prepare = prepare, .draw = draw, .text = text, .stray = stray,
                                       .took = took, .check = check};
