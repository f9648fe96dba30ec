/* What each phase cost, as lines of text. */
#include "tests/sim/big/big_int.h"

static const char *const message_names[SHARD_MESSAGE_KIND_COUNT] = {
    [SHARD_MESSAGE_RAFT] = "raft",           [SHARD_MESSAGE_NODES] = "nodes",
    [SHARD_MESSAGE_SNAPSHOT_BEGIN] = "snapshot_begin", [SHARD_MESSAGE_SNAPSHOT_CHUNK] = "snapshot_chunk",
    [SHARD_MESSAGE_SNAPSHOT_END] = "snapshot_end", [SHARD_MESSAGE_SNAPSHOT_REPLY] = "snapshot_reply",
    [SHARD_MESSAGE_REQUEST] = "request",     [SHARD_MESSAGE_REPLY] = "reply",
    [SHARD_MESSAGE_ROUTES] = "routes",       [SHARD_MESSAGE_LIVENESS] = "liveness",
    [SHARD_MESSAGE_SETTINGS] = "settings",
};

static const char *const request_names[RPC_KIND_COUNT] = {
    [RPC_META_JOIN] = "join",           [RPC_META_RANGE] = "mirror",        [RPC_RANGE_SPLIT] = "split",
    [RPC_RANGE_TARGET] = "target",      [RPC_CLOCK_NOW] = "clock",          [RPC_READ] = "read",
    [RPC_COMMIT] = "commit",            [RPC_META_LOOKUP] = "lookup",       [RPC_META_SPLIT] = "split_id",
    [RPC_META_CHANGE] = "change",       [RPC_RANGE_TRANSFER] = "transfer",  [RPC_NODE_LOAD] = "load",
    [RPC_CATALOG_LEASE] = "lease",      [RPC_RANGE_INFO] = "info",          [RPC_REPLICA_LEFT] = "left",
    [RPC_NODE_CHANGE] = "node_change",  [RPC_PREPARE] = "prepare",          [RPC_DECIDE] = "decide",
    [RPC_RESOLVE] = "resolve",
};

static const char *name_of(const char *const *names, int kind, char *number, size_t size)
{
    if (names[kind] != NULL) return names[kind];
    snprintf(number, size, "kind_%d", kind);
    return number;
}

static void put_rates(FILE *out, const char *title, const char *const *names, const uint64_t *counts, const uint64_t *bytes,
                      int kinds, double seconds)
{
    char number[24];
    fprintf(out, "  %s, each second:", title);
    for (int i = 0; i < kinds; i++) {
        if (counts[i] == 0) continue;
        fprintf(out, " %s %.1f (%.1f KiB)", name_of(names, i, number, sizeof number), (double)counts[i] / seconds,
                (double)bytes[i] / 1024 / seconds);
    }
    fprintf(out, "\n");
}

static uint64_t sum(const uint64_t *values, int count)
{
    uint64_t total = 0;
    for (int i = 0; i < count; i++) total += values[i];
    return total;
}

static void put_tally(FILE *out, const char *whose, const struct big_tally *t, double seconds)
{
    char title[64];
    snprintf(title, sizeof title, "%s messages", whose);
    put_rates(out, title, message_names, t->messages, t->message_bytes, SHARD_MESSAGE_KIND_COUNT, seconds);
    snprintf(title, sizeof title, "%s requests", whose);
    put_rates(out, title, request_names, t->requests, t->request_bytes, RPC_KIND_COUNT, seconds);
}

void big_report_head(struct big *b)
{
    FILE *out = b->options.report;
    const struct sim_options *o = sim_options(b->sim);
    if (out == NULL) return;
    fprintf(out,
            "%u nodes, %u ranges of data, %u clients, seed %llu\n"
            "cost model: turn %u us, message %.1f us, %.1f us per KiB; network %llu us and a tail of %llu us; disk "
            "write %llu us, sync %llu us and a tail of %llu us\n",
            b->options.node_count, b->options.range_count, b->options.client_count, (unsigned long long)b->options.seed,
            BIG_TURN_NS / 1000, BIG_MESSAGE_NS / 1000.0, BIG_KIB_NS / 1000.0, (unsigned long long)(o->net_base_ns / 1000),
            (unsigned long long)(o->net_tail_ns / 1000), (unsigned long long)(o->disk_write_ns / 1000),
            (unsigned long long)(o->disk_sync_ns / 1000), (unsigned long long)(o->disk_tail_ns / 1000));
}

void big_report_phase(struct big *b)
{
    FILE *out = b->options.report;
    const struct big_phase *p = &b->phase;
    if (out == NULL) return;
    double seconds = (double)(p->ended_ns - p->began_ns) / 1e9;
    fprintf(out, "%s: done after %.1f s, quiet after %.1f s; %u nodes, %u ranges\n", p->name,
            (double)(p->done_ns - p->began_ns) / 1e9, seconds, p->nodes, p->ranges);
    if (seconds <= 0) return;
    uint64_t messages = sum(p->all.messages, SHARD_MESSAGE_KIND_COUNT), bytes = sum(p->all.message_bytes, SHARD_MESSAGE_KIND_COUNT);
    uint64_t meta_messages = sum(p->meta.messages, SHARD_MESSAGE_KIND_COUNT);
    fprintf(out,
            "  replicas per node %u to %u, leaders %u to %u; longest without a leader %.2f s (range %llu); elections %llu, "
            "snapshots %llu\n"
            "  operations: %llu answered, %llu refused, %llu unknown, the longest took %.2f s\n"
            "  per node and second: %.1f messages, %.1f KiB, %.1f syncs, CPU %.2f %%; busiest machine %llu: %.2f %%\n"
            "  metadata leader, each second: %.1f messages, %.1f KiB, %.1f log entries, %.1f syncs, CPU %.2f %%\n",
            p->replicas_min, p->replicas_max, p->leaders_min, p->leaders_max, (double)p->gap_ns / 1e9,
            (unsigned long long)p->gap_range, (unsigned long long)p->all.elections, (unsigned long long)p->all.snapshots,
            (unsigned long long)p->answered, (unsigned long long)p->refused, (unsigned long long)p->unknown,
            (double)p->longest_ns / 1e9, (double)messages / seconds / p->nodes, (double)bytes / 1024 / seconds / p->nodes,
            (double)p->all.syncs / seconds / p->nodes, (double)p->all.busy_ns / 1e7 / seconds / p->nodes,
            (unsigned long long)p->busiest_machine, p->busiest * 100, (double)meta_messages / seconds,
            (double)sum(p->meta.message_bytes, SHARD_MESSAGE_KIND_COUNT) / 1024 / seconds, (double)p->meta_entries / seconds,
            (double)p->meta.syncs / seconds, (double)p->meta.busy_ns / 1e7 / seconds);
    put_tally(out, "all", &p->all, seconds);
    put_tally(out, "metadata leader's", &p->meta, seconds);
    fflush(out);
}
