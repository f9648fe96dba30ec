/* /status: what this node knows of its cluster, as JSON. It asks nobody, so it works with no quorum. */
#include "base/assert.h"
#include "node/metrics_int.h"

/* Texts come from node records, which are printable ASCII; quotes and backslashes still need escaping. */
static void json_text(struct buf *b, const char *text)
{
    buf_append_byte(b, '"');
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') buf_append_byte(b, '\\');
        if ((unsigned char)*p < ' ') continue;
        buf_append_byte(b, (uint8_t)*p);
    }
    buf_append_byte(b, '"');
}

static const char *role_name(enum raft_role role)
{
    static const char *const names[] = {"follower", "pre-candidate", "candidate", "leader"};
    return names[role];
}

static bool node_alive(struct store *s, uint64_t id)
{
    struct node_view nodes[SHARD_NODES_MAX];
    uint32_t count = store_nodes(s, nodes, SHARD_NODES_MAX);
    for (uint32_t i = 0; i < count; i++)
        if (nodes[i].record.node.value == id) return store_node_seen(s, &nodes[i]);
    return false;
}

/* How many more nodes a range may lose and keep a majority; negative: it has none now. */
static int tolerance_of(struct store *s, const struct raft_config *c)
{
    int alive = 0;
    for (uint32_t i = 0; i < c->voter_count; i++) alive += node_alive(s, c->voters[i].node);
    return alive - ((int)c->voter_count / 2 + 1);
}

static void json_nodes(struct buf *b, struct store *s)
{
    struct node_view nodes[SHARD_NODES_MAX];
    uint32_t count = store_nodes(s, nodes, SHARD_NODES_MAX);
    buf_append_string(b, "\"nodes\":[");
    for (uint32_t i = 0; i < count; i++) {
        const struct node_record *r = &nodes[i].record;
        buf_printf(b, "%s{\"node\":%llu,\"incarnation\":%llu,\"alive\":%s,\"removed\":%s,\"peer\":",
                   i > 0 ? "," : "", (unsigned long long)r->node.value,
                   (unsigned long long)r->incarnation, node_alive(s, r->node.value) ? "true" : "false",
                   r->removed ? "true" : "false");
        json_text(b, r->peer_address);
        buf_append_string(b, ",\"sql\":");
        json_text(b, r->sql_address);
        buf_append_string(b, ",\"http\":");
        json_text(b, r->http_address);
        buf_append_string(b, ",\"locality\":");
        json_text(b, r->locality);
        buf_append_byte(b, '}');
    }
    buf_append_byte(b, ']');
}

static void json_members(struct buf *b, const char *name, const struct raft_member *members,
                         uint32_t count)
{
    buf_printf(b, ",\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++)
        buf_printf(b, "%s%llu", i > 0 ? "," : "", (unsigned long long)members[i].node);
    buf_append_byte(b, ']');
}

static void json_ranges(struct buf *b, struct store *s)
{
    bool first = true;
    buf_append_string(b, "\"ranges\":[");
    struct replica *r = NULL;
    while ((r = store_replica_next(s, r)) != NULL) {
        struct raft_status raft;
        replica_raft_status(r, &raft);
        const struct descriptor *d = replica_descriptor(r);
        int spare = tolerance_of(s, raft.config);
        buf_printf(b,
                   "%s{\"range\":%llu,\"epoch\":%llu,\"role\":\"%s\",\"leader\":%llu,\"term\":%llu,"
                   "\"commit\":%llu,\"applied\":%llu,\"last\":%llu,\"serving\":%s,\"fenced\":%s,\"spare\":%d",
                   first ? "" : ",", (unsigned long long)d->range.value, (unsigned long long)d->epoch,
                   role_name(raft.role), (unsigned long long)raft.leader_node,
                   (unsigned long long)raft.term, (unsigned long long)raft.commit_index,
                   (unsigned long long)raft.applied_index, (unsigned long long)raft.last.index,
                   replica_serving(r) ? "true" : "false", replica_fenced(r) ? "true" : "false", spare);
        json_members(b, "voters", raft.config->voters, raft.config->voter_count);
        json_members(b, "outgoing", raft.config->outgoing, raft.config->outgoing_count);
        json_members(b, "learners", raft.config->learners, raft.config->learner_count);
        buf_append_byte(b, '}');
        first = false;
    }
    buf_append_byte(b, ']');
}

/* What doctor compares between nodes. */
static void json_local(struct buf *b, const struct metrics_sources *m, struct store *s)
{
    const struct sql_server_metrics *q = sql_server_metrics(m->sql);
    const struct arena_account *memory = sql_activity_memory(sql_server_activity(m->sql));
    const struct wal_metrics *w = wal_metrics(store_wal(s));
    bool full = lsm_disk_full(store_lsm(s)) || wal_no_space(store_wal(s));
    buf_printf(b,
               "\"local\":{\"now_us\":%llu,\"io\":\"%s\",\"leases\":%s,\"memory\":%llu,\"sessions\":%llu,"
               "\"sessions_max\":%u,\"sql_memory\":%llu,\"sql_memory_max\":%llu,\"sync_p50_us\":%llu,"
               "\"sync_p99_us\":%llu,\"syncs\":%llu,\"disk_full\":%s},",
               (unsigned long long)(env_wall_ns(core_env(m->core)) / 1000), m->io, m->leases ? "true" : "false",
               (unsigned long long)m->memory_bytes, (unsigned long long)q->sessions, sql_server_sessions_max(m->sql),
               (unsigned long long)memory->held, (unsigned long long)memory->held_max,
               (unsigned long long)(histogram_quantile(&w->sync_ns, 0.5) / 1000),
               (unsigned long long)(histogram_quantile(&w->sync_ns, 0.99) / 1000),
               (unsigned long long)w->sync_ns.count, full ? "true" : "false");
}

void status_json(const struct metrics_sources *m, struct buf *b)
{
    struct store *s = core_store(m->core);
    buf_printf(b, "{\"version\":\"%s\",\"sql\":", OSTRAKA_VERSION);
    json_text(b, m->sql_address);
    buf_append_string(b, ",\"http\":");
    json_text(b, m->http_address);
    if (s == NULL) {
        buf_append_string(b, ",\"state\":\"starting\"}\n");
        return;
    }
    const struct net_identity *id = store_identity(s);
    buf_append_string(b, ",\"peer\":");
    json_text(b, id->advertise);
    buf_append_string(b, ",\"cluster\":\"");
    for (int i = 0; i < 16; i++) buf_printf(b, "%02x", id->cluster_id[i]);
    buf_printf(b, "\",\"node\":%llu,\"incarnation\":%llu,\"state\":\"%s\",",
               (unsigned long long)id->node.value, (unsigned long long)id->incarnation,
               id->node.value == 0 ? "not a member yet" : "running");
    json_local(b, m, s);
    json_nodes(b, s);
    buf_append_byte(b, ',');
    json_ranges(b, s);
    struct cluster_health h;
    cluster_health(s, &h);
    buf_printf(b, ",\"can_lose\":%llu,\"quorum\":%s}\n", (unsigned long long)h.can_lose, h.quorum ? "true" : "false");
}

