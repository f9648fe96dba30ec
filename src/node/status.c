/* /status: what this node knows of its cluster, as JSON. It waits for nobody, so it works with no quorum: what the leader
 * of the metadata range last said ("overview") comes with its age. */
#include <sys/statvfs.h>

#include "base/assert.h"
#include "node/metrics_int.h"

#define RANGES_LISTED 2000u

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

/* The nodes as they are now: looked up once, for there may be thousands of ranges. */
struct known_nodes {
    struct store *store;
    struct node_view list[SHARD_NODES_MAX];
    uint32_t count;
};

static bool node_alive(const struct known_nodes *k, uint64_t id)
{
    for (uint32_t i = 0; i < k->count; i++)
        if (k->list[i].record.node.value == id) return store_node_seen(k->store, &k->list[i]);
    return false;
}

/* How many more nodes a range may lose and keep a majority; negative: it has none now. */
static int tolerance_of(const struct known_nodes *k, const struct raft_config *c, uint32_t *missing_out)
{
    int alive = 0;
    for (uint32_t i = 0; i < c->voter_count; i++) alive += node_alive(k, c->voters[i].node);
    *missing_out = c->voter_count - (uint32_t)alive;
    return alive - ((int)c->voter_count / 2 + 1);
}

static void json_nodes(struct buf *b, const struct known_nodes *k)
{
    buf_append_string(b, "\"nodes\":[");
    for (uint32_t i = 0; i < k->count; i++) {
        const struct node_record *r = &k->list[i].record;
        buf_printf(b, "%s{\"node\":%llu,\"incarnation\":%llu,\"alive\":%s,\"removed\":%s,\"peer\":",
                   i > 0 ? "," : "", (unsigned long long)r->node.value,
                   (unsigned long long)r->incarnation, node_alive(k, r->node.value) ? "true" : "false",
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

static void json_range(struct buf *b, const struct replica *r, const struct raft_status *raft, int spare)
{
    const struct descriptor *d = replica_descriptor(r);
    buf_printf(b,
               "{\"range\":%llu,\"epoch\":%llu,\"role\":\"%s\",\"leader\":%llu,\"term\":%llu,"
               "\"commit\":%llu,\"applied\":%llu,\"last\":%llu,\"serving\":%s,\"fenced\":%s,\"spare\":%d",
               (unsigned long long)d->range.value, (unsigned long long)d->epoch, role_name(raft->role),
               (unsigned long long)raft->leader_node, (unsigned long long)raft->term,
               (unsigned long long)raft->commit_index, (unsigned long long)raft->applied_index,
               (unsigned long long)raft->last.index, replica_serving(r) ? "true" : "false",
               replica_fenced(r) ? "true" : "false", spare);
    json_members(b, "voters", raft->config->voters, raft->config->voter_count);
    json_members(b, "outgoing", raft->config->outgoing, raft->config->outgoing_count);
    json_members(b, "learners", raft->config->learners, raft->config->learner_count);
    buf_append_byte(b, '}');
}

/* The first ones, and as many more of those with which something is wrong. */
static void json_ranges(struct buf *b, const struct known_nodes *k)
{
    uint32_t count = 0, listed = 0;
    buf_append_string(b, "\"ranges\":[");
    struct replica *r = NULL;
    while ((r = store_replica_next(k->store, r)) != NULL) {
        struct raft_status raft;
        replica_raft_status(r, &raft);
        uint32_t missing;
        int spare = tolerance_of(k, raft.config, &missing);
        bool well = raft.leader_node != 0 && missing == 0 && !replica_fenced(r);
        if (count++ >= RANGES_LISTED && (well || listed >= 2 * RANGES_LISTED)) continue;
        if (listed++ > 0) buf_append_byte(b, ',');
        json_range(b, r, &raft, spare);
    }
    buf_printf(b, "],\"range_count\":%u", count);
}

void disk_room(const char *data, uint64_t *size_out, uint64_t *free_out)
{
    struct statvfs v;
    *size_out = *free_out = 0;
    if (data == NULL || statvfs(data, &v) != 0) return;
    *size_out = (uint64_t)v.f_blocks * v.f_frsize;
    *free_out = (uint64_t)v.f_bavail * v.f_frsize;
}

static void json_clock(struct buf *b, const struct metrics_sources *m)
{
    struct kv_clock_status c;
    kv_clock_status(core_kv(m->core), &c);
    const struct kv_metrics *k = kv_metrics(core_kv(m->core));
    buf_printf(b, "\"clock\":{\"source\":\"%s\",\"known\":%s,\"width_ns\":%llu,\"epoch\":%llu,\"contradictions\":%llu,\"differs\":%s,\"refused\":",
               c.source == KV_CLOCK_INTERVAL ? "interval" : "oracle", c.known ? "true" : "false", (unsigned long long)c.width_ns,
               (unsigned long long)c.epoch, (unsigned long long)k->clock_contradictions, c.differs ? "true" : "false");
    json_text(b, m->clock_refused != NULL ? m->clock_refused : "");
    buf_append_string(b, "},");
}

/* What doctor compares between nodes. */
static void json_local(struct buf *b, const struct metrics_sources *m, struct store *s)
{
    const struct sql_server_metrics *q = sql_server_metrics(m->sql);
    const struct arena_account *memory = sql_activity_memory(sql_server_activity(m->sql));
    const struct wal_metrics *w = wal_metrics(store_wal(s));
    bool full = lsm_disk_full(store_lsm(s)) || wal_no_space(store_wal(s));
    uint64_t disk_bytes, disk_free_bytes;
    disk_room(m->data, &disk_bytes, &disk_free_bytes);
    buf_printf(b,
               "\"local\":{\"now_us\":%llu,\"io\":\"%s\",\"leases\":%s,\"memory\":%llu,\"sessions\":%llu,"
               "\"sessions_max\":%u,\"sql_memory\":%llu,\"sql_memory_max\":%llu,\"sync_p50_us\":%llu,"
               "\"sync_p99_us\":%llu,\"syncs\":%llu,\"disk_full\":%s,\"disk_bytes\":%llu,\"disk_free_bytes\":%llu},",
               (unsigned long long)(env_wall_ns(core_env(m->core)) / 1000), m->io, m->leases ? "true" : "false",
               (unsigned long long)m->memory_bytes, (unsigned long long)q->sessions, sql_server_sessions_max(m->sql),
               (unsigned long long)memory->held, (unsigned long long)memory->held_max,
               (unsigned long long)(histogram_quantile(&w->sync_ns, 0.5) / 1000),
               (unsigned long long)(histogram_quantile(&w->sync_ns, 0.99) / 1000),
               (unsigned long long)w->sync_ns.count, full ? "true" : "false", (unsigned long long)disk_bytes,
               (unsigned long long)disk_free_bytes);
}

static const char *health_name(enum allocator_health health)
{
    return health == ALLOCATOR_ALIVE ? "alive" : health == ALLOCATOR_DEAD ? "dead" : "suspect";
}

static void json_overview_node(struct buf *b, const struct overview_node *n)
{
    buf_printf(b,
               "{\"node\":%llu,\"state\":\"%s\",\"health\":\"%s\",\"reported\":%s,\"full\":%s,\"ranges\":%u,"
               "\"leaders\":%u,\"bytes\":%llu,\"requests\":%llu,\"incoming\":%u,\"incoming_bytes\":%llu,\"outgoing\":%u}",
               (unsigned long long)n->node.value, overview_state_name(n->state), health_name(n->health),
               n->reported ? "true" : "false", n->full ? "true" : "false", n->replicas, n->leaders,
               (unsigned long long)n->bytes, (unsigned long long)n->load, n->incoming,
               (unsigned long long)n->incoming_bytes, n->outgoing);
}

static void json_overview(struct buf *b, struct overview_watch *w, struct store *s)
{
    if (w == NULL) return;
    const struct overview *o = &w->last;
    overview_watch_ask(w, s);
    buf_printf(b, ",\"overview_asked\":%s,\"overview\":", w->busy ? "true" : "false");
    if (w->at_ns == 0) {
        buf_append_string(b, "null");
        return;
    }
    buf_printf(b,
               "{\"age_ms\":%llu,\"ranges\":%u,\"unavailable\":%u,\"under\":%u,\"over\":%u,\"holes\":%u,\"moving\":%u,"
               "\"can_lose\":%d,\"bytes\":%llu,\"requests\":%llu,\"share\":%u,\"text\":",
               (unsigned long long)((env_now_ns(w->env) - w->at_ns) / 1000000u), o->ranges, o->unavailable, o->under,
               o->over, o->holes, o->jobs, o->tolerance, (unsigned long long)o->bytes, (unsigned long long)o->load,
               overview_share(o));
    json_text(b, o->text);
    buf_append_string(b, ",\"nodes\":[");
    for (uint32_t i = 0; i < o->node_count; i++) {
        if (i > 0) buf_append_byte(b, ',');
        json_overview_node(b, &o->nodes[i]);
    }
    buf_append_string(b, "]}");
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
    json_clock(b, m);
    json_local(b, m, s);
    struct known_nodes known = {.store = s};
    known.count = store_nodes(s, known.list, SHARD_NODES_MAX);
    json_nodes(b, &known);
    buf_append_byte(b, ',');
    json_ranges(b, &known);
    struct cluster_health h;
    cluster_health(s, &h);
    buf_printf(b, ",\"can_lose\":%llu,\"quorum\":%s", (unsigned long long)h.can_lose, h.quorum ? "true" : "false");
    json_overview(b, m->overview, s);
    buf_append_string(b, "}\n");
}

