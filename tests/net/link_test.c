/* Nodes and the links between them, over loopback. */
#include "net/net_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/hash.h"
#include "tests/net/world.h"
#include "tests/test.h"

#define CONTROL NET_LINK_CONTROL
#define DATA    NET_LINK_DATA
#define BULK    NET_LINK_BULK

static struct bytes number_bytes(uint64_t number, uint8_t place[8])
{
    store_le64(place, number);
    return bytes_make(place, 8);
}

/* Sends the numbers [first, first + count). */
static void send_numbers(struct party *from, struct party *to, uint64_t first, uint64_t count)
{
    uint8_t place[8];
    for (uint64_t i = first; i < first + count; i++)
        assert_int_equal(party_send(from, to, DATA, 5, number_bytes(i, place)), STATUS_OK);
}

static void assert_numbers(const struct party *p, size_t at, uint64_t first, uint64_t count)
{
    uint8_t place[8];
    for (uint64_t i = 0; i < count; i++) {
        struct bytes expected = number_bytes(first + i, place);
        assert_u64_equal(p->received[at + i].hash, hash64(expected.data, expected.size, 0));
    }
}

static void assert_in_order(struct world *w)
{
    world_connect(w);
    struct party *a = &w->parties[0], *b = &w->parties[1];
    send_numbers(a, b, 0, 5000);
    UNTIL(w, b->received_count == 5000);
    assert_numbers(b, 0, 0, 5000);
    assert_u64_equal(b->received[0].from, 1);
    assert_int_equal(b->received[0].link, DATA);
    assert_int_equal(b->received[0].type, 5);
    assert_int_equal(b->received[0].from_store, 11);
    assert_int_equal(b->received[0].to_store, 22);
    assert_int_equal(a->received_count, 0);
    world_close(w);
}

TEST(net_link, messages_arrive_in_order)
{
    struct world w;
    world_open(&w, 2);
    assert_in_order(&w);
}

TEST(net_link, messages_arrive_in_order_by_io_uring)
{
    struct world w;
    if (!world_open_ring(&w, 2)) skip();
    assert_in_order(&w);
}

TEST(net_link, three_nodes_talk_all_ways)
{
    struct world w;
    world_open(&w, 3);
    world_connect(&w);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++)
            if (i != j) send_numbers(&w.parties[i], &w.parties[j], i, 1);
    for (size_t i = 0; i < 3; i++)
        UNTIL(&w, w.parties[i].received_count == 2);
    world_close(&w);
}

TEST(net_link, large_messages_arrive_whole)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    uint8_t *data = malloc(NET_MESSAGE_BYTES_MAX + 1);
    for (size_t i = 0; i < NET_MESSAGE_BYTES_MAX; i++)
        data[i] = (uint8_t)(i * 7 + i / 999);
    static const size_t sizes[] = {0, 1, 1000000, 1048552, 1048553, NET_MESSAGE_BYTES_MAX};
    for (size_t i = 0; i < 6; i++) {
        enum status status;
        while ((status = party_send(a, b, DATA, 1, bytes_make(data, sizes[i]))) == STATUS_BUSY)
            world_turn(&w);
        assert_int_equal(status, STATUS_OK);
    }
    assert_int_equal(party_send(a, b, DATA, 1, bytes_make(data, NET_MESSAGE_BYTES_MAX + 1)),
                     STATUS_TOO_LARGE);
    UNTIL(&w, b->received_count == 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(b->received[i].size, sizes[i]);
        assert_u64_equal(b->received[i].hash, hash64(data, sizes[i], 0));
    }
    free(data);
    world_close(&w);
}

TEST(net_link, bulk_is_dialled_on_demand)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    world_run_for(&w, 50000000);
    assert_false(net_link_up(a->net, party_id(b), BULK));
    assert_int_equal(party_send(a, b, BULK, 1, BYTES_LITERAL("x")), STATUS_CLOSED);
    UNTIL(&w, net_link_up(a->net, party_id(b), BULK));
    assert_int_equal(a->ups[2][BULK], 1);
    assert_int_equal(party_send(a, b, BULK, 1, BYTES_LITERAL("x")), STATUS_OK);
    UNTIL(&w, b->received_count == 1);
    assert_int_equal(b->received[0].link, BULK);
    world_close(&w);
}

TEST(net_link, many_messages_of_a_turn_become_one_send)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    send_numbers(a, b, 0, 100);
    assert_int_equal(net_queued(a->net, party_id(b), DATA), 100 * (24 + 8));
    const struct net_conn *c = net_peer_find(a->net, party_id(b))->out[DATA].dial.conn;
    assert_false(c->sending);
    net_flush(a->net);
    assert_true(c->sending);
    assert_int_equal(c->out[1 - c->filling].size, 100 * (24 + 8));
    assert_int_equal(c->out[c->filling].size, 0);
    UNTIL(&w, b->received_count == 100);
    UNTIL(&w, net_queued(a->net, party_id(b), DATA) == 0);
    world_close(&w);
}

TEST(net_link, steady_traffic_keeps_its_buffers)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    const struct net_conn *c = net_peer_find(a->net, party_id(b))->out[DATA].dial.conn;
    const uint8_t *data[2] = {NULL, NULL};
    for (uint64_t turn = 0; turn < 100; turn++) {
        send_numbers(a, b, turn * 100, 100);
        UNTIL(&w, b->received_count == turn * 100 + 100 && !c->sending);
        for (int i = 0; turn == 10 && i < 2; i++)
            data[i] = c->out[i].data;
    }
    assert_ptr_equal(c->out[0].data, data[0]); /* nothing was allocated since */
    assert_ptr_equal(c->out[1].data, data[1]);
    assert_non_null(data[0]);
    world_close(&w);
}

TEST(net_link, a_burst_does_not_keep_its_buffers_for_ever)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    const struct net_conn *c = net_peer_find(a->net, party_id(b))->out[DATA].dial.conn;
    uint8_t *data = calloc(1, 3 << 20);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(party_send(a, b, DATA, 1, bytes_make(data, 3 << 20)), STATUS_OK);
        net_flush(a->net);
    }
    UNTIL(&w, b->received_count == 2 && !c->sending);
    assert_true(c->out[0].capacity + c->out[1].capacity > 3 << 20);
    for (uint64_t i = 0; i < 2; i++) {
        send_numbers(a, b, i, 1);
        UNTIL(&w, b->received_count == 3 + i && !c->sending);
    }
    assert_true(c->out[0].capacity + c->out[1].capacity < 1 << 20);
    free(data);
    world_close(&w);
}

TEST(net_link, output_is_bounded)
{
    struct world w;
    world_open(&w, 1);
    w.count = 2;
    party_prepare(&w, 1);
    w.parties[1].options.output_bytes_max = 100000;
    party_start(&w.parties[1]);
    world_connect(&w);
    struct party *b = &w.parties[0], *a = &w.parties[1];
    static const uint8_t kilobyte[1000];
    size_t sent = 0;
    enum status status;
    while ((status = party_send(a, b, DATA, 1, bytes_make(kilobyte, 1000))) == STATUS_OK)
        sent++;
    assert_int_equal(status, STATUS_BUSY);
    assert_int_equal(sent, 100000 / 1024);
    assert_true(net_queued(a->net, party_id(b), DATA) <= 100000);
    assert_int_equal(party_send(a, b, CONTROL, 1, BYTES_EMPTY),
                     STATUS_OK); /* has room of its own */
    assert_int_equal(party_send(a, b, DATA, 1, bytes_make(kilobyte, 0)), STATUS_OK);
    uint8_t *large = calloc(1, 100000);
    assert_int_equal(party_send(a, b, DATA, 1, bytes_make(large, 100000)), STATUS_TOO_LARGE);
    free(large);
    UNTIL(&w, b->received_count == sent + 2);
    assert_int_equal(party_send(a, b, DATA, 1, bytes_make(kilobyte, 1000)), STATUS_OK);
    world_close(&w);
}

TEST(net_link, unknown_peers_and_down_links_are_told)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    assert_int_equal(party_send(a, b, DATA, 1, BYTES_EMPTY), STATUS_CLOSED);
    party_meet(a, b);
    assert_int_equal(party_send(a, b, DATA, 1, BYTES_EMPTY), STATUS_CLOSED);
    assert_int_equal(net_queued(a->net, party_id(b), DATA), 0);
    UNTIL(&w, party_linked(a, b));
    assert_int_equal(b->received_count, 0);
    world_close(&w);
}

TEST(net_link, comes_back_when_the_peer_does)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    party_stop(b);
    UNTIL(&w, a->downs[2][DATA] == 1 && a->downs[2][CONTROL] == 1);
    world_run_for(&w, 300000000); /* some attempts fail */
    assert_false(net_link_up(a->net, party_id(b), DATA));
    b->options.identity.incarnation++;
    party_start(b);
    UNTIL(&w, party_linked(a, b));
    assert_int_equal(a->ups[2][DATA], 2);
    assert_int_equal(a->downs[2][DATA], 1);
    send_numbers(a, b, 0, 10);
    UNTIL(&w, b->received_count == 10);
    world_close(&w);
}

TEST(net_link, setting_the_same_address_changes_nothing)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    for (int i = 0; i < 10; i++)
        party_meet(a, b);
    net_set_peer(a->net, party_id(b), "");
    net_set_peer(a->net, party_id(a), a->host);
    world_run_for(&w, 50000000);
    assert_int_equal(a->ups[2][DATA], 1);
    assert_int_equal(a->downs[2][DATA], 0);
    assert_null(net_peer_find(a->net, party_id(a)));
    world_close(&w);
}

TEST(net_link, a_changed_address_redials)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    net_set_peer(a->net, party_id(b), "127.0.0.1:1"); /* nobody there */
    world_run_for(&w, 100000000);
    assert_false(party_linked(a, b));
    party_meet(a, b);
    UNTIL(&w, party_linked(a, b));
    char name[NET_HOST_MAX];
    snprintf(name, sizeof name, "localhost:%u", b->port); /* another name of the same place */
    net_set_peer(a->net, party_id(b), name);
    UNTIL(&w, a->downs[2][DATA] == 1);
    UNTIL(&w, party_linked(a, b));
    world_close(&w);
}

TEST(net_link, removed_peers_are_left_alone)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    net_remove_peer(a->net, party_id(b));
    net_remove_peer(a->net, party_id(b));
    assert_int_equal(party_send(a, b, DATA, 1, BYTES_EMPTY), STATUS_CLOSED);
    UNTIL(&w, b->downs[1][DATA] == 1); /* its link to us was closed as well */
    a->verdict = NET_REFUSAL_REMOVED;
    UNTIL(&w, b->refused_count >= 1);
    assert_int_equal(b->refused, NET_REFUSAL_REMOVED);
    assert_int_equal(a->downs[2][DATA], 0); /* we know */
    world_close(&w);
}

TEST(net_link, identity_may_come_late)
{
    struct world w;
    world_open(&w, 1);
    w.count = 2;
    party_prepare(&w, 1);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    struct net_identity identity = b->options.identity;
    b->options.identity = (struct net_identity){.incarnation = 1};
    party_start(b);
    b->options.identity = identity;
    party_meet(a, b);
    party_meet(b, a);
    world_run_for(&w, 100000000);
    assert_false(net_link_up(a->net, party_id(b), DATA)); /* not ready: not a reason to give up */
    assert_false(net_link_up(b->net, party_id(a), DATA));
    assert_int_equal(a->refused_count, 0);
    net_set_identity(b->net, &identity);
    UNTIL(&w, party_linked(a, b) && party_linked(b, a));
    net_set_identity(b->net, &identity); /* nothing new */
    world_run_for(&w, 50000000);
    assert_int_equal(b->downs[1][DATA], 0);
    world_close(&w);
}

TEST(net_link, a_node_that_learns_its_id_is_not_its_own_peer)
{
    struct world w;
    world_open(&w, 0);
    w.count = 1;
    party_prepare(&w, 0);
    struct party *a = &w.parties[0];
    struct net_identity identity = a->options.identity;
    a->options.identity = (struct net_identity){.incarnation = 1};
    party_start(a);
    net_set_peer(a->net, identity.node, a->host); /* from a list of all nodes */
    assert_non_null(net_peer_find(a->net, identity.node));
    net_set_identity(a->net, &identity);
    assert_null(net_peer_find(a->net, identity.node));
    world_close(&w);
}

TEST(net_link, both_sides_learn_who_the_other_is)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    party_meet(a, b);
    UNTIL(&w, party_linked(a, b));
    assert_int_equal(a->seen_count, 2); /* two links */
    assert_u64_equal(a->seen.node.value, 2);
    assert_string_equal(a->seen.advertise, b->host);
    assert_int_equal(b->seen_count, 2);
    assert_u64_equal(b->seen.node.value, 1);
    assert_string_equal(b->seen.advertise, a->host);
    assert_int_equal(b->admit_count, 2);
    world_close(&w);
}

/* ---- refusals ---- */

/* Starts party 1 (a, from its options as `change` left them), dials party 0 and waits for a
 * refusal. */
static void assert_refused(void (*change)(struct net_options *o), enum net_refusal expected)
{
    struct world w;
    world_open(&w, 1);
    w.count = 2;
    party_prepare(&w, 1);
    struct party *b = &w.parties[0], *a = &w.parties[1];
    change(&a->options);
    party_start(a);
    party_meet(a, b);
    UNTIL(&w, net_metrics(a->net)->refused >= 2); /* it tries again */
    assert_int_equal(net_metrics(b->net)->bad_frames, 0);
    assert_false(party_linked(a, b));
    assert_int_equal(a->ups[1][DATA] + a->ups[1][CONTROL], 0);
    assert_int_equal(b->received_count, 0);
    if (a->refused_count > 0)
        assert_int_equal(a->refused, expected);
    else
        assert_int_equal(expected, NET_REFUSAL_NONE);
    world_close(&w);
}

static void other_cluster(struct net_options *o)
{
    o->identity.cluster_id[3]++;
}

TEST(net_refusal, another_cluster)
{
    assert_refused(other_cluster, NET_REFUSAL_CLUSTER);
}

TEST(net_refusal, an_older_incarnation)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    party_stop(b);
    b->options.identity.incarnation = 5;
    party_start(b);
    party_meet(b, a);
    UNTIL(&w, party_linked(b, a) && party_linked(a, b));
    party_stop(b);
    b->options.identity.incarnation = 4; /* from a backup */
    party_start(b);
    party_meet(b, a);
    UNTIL(&w, b->refused_count > 0);
    assert_int_equal(b->refused, NET_REFUSAL_INCARNATION);
    world_run_for(&w, 200000000);
    assert_false(net_link_up(a->net, party_id(b), DATA)); /* nor is it dialled with success */
    world_close(&w);
}

/* a meets start `before` of b, then b shows `after`. */
static enum net_refusal refusal_after(struct net_identity before, struct net_identity after)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    party_stop(b);
    world_run_for(&w, 20000000); /* the listener is gone a moment later */
    memcpy(before.cluster_id, b->options.identity.cluster_id, sizeof before.cluster_id);
    memcpy(after.cluster_id, b->options.identity.cluster_id, sizeof after.cluster_id);
    before.node = after.node = b->options.identity.node;
    b->options.identity = before;
    party_start(b);
    party_meet(b, a);
    party_meet(a, b);
    UNTIL(&w, party_linked(b, a) && party_linked(a, b));
    party_stop(b);
    b->options.identity = after;
    party_start(b);
    party_meet(b, a);
    UNTIL(&w, b->refused_count > 0 || (party_linked(b, a) && party_linked(a, b)));
    enum net_refusal refusal = b->refused_count > 0 ? b->refused : NET_REFUSAL_NONE;
    if (refusal != NET_REFUSAL_NONE) {
        world_run_for(&w, 200000000);
        assert_false(net_link_up(a->net, party_id(b), DATA)); /* nor is it dialled with success */
    }
    world_close(&w);
    return refusal;
}

/* Trap K26: the disk of b was rolled back by one start, and then by one start and a half. */
TEST(net_refusal, another_start_with_the_same_incarnation)
{
    struct net_identity seen = {.incarnation = 7, .start_marks = {77, 66, 55}};
    struct net_identity again = {.incarnation = 7, .start_marks = {78, 66, 55}};
    struct net_identity twice = {.incarnation = 8, .start_marks = {88, 78, 66, 55}};
    struct net_identity next = {.incarnation = 9, .start_marks = {99, 88, 77, 66, 55}};
    assert_int_equal(refusal_after(seen, again), NET_REFUSAL_INCARNATION);
    assert_int_equal(refusal_after(seen, twice), NET_REFUSAL_INCARNATION);
    assert_int_equal(refusal_after(seen, seen), NET_REFUSAL_NONE);
    assert_int_equal(refusal_after(seen, next), NET_REFUSAL_NONE);
}

TEST(net_refusal, somebody_with_our_own_id)
{
    struct world w;
    world_open(&w, 3);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    struct net_identity clone = b->options.identity; /* a runs as a copy of b */
    net_set_identity(a->net, &clone);
    net_set_peer(a->net, (struct node_id){2}, b->host); /* itself: no effect */
    net_set_peer(a->net, (struct node_id){3}, b->host);
    UNTIL(&w, net_metrics(b->net)->refusals > 0);
    assert_int_equal(a->ups[3][DATA], 0);
    world_close(&w);
}

TEST(net_refusal, admit_has_the_last_word)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    b->verdict = NET_REFUSAL_REMOVED;
    party_meet(a, b);
    UNTIL(&w, a->refused_count > 0);
    assert_int_equal(a->refused, NET_REFUSAL_REMOVED);
    b->verdict = NET_REFUSAL_NOT_READY;
    UNTIL(&w, b->admit_count > 5);
    b->verdict = NET_REFUSAL_NONE;
    UNTIL(&w, party_linked(a, b));
    world_close(&w);
}

static void count_refusals(void *ctx, const char *line, int size)
{
    (void)size;
    if (strstr(line, "connection refused") != NULL) (*(unsigned *)ctx)++;
}

static void await_refused(struct world *w, const struct party *a, enum net_refusal refusal)
{
    uint64_t before = net_metrics(a->net)->refused;
    UNTIL(w, a->refused == refusal && net_metrics(a->net)->refused >= before + 6);
}

/* However often it is dialled again, on either side. */
TEST(net_refusal, a_refusal_is_told_once_until_something_changes)
{
    struct world w;
    unsigned lines = 0;
    struct logger logger = {.level = LOG_LEVEL_INFO, .write = count_refusals, .ctx = &lines};
    world_open(&w, 1);
    w.count = 2;
    party_prepare(&w, 1);
    struct party *b = &w.parties[1], *a = &w.parties[0];
    b->options.logger = &logger;
    party_start(b);
    b->verdict = NET_REFUSAL_REMOVED;
    party_meet(a, b);
    await_refused(&w, a, NET_REFUSAL_REMOVED);
    assert_int_equal(a->refused_count, 1);
    assert_int_equal(lines, 1);
    b->verdict = NET_REFUSAL_CLUSTER; /* for another reason */
    await_refused(&w, a, NET_REFUSAL_CLUSTER);
    assert_int_equal(a->refused_count, 2);
    assert_int_equal(lines, 2);
    b->verdict = NET_REFUSAL_NONE;
    UNTIL(&w, party_linked(a, b));
    b->verdict = NET_REFUSAL_CLUSTER; /* for the same one, after a time without */
    net_peer_redial(net_peer_find(a->net, party_id(b)));
    await_refused(&w, a, NET_REFUSAL_CLUSTER);
    assert_int_equal(a->refused_count, 3);
    assert_int_equal(lines, 3);
    assert_true(net_metrics(b->net)->refusals >= net_metrics(a->net)->refused);
    world_close(&w);
}

TEST(net_refusal, the_address_belongs_to_another_node)
{
    struct world w;
    world_open(&w, 3);
    struct party *a = &w.parties[0], *b = &w.parties[1], *c = &w.parties[2];
    net_set_peer(a->net, party_id(b), c->host);
    UNTIL(&w, net_metrics(a->net)->refused >= 2);
    assert_int_equal(a->ups[2][DATA], 0);
    assert_int_equal(a->refused_count, 0); /* nothing permanent: b may be elsewhere */
    assert_int_equal(c->seen_count, 0);
    party_meet(a, b);
    UNTIL(&w, party_linked(a, b));
    world_close(&w);
}

TEST(net_link, a_new_connection_replaces_the_old_one)
{
    struct world w;
    world_open(&w, 3);
    struct party *a = &w.parties[0], *b = &w.parties[1], *c = &w.parties[2];
    party_meet(a, b);
    UNTIL(&w, party_linked(a, b));
    /* c takes over a's id with a newer incarnation: what is left of a must go. */
    struct net_identity identity = a->options.identity;
    identity.incarnation++;
    net_set_identity(c->net, &identity);
    party_meet(c, b);
    UNTIL(&w, party_linked(c, b));
    UNTIL(&w, a->refused_count > 0);
    assert_int_equal(a->refused, NET_REFUSAL_INCARNATION);
    assert_int_equal(a->downs[2][DATA], 1);
    world_close(&w);
}

TEST(net_link, a_newer_incarnation_ends_the_link_to_the_older)
{
    struct world w;
    world_open(&w, 3);
    struct party *a = &w.parties[0], *b = &w.parties[1], *c = &w.parties[2];
    party_meet(b, a);
    UNTIL(&w, party_linked(b, a));
    struct net_identity identity = a->options.identity;
    identity.incarnation++;
    net_set_identity(c->net, &identity); /* a's machine lost power; c is its next life */
    party_meet(c, b);
    UNTIL(&w, b->downs[1][DATA] == 1 && b->downs[1][CONTROL] == 1);
    world_close(&w);
}

/* ---- callbacks that call back ---- */

static void hook_remove(struct party *p, const char *event, uint64_t peer)
{
    if (strcmp(event, "message") == 0) net_remove_peer(p->net, (struct node_id){peer});
}

TEST(net_callback, may_remove_the_peer_that_speaks)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    b->hook = hook_remove;
    send_numbers(a, b, 0, 100);
    UNTIL(&w, a->downs[2][DATA] == 1);
    assert_int_equal(b->received_count, 1);
    world_close(&w);
}

static void hook_remove_on_up(struct party *p, const char *event, uint64_t peer)
{
    if (strcmp(event, "up") == 0 || strcmp(event, "refused") == 0 || strcmp(event, "seen") == 0)
        net_remove_peer(p->net, (struct node_id){peer});
}

TEST(net_callback, may_remove_the_peer_that_comes_up)
{
    struct world w;
    world_open(&w, 2);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    a->hook = b->hook = hook_remove_on_up;
    party_meet(a, b);
    UNTIL(&w, b->seen_count >= 1);
    world_run_for(&w, 50000000);
    assert_int_equal(party_send(a, b, DATA, 1, BYTES_EMPTY), STATUS_CLOSED);
    world_close(&w);
}

static void hook_busy(struct party *p, const char *event, uint64_t peer)
{
    uint64_t other = party_id(p).value == 1 ? 2 : 1;
    (void)event;
    (void)peer;
    struct party *to = &p->w->parties[other - 1];
    enum status status = STATUS_OK;
    if (p->received_count < 1000) status = party_send(p, to, DATA, 1, BYTES_LITERAL("ping"));
    (void)status;
    party_meet(p, to);
}

TEST(net_callback, may_send_and_set_peers)
{
    struct world w;
    world_open(&w, 2);
    for (size_t i = 0; i < 2; i++)
        w.parties[i].hook = hook_busy;
    world_connect(&w);
    UNTIL(&w, w.parties[0].received_count >= 1000 && w.parties[1].received_count >= 1000);
    world_close(&w);
}

static void hook_stop(struct party *p, const char *event, uint64_t peer)
{
    (void)peer;
    if (strcmp(event, "message") == 0) net_stop(p->net);
}

TEST(net_callback, may_stop_everything)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    b->hook = hook_stop;
    send_numbers(a, b, 0, 100);
    UNTIL(&w, b->received_count == 1 && net_idle(b->net));
    assert_int_equal(b->downs[1][DATA], 1);
    assert_int_equal(party_send(b, a, DATA, 1, BYTES_EMPTY), STATUS_CLOSED);
    world_close(&w);
}

/* ---- ends ---- */

TEST(net_life, a_net_that_never_opened_anything_can_go)
{
    struct world w;
    world_open(&w, 0);
    w.count = 1;
    party_prepare(&w, 0);
    assert_int_equal(net_create(&w.parties[0].options, &w.parties[0].net), STATUS_OK);
    net_destroy(w.parties[0].net);
    w.parties[0].net = NULL;
    net_destroy(NULL);
    world_close(&w);
}

TEST(net_life, survives_the_end_of_its_environment)
{
    for (int turns = 0; turns < 40; turns++) {
        struct world w;
        world_open(&w, 3);
        for (size_t i = 0; i < 3; i++)
            for (size_t j = 0; j < 3; j++)
                if (i != j) party_meet(&w.parties[i], &w.parties[j]);
        net_set_peer(w.parties[0].net, (struct node_id){4}, "no-such-host.invalid:1");
        net_set_peer(w.parties[0].net, (struct node_id){5}, "nonsense");
        struct visit v = {0};
        visit_open(&v, &w.parties[0], turns % 2 == 0 ? "localhost:1" : w.parties[1].host);
        for (int i = 0; i < turns; i++) {
            world_turn(&w);
            enum status status = party_send(&w.parties[0], &w.parties[1], DATA, 1, BYTES_EMPTY);
            (void)status;
        }
        world_crash(&w);
        buf_deinit(&v.last);
    }
}

TEST(net_life, books_balance)
{
    struct world w;
    world_open(&w, 2);
    world_connect(&w);
    struct party *a = &w.parties[0], *b = &w.parties[1];
    send_numbers(a, b, 0, 1000);
    UNTIL(&w, b->received_count == 1000);
    UNTIL(&w, net_queued(a->net, party_id(b), DATA) == 0);
    assert_u64_equal(net_metrics(b->net)->messages_received, 1000);
    assert_u64_equal(net_metrics(a->net)->messages_sent, 1000 + 4); /* and handshakes */
    assert_u64_equal(net_metrics(a->net)->bytes_sent, net_metrics(b->net)->bytes_received);
    assert_u64_equal(net_metrics(b->net)->bytes_sent, net_metrics(a->net)->bytes_received);
    assert_u64_equal(net_metrics(a->net)->connects, 2);
    assert_u64_equal(net_metrics(a->net)->connections, 4);
    assert_u64_equal(net_metrics(a->net)->bad_frames, 0);
    assert_u64_equal(net_metrics(a->net)->messages_dropped, 0);
    world_close(&w);
}
