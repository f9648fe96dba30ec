/* Fuzzes what one node takes from another: requests to every service, node tables, routes, snapshot streams.
 *
 * A node with one replica of each range lives in the simulation. The input is a series of messages: type u8 (of the
 * messages a peer may send), size u8, bytes; requests get an id of their own, a kind and, where they ask for one, the
 * range and epoch that are served, else they would be refused at the door. Messages of Raft are left out: a
 * member that lies about terms is not survived by any group, and decoding them is fuzzed in shard_command_fuzz.c. What must
 * hold: the node goes on, and answers a read of its own. */
#include <stdlib.h>

#include "shard/shard_int.h"
#include "tests/sim/cluster/cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUTS_PER_NODE 500
#define PEER ((struct node_id){2})

static struct cluster *cluster;
static unsigned inputs;
static uint64_t next_id;

static struct core *core_of(void)
{
    return cluster_machine(cluster, 1)->core;
}

static void node_start(void)
{
    struct cluster_options o;
    cluster_options_init(&o, 1);
    o.node_count = 1;
    cluster = cluster_create(&o);
    bool booted = cluster_boot(cluster, 60 * SIM_SEC);
    ASSERT(booted);
    next_id = 0;
}

static void node_end(void)
{
    cluster_destroy(cluster);
    inputs = 0;
}

static bool is_routed(uint16_t kind)
{
    static const uint16_t kinds[] = {RPC_READ,    RPC_COMMIT,  RPC_RANGE_TARGET, RPC_LOCK,    RPC_UNLOCK,  RPC_OUTCOME,
                                     RPC_PREPARE, RPC_DECIDE,  RPC_RESOLVE,      RPC_STAGED,  RPC_REFRESH, RPC_CATALOG_LEASE,
                                     RPC_PROMISE, RPC_REPLICA_READ, RPC_LOCK_WAITS, RPC_LOCKS};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i] == kind) return true;
    return false;
}

/* Range 2 and its epoch in front, where the kind wants them. */
static void put_request(struct buf *out, uint8_t choice, struct bytes body)
{
    uint16_t kind = (uint16_t)(choice % RPC_KIND_COUNT);
    put_u64(out, ++next_id);
    put_u16(out, kind);
    if (is_routed(kind) && (choice & 0x80) == 0) {
        struct replica *r = store_replica(core_store(core_of()), (struct range_id){2});
        put_u64(out, 2);
        put_u64(out, r == NULL ? 1 : replica_descriptor(r)->epoch);
    }
    buf_append_bytes(out, body);
}

static void deliver(uint8_t choice, struct bytes body)
{
    static const uint16_t types[] = {SHARD_MESSAGE_REQUEST, SHARD_MESSAGE_REPLY, SHARD_MESSAGE_NODES,
                                     SHARD_MESSAGE_ROUTES, SHARD_MESSAGE_SNAPSHOT_BEGIN,
                                     SHARD_MESSAGE_SNAPSHOT_CHUNK, SHARD_MESSAGE_SNAPSHOT_END,
                                     SHARD_MESSAGE_SNAPSHOT_REPLY};
    uint16_t type = (choice & 0x40) == 0 ? SHARD_MESSAGE_REQUEST : types[choice % 8u];
    struct buf b;
    buf_init(&b, 1 << 16);
    if (type == SHARD_MESSAGE_REQUEST) put_request(&b, choice, body);
    else buf_append_bytes(&b, body);
    uint8_t *copy = malloc(b.size + 1); /* of exactly its size */
    ASSERT(copy != NULL && !b.failed);
    if (b.size > 0) memcpy(copy, b.data, b.size);
    store_on_message(core_store(core_of()), PEER, type, bytes_make(copy, b.size));
    free(copy);
    buf_deinit(&b);
    struct cluster_machine *m = cluster_machine(cluster, 1);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

/* ---- the node goes on ---- */

struct probe {
    bool ended;
    enum status status;
};

static void probe_run(void *arg)
{
    struct probe *p = arg;
    struct arena arena;
    struct txn *t;
    struct bytes value;
    arena_init(&arena, 8u << 20);
    p->status = txn_create(core_kv(core_of()), &arena, &t);
    if (p->status == STATUS_OK) {
        p->status = txn_get(t, bytes_of_string("\x04" "probe"), &value);
        txn_destroy(t);
    }
    arena_deinit(&arena);
    p->ended = true;
}

static bool probe_ended(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct probe *)ctx)->ended;
}

static void check_alive(void)
{
    struct probe p = {0};
    ASSERT(cluster_up(cluster, 1));
    struct cluster_machine *m = cluster_machine(cluster, 1);
    enum status status = fiber_spawn(core_fibers(core_of()), probe_run, &p, NULL);
    ASSERT(status == STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    bool ended = cluster_run_until(cluster, probe_ended, &p, 60 * SIM_SEC);
    ASSERT(ended);
    /* A target that takes the range's voters to nodes that do not exist is obeyed; so it may be unavailable. */
    ASSERT(p.status == STATUS_OK || p.status == STATUS_NOT_FOUND || p.status == STATUS_UNAVAILABLE);
    if (p.status == STATUS_UNAVAILABLE) inputs = INPUTS_PER_NODE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (inputs >= INPUTS_PER_NODE) node_end();
    if (inputs++ == 0) node_start();
    for (size_t at = 0; at + 2 <= size && cluster_up(cluster, 1);) {
        uint8_t choice = data[at];
        size_t bytes = data[at + 1];
        at += 2;
        if (bytes > size - at) bytes = size - at;
        deliver(choice, bytes_make(data + at, bytes));
        at += bytes;
        if ((choice & 0x20) != 0) cluster_run(cluster, 2 * SIM_MS);
    }
    cluster_run(cluster, 5 * SIM_MS);
    check_alive();
    return 0;
}
