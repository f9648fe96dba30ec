#include "node/metrics.h"

#include <stdio.h>

#include "base/assert.h"

#define NS_PER_SECOND 1e9
#define LAG_NS 3000000000u /* a node that was silent for longer counts as down */

/* ---- Prometheus text ---- */

static void counter(struct buf *b, const char *name, const char *help, uint64_t value)
{
    buf_printf(b, "# HELP ostraka_%s %s\n# TYPE ostraka_%s counter\nostraka_%s %llu\n", name, help, name,
               name, (unsigned long long)value);
}

static void gauge(struct buf *b, const char *name, const char *help, uint64_t value)
{
    buf_printf(b, "# HELP ostraka_%s %s\n# TYPE ostraka_%s gauge\nostraka_%s %llu\n", name, help, name,
               name, (unsigned long long)value);
}

/* Nanoseconds inside, seconds outside. */
static void seconds(struct buf *b, const char *name, const char *help, const struct histogram *h)
{
    static const double edges[] = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                   0.01,    0.025,  0.05,    0.1,    0.25,  0.5,    1, 2.5, 5, 10};
    buf_printf(b, "# HELP ostraka_%s %s\n# TYPE ostraka_%s histogram\n", name, help, name);
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        buf_printf(b, "ostraka_%s_bucket{le=\"%g\"} %llu\n", name, edges[i],
                   (unsigned long long)histogram_count_below(h, (uint64_t)(edges[i] * NS_PER_SECOND)));
    buf_printf(b, "ostraka_%s_bucket{le=\"+Inf\"} %llu\nostraka_%s_sum %.9f\nostraka_%s_count %llu\n", name,
               (unsigned long long)h->count, name, (double)h->sum / NS_PER_SECOND, name,
               (unsigned long long)h->count);
}

static void store_text(struct buf *b, struct store *s)
{
    const struct wal_metrics *w = wal_metrics(store_wal(s));
    counter(b, "log_appended_bytes_total", "Bytes appended to the log.", w->appended_bytes);
    counter(b, "log_written_bytes_total", "Bytes written to the log's files.", w->written_bytes);
    counter(b, "log_groups_total", "Group frames written.", w->group_count);
    counter(b, "log_entries_total", "Records appended.", w->entry_count);
    gauge(b, "log_segments", "Segments in use.", w->segment_count);
    seconds(b, "log_sync_seconds", "Group write and sync, submission to completion.", &w->sync_ns);
    const struct lsm_metrics *l = lsm_metrics(store_lsm(s));
    gauge(b, "engine_memtable_bytes", "Memory held by memtables.", l->memtable_bytes);
    gauge(b, "engine_cache_bytes", "Memory held by the block cache.", l->cache_bytes);
    counter(b, "engine_cache_hits_total", "Blocks found in the cache.", l->cache_hits);
    counter(b, "engine_cache_misses_total", "Blocks read from disk.", l->cache_misses);
    counter(b, "engine_flushes_total", "Memtables written to tables.", l->flush_count);
    counter(b, "engine_compactions_total", "Compactions.", l->compaction_count);
    gauge(b, "engine_table_bytes", "Bytes in tables.", l->table_bytes);
    counter(b, "engine_blocks_corrupt_total", "Blocks whose checksum was wrong.", l->blocks_corrupt);
    const struct store_metrics *m = store_metrics(s);
    counter(b, "proposals_total", "Commands proposed here.", m->proposals);
    counter(b, "proposals_refused_total", "Commands refused before they were proposed.", m->proposals_refused);
    counter(b, "applied_entries_total", "Committed entries applied.", m->applied_entries);
    counter(b, "raft_messages_sent_total", "Raft messages sent.", m->raft_messages_out);
    counter(b, "raft_messages_received_total", "Raft messages received.", m->raft_messages_in);
    counter(b, "reads_leased_total", "Reads and clock batches served under a lease.", m->reads_leased);
    counter(b, "reads_confirmed_total", "Reads and clock batches that cost a quorum round.", m->reads_confirmed);
    counter(b, "elections_total", "Elections begun by replicas here.", m->elections);
    counter(b, "snapshots_sent_total", "Snapshots sent.", m->snapshots_sent);
    counter(b, "snapshots_received_total", "Snapshots adopted.", m->snapshots_received);
    counter(b, "replicas_fenced_total", "Replicas fenced for damage.", m->replicas_fenced);
    counter(b, "replicas_refetched_total", "Fenced replicas that are whole again.", m->replicas_refetched);
    counter(b, "disk_full_total", "Times that writes were refused for lack of disk space.", m->disk_full);
    gauge(b, "replicas", "Replicas here.", m->replicas);
    gauge(b, "leaders", "Ranges led from here.", m->leaders);
    seconds(b, "commit_seconds", "A command, from proposal to applied.", &m->commit_ns);
}

static void metrics_text(const struct metrics_sources *m, struct buf *b)
{
    buf_printf(b,
               "# HELP ostraka_build_info Version of this program.\n# TYPE ostraka_build_info gauge\n"
               "ostraka_build_info{version=\"%s\"} 1\n", OSTRAKA_VERSION);
    const struct core_metrics *c = core_metrics(m->core);
    counter(b, "turns_total", "Turns of the core's loop.", c->turns);
    counter(b, "turns_long_total", "Turns longer than 5 ms.", c->turns_long);
    seconds(b, "turn_seconds", "Length of a turn.", &c->turn_ns);
    const struct net_metrics *n = net_metrics(core_net(m->core));
    counter(b, "net_messages_sent_total", "Messages sent to peers.", n->messages_sent);
    counter(b, "net_messages_received_total", "Messages received from peers.", n->messages_received);
    counter(b, "net_sent_bytes_total", "Bytes sent to peers.", n->bytes_sent);
    counter(b, "net_received_bytes_total", "Bytes received from peers.", n->bytes_received);
    counter(b, "net_bad_frames_total", "Frames refused.", n->bad_frames);
    gauge(b, "net_connections", "Connections with peers.", n->connections);
    const struct sql_server_metrics *q = sql_server_metrics(m->sql);
    gauge(b, "sql_connections", "Open SQL connections.", q->connections);
    gauge(b, "sql_sessions", "SQL sessions.", q->sessions);
    gauge(b, "sql_buffered_bytes", "Input not worked off and output not taken, of all SQL connections.",
          q->buffered_bytes);
    counter(b, "sql_cancels_total", "Requests to cancel a statement.", q->cancels);
    counter(b, "sql_silent_total", "SQL connections closed because they opened no session.", q->silent);
    counter(b, "sql_connections_total", "SQL connections accepted.", q->connections_total);
    counter(b, "sql_refused_total", "SQL connections refused.", q->refused);
    counter(b, "sql_statements_total", "Statements executed.", q->statements);
    counter(b, "sql_errors_total", "Statements that ended with an error.", q->errors);
    counter(b, "rows_reclaimed_total", "Rows of dropped and truncated tables deleted here.", q->rows_reclaimed);
    counter(b, "idempotency_replays_total", "Transactions answered from the record of their key.",
            q->idempotency_replays);
    counter(b, "idempotency_mismatches_total", "Keys refused because they belong to other statements.",
            q->idempotency_mismatches);
    counter(b, "idempotency_expired_total", "Keys refused because they are too old.", q->idempotency_expired);
    counter(b, "idempotency_waits_total", "Waits of more than 10 ms for another transaction with the same key.",
            q->idempotency_waits);
    counter(b, "idempotency_emptied_total", "Records whose results were dropped here.", q->idempotency_emptied);
    counter(b, "idempotency_removed_total", "Records that were removed here.", q->idempotency_removed);
    seconds(b, "sql_statement_seconds", "A statement, from its message to its reply.", &q->statement_ns);
    struct store *s = core_store(m->core);
    if (s == NULL) return;
    store_text(b, s);
    const struct kv_metrics *k = kv_metrics(core_kv(m->core));
    counter(b, "reads_total", "Read requests served here.", k->reads);
    counter(b, "commits_total", "Transactions proposed here.", k->commits);
    counter(b, "conflicts_total", "Commits refused because something read had changed.", k->conflicts);
    counter(b, "lock_waits_total", "Times that somebody had to wait for a lock.", k->lock_waits);
    counter(b, "overlay_reads_total", "Locked reads that were shown writes in flight.", k->overlay_reads);
    counter(b, "deadlocks_total", "Transactions that were ended to break a circle.", k->deadlocks);
    counter(b, "retries_total", "Requests sent again.", k->retries);
    counter(b, "unknown_outcomes_total", "Commits whose outcome was not learnt.", k->unknown_outcomes);
    counter(b, "clock_rounds_total", "Batches of timestamps for which the clock master confirmed that it leads.", k->clock_rounds);
    counter(b, "safe_points_total", "Times a range that is led here was told to forget older versions.", k->safe_points);
    counter(b, "snapshots_too_old_total", "Requests below the safe point of their range.", k->snapshots_too_old);
}

/* ---- JSON ---- */

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
    uint64_t now_ns = env_now_ns(store_env(s));
    for (uint32_t i = 0; i < count; i++)
        if (nodes[i].record.node.value == id)
            return nodes[i].last_seen_ns != 0 && now_ns - nodes[i].last_seen_ns < LAG_NS;
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

static int json_ranges(struct buf *b, struct store *s)
{
    int tolerance = 1000;
    bool first = true;
    buf_append_string(b, "\"ranges\":[");
    struct replica *r = NULL;
    while ((r = store_replica_next(s, r)) != NULL) {
        struct raft_status raft;
        replica_raft_status(r, &raft);
        const struct descriptor *d = replica_descriptor(r);
        int spare = tolerance_of(s, raft.config);
        if (spare < tolerance) tolerance = spare;
        if (raft.leader_node == 0 && tolerance > -1) tolerance = -1; /* nodes may be gone for less than LAG_NS */
        buf_printf(b,
                   "%s{\"range\":%llu,\"epoch\":%llu,\"role\":\"%s\",\"leader\":%llu,\"term\":%llu,"
                   "\"commit\":%llu,\"applied\":%llu,\"last\":%llu,\"serving\":%s,\"spare\":%d",
                   first ? "" : ",", (unsigned long long)d->range.value, (unsigned long long)d->epoch,
                   role_name(raft.role), (unsigned long long)raft.leader_node,
                   (unsigned long long)raft.term, (unsigned long long)raft.commit_index,
                   (unsigned long long)raft.applied_index, (unsigned long long)raft.last.index,
                   replica_serving(r) ? "true" : "false", spare);
        json_members(b, "voters", raft.config->voters, raft.config->voter_count);
        json_members(b, "outgoing", raft.config->outgoing, raft.config->outgoing_count);
        json_members(b, "learners", raft.config->learners, raft.config->learner_count);
        buf_append_byte(b, '}');
        first = false;
    }
    buf_append_byte(b, ']');
    return first ? -1 : tolerance;
}

static void status_json(const struct metrics_sources *m, struct buf *b)
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
    json_nodes(b, s);
    buf_append_byte(b, ',');
    int tolerance = json_ranges(b, s);
    buf_printf(b, ",\"can_lose\":%d,\"quorum\":%s}\n", tolerance < 0 ? 0 : tolerance,
               tolerance >= 0 ? "true" : "false");
}

/* Ready: a member whose routes have leaders. */
static bool ready(const struct metrics_sources *m, const char **why)
{
    struct store *s = m->core == NULL ? NULL : core_store(m->core);
    *why = "starting";
    if (s == NULL) return false;
    *why = "not a member of a cluster yet: run ostraka init, or wait until it has joined";
    if (store_identity(s)->node.value == 0) return false;
    *why = "a range has no leader that this node knows";
    struct replica *r = NULL;
    while ((r = store_replica_next(s, r)) != NULL)
        if (replica_leader_hint(r).value == 0) return false;
    *why = "no timestamp was had from the clock master yet";
    return kv_timestamp_seen(core_kv(m->core)) != 0;
}

int metrics_answer(void *ctx, const char *path, struct buf *body, const char **content_type)
{
    const struct metrics_sources *m = ctx;
    const char *why = "starting";
    if (strcmp(path, "/livez") == 0) {
        buf_append_string(body, "ok\n");
        return 200;
    }
    if (strcmp(path, "/readyz") == 0 || strcmp(path, "/health") == 0) {
        *content_type = "application/json";
        bool is_ready = ready(m, &why);
        if (is_ready) buf_append_string(body, "{\"ready\":true}\n");
        else buf_printf(body, "{\"ready\":false,\"reason\":\"%s\"}\n", why);
        return is_ready ? 200 : 503;
    }
    if (m->core == NULL) return 503;
    if (strcmp(path, "/metrics") == 0) {
        *content_type = "text/plain; version=0.0.4; charset=utf-8";
        metrics_text(m, body);
        return 200;
    }
    if (strcmp(path, "/status") == 0) {
        *content_type = "application/json";
        status_json(m, body);
        return 200;
    }
    buf_append_string(body, "offered here: /livez /readyz /metrics /status\n");
    return 404;
}
