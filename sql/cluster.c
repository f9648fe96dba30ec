/* ALTER RANGE n TRANSFER TO m, MOVE FROM a TO b, MERGE; ALTER NODE n DRAIN, DECOMMISSION, ACTIVATE [FORCE] [DRY RUN],
 * ALTER CLUSTER ADD NODE DRY RUN: orders to whoever decides about ranges and nodes (shard/admin.h). They are carried out afterwards; SHOW RANGES shows how far. */
#include <stdio.h>

#include "shard/admin.h"
#include "shard/overview.h"
#include "sql/query.h"

#define QUORUM(voters) ((voters) / 2 + 1)

static bool refuse(struct exec *x, const char *sqlstate, const char *what, const char *hint)
{
    sql_error_set(x->error, x->arena, sqlstate, 0, "%s", what);
    sql_error_hint(x->error, x->arena, "%s", hint);
    return false;
}

static bool no_such_range(struct exec *x)
{
    return refuse(x, SQLSTATE_UNDEFINED_OBJECT, "there is no such range", "See SHOW RANGES.");
}

/* With the right neighbour. Who is told that it is done finds it done. */
static bool merge_range(struct exec *x, const struct sql_alter_cluster *n)
{
    enum status status = txn_range_merge(x->txn, (struct range_id){(uint64_t)n->id});
    switch (status) {
    case STATUS_OK: return true;
    case STATUS_NOT_FOUND: return no_such_range(x);
    case STATUS_UNSUPPORTED:
        return refuse(x, SQLSTATE_INVALID_PARAMETER_VALUE, "the range has no right neighbour that it could take in",
                      "A range takes in the one that begins where it ends; that of the metadata stays as it is.");
    case STATUS_INVALID:
        return refuse(x, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the range and its right neighbour are not on the same nodes",
                      "Move one of them first: ALTER RANGE ... MOVE FROM ... TO ...");
    case STATUS_BUSY:
        return refuse(x, SQLSTATE_OBJECT_IN_USE, "one of the two ranges is being changed, or one of their nodes is away",
                      "Try again.");
    default: return exec_fail(x, status);
    }
}

static bool busy(struct exec *x)
{
    return refuse(x, SQLSTATE_OBJECT_IN_USE, "the range is being changed, or the node is behind", "Try again.");
}

static bool transfer_range(struct exec *x, const struct sql_alter_cluster *n)
{
    enum status status = txn_range_transfer(x->txn, (struct range_id){(uint64_t)n->id}, (struct node_id){(uint64_t)n->to});
    switch (status) {
    case STATUS_OK: return true;
    case STATUS_NOT_FOUND: return no_such_range(x);
    case STATUS_INVALID:
        return refuse(x, SQLSTATE_INVALID_PARAMETER_VALUE, "only a voter of the range can lead it, and this node is none",
                      "SHOW RANGES tells its voters; ALTER RANGE ... MOVE FROM ... TO ... changes them.");
    case STATUS_BUSY: return busy(x);
    default: return exec_fail(x, status);
    }
}

/* Who would be given the range and has to leave it at once, or does not answer, is not given it. */
static bool takes_ranges(struct exec *x, struct node_id node)
{
    struct overview *o = ARENA_NEW(x->arena, struct overview);
    if (o == NULL) return sql_error_out_of_memory(x->error);
    enum status status = txn_overview(x->txn, o);
    if (status != STATUS_OK) return exec_fail(x, status);
    const struct overview_node *found = NULL;
    for (uint32_t i = 0; i < o->node_count && found == NULL; i++)
        if (o->nodes[i].node.value == node.value) found = &o->nodes[i];
    if (found == NULL) return refuse(x, SQLSTATE_UNDEFINED_OBJECT, "there is no such node", "See SHOW NODES.");
    if (found->state != NODE_STATE_ACTIVE)
        return refuse(x, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the node is draining or leaving: it is given nothing",
                      "ALTER NODE ... ACTIVATE lets it take ranges again.");
    if (found->health != ALLOCATOR_ALIVE)
        return refuse(x, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the node does not answer: it is given nothing",
                      "See SHOW NODES.");
    return true;
}

static bool move_range(struct exec *x, const struct sql_alter_cluster *n)
{
    struct range_id range = {(uint64_t)n->id};
    struct node_id from = {(uint64_t)n->from}, to = {(uint64_t)n->to};
    enum status status = txn_range_may_move(x->txn, range, from, to);
    if (status == STATUS_OK && !takes_ranges(x, to)) return false;
    if (status == STATUS_OK) status = txn_range_move(x->txn, range, from, to);
    switch (status) {
    case STATUS_OK: return true;
    case STATUS_NOT_FOUND: return no_such_range(x);
    case STATUS_INVALID:
        return refuse(x, SQLSTATE_INVALID_PARAMETER_VALUE, "the first node has to be a voter of the range, and the second one none",
                      "SHOW RANGES tells its voters.");
    case STATUS_BUSY: return busy(x);
    default: return exec_fail(x, status);
    }
}

static bool alter_range(struct exec *x, const struct sql_alter_cluster *n)
{
    switch (n->change) {
    case SQL_CLUSTER_MERGE: return merge_range(x, n);
    case SQL_CLUSTER_TRANSFER: return transfer_range(x, n);
    default: return move_range(x, n);
    }
}

/* What comes of the change, in words. NULL: no memory. */
static const char *consequences(struct exec *x, const struct admin_answer *a)
{
    return arena_printf(x->arena,
                        "%u ranges have to move (%llu bytes), %u of them cannot; %u end with fewer voters than wanted; "
                        "quorum %u, then %u; nodes that may be lost: %d, then %d; now: %s",
                        a->moves, (unsigned long long)a->move_bytes, a->stuck, a->fewer, QUORUM(a->now.voters_min),
                        QUORUM(a->then.voters_min), a->now.tolerance, a->then.tolerance, a->text);
}

static bool node_refused(struct exec *x, const struct admin_answer *a)
{
    const char *text = consequences(x, a);
    sql_error_set(x->error, x->arena, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, 0,
                  "ranges would stay on the node, or the cluster could lose less than it can now");
    if (text != NULL) sql_error_detail(x->error, x->arena, "%s", text);
    sql_error_hint(x->error, x->arena, "Start another node first, or add FORCE.");
    return false;
}

bool cluster_notice(struct exec *x, const struct admin_answer *a)
{
    const char *text = consequences(x, a);
    return text == NULL ? sql_error_out_of_memory(x->error)
                        : exec_notice(x, "NOTICE", SQLSTATE_SUCCESSFUL_COMPLETION, "%s", text);
}

static bool alter_node(struct exec *x, const struct sql_alter_cluster *n)
{
    static const enum node_state states[] = {[SQL_CLUSTER_DRAIN] = NODE_STATE_DRAINING,
                                             [SQL_CLUSTER_DECOMMISSION] = NODE_STATE_DECOMMISSIONING,
                                             [SQL_CLUSTER_ACTIVATE] = NODE_STATE_ACTIVE};
    uint32_t flags = (n->force ? ADMIN_FORCE : 0u) | (n->dry_run ? ADMIN_DRY_RUN : 0u);
    struct admin_answer *a = ARENA_NEW(x->arena, struct admin_answer);
    if (a == NULL) return sql_error_out_of_memory(x->error);
    const struct admin_question q = {
        .node = {(uint64_t)n->id}, .state = states[n->change], .flags = flags};
    enum status status = txn_admin(x->txn, &q, a);
    switch (status) {
    case STATUS_OK: break;
    case STATUS_CONFLICT: return node_refused(x, a);
    case STATUS_NOT_FOUND:
        return refuse(x, SQLSTATE_UNDEFINED_OBJECT, "there is no such node", "See SHOW NODES.");
    case STATUS_INVALID:
        return refuse(x, SQLSTATE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the node was removed from the cluster",
                      "A node that was removed joins again with an empty data directory.");
    case STATUS_BUSY:
        return refuse(x, SQLSTATE_OBJECT_IN_USE, "not all ranges have told yet how they are, so what it would cost is not known",
                      "Try again in some seconds, or add FORCE.");
    default: return exec_fail(x, status);
    }
    return cluster_notice(x, a);
}

/* A node is added by starting it; here it is only told what that would do. */
static bool add_node(struct exec *x, const struct sql_alter_cluster *n)
{
    if (!n->dry_run)
        return refuse(x, SQLSTATE_FEATURE_NOT_SUPPORTED, "a node is added by starting it",
                      "ostraka start --join HOST:PORT; with DRY RUN this statement tells what would come of it.");
    struct admin_answer *a = ARENA_NEW(x->arena, struct admin_answer);
    if (a == NULL) return sql_error_out_of_memory(x->error);
    struct admin_question q = {.flags = ADMIN_ASK, .adds = true};
    if (n->locality != NULL) q.locality = bytes_of_string(n->locality);
    enum status status = txn_admin(x->txn, &q, a);
    if (status == STATUS_INVALID)
        return refuse(x, SQLSTATE_INVALID_PARAMETER_VALUE, "the locality is too long", "It may have 127 bytes.");
    return status == STATUS_OK ? cluster_notice(x, a) : exec_fail(x, status);
}

bool exec_alter_cluster(struct exec *x, const struct sql_alter_cluster *n)
{
    bool range = n->change <= SQL_CLUSTER_MERGE, adds = n->change == SQL_CLUSTER_ADD_NODE;
    snprintf(x->tag, sizeof x->tag, "%s", range ? "ALTER RANGE" : adds ? "ALTER CLUSTER" : "ALTER NODE");
    if (x->describe) return true;
    if (!x->alone)
        return sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0,
                             "%s cannot run inside a transaction block", x->tag);
    return range ? alter_range(x, n) : adds ? add_node(x, n) : alter_node(x, n);
}
