#include "node/metrics_int.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define NS_PER_SECOND 1e9

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

/* Nanoseconds inside, seconds outside. label: "", or "name=\"value\"," */
static void buckets(struct buf *b, const char *name, const char *label, const struct histogram *h)
{
    static const double edges[] = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                   0.01,    0.025,  0.05,    0.1,    0.25,  0.5,    1, 2.5, 5, 10};
    size_t size = strlen(label);
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        buf_printf(b, "ostraka_%s_bucket{%sle=\"%g\"} %llu\n", name, label, edges[i],
                   (unsigned long long)histogram_count_below(h, (uint64_t)(edges[i] * NS_PER_SECOND)));
    buf_printf(b, "ostraka_%s_bucket{%sle=\"+Inf\"} %llu\n", name, label, (unsigned long long)h->count);
    int shown = size == 0 ? 0 : (int)size - 1; /* without the comma */
    buf_printf(b, "ostraka_%s_sum%s%.*s%s %.9f\nostraka_%s_count%s%.*s%s %llu\n", name, size > 0 ? "{" : "", shown, label,
               size > 0 ? "}" : "", (double)h->sum / NS_PER_SECOND, name, size > 0 ? "{" : "", shown, label,
               size > 0 ? "}" : "", (unsigned long long)h->count);
}

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP ostraka_%s %s\n# TYPE ostraka_%s %s\n", name, help, name, type);
}

static void seconds(struct buf *b, const char *name, const char *help, const struct histogram *h)
{
    head(b, name, "histogram", help);
    buckets(b, name, "", h);
}

static void labelled(struct buf *b, const char *name, const char *label, const char *word, uint64_t value)
{
    buf_printf(b, "ostraka_%s{%s=\"%s\"} %llu\n", name, label, word, (unsigned long long)value);
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
    counter(b, "loop_gaps_total", "Times this process stood still for so long that its leases from before count no more.", m->loop_gaps);
    counter(b, "elections_total", "Elections begun by replicas here.", m->elections);
    counter(b, "snapshots_sent_total", "Snapshots sent.", m->snapshots_sent);
    counter(b, "snapshots_received_total", "Snapshots adopted.", m->snapshots_received);
    counter(b, "replicas_fenced_total", "Replicas fenced for damage.", m->replicas_fenced);
    counter(b, "replicas_refetched_total", "Fenced replicas that are whole again.", m->replicas_refetched);
    counter(b, "splits_total", "Splits of ranges that were applied here.", m->splits);
    counter(b, "moves_begun_total", "Moves of ranges that this node decided, as the leader of the metadata range.", m->moves_begun);
    counter(b, "moves_ended_total", "Moves of ranges that it found done.", m->moves_ended);
    gauge(b, "ranges_moving", "Moves that are not done; only the leader of the metadata range counts them.", m->jobs);
    counter(b, "leader_orders_total", "Orders to hand a range over to another leader, given by this node as the leader of the metadata range.", m->leaders_ordered);
    gauge(b, "snapshot_share", "Percent of snapshot_rate that is used: less than all while the log is slower than without.", m->snapshot_share_percent);
    counter(b, "snapshot_sent_bytes_total", "Bytes of snapshots sent.", m->snapshot_bytes_sent);
    counter(b, "snapshot_received_bytes_total", "Bytes of snapshots received.", m->snapshot_bytes_received);
    counter(b, "replicas_orphaned_total", "Replicas destroyed because they were proven to count nowhere.", m->orphans_destroyed);
    counter(b, "disk_full_total", "Times that writes were refused for lack of disk space.", m->disk_full);
    gauge(b, "replicas", "Replicas here.", m->replicas);
    gauge(b, "leaders", "Ranges led from here.", m->leaders);
    seconds(b, "commit_seconds", "A command, from proposal to applied.", &m->commit_ns);
}

static void session_text(struct buf *b, struct sql_activity *a)
{
    const struct sql_activity_metrics *m = sql_activity_metrics(a);
    const struct arena_account *memory = sql_activity_memory(a);
    head(b, "sql_session_states", "gauge", "SQL sessions by what they do.");
    labelled(b, "sql_session_states", "state", "active", m->active);
    labelled(b, "sql_session_states", "state", "idle", m->idle);
    labelled(b, "sql_session_states", "state", "idle_in_transaction", m->idle_in_transaction);
    labelled(b, "sql_session_states", "state", "aborted", m->aborted);
    gauge(b, "sql_prepared_statements", "Prepared statements of all sessions.", m->prepared);
    gauge(b, "sql_portals", "Portals of all sessions.", m->portals);
    gauge(b, "sql_memory_bytes", "Memory that SQL sessions and their buffers hold.", memory->held);
    gauge(b, "sql_memory_peak_bytes", "The most that was so far.", memory->held_peak);
    gauge(b, "sql_memory_limit_bytes", "What they may hold (--sql-memory).", memory->held_max);
    counter(b, "sql_memory_refused_total", "Times that something did not fit into it.", memory->refused);
    counter(b, "sql_slow_statements_total", "Statements that were logged because they took long.", m->slow);
    gauge(b, "sql_statement_fingerprints", "Statements that are counted by fingerprint.", m->statements_known);
    counter(b, "sql_statement_retries_total", "Times that a statement or transaction was begun again unseen.", m->retries);
    counter(b, "sql_serialization_failures_total", "Statements that ended with 40001.", m->serialization_failures);
    counter(b, "sql_deadlocks_total", "Statements that ended with 40P01.", m->deadlocks);
    head(b, "sql_statement_class_seconds", "histogram", "A statement, from parsed to its tag, by what it is.");
    for (int i = 0; i < SQL_CLASS_COUNT; i++) {
        char label[64];
        snprintf(label, sizeof label, "class=\"%s\",", sql_statement_class_name((enum sql_statement_class)i));
        buckets(b, "sql_statement_class_seconds", label, &m->class_ns[i]);
    }
}

/* Commits over several ranges. */
static void two_phase_text(struct buf *b, struct kv *kv)
{
    const struct kv_metrics *k = kv_metrics(kv);
    uint64_t oldest_ns, count = kv_prepared_count(kv, &oldest_ns);
    counter(b, "two_phase_commits_total", "Transactions of this node's clients that wrote to several ranges.", k->two_phase_commits);
    counter(b, "staged_commits_total", "Those that were acknowledged before their decision was on record.", k->staged_commits);
    counter(b, "two_phase_aborts_total", "Those that came to nothing.", k->two_phase_aborts);
    counter(b, "two_phase_repeats_total", "Attempts that were made again, because others stood in the way.", k->prepare_repeats);
    counter(b, "refreshes_total", "Requests whether what was read is unchanged at a later timestamp.", k->refreshes);
    counter(b, "prepares_total", "Parts of such transactions that were prepared in ranges led here.", k->prepares);
    counter(b, "prepares_refused_total", "Those that somebody else stood in the way of.", k->prepares_refused);
    counter(b, "decisions_total", "Decisions that were proposed here.", k->decisions);
    counter(b, "resolutions_total", "Prepared parts that became versions here, or went.", k->resolutions);
    counter(b, "held_back_total", "Decisions, and requests to carry some out, that waited for something else that had to go to the log.", k->held_back);
    counter(b, "known_reads_total", "Reads that saw what such a decision says before it was carried out.", k->known_reads);
    counter(b, "known_questions_total", "Times that a leader here asked another one whether something is decided that somebody had met.", k->questions);
    counter(b, "pushes_total", "Times that a leader here had to find out what became of one.", k->pushes);
    counter(b, "recoveries_total", "Staged commits that a leader here had to look for the parts of.", k->recovery_runs);
    counter(b, "recovered_commits_total", "Those that were found to be committed.", k->recovered_commits);
    counter(b, "recovered_aborts_total", "Those that were not.", k->recovered_aborts);
    counter(b, "pushed_aborts_total", "Transactions that were aborted because nobody answered for them.", k->pushed_aborts);
    gauge(b, "prepared", "Parts of transactions that are prepared in ranges led here, and not known to be committed or not.", count);
    head(b, "prepared_oldest_seconds", "gauge", "For how long the oldest of them is; 0: there is none.");
    buf_printf(b, "ostraka_prepared_oldest_seconds %.3f\n", (double)oldest_ns / NS_PER_SECOND);
}

static void health_text(struct buf *b, struct store *s)
{
    struct cluster_health h;
    cluster_health(s, &h);
    gauge(b, "member", "1: the node is a member of a cluster.", store_identity(s)->node.value != 0);
    gauge(b, "nodes", "Nodes of the cluster that were not removed.", h.nodes);
    gauge(b, "nodes_alive", "Nodes that this one has heard from within seconds.", h.nodes_alive);
    gauge(b, "ranges_without_leader", "Ranges here of which this node knows no leader.", h.ranges_without_leader);
    gauge(b, "ranges_under_replicated", "Ranges here that lack a voter, or have one that is silent.",
          h.ranges_under_replicated);
    gauge(b, "ranges_over_replicated", "Ranges here that have more voters than wanted.", h.ranges_over_replicated);
    gauge(b, "ranges", "Ranges that have a replica here.", h.ranges);
    gauge(b, "replicas_damaged", "Replicas here that are fenced and not whole again.", h.replicas_fenced);
    gauge(b, "can_lose_nodes", "How many more nodes may be lost before a range here has no quorum.", h.can_lose);
    gauge(b, "quorum", "1: every range here has one, as far as this node knows.", h.quorum);
    gauge(b, "disk_is_full", "1: writes are refused for lack of space.",
          lsm_disk_full(store_lsm(s)) || wal_no_space(store_wal(s)));
}

static void process_text(struct buf *b, const struct metrics_sources *m)
{
    buf_printf(b,
               "# HELP ostraka_build_info Version of this program.\n# TYPE ostraka_build_info gauge\n"
               "ostraka_build_info{version=\"%s\"} 1\n", OSTRAKA_VERSION);
    head(b, "wall_seconds", "gauge", "The clock of this node.");
    buf_printf(b, "ostraka_wall_seconds %.6f\n", (double)env_wall_ns(core_env(m->core)) / NS_PER_SECOND);
    head(b, "start_seconds", "gauge", "When this process started.");
    buf_printf(b, "ostraka_start_seconds %.3f\n", (double)m->started_wall_ns / NS_PER_SECOND);
    const struct core_metrics *c = core_metrics(m->core);
    counter(b, "turns_total", "Turns of the core's loop.", c->turns);
    counter(b, "turns_long_total", "Turns longer than 5 ms.", c->turns_long);
    seconds(b, "turn_seconds", "Length of a turn.", &c->turn_ns);
    const struct busy_poll *p = m->busy_poll;
    counter(b, "waits_found_total", "Waits of the core's loop that ended while it looked for work (--busy-poll).", p->found);
    counter(b, "waits_slept_total", "Waits in which it slept.", p->slept);
    counter(b, "waits_crowded_total", "Times it stopped looking for a while, since others compute on this machine.", p->crowded);
    head(b, "waits_looked_seconds_total", "counter", "For how long it looked for work instead of sleeping.");
    buf_printf(b, "ostraka_waits_looked_seconds_total %.6f\n", (double)p->looked_ns / NS_PER_SECOND);
    const struct net_metrics *n = net_metrics(core_net(m->core));
    counter(b, "net_messages_sent_total", "Messages sent to peers.", n->messages_sent);
    counter(b, "net_messages_received_total", "Messages received from peers.", n->messages_received);
    counter(b, "net_sent_bytes_total", "Bytes sent to peers.", n->bytes_sent);
    counter(b, "net_received_bytes_total", "Bytes received from peers.", n->bytes_received);
    counter(b, "net_bad_frames_total", "Frames refused.", n->bad_frames);
    counter(b, "net_refusals_total", "Connections of others that were refused here.", n->refusals);
    counter(b, "net_refused_total", "Connections to peers that they refused.", n->refused);
    gauge(b, "net_connections", "Connections with peers.", n->connections);
}

static void sql_text(struct buf *b, struct sql_server *server)
{
    const struct sql_server_metrics *q = sql_server_metrics(server);
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
    gauge(b, "sql_sessions_limit", "SQL sessions that there may be (--max-connections).", sql_server_sessions_max(server));
    session_text(b, sql_server_activity(server));
}

static void txn_text(struct buf *b, struct core *core)
{
    const struct kv_metrics *k = kv_metrics(core_kv(core));
    counter(b, "reads_total", "Read requests served here.", k->reads);
    counter(b, "commits_total", "Transactions proposed here.", k->commits);
    counter(b, "spilled_transactions_total", "Transactions of this node's clients whose writes went to a file.", k->spills);
    counter(b, "spilled_bytes_total", "Bytes of them that went there.", k->spilled_bytes);
    gauge(b, "spilled_bytes", "Bytes there of transactions that are under way.", k->spilled_bytes_now);
    counter(b, "conflicts_total", "Commits refused because something read had changed.", k->conflicts);
    counter(b, "lock_waits_total", "Times that somebody had to wait for a lock.", k->lock_waits);
    counter(b, "locks_shipped_total", "Locks, held or waited for, that the next leader of a range was told of when it was handed over.",
            k->locks_shipped);
    counter(b, "locks_handed_total", "Locks that came over when their range was divided, united or handed over.", k->locks_handed);
    uint64_t locked, waiting;
    kv_lock_counts(core_kv(core), &locked, &waiting);
    gauge(b, "locked_keys", "Keys that are locked or waited for, of the ranges that are led here.", locked);
    gauge(b, "lock_queue", "Requests that wait for a lock here.", waiting);
    seconds(b, "lock_wait_seconds", "How long those waited here that got their lock.", &k->lock_wait_ns);
    seconds(b, "transfer_closed_seconds",
            "Leaderships handed over: from the order until this node heard of the one who leads instead.",
            &store_metrics(core_store(core))->transfer_closed_ns);
    seconds(b, "merge_closed_seconds", "How long the right side of a merge that was led here was closed to writes.",
            &k->merge_closed_ns);
    seconds(b, "split_closed_seconds", "How long the right half of a split that was led here was closed to writes.",
            &k->split_closed_ns);
    counter(b, "overlay_reads_total", "Locked reads that were shown writes in flight.", k->overlay_reads);
    counter(b, "deadlocks_total", "Transactions that were ended to break a circle.", k->deadlocks);
    counter(b, "retries_total", "Requests sent again.", k->retries);
    counter(b, "unknown_outcomes_total", "Commits whose outcome was not learnt.", k->unknown_outcomes);
    two_phase_text(b, core_kv(core));
    counter(b, "clock_rounds_total", "Batches of timestamps for which the clock master confirmed that it leads.", k->clock_rounds);
    counter(b, "clock_samples_total", "Samples of the clock master's clock (--clock interval).", k->clock_samples);
    counter(b, "clock_contradictions_total", "Samples that contradict earlier ones: a clock is wrong.", k->clock_contradictions);
    counter(b, "clock_gaps_total", "Times this process stood still for so long that it forgot the clock.", k->clock_gaps);
    counter(b, "safe_points_total", "Times a range that is led here was told to forget older versions.", k->safe_points);
    counter(b, "snapshots_too_old_total", "Requests below the safe point of their range.", k->snapshots_too_old);
    counter(b, "replica_reads_total", "Reads of the past that replicas here served without asking the leader.", k->replica_reads);
    counter(b, "replica_reads_refused_total", "Such reads that were sent on to the leader.", k->replica_reads_refused);
    counter(b, "promises_asked_total", "Times a replica here asked its leader what it may serve of the past.", k->promises_asked);
    counter(b, "promises_refused_total", "Those that were not answered.", k->promises_refused);
    counter(b, "promises_given_total", "Such answers of ranges that are led here.", k->promises_given);
}

static void metrics_text(const struct metrics_sources *m, struct buf *b)
{
    process_text(b, m);
    sql_text(b, m->sql);
    struct store *s = core_store(m->core);
    if (s == NULL) return;
    store_text(b, s);
    health_text(b, s);
    uint64_t disk_bytes, disk_free_bytes;
    disk_room(m->data, &disk_bytes, &disk_free_bytes);
    gauge(b, "disk_bytes", "Size of the file system of the data.", disk_bytes);
    gauge(b, "disk_free_bytes", "What is free of it.", disk_free_bytes);
    txn_text(b, m->core);
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
    struct kv_clock_status clock;
    kv_clock_status(core_kv(m->core), &clock);
    *why = "the clock master has another source of timestamps than this node (--clock)";
    if (clock.differs) return false;
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
