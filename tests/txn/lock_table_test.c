/* The lock table on its own: who gets a lock when, and who dies. */
#include "txn/lock_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "tests/test.h"

/* Transactions are letters; what happens is written down: "b+" granted, "b!" victim. */
struct rig {
    struct pool pool;
    struct lock_table table;
    char log[4096];
};

struct asker {
    struct lock_request request;
    struct rig *rig;
    char name;
};

static void on_done(struct lock_request *q, enum status status)
{
    struct asker *a = q->ctx;
    size_t at = strlen(a->rig->log);
    snprintf(a->rig->log + at, sizeof a->rig->log - at, "%c%c ", a->name, status == STATUS_OK ? '+' : '!');
}

static struct txn_name named(char c)
{
    return (struct txn_name){1, (uint64_t)c};
}

static struct asker *asker(struct rig *r, char name)
{
    static struct asker askers[128];
    struct asker *a = &askers[(int)name];
    *a = (struct asker){.request = {.on_done = on_done, .ctx = a}, .rig = r, .name = name};
    return a;
}

static enum status ask(struct rig *r, char name, const char *key, enum lock_mode mode)
{
    return lock_acquire(&r->table, named(name), (uint64_t)name, bytes_of_string(key), mode, true,
                        &asker(r, name)->request);
}

static void rig_init(struct rig *r)
{
    pool_init(&r->pool);
    lock_table_init(&r->table, &r->pool);
    r->log[0] = '\0';
}

static void expect(struct rig *r, const char *log)
{
    assert_string_equal(r->log, log);
    r->log[0] = '\0';
}

static void rig_end(struct rig *r)
{
    lock_table_reset(&r->table);
    pool_deinit(&r->pool); /* all of it is back */
    assert_int_equal(r->table.lock_count, 0);
    assert_int_equal(r->table.waiting_count, 0);
    map_deinit(&r->table.locks);
    map_deinit(&r->table.owners);
}

TEST(lock_table, hands_a_lock_on_in_order)
{
    struct rig r;
    rig_init(&r);
    assert_int_equal(ask(&r, 'a', "k", LOCK_EXCLUSIVE), STATUS_OK);
    assert_int_equal(ask(&r, 'a', "k", LOCK_EXCLUSIVE), STATUS_OK);
    assert_int_equal(ask(&r, 'b', "k", LOCK_EXCLUSIVE), STATUS_WAIT);
    assert_int_equal(ask(&r, 'c', "k", LOCK_EXCLUSIVE), STATUS_WAIT);
    lock_release(&r.table, named('a'));
    expect(&r, "b+ ");
    lock_release(&r.table, named('a'));
    expect(&r, "");
    lock_release(&r.table, named('b'));
    expect(&r, "c+ ");
    lock_release(&r.table, named('c'));
    assert_int_equal(r.table.lock_count, 0);
    assert_int_equal(r.table.owner_count, 0);
    rig_end(&r);
}

TEST(lock_table, shares_with_readers_but_never_past_a_waiting_writer)
{
    struct rig r;
    rig_init(&r);
    assert_int_equal(ask(&r, 'a', "k", LOCK_SHARED), STATUS_OK);
    assert_int_equal(ask(&r, 'b', "k", LOCK_SHARED), STATUS_OK);
    assert_int_equal(ask(&r, 'c', "k", LOCK_EXCLUSIVE), STATUS_WAIT);
    assert_int_equal(ask(&r, 'd', "k", LOCK_SHARED), STATUS_WAIT);
    assert_int_equal(ask(&r, 'e', "k", LOCK_SHARED), STATUS_WAIT);
    lock_release(&r.table, named('a'));
    expect(&r, "");
    lock_release(&r.table, named('b'));
    expect(&r, "c+ ");
    lock_release(&r.table, named('c'));
    expect(&r, "d+ e+ ");
    lock_release(&r.table, named('d'));
    lock_release(&r.table, named('e'));
    rig_end(&r);
}

TEST(lock_table, makes_a_lock_stronger_before_those_that_wait)
{
    struct rig r;
    rig_init(&r);
    assert_int_equal(ask(&r, 'a', "k", LOCK_SHARED), STATUS_OK);
    assert_int_equal(ask(&r, 'b', "k", LOCK_SHARED), STATUS_OK);
    assert_int_equal(ask(&r, 'c', "k", LOCK_EXCLUSIVE), STATUS_WAIT);
    assert_int_equal(ask(&r, 'a', "k", LOCK_EXCLUSIVE), STATUS_WAIT);
    lock_release(&r.table, named('b'));
    expect(&r, "a+ ");
    lock_release(&r.table, named('a'));
    expect(&r, "c+ ");
    lock_release(&r.table, named('c'));
    rig_end(&r);
}

TEST(lock_table, kills_the_youngest_of_a_circle)
{
    struct rig r;
    rig_init(&r);
    assert_int_equal(ask(&r, 'a', "1", LOCK_EXCLUSIVE), STATUS_OK);
    assert_int_equal(ask(&r, 'b', "2", LOCK_EXCLUSIVE), STATUS_OK);
    assert_int_equal(ask(&r, 'c', "3", LOCK_EXCLUSIVE), STATUS_OK);
    assert_int_equal(ask(&r, 'b', "3", LOCK_EXCLUSIVE), STATUS_WAIT);
    assert_int_equal(ask(&r, 'c', "1", LOCK_EXCLUSIVE), STATUS_WAIT);
    assert_int_equal(ask(&r, 'a', "2", LOCK_EXCLUSIVE), STATUS_WAIT); /* c is the youngest, not a */
    expect(&r, "c! ");
    lock_release(&r.table, named('c'));
    expect(&r, "b+ ");
    lock_release(&r.table, named('b'));
    expect(&r, "a+ ");
    lock_release(&r.table, named('a'));
    rig_end(&r);
}

TEST(lock_table, refuses_the_one_that_closes_a_circle_when_it_is_the_youngest)
{
    struct rig r;
    rig_init(&r);
    assert_int_equal(ask(&r, 'a', "k", LOCK_SHARED), STATUS_OK);
    assert_int_equal(ask(&r, 'b', "k", LOCK_SHARED), STATUS_OK);
    assert_int_equal(ask(&r, 'a', "k", LOCK_EXCLUSIVE), STATUS_WAIT);
    assert_int_equal(ask(&r, 'b', "k", LOCK_EXCLUSIVE), STATUS_DEADLOCK);
    lock_release(&r.table, named('b'));
    expect(&r, "a+ ");
    lock_release(&r.table, named('a'));
    rig_end(&r);
}

TEST(lock_table, lets_pass_who_takes_no_lock_in_its_turn)
{
    struct rig r;
    rig_init(&r);
    assert_int_equal(lock_pass(&r.table, BYTES_LITERAL("k"), &asker(&r, 'p')->request), STATUS_OK);
    assert_int_equal(ask(&r, 'a', "k", LOCK_EXCLUSIVE), STATUS_OK);
    assert_int_equal(lock_pass(&r.table, BYTES_LITERAL("k"), &asker(&r, 'p')->request), STATUS_WAIT);
    assert_int_equal(ask(&r, 'b', "k", LOCK_EXCLUSIVE), STATUS_WAIT);
    lock_release(&r.table, named('a'));
    expect(&r, "p+ b+ ");
    lock_release(&r.table, named('b'));
    rig_end(&r);
}

TEST(lock_table, forgets_a_request_that_is_cancelled)
{
    struct rig r;
    rig_init(&r);
    assert_int_equal(ask(&r, 'a', "k", LOCK_SHARED), STATUS_OK);
    assert_int_equal(ask(&r, 'b', "k", LOCK_EXCLUSIVE), STATUS_WAIT);
    struct lock_request *b = lock_owner_find(&r.table, named('b'))->waiting;
    assert_int_equal(ask(&r, 'c', "k", LOCK_SHARED), STATUS_WAIT);
    lock_request_cancel(&r.table, b);
    expect(&r, "c+ "); /* it stood behind the writer only */
    assert_null(lock_owner_find(&r.table, named('b')));
    struct asker nowait = {.request = {.on_done = on_done, .ctx = &nowait}, .rig = &r, .name = 'n'};
    assert_int_equal(lock_acquire(&r.table, named('n'), 1, BYTES_LITERAL("k"), LOCK_EXCLUSIVE, false, &nowait.request),
                     STATUS_LOCKED);
    assert_null(lock_owner_find(&r.table, named('n')));
    lock_release(&r.table, named('a'));
    lock_release(&r.table, named('c'));
    rig_end(&r);
}

/* Random transactions over a few keys: they all end, and no lock is ever held by two. */
static void write_key(void *ctx, struct bytes key, const struct lock_owner *owner, enum lock_mode mode, const struct lock_request *waiting)
{
    struct rig *to = ctx;
    if (waiting == NULL) assert_int_equal(lock_put(&to->table, owner->name, owner->begin_ts, key, mode), STATUS_OK);
}

static void write_name(void *ctx, const struct lock_request *q)
{
    struct rig *r = ctx;
    size_t at = strlen(r->log);
    snprintf(r->log + at, sizeof r->log - at, "%c", q->owner == NULL ? '-' : (char)q->owner->name.number);
}

/* What is held goes to another table; who waits is told in the order of each queue, once, however many hold the lock. */
TEST(lock_table, can_be_moved)
{
    struct rig r, to;
    rig_init(&r);
    rig_init(&to);
    assert_int_equal(ask(&r, 'a', "x", LOCK_SHARED), STATUS_OK);
    assert_int_equal(ask(&r, 'b', "x", LOCK_SHARED), STATUS_OK);
    assert_int_equal(ask(&r, 'c', "x", LOCK_EXCLUSIVE), STATUS_WAIT);
    assert_int_equal(ask(&r, 'd', "x", LOCK_SHARED), STATUS_WAIT);
    assert_int_equal(ask(&r, 'a', "y", LOCK_EXCLUSIVE), STATUS_OK);
    assert_int_equal(ask(&r, 'e', "y", LOCK_SHARED), STATUS_WAIT);
    lock_table_visit_queues(&r.table, write_name, &r);
    expect(&r, "cde");
    lock_table_visit(&r.table, write_key, &to);
    assert_int_equal(to.table.lock_count, 2);
    assert_int_equal(to.table.owner_count, 2);
    assert_int_equal(lock_put(&to.table, named('z'), 1, bytes_of_string("x"), LOCK_SHARED), STATUS_OK);
    assert_int_equal(lock_put(&to.table, named('z'), 1, bytes_of_string("x"), LOCK_EXCLUSIVE), STATUS_LOCKED);
    assert_int_equal(lock_put(&to.table, named('q'), 1, bytes_of_string("y"), LOCK_SHARED), STATUS_LOCKED);
    assert_int_equal(to.table.owner_count, 3);
    lock_release(&to.table, named('a'));
    lock_release(&to.table, named('b'));
    lock_release(&to.table, named('z'));
    assert_int_equal(to.table.lock_count, 0);
    rig_end(&to);
    lock_release(&r.table, named('a'));
    lock_release(&r.table, named('b'));
    lock_release(&r.table, named('c'));
    expect(&r, "e+ c+ d+ ");
    lock_release(&r.table, named('d'));
    lock_release(&r.table, named('e'));
    rig_end(&r);
}

TEST(lock_table, never_stands_still)
{
    static struct asker askers[16];
    struct rig r;
    struct prng prng;
    rig_init(&r);
    prng_init(&prng, 7);
    uint64_t number[16], deadlocks = 0;
    for (int i = 0; i < 16; i++) number[i] = (uint64_t)i + 1;
    for (uint64_t round = 0; round < 20000; round++) {
        int i = (int)prng_below(&prng, 16);
        struct asker *a = &askers[i];
        struct txn_name name = {1, number[i]};
        struct lock_owner *o = lock_owner_find(&r.table, name);
        bool died = strchr(r.log, '!') != NULL;
        if (died) { /* the victims give up what they hold */
            for (int k = 0; k < 16; k++) {
                char mark[4] = {(char)('a' + k), '!', ' ', 0};
                if (strstr(r.log, mark) == NULL) continue;
                deadlocks++;
                lock_release(&r.table, (struct txn_name){1, number[k]});
                number[k] += 16;
            }
            r.log[0] = '\0';
            continue;
        }
        r.log[0] = '\0';
        if (o != NULL && o->waiting != NULL) continue;
        if (o != NULL && prng_below(&prng, 4) == 0) {
            lock_release(&r.table, name);
            number[i] += 16;
            continue;
        }
        uint8_t key = (uint8_t)('0' + prng_below(&prng, 6));
        *a = (struct asker){.request = {.on_done = on_done, .ctx = a}, .rig = &r, .name = (char)('a' + i)};
        enum lock_mode mode = prng_below(&prng, 3) == 0 ? LOCK_SHARED : LOCK_EXCLUSIVE;
        enum status status = lock_acquire(&r.table, name, name.number, bytes_make(&key, 1), mode, true, &a->request);
        assert_true(status == STATUS_OK || status == STATUS_WAIT || status == STATUS_DEADLOCK);
        if (status == STATUS_DEADLOCK) {
            deadlocks++;
            lock_release(&r.table, name);
            number[i] += 16;
        }
        assert_true(r.table.waiting_count < 16); /* somebody can always go on */
    }
    assert_true(deadlocks > 100);
    for (int i = 0; i < 16; i++) {
        struct lock_owner *o = lock_owner_find(&r.table, (struct txn_name){1, number[i]});
        if (o != NULL && o->waiting != NULL) lock_request_cancel(&r.table, o->waiting);
    }
    rig_end(&r);
}
