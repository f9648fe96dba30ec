/* What a node answers to guests, who have no id yet: one that joins (join.c), one that asks what would change if it did, and
 * who makes it the first node of a cluster.
 *
 * SHARD_MESSAGE_PREVIEW: sized locality. PREVIEW_REPLY: status u16, and with OK the reply of RPC_NODE_CHANGE. INIT: what
 * bootstrap_init takes. INIT_REPLY: status u16. */
#include <stdlib.h>

#include "shard/admin.h"
#include "shard/nodes.h"

struct join_request {
    struct store *store;
    struct net_guest *guest; /* NULL: it left */
    struct rpc_call call;
    struct list link;
};

static void join_answer(struct store *s, struct net_guest *guest, enum status status, uint64_t node)
{
    struct buf out;
    buf_init(&out, NET_MESSAGE_BYTES_MAX);
    put_u16(&out, (uint16_t)status);
    buf_append(&out, s->identity.cluster_id, 16);
    put_u64(&out, node);
    if (status == STATUS_OK) nodes_encode(s, &out);
    if (out.failed || net_guest_reply(guest, SHARD_MESSAGE_JOIN_REPLY, buf_view(&out)) != STATUS_OK)
        COVER("shard_join_reply_not_sent");
    buf_deinit(&out);
}

static void on_join_done(struct rpc_call *call, enum status status, struct bytes body)
{
    struct join_request *j = call->ctx;
    struct reader r = reader_make(body);
    uint64_t node = status == STATUS_OK ? get_u64(&r) : 0;
    if (r.failed) status = STATUS_INVALID;
    if (status != STATUS_CANCELLED) store_route_refused(j->store, RANGE_META, call->to, status, body);
    if (j->guest != NULL && status != STATUS_CANCELLED) join_answer(j->store, j->guest, status, node);
    list_remove(&j->link);
    free(j);
}

/* Asks the leader of the metadata range for a guest. STATUS_OK: on_done follows. */
static enum status ask_for(struct store *s, struct net_guest *guest, enum rpc_kind kind, struct bytes body,
                           void (*on_done)(struct rpc_call *call, enum status status, struct bytes body))
{
    struct node_id leader = store_meta_leader(s);
    struct join_request *j = leader.value == 0 ? NULL : calloc(1, sizeof *j);
    if (j == NULL) return STATUS_UNAVAILABLE;
    j->store = s;
    j->guest = guest;
    j->call.on_done = on_done;
    j->call.ctx = j;
    list_push_back(&s->joins, &j->link);
    if (rpc_start(s->rpc, &j->call, leader, kind, body, JOIN_TIMEOUT_NS) == STATUS_OK) return STATUS_OK;
    list_remove(&j->link);
    free(j);
    return STATUS_BUSY;
}

static void serve_join(struct store *s, struct net_guest *guest, struct bytes payload)
{
    enum status status = ask_for(s, guest, RPC_META_JOIN, payload, on_join_done);
    if (status != STATUS_OK) join_answer(s, guest, status, 0);
}

/* ---- what a node would change that has not joined yet ---- */

static void preview_answer(struct net_guest *guest, enum status status, struct bytes body)
{
    struct buf out;
    buf_init(&out, NET_MESSAGE_BYTES_MAX);
    put_u16(&out, (uint16_t)status);
    buf_append_bytes(&out, status == STATUS_OK ? body : BYTES_EMPTY);
    if (out.failed || net_guest_reply(guest, SHARD_MESSAGE_PREVIEW_REPLY, buf_view(&out)) != STATUS_OK)
        COVER("shard_preview_not_sent");
    buf_deinit(&out);
}

static void on_preview_done(struct rpc_call *call, enum status status, struct bytes body)
{
    struct join_request *j = call->ctx;
    if (status != STATUS_OK && status != STATUS_CANCELLED) store_route_refused(j->store, RANGE_META, call->to, status, body);
    if (j->guest != NULL && status != STATUS_CANCELLED) preview_answer(j->guest, status, body);
    list_remove(&j->link);
    free(j);
}

/* It costs the leader a walk over all ranges, so a guest asks once at a time. */
static void serve_preview(struct store *s, struct net_guest *guest, struct bytes payload)
{
    struct reader in = reader_make(payload);
    struct admin_question q = {.flags = ADMIN_ASK, .adds = true, .locality = get_sized(&in)};
    LIST_FOR_EACH(item, &s->joins)
        if (CONTAINER_OF(item, struct join_request, link)->guest == guest) return;
    struct buf body;
    buf_init(&body, NET_GUEST_MESSAGE_BYTES_MAX + 64);
    enum status status = reader_done(&in) ? STATUS_OK : STATUS_INVALID;
    if (status == STATUS_OK) admin_encode(&body, &q);
    if (status == STATUS_OK) status = buf_status(&body);
    if (status == STATUS_OK) status = ask_for(s, guest, RPC_NODE_CHANGE, buf_view(&body), on_preview_done);
    buf_deinit(&body);
    if (status != STATUS_OK) preview_answer(guest, status, BYTES_EMPTY);
}

static void on_init_done(void *ctx, enum status status)
{
    struct store *s = ctx;
    if (s->init_guest == NULL) return;
    uint8_t reply[2];
    store_le16(reply, (uint16_t)status);
    if (net_guest_reply(s->init_guest, SHARD_MESSAGE_INIT_REPLY, bytes_make(reply, 2)) != STATUS_OK)
        COVER("shard_init_reply_not_sent");
    s->init_guest = NULL;
}

void store_on_guest_message(struct store *s, struct net_guest *guest, uint16_t type,
                            struct bytes payload)
{
    if (s->failed) return;
    if (type == SHARD_MESSAGE_JOIN) {
        serve_join(s, guest, payload);
    } else if (type == SHARD_MESSAGE_PREVIEW) {
        serve_preview(s, guest, payload);
    } else if (type == SHARD_MESSAGE_INIT) {
        if (s->init_guest != NULL) return;
        s->init_guest = guest;
        bootstrap_init(s, payload, on_init_done, s);
    }
}

void store_on_guest_closed(struct store *s, struct net_guest *guest)
{
    if (s->init_guest == guest) s->init_guest = NULL;
    LIST_FOR_EACH(item, &s->joins) {
        struct join_request *j = CONTAINER_OF(item, struct join_request, link);
        if (j->guest == guest) j->guest = NULL;
    }
}
