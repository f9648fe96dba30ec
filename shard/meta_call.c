#include "shard/meta_call.h"

#include "shard/meta_int.h"

#define CALL_TIMEOUT_NS 6000000000u /* more than a proposal is given */

static void on_called(struct rpc_call *call, enum status status, struct bytes body)
{
    struct meta_call *c = CONTAINER_OF(call, struct meta_call, call);
    struct reader in = reader_make(body);
    if (status != STATUS_CANCELLED) store_route_refused(c->store, RANGE_META, call->to, status, body);
    uint64_t id = status == STATUS_OK && body.size > 0 ? get_u64(&in) : 0;
    c->on_done(c, in.failed ? STATUS_INVALID : status, id);
}

enum status store_meta_change(struct store *s, struct meta_call *c, struct bytes command)
{
    ASSERT(c->on_done != NULL);
    struct node_id leader = store_meta_leader(s);
    if (leader.value == 0) return STATUS_UNAVAILABLE;
    c->store = s;
    c->call.on_done = on_called;
    return rpc_start(s->rpc, &c->call, leader, RPC_META_CHANGE, command, CALL_TIMEOUT_NS);
}

void meta_put_node_state(struct buf *out, struct node_id node, enum node_state state, uint64_t since_ms)
{
    put_u8(out, META_NODE_STATE);
    put_u64(out, node.value);
    put_u8(out, (uint8_t)state);
    put_u64(out, since_ms);
}

void meta_put_setting(struct buf *out, enum cluster_setting id, struct bytes scope, uint64_t value)
{
    put_u8(out, META_SETTING_PUT);
    put_u16(out, (uint16_t)id);
    put_sized(out, scope);
    put_u64(out, value);
}

void meta_put_setting_reset(struct buf *out, enum cluster_setting id, struct bytes scope)
{
    put_u8(out, META_SETTING_RESET);
    put_u16(out, (uint16_t)id);
    put_sized(out, scope);
}

void meta_put_job(struct buf *out, const struct meta_job *job)
{
    ASSERT(job->node_count <= RAFT_VOTERS_MAX);
    put_u8(out, META_JOB_PUT);
    put_u64(out, job->range.value);
    put_u8(out, job->reason);
    put_u64(out, job->since_ms);
    put_u8(out, (uint8_t)job->node_count);
    for (uint32_t i = 0; i < job->node_count; i++) put_u64(out, job->nodes[i]);
}

void meta_put_job_end(struct buf *out, struct range_id range, uint64_t id)
{
    put_u8(out, META_JOB_END);
    put_u64(out, range.value);
    put_u64(out, id);
}
