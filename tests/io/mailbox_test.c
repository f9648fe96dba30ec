#include "io/mailbox.h"

#include <pthread.h>
#include <sched.h>

#include "base/prng.h"
#include "io/backends.h"
#include "tests/test.h"

/* ---- one thread ---- */

struct bell_env { /* an environment that only counts how often it is woken */
    struct env env;
    unsigned wakes;
};

static void count_wake(struct env *env)
{
    ((struct bell_env *)env)->wakes++;
}

static const struct env_table counting = {.name = "counting", .wake = count_wake};

struct pair {
    struct bell_env envs[2];
    struct doorbell bells[2];
    struct mailbox *mailbox;
    struct mailbox_end *a, *b;
};

static void pair_init(struct pair *p, uint32_t requests, uint32_t messages)
{
    for (int i = 0; i < 2; i++) {
        p->envs[i] = (struct bell_env){.env.table = &counting};
        doorbell_init(&p->bells[i], &p->envs[i].env);
    }
    assert_int_equal(
        mailbox_create(requests, messages, &p->bells[0], &p->bells[1], &p->mailbox), STATUS_OK);
    p->a = mailbox_end(p->mailbox, 0);
    p->b = mailbox_end(p->mailbox, 1);
}

TEST(mailbox, delivers_in_order_and_by_value)
{
    struct pair p;
    pair_init(&p, 4, 4);
    struct mailbox_item item = {.kind = 7, .id = 1, .value = 10, .payload = &p};
    assert_false(mailbox_has_mail(p.b));
    assert_int_equal(mailbox_request(p.a, &item), STATUS_OK);
    item.id = 2;
    assert_int_equal(mailbox_message(p.a, &item), STATUS_OK);
    item = (struct mailbox_item){0};
    assert_true(mailbox_has_mail(p.b));
    assert_false(mailbox_has_mail(p.a));
    assert_true(mailbox_receive(p.b, &item));
    assert_int_equal(item.item_class, MAILBOX_REQUEST);
    assert_int_equal(item.kind, 7);
    assert_int_equal(item.id, 1);
    assert_int_equal(item.value, 10);
    assert_ptr_equal(item.payload, &p);
    assert_true(mailbox_receive(p.b, &item));
    assert_int_equal(item.item_class, MAILBOX_MESSAGE);
    assert_int_equal(item.id, 2);
    assert_false(mailbox_receive(p.b, &item));
    mailbox_destroy(p.mailbox);
}

TEST(mailbox, a_credit_comes_back_with_the_reply)
{
    struct pair p;
    struct mailbox_item item = {0};
    pair_init(&p, 3, 0);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 3; i++) assert_int_equal(mailbox_request(p.a, &item), STATUS_OK);
        assert_int_equal(mailbox_request(p.a, &item), STATUS_BUSY);
        assert_int_equal(mailbox_credits(p.a), 0);
        assert_int_equal(mailbox_credits(p.b), 3); /* directions do not share */
        for (int i = 0; i < 3; i++) assert_true(mailbox_receive(p.b, &item));
        assert_int_equal(mailbox_request(p.a, &item), STATUS_BUSY); /* received is not answered */
        for (int i = 0; i < 3; i++) mailbox_reply(p.b, &item);
        assert_int_equal(mailbox_request(p.a, &item), STATUS_BUSY); /* sent is not received */
        for (int i = 0; i < 3; i++) assert_true(mailbox_receive(p.a, &item));
        assert_int_equal(mailbox_credits(p.a), 3);
    }
    mailbox_destroy(p.mailbox);
}

TEST(mailbox, replies_and_requests_find_room_when_messages_fill_the_rest)
{
    struct pair p;
    struct mailbox_item item = {0};
    unsigned messages = 0, received = 0;
    pair_init(&p, 5, 6);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(mailbox_request(p.b, &item), STATUS_OK);
        assert_true(mailbox_receive(p.a, &item));
    }
    while (mailbox_message(p.a, &item) == STATUS_OK) messages++;
    assert_true(messages >= 6);
    for (int i = 0; i < 5; i++) assert_int_equal(mailbox_request(p.a, &item), STATUS_OK);
    for (int i = 0; i < 5; i++) mailbox_reply(p.a, &item);
    assert_int_equal(mailbox_message(p.a, &item), STATUS_BUSY);
    while (mailbox_receive(p.b, &item)) received++;
    assert_int_equal(received, messages + 10);
    assert_int_equal(mailbox_message(p.a, &item), STATUS_OK);
    mailbox_destroy(p.mailbox);
}

TEST(mailbox, wakes_a_sleeper_once_and_nobody_else)
{
    struct pair p;
    struct mailbox_item item = {0};
    pair_init(&p, 8, 8);
    assert_int_equal(mailbox_request(p.a, &item), STATUS_OK);
    assert_int_equal(p.envs[1].wakes, 0); /* awake: no system call */
    doorbell_sleep(&p.bells[1]);
    assert_int_equal(mailbox_request(p.a, &item), STATUS_OK);
    assert_int_equal(mailbox_message(p.a, &item), STATUS_OK);
    assert_int_equal(p.envs[1].wakes, 1);
    doorbell_awake(&p.bells[1]);
    assert_int_equal(mailbox_request(p.a, &item), STATUS_OK);
    assert_int_equal(p.envs[1].wakes, 1);
    assert_int_equal(p.envs[0].wakes, 0);
    mailbox_destroy(p.mailbox);
}

/* ---- two threads ---- */

#define REQUESTS 60000u

struct core {
    struct env *env;
    struct doorbell bell;
    struct mailbox_end *end;
    uint64_t sent, answered, received, messages_sent, messages_received, last_message;
    struct prng prng;
    bool failed;
};

static void core_receive(struct core *c)
{
    struct mailbox_item item;
    while (mailbox_receive(c->end, &item)) {
        switch (item.item_class) {
        case MAILBOX_REQUEST:
            c->failed |= item.id != c->received++; /* MAIL-1 */
            item.value = item.id * 3;
            mailbox_reply(c->end, &item);
            break;
        case MAILBOX_REPLY:
            c->failed |= item.id != c->answered || item.value != c->answered * 3;
            c->answered++;
            break;
        case MAILBOX_MESSAGE:
            c->failed |= item.id <= c->last_message;
            c->last_message = item.id;
            c->messages_received++;
            break;
        }
    }
}

static void core_send(struct core *c)
{
    for (uint64_t burst = prng_below(&c->prng, 20); burst > 0 && c->sent < REQUESTS; burst--) {
        struct mailbox_item item = {.kind = 1, .id = c->sent};
        if (mailbox_request(c->end, &item) != STATUS_OK) break;
        c->sent++;
        item.id = c->messages_sent + 1;
        if (mailbox_message(c->end, &item) == STATUS_OK) c->messages_sent++;
    }
}

/* A core's loop as the header has it. A lost wake-up shows as a test that never ends. */
static void *core_main(void *arg)
{
    struct core *c = arg;
    for (;;) {
        core_receive(c);
        core_send(c);
        if (c->answered == REQUESTS && c->received == REQUESTS) return NULL;
        bool idle = c->sent == REQUESTS || mailbox_credits(c->end) == 0;
        doorbell_sleep(&c->bell);
        env_poll(c->env, !idle || mailbox_has_mail(c->end) ? 0 : UINT64_MAX);
        doorbell_awake(&c->bell);
    }
}

struct start {
    struct core *core;
    atomic_int *ready;
};

/* The environment is made by the thread that polls it. */
static void *core_thread(void *arg)
{
    struct start *start = arg;
    struct env_options options = {.root = "."};
    enum status status = env_epoll_create(&options, &start->core->env);
    start->core->failed = status != STATUS_OK;
    doorbell_init(&start->core->bell, start->core->env);
    atomic_fetch_add(start->ready, 1);
    while (atomic_load(start->ready) < 3) sched_yield();
    if (status == STATUS_OK) core_main(start->core);
    atomic_fetch_add(start->ready, 1);
    while (atomic_load(start->ready) < 5) sched_yield(); /* the other may still wake this one */
    if (status == STATUS_OK) env_destroy(start->core->env);
    return NULL;
}

TEST(mailbox, two_threads_lose_nothing_and_sleep_safely)
{
    struct core cores[2] = {0};
    struct start starts[2];
    struct mailbox *mailbox = NULL;
    pthread_t threads[2];
    atomic_int ready = 0;
    for (unsigned i = 0; i < 2; i++) {
        prng_init(&cores[i].prng, i + 1);
        starts[i] = (struct start){&cores[i], &ready};
        assert_int_equal(pthread_create(&threads[i], NULL, core_thread, &starts[i]), 0);
    }
    while (atomic_load(&ready) < 2) sched_yield();
    assert_int_equal(mailbox_create(32, 16, &cores[0].bell, &cores[1].bell, &mailbox), STATUS_OK);
    for (unsigned i = 0; i < 2; i++) cores[i].end = mailbox_end(mailbox, i);
    atomic_fetch_add(&ready, 1);
    for (unsigned i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 2; i++) {
        assert_false(cores[i].failed);
        assert_int_equal(cores[i].answered, REQUESTS);
        assert_int_equal(cores[i].received, REQUESTS);
        assert_int_equal(mailbox_credits(cores[i].end), 32); /* nothing leaked */
        assert_true(cores[i].messages_received <= cores[1 - i].messages_sent);
    }
    mailbox_destroy(mailbox);
}
