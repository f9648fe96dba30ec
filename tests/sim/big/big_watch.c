/* Looks at the whole cluster again and again: who leads what, since when nobody does, and what passes by. */
#include "base/assert.h"
#include "tests/sim/big/big_int.h"

void big_tally_add(struct big_tally *t, struct big_machine *m)
{
    t->busy_ns += m->busy_ns;
    struct store *s = m->env == NULL ? NULL : core_store(m->core);
    if (s == NULL) return;
    const struct rpc_metrics *r = rpc_metrics(s->rpc);
    for (int i = 0; i < SHARD_MESSAGE_KIND_COUNT; i++) {
        t->messages[i] += s->metrics.messages_in[i];
        t->message_bytes[i] += s->metrics.message_bytes_in[i];
    }
    for (int i = 0; i < RPC_KIND_COUNT; i++) {
        t->requests[i] += r->requests[i];
        t->request_bytes[i] += r->request_bytes[i];
    }
    t->liveness_out += s->metrics.liveness_out;
    t->snapshots += s->metrics.snapshots_received;
    t->elections += s->metrics.elections;
    t->syncs += wal_metrics(s->wal)->sync_count;
}

static void combine(struct big_tally *t, const struct big_tally *other, bool subtract)
{
    uint64_t *into = (uint64_t *)t;
    const uint64_t *from = (const uint64_t *)other;
    for (size_t i = 0; i < sizeof *t / sizeof *into; i++) into[i] = subtract ? into[i] - from[i] : into[i] + from[i];
}
_Static_assert(sizeof(struct big_tally) % sizeof(uint64_t) == 0, "combine walks it as numbers");

void big_tally_subtract(struct big_tally *t, const struct big_tally *before)
{
    combine(t, before, true);
}

static struct big_tally tally_all(struct big *b)
{
    struct big_tally t = b->gone;
    t.busy_ns = 0; /* machines keep theirs over restarts */
    for (uint64_t i = 1; i <= b->machine_count; i++) big_tally_add(&t, &b->machines[i]);
    return t;
}

/* ---- who leads ---- */

/* Raft §5.4.3, election safety; and: a later leader has a later term. */
static void note_leader(struct big *b, uint64_t machine, const struct replica *r)
{
    uint64_t id = r->range.value, term = replica_term(r);
    if (id >= BIG_RANGES_MAX) {
        big_fail(b, "range %llu: more ids than the watch has room for", (unsigned long long)id);
        return;
    }
    struct big_range *seen = &b->ranges[id];
    if (id > b->range_max) b->range_max = id;
    if (seen->term == term && seen->leader != machine && seen->led_ns != 0)
        big_fail(b, "range %llu has two leaders in term %llu: machines %llu and %llu", (unsigned long long)id,
                 (unsigned long long)term, (unsigned long long)seen->leader, (unsigned long long)machine);
    if (term < seen->term) return; /* one that has not heard of its successor */
    *seen = (struct big_range){.term = term, .leader = machine, .led_ns = sim_now(b->sim)};
}

static void note_gaps(struct big *b)
{
    uint64_t now_ns = sim_now(b->sim);
    for (uint64_t id = 1; id <= b->range_max; id++) {
        const struct big_range *r = &b->ranges[id];
        if (r->led_ns == 0 || now_ns - r->led_ns <= b->phase.gap_ns) continue;
        b->phase.gap_ns = now_ns - r->led_ns;
        b->phase.gap_range = id;
    }
}

/* What the leader of the metadata range has to do with, while it leads. */
static void note_meta(struct big *b)
{
    uint64_t machine = b->ranges[RANGE_META.value].leader;
    struct store *s = machine == 0 ? NULL : big_store(b, machine);
    if (s == NULL) return;
    struct big_tally now = {0};
    big_tally_add(&now, &b->machines[machine]);
    struct raft_status status;
    raft_status(store_replica(s, RANGE_META)->raft, &status);
    if (machine == b->meta_machine) {
        struct big_tally passed = now;
        big_tally_subtract(&passed, &b->meta_seen);
        combine(&b->phase.meta, &passed, false);
    }
    if (b->meta_index != 0) b->phase.meta_entries += status.commit_index - b->meta_index;
    b->meta_machine = machine;
    b->meta_index = status.commit_index;
    b->meta_seen = now;
}

void big_watch(struct big *b)
{
    for (uint64_t i = 1; i <= b->machine_count; i++) {
        struct store *s = big_store(b, i);
        for (struct replica *r = NULL; s != NULL && (r = store_replica_next(s, r)) != NULL;)
            if (replica_serving(r)) note_leader(b, i, r);
    }
    note_gaps(b);
    note_meta(b);
}

struct meta_state *big_meta(struct big *b)
{
    uint64_t machine = b->ranges[RANGE_META.value].leader;
    struct store *s = machine == 0 ? NULL : big_store(b, machine);
    struct replica *r = s == NULL ? NULL : store_replica(s, RANGE_META);
    return r != NULL && replica_serving(r) && s->meta.initialized ? &s->meta : NULL;
}

/* ---- phases ---- */

void big_phase_begin(struct big *b, const char *name)
{
    b->phase = (struct big_phase){.name = name, .began_ns = sim_now(b->sim)};
    b->phase_start = tally_all(b);
    for (uint64_t i = 1; i <= BIG_NODES_MAX; i++) b->busy_start[i] = b->machines[i].busy_ns;
}

static void note_spread(struct big *b)
{
    struct big_phase *p = &b->phase;
    p->replicas_min = p->leaders_min = UINT32_MAX;
    for (uint64_t i = 1; i <= b->machine_count; i++) {
        struct store *s = big_store(b, i);
        if (s == NULL) continue;
        uint32_t replicas = (uint32_t)s->metrics.replicas, leaders = (uint32_t)store_metrics(s)->leaders;
        p->nodes++;
        if (replicas < p->replicas_min) p->replicas_min = replicas;
        if (replicas > p->replicas_max) p->replicas_max = replicas;
        if (leaders < p->leaders_min) p->leaders_min = leaders;
        if (leaders > p->leaders_max) p->leaders_max = leaders;
    }
}

static void note_busiest(struct big *b)
{
    uint64_t most_ns = 0, passed_ns = b->phase.ended_ns - b->phase.began_ns;
    for (uint64_t i = 1; i <= BIG_NODES_MAX; i++) {
        uint64_t busy_ns = b->machines[i].busy_ns - b->busy_start[i];
        if (busy_ns <= most_ns) continue;
        most_ns = busy_ns;
        b->phase.busiest_machine = i;
    }
    b->phase.busiest = passed_ns == 0 ? 0 : (double)most_ns / (double)passed_ns;
}

void big_phase_end(struct big *b)
{
    struct big_phase *p = &b->phase;
    p->ended_ns = sim_now(b->sim);
    if (p->done_ns == 0) p->done_ns = p->ended_ns;
    p->all = tally_all(b);
    big_tally_subtract(&p->all, &b->phase_start);
    struct meta_state *m = big_meta(b);
    p->ranges = m == NULL ? 0 : m->ranges.count;
    note_spread(b);
    note_busiest(b);
    big_report_phase(b);
}
