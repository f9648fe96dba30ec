#include "tests/txn/ask.h"

#include <stdio.h>
#include <string.h>

#include "txn/txn_state.h"

struct question {
    enum rpc_kind kind;
    char key[64];
    struct buf body, reply;
};

static enum status ask_on_fiber(struct core *core, void *ctx)
{
    struct question *q = ctx;
    struct gateway_request r = {.kind = q->kind, .key = bytes_of_string(q->key), .body = &q->body, .repeatable = true};
    return gateway_call(core_kv(core), &r, &q->reply);
}

static void question_begin(struct question *q, enum rpc_kind kind, const char *key)
{
    *q = (struct question){.kind = kind};
    snprintf(q->key, sizeof q->key, "\x04%s", key);
    buf_init(&q->body, 1 << 16);
    buf_init(&q->reply, 4096);
    buf_append_zero(&q->body, GATEWAY_HEAD_BYTES);
}

static enum status question_end(struct question *q, struct asker *a, uint64_t *number_out)
{
    enum status status = world_call(a->world, a->machine, ask_on_fiber, q);
    if (status == STATUS_OK && number_out != NULL) *number_out = load_le64(q->reply.data);
    buf_deinit(&q->body);
    buf_deinit(&q->reply);
    return status;
}

void asker_begin(struct asker *a, const struct actor *owner)
{
    asker_begin_other(a, owner, txn_id_of(owner->txn).tag);
}

void asker_begin_other(struct asker *a, const struct actor *owner, uint64_t tag)
{
    uint64_t seen = kv_timestamp_seen(core_kv(cluster_machine(owner->world->cluster, owner->machine)->core));
    *a = (struct asker){.world = owner->world, .machine = owner->machine, .name = owner->txn->name, .attempt = {seen >> 16 << 16, tag}};
}

enum status ask_prepare(struct asker *a, const char *key, const char *value, uint64_t *lb_out)
{
    struct question q;
    question_begin(&q, RPC_PREPARE, key);
    put_u64(&q.body, a->name.node);
    put_u64(&q.body, a->name.number);
    put_u64(&q.body, 0); /* it has read nothing */
    put_u64(&q.body, a->attempt.sent);
    put_u64(&q.body, a->attempt.tag);
    put_u64(&q.body, UINT64_MAX);
    put_u8(&q.body, 0); /* not gated */
    put_sized(&q.body, bytes_of_string(q.key)); /* the anchor */
    put_sized(&q.body, BYTES_EMPTY); /* not staged */
    put_u32(&q.body, 0);
    put_u32(&q.body, 1);
    encode_write(&q.body, &(struct write){.key = bytes_of_string(q.key), .value = bytes_of_string(value)});
    return question_end(&q, a, lb_out);
}

enum status ask_resolve(struct asker *a, const struct asked_resolve *items, uint32_t count)
{
    struct question q;
    question_begin(&q, RPC_RESOLVE, items[0].key);
    for (uint32_t i = 0; i < count; i++) {
        char key[64];
        snprintf(key, sizeof key, "\x04%s", items[i].key);
        resolve_encode(&q.body, items[i].asker->attempt, items[i].ct, bytes_of_string(key), bytes_of_string(key));
    }
    return question_end(&q, a, NULL);
}
