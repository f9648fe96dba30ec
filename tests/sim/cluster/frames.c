#include "tests/sim/cluster/frames.h"

#include "base/codec.h"
#include "shard/rpc.h"
#include "shard/shard.h"

static struct frames_step note(struct frames *f, const struct sim_frame *frame, uint64_t id, uint16_t kind)
{
    f->asked[f->asked_count++ % FRAMES_ASKED] = (struct frames_request){frame->from, frame->to, id, kind};
    return (struct frames_step){kind, false, frame->from, frame->to};
}

struct frames_step frames_step(struct frames *f, const struct sim_frame *frame)
{
    struct reader in = reader_make(frame->payload);
    uint64_t id = get_u64(&in);
    uint16_t kind = (uint16_t)(get_u16(&in) & ~RPC_STAMPED); /* of a reply: its status */
    if (in.failed) return (struct frames_step){0};
    if (frame->type == SHARD_MESSAGE_REQUEST) return note(f, frame, id, kind);
    for (size_t i = 0; frame->type == SHARD_MESSAGE_REPLY && i < FRAMES_ASKED; i++) {
        const struct frames_request *r = &f->asked[i];
        if (r->id == id && r->from == frame->to && r->to == frame->from && r->kind != 0)
            return (struct frames_step){r->kind, true, frame->to, frame->from};
    }
    return (struct frames_step){0};
}
