#include "tests/raft/cluster.h"

#include "base/assert.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(c, x) \
    do { \
        if (!(x)) cluster_fail((c), #x, __LINE__); \
    } while (0)

_Noreturn static void cluster_fail(const struct cluster *c, const char *what, int line)
{
    fprintf(stderr, "cluster seed=%llu time=%llums: line %d: %s\n", (unsigned long long)c->seed,
            (unsigned long long)(c->now_ns / MS), line, what);
    abort();
}

/* ---- checkers ---- */

static struct known_index *known_at(struct cluster *c, uint64_t index)
{
    CHECK(c, index < CLUSTER_INDEX_MAX);
    return &c->known[index];
}

static void check_written(struct cluster *c, const struct sim_node *n, const struct raft_entry *e)
{
    uint64_t previous = 0;
    CHECK(c, raft_term_at(n->raft, e->index - 1, &previous));
    uint64_t hash = hash64(e->payload.data, e->payload.size, (uint64_t)e->kind);
    struct known_index *k = known_at(c, e->index);
    for (uint32_t i = 0; i < k->count; i++) {
        if (k->entries[i].term != e->term) continue;
        CHECK(c, k->entries[i].hash == hash);              /* log matching */
        CHECK(c, k->entries[i].previous_term == previous); /* log matching */
        return;
    }
    CHECK(c, k->count < 16);
    k->entries[k->count++] = (struct known_entry){e->term, previous, hash};
}

static void check_committed(struct cluster *c, const struct sim_node *n,
                            const struct raft_status *status)
{
    for (uint64_t i = c->checked_commit[n->id] + 1; i <= status->commit_index; i++) {
        uint64_t term;
        if (!raft_term_at(n->raft, i, &term)) continue;
        struct known_index *k = known_at(c, i);
        if (k->committed_term == 0) k->committed_term = term;
        CHECK(c, k->committed_term == term); /* state machine safety */
    }
    if (status->commit_index > c->checked_commit[n->id])
        c->checked_commit[n->id] = status->commit_index;
    if (status->commit_index > c->commit_max) c->commit_max = status->commit_index;
}

static void check_leader(struct cluster *c, const struct sim_node *n,
                         const struct raft_status *status)
{
    CHECK(c, status->term < CLUSTER_TERM_MAX);
    uint64_t *leader = &c->leader_of[status->term];
    CHECK(c, *leader == 0 || *leader == n->id); /* election safety */
    if (*leader != 0) return;
    *leader = n->id;
    c->elections++;
    CHECK(c, status->last.index >= c->commit_max); /* leader completeness */
    for (uint64_t i = status->start.index; i <= c->commit_max; i++) {
        uint64_t term;
        uint64_t committed = known_at(c, i)->committed_term;
        CHECK(c, raft_term_at(n->raft, i, &term));
        CHECK(c, committed == 0 || committed == term); /* leader completeness */
    }
}

static void check_node(struct cluster *c, struct sim_node *n)
{
    if (n->raft == NULL) return;
    struct raft_status status = sim_node_status(n);
    CHECK(c, status.term >= c->least_term[n->id]);
    c->least_term[n->id] = status.term;
    CHECK(c, status.commit_index >= n->commit_index);
    if (status.role == RAFT_ROLE_LEADER) check_leader(c, n, &status);
    check_committed(c, n, &status);
}

/* ---- hooks ---- */

static struct packet *packet_add(struct cluster *c)
{
    if (c->packet_count == c->packet_capacity) {
        c->packet_capacity = c->packet_capacity == 0 ? 256 : c->packet_capacity * 2;
        c->packets = realloc(c->packets, c->packet_capacity * sizeof *c->packets);
        ASSERT(c->packets != NULL);
    }
    struct packet *p = &c->packets[c->packet_count++];
    *p = (struct packet){0};
    return p;
}

static uint64_t delay(struct cluster *c)
{
    uint64_t ns = prng_below(&c->prng, c->delay_max_ns + 1);
    if (prng_chance(&c->prng, c->slow_percent, 100)) ns *= 50;
    return c->now_ns + ns;
}

static void post_message(struct cluster *c, const struct raft_message *m)
{
    struct buf b;
    buf_init(&b, 8u << 20);
    raft_message_encode(m, &b);
    ASSERT(!b.failed);
    struct packet *p = packet_add(c);
    p->from = m->from;
    p->to = m->to;
    p->deliver_ns = delay(c);
    p->size = b.size;
    p->bytes = malloc(b.size);
    ASSERT(p->bytes != NULL);
    memcpy(p->bytes, b.data, b.size);
    buf_deinit(&b);
}

static void on_message(void *ctx, struct sim_node *n, const struct raft_message *m)
{
    struct cluster *c = ctx;
    CHECK(c, m->from == n->id);
    CHECK(c, m->to >= 1 && m->to <= c->node_count);
    if (c->blocked[m->from][m->to] || prng_chance(&c->prng, c->drop_percent, 100)) return;
    post_message(c, m);
    if (prng_chance(&c->prng, c->duplicate_percent, 100)) post_message(c, m);
}

static void on_read(void *ctx, struct sim_node *n, const struct raft_read *read)
{
    struct cluster *c = ctx;
    (void)n;
    struct asked_read *asked = &c->reads[read->context % 1024];
    CHECK(c, asked->open);
    CHECK(c, asked->context == read->context);
    asked->open = false;
    c->reads_ok += read->ok;
    c->reads_failed += !read->ok;
    if (read->ok) CHECK(c, read->index >= asked->floor); /* linearizable reads */
}

static void on_load(void *ctx, struct sim_node *n, const struct raft_load *load)
{
    struct cluster *c = ctx;
    (void)load;
    struct packet *p = packet_add(c);
    p->kind = PACKET_LOAD;
    p->to = n->id;
    p->life = n->lives;
    p->deliver_ns = c->now_ns + prng_below(&c->prng, c->sync_max_ns + 1);
}

static void on_snapshot(void *ctx, struct sim_node *n, const struct raft_snapshot_request *request)
{
    struct cluster *c = ctx;
    CHECK(c, request->node == request->member + 100);
    struct packet *p = packet_add(c);
    p->kind = PACKET_SNAPSHOT;
    p->from = n->id;
    p->to = request->member;
    p->term = sim_node_status(n).term;
    p->life = n->lives;
    p->deliver_ns = delay(c) + 20 * MS;
    p->state = n->state;
    p->ok = !c->blocked[n->id][request->member] && !prng_chance(&c->prng, c->drop_percent, 100);
}

static void on_persist(void *ctx, struct sim_node *n, const struct raft_output *out)
{
    struct cluster *c = ctx;
    for (uint32_t i = 0; i < out->entry_count; i++)
        check_written(c, n, &out->entries[i]);
}

static void on_apply(void *ctx, struct sim_node *n, const struct raft_entry *entry)
{
    struct cluster *c = ctx;
    struct known_index *k = known_at(c, entry->index);
    uint64_t hash = n->state.hash | 1;
    if (k->applied_hash == 0) k->applied_hash = hash;
    CHECK(c, k->applied_hash == hash); /* state machine safety */
}

/* ---- life ---- */

struct cluster *cluster_create(uint64_t seed, uint32_t voter_count, uint32_t node_count,
                               const struct raft_options *options)
{
    ASSERT(voter_count <= node_count && node_count <= CLUSTER_NODES_MAX);
    struct cluster *c = calloc(1, sizeof *c);
    ASSERT(c != NULL);
    c->known = calloc(CLUSTER_INDEX_MAX, sizeof *c->known);
    ASSERT(c->known != NULL);
    c->seed = seed;
    prng_init(&c->prng, seed);
    c->hooks = (struct sim_hooks){on_message, on_read,  on_load, on_snapshot,
                                  on_persist, on_apply, NULL,    c};
    c->hooks.trims = true;
    c->node_count = node_count;
    c->delay_max_ns = 2 * MS;
    c->sync_max_ns = 2 * MS;
    c->next_context = 1;
    c->commit_max = 1;
    struct raft_config config = {.voter_count = voter_count};
    for (uint32_t i = 0; i < voter_count; i++)
        config.voters[i] = (struct raft_member){i + 1, i + 101};
    struct raft_config none = {0};
    struct raft_options o = {0};
    if (options != NULL) o = *options;
    for (uint64_t id = 1; id <= node_count; id++) {
        sim_node_init(&c->nodes[id], id, &o, &c->hooks, id <= voter_count ? &config : &none);
        c->nodes[id].lives = (uint32_t)prng_below(&c->prng, 1000);
        cluster_restart(c, id);
    }
    return c;
}

void cluster_destroy(struct cluster *c)
{
    for (uint64_t id = 1; id <= c->node_count; id++)
        sim_node_deinit(&c->nodes[id]);
    for (uint32_t i = 0; i < c->packet_count; i++)
        free(c->packets[i].bytes);
    free(c->packets);
    free(c->known);
    free(c);
}

static void after_step(struct cluster *c, struct sim_node *n)
{
    check_node(c, n);
    if (n->raft != NULL && n->queued.count > 0 && c->sync_due_ns[n->id] == 0)
        c->sync_due_ns[n->id] = c->now_ns + 1 + prng_below(&c->prng, c->sync_max_ns + 1);
}

enum status cluster_event(struct cluster *c, uint64_t id, struct raft_event event)
{
    struct sim_node *n = &c->nodes[id];
    enum status status = sim_node_step(n, event, c->now_ns);
    after_step(c, n);
    return status;
}

static void deliver_message(struct cluster *c, const struct packet *p)
{
    static struct raft_entry entries[RAFT_APPEND_ENTRIES_MAX];
    struct raft_message m;
    enum status status =
        raft_message_decode(bytes_make(p->bytes, p->size), &m, entries, RAFT_APPEND_ENTRIES_MAX);
    CHECK(c, status == STATUS_OK);
    status =
        cluster_event(c, p->to, (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = &m});
    CHECK(c, status == STATUS_OK);
}

static void deliver_snapshot(struct cluster *c, struct packet p)
{
    struct sim_node *n = &c->nodes[p.to];
    if (p.ok && n->raft != NULL && !c->blocked[p.from][p.to]) {
        p.ok = sim_node_install(n, &p.state, p.from, p.term, c->now_ns);
        after_step(c, n);
    } else {
        p.ok = false;
    }
    struct packet *back = packet_add(c);
    *back = p;
    back->kind = PACKET_SNAPSHOT_SENT;
    back->to = p.from;
    back->from = p.to;
    back->index = p.state.pos.index;
    back->deliver_ns = delay(c);
}

static void deliver(struct cluster *c, struct packet p)
{
    struct sim_node *n = &c->nodes[p.to];
    if (p.kind == PACKET_SNAPSHOT) {
        deliver_snapshot(c, p);
        return;
    }
    if (n->raft == NULL) return;
    struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_SENT};
    switch (p.kind) {
    case PACKET_MESSAGE:
        if (!c->blocked[p.from][p.to]) deliver_message(c, &p);
        break;
    case PACKET_LOAD:
        if (p.life != n->lives) break;
        sim_node_serve_load(n, 1 + (uint32_t)prng_below(&c->prng, 64),
                            !prng_chance(&c->prng, 1, 10), c->now_ns);
        after_step(c, n);
        break;
    case PACKET_SNAPSHOT_SENT:
        if (p.life != n->lives) break;
        event.snapshot_sent.member = p.from;
        event.snapshot_sent.index = p.index;
        event.snapshot_sent.ok = p.ok;
        if (cluster_event(c, p.to, event) != STATUS_OK) cluster_fail(c, "snapshot sent", __LINE__);
        break;
    case PACKET_SNAPSHOT: break;
    }
}

static void sync_node(struct cluster *c, struct sim_node *n)
{
    c->sync_due_ns[n->id] = 0;
    if (n->raft == NULL || n->queued.count == 0) return;
    uint32_t count = n->queued.count;
    if (prng_chance(&c->prng, 1, 3)) count = 1 + (uint32_t)prng_below(&c->prng, count);
    sim_node_sync(n, count, c->now_ns);
    after_step(c, n);
}

static void apply_node(struct cluster *c, struct sim_node *n)
{
    if (n->raft == NULL || (c->lazy_apply && prng_chance(&c->prng, 3, 4))) return;
    if (sim_node_apply(n, 1 + (uint32_t)prng_below(&c->prng, 32), c->now_ns)) after_step(c, n);
}

/* One thing that is due by until_ns. False: nothing is. */
static bool run_one(struct cluster *c, uint64_t until_ns)
{
    uint64_t best_ns = until_ns + 1, node = 0;
    uint32_t packet = UINT32_MAX;
    bool sync = false;
    for (uint32_t i = 0; i < c->packet_count; i++) {
        if (c->packets[i].deliver_ns >= best_ns) continue;
        best_ns = c->packets[i].deliver_ns;
        packet = i;
    }
    for (uint64_t id = 1; id <= c->node_count; id++) {
        const struct sim_node *n = &c->nodes[id];
        if (n->raft == NULL) continue;
        if (n->wake_at_ns < best_ns) {
            best_ns = n->wake_at_ns;
            node = id;
            sync = false;
        }
        if (c->sync_due_ns[id] != 0 && c->sync_due_ns[id] < best_ns) {
            best_ns = c->sync_due_ns[id];
            node = id;
            sync = true;
        }
    }
    if (best_ns > until_ns) return false;
    if (best_ns > c->now_ns) c->now_ns = best_ns;
    if (node != 0 && sync) {
        sync_node(c, &c->nodes[node]);
    } else if (node != 0) {
        enum status status = cluster_event(c, node, (struct raft_event){.kind = RAFT_EVENT_TIMER});
        CHECK(c, status == STATUS_OK);
        CHECK(c, c->nodes[node].wake_at_ns > c->now_ns); /* no busy loop */
    } else {
        struct packet p = c->packets[packet];
        c->packets[packet] = c->packets[--c->packet_count];
        deliver(c, p);
        node = p.to;
        free(p.bytes);
    }
    apply_node(c, &c->nodes[node]);
    return true;
}

void cluster_run(struct cluster *c, uint64_t duration_ns)
{
    uint64_t until_ns = c->now_ns + duration_ns;
    while (run_one(c, until_ns)) {
    }
    c->now_ns = until_ns;
    for (uint64_t id = 1; id <= c->node_count; id++)
        apply_node(c, &c->nodes[id]);
}

void cluster_cut(struct cluster *c, uint64_t a, uint64_t b, bool cut)
{
    c->blocked[a][b] = c->blocked[b][a] = cut;
}

void cluster_isolate(struct cluster *c, uint64_t id, bool isolated)
{
    for (uint64_t other = 1; other <= c->node_count; other++)
        if (other != id) cluster_cut(c, id, other, isolated);
}

void cluster_heal(struct cluster *c)
{
    memset(c->blocked, 0, sizeof c->blocked);
}

void cluster_crash(struct cluster *c, uint64_t id)
{
    struct sim_node *n = &c->nodes[id];
    if (n->raft == NULL) return;
    /* The driver's part of the bargain: doubts outlive a restart until a leader has settled them.
     */
    c->lost_tail[id] |= sim_node_status(n).uncertain;
    c->lost_all[id] |= sim_node_status(n).lost;
    sim_node_crash(n, (uint32_t)prng_below(&c->prng, n->queued.count + 1), 0);
    c->sync_due_ns[id] = 0;
    c->checked_commit[id] = 0;
    c->least_term[id] = 0; /* what was not durable may be forgotten */
    for (uint32_t i = 0; i < 1024; i++)
        if (c->reads[i].context % CLUSTER_NODES_MAX + 1 == id) c->reads[i].open = false;
}

void cluster_restart(struct cluster *c, uint64_t id)
{
    struct sim_node *n = &c->nodes[id];
    if (n->raft != NULL) return;
    if (c->lost_all[id]) sim_node_wipe(n);
    sim_node_start(n, c->now_ns, c->lost_tail[id]);
    c->lost_tail[id] = c->lost_all[id] = n->wiped = false;
    check_node(c, n);
}

uint64_t cluster_leader(const struct cluster *c)
{
    uint64_t leader = 0, term = 0;
    for (uint64_t id = 1; id <= c->node_count; id++) {
        if (c->nodes[id].raft == NULL) continue;
        struct raft_status status = sim_node_status(&c->nodes[id]);
        if (status.role != RAFT_ROLE_LEADER || status.term < term) continue;
        leader = id;
        term = status.term;
    }
    return leader;
}

uint64_t cluster_wait_leader(struct cluster *c)
{
    for (uint32_t i = 0; i < 2000; i++) {
        uint64_t leader = cluster_leader(c);
        if (leader != 0 && cluster_status(c, leader).own_term_committed) return leader;
        cluster_run(c, 10 * MS);
    }
    cluster_fail(c, "no leader", __LINE__);
}

void cluster_elect(struct cluster *c, uint64_t id)
{
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t leader = cluster_leader(c);
        struct raft_event event = {.kind = RAFT_EVENT_CAMPAIGN};
        if (leader == id && cluster_status(c, id).own_term_committed) return;
        if (leader != 0 && leader != id)
            event = (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .member = id};
        (void)!cluster_event(c, event.kind == RAFT_EVENT_TRANSFER ? leader : id, event);
        cluster_run(c, 200 * MS);
    }
    cluster_fail(c, "cannot elect", __LINE__);
}

enum status cluster_propose(struct cluster *c, uint64_t id, size_t size)
{
    uint8_t *payload = calloc(1, size + 8);
    ASSERT(payload != NULL);
    memcpy(payload, &c->proposals, 8);
    c->proposals++;
    struct raft_event event = {.kind = RAFT_EVENT_PROPOSE};
    event.propose.payload = bytes_make(payload, size < 8 ? 8 : size);
    event.propose.more = event.propose.joins = c->proposals % 3 == 0; /* some come in pairs that share an entry, mostly */
    enum status status = cluster_event(c, id, event);
    if (event.propose.more && status == STATUS_OK && cluster_event(c, id, event) == STATUS_BUSY) COVER("raft_half_a_pair");
    if (event.propose.more && cluster_event(c, id, (struct raft_event){.kind = RAFT_EVENT_FLUSH}) != STATUS_OK) COVER("raft_flush_refused");
    free(payload);
    return status;
}

enum status cluster_change(struct cluster *c, uint64_t id, uint32_t voters, uint32_t learners)
{
    struct raft_config config = {0};
    for (uint64_t member = 1; member <= c->node_count; member++) {
        struct raft_member m = {member, member + 100};
        if (voters >> member & 1)
            config.voters[config.voter_count++] = m;
        else if (learners >> member & 1)
            config.learners[config.learner_count++] = m;
    }
    return cluster_event(c, id,
                         (struct raft_event){.kind = RAFT_EVENT_CHANGE_CONFIG, .config = &config});
}

uint64_t cluster_read(struct cluster *c, uint64_t id)
{
    while (c->next_context % CLUSTER_NODES_MAX + 1 != id)
        c->next_context++; /* names its node */
    struct asked_read *asked = &c->reads[c->next_context % 1024];
    *asked = (struct asked_read){c->next_context, c->commit_max, true};
    uint64_t context = c->next_context++;
    enum status status =
        cluster_event(c, id, (struct raft_event){.kind = RAFT_EVENT_READ, .read_context = context});
    CHECK(c, status == STATUS_OK);
    return context;
}

struct raft_status cluster_status(const struct cluster *c, uint64_t id)
{
    return sim_node_status(&c->nodes[id]);
}

/* ---- chaos ---- */

static uint64_t any_node(struct cluster *c)
{
    return 1 + prng_below(&c->prng, c->node_count);
}

/* A pair of voters decides nothing once one of them has lost everything. */
static bool larger_than_pairs(const struct cluster *c)
{
    for (uint64_t id = 1; id <= c->node_count; id++) {
        if (c->nodes[id].raft == NULL) return false;
        const struct raft_config *config = sim_node_status(&c->nodes[id]).config;
        if (config->voter_count == 0) continue; /* a newcomer */
        if (config->voter_count < 3 || (config->outgoing_count > 0 && config->outgoing_count < 3))
            return false;
    }
    return true;
}

static bool one_decides(const struct raft_config *c)
{
    return c->voter_count <= 1 || c->outgoing_count == 1;
}

/* One voter alone was enough, for some entry of the log from that index on. */
static bool one_has_decided(const struct sim_node *n, const struct sim_records *log, uint64_t from)
{
    struct raft_config at_from = n->flushed.config, c;
    uint64_t index = n->flushed.pos.index;
    for (uint32_t i = 0; i < log->count; i++) {
        const struct raft_entry *e = &log->items[i].entry;
        if (log->items[i].kind != SIM_RECORD_ENTRY || e->kind != RAFT_ENTRY_CONFIG) continue;
        enum status status = raft_config_decode(e->payload, &c);
        ASSERT(status == STATUS_OK);
        if (e->index > from && one_decides(&c)) return true;
        if (e->index > from || (e->index < index && index <= from)) continue;
        at_from = c;
        index = e->index;
    }
    return one_decides(&at_from);
}

static void chaos_crash(struct cluster *c, uint32_t level)
{
    uint64_t id = any_node(c);
    struct sim_node *n = &c->nodes[id];
    if (n->raft == NULL) return;
    bool one_lost = false; /* two replicas that forget at once may lose data for good */
    for (uint64_t i = 1; i <= c->node_count; i++) {
        one_lost |= c->lost_tail[i] || c->lost_all[i];
        if (c->nodes[i].raft != NULL) one_lost |= sim_node_status(&c->nodes[i]).uncertain;
    }
    struct raft_status status = sim_node_status(n);
    bool lose = (level & CHAOS_LOST_TAIL) != 0 && !one_lost, enough = larger_than_pairs(c);
    /* What only one voter had to have, and that one forgets, is gone: no protocol brings it back.
     */
    uint64_t from = status.last.index > 8 ? status.last.index - 8 : 0;
    lose &= !one_decides(status.config) && !one_has_decided(n, &n->durable, from) &&
            !one_has_decided(n, &n->queued, from);
    cluster_crash(c, id);
    if (!lose || !prng_chance(&c->prng, 1, 2)) return;
    if (enough && prng_chance(&c->prng, 1, 2)) { /* the others decide without it */
        c->lost_all[id] = true;
        return;
    }
    uint32_t lost = (uint32_t)prng_below(&c->prng, 6);
    while (lost > 0 && n->durable.count > 2 + lost) {
        struct sim_record *last = &n->durable.items[--n->durable.count];
        if (last->kind == SIM_RECORD_ENTRY) free((void *)(uintptr_t)last->entry.payload.data);
        lost--;
    }
    c->lost_tail[id] = true;
}

static void chaos_partition(struct cluster *c)
{
    bool whole = true;
    for (uint64_t a = 1; a <= c->node_count; a++)
        for (uint64_t b = 1; b <= c->node_count; b++)
            whole &= !c->blocked[a][b];
    if (!whole) { /* troubled half of the time */
        cluster_heal(c);
        return;
    }
    uint32_t side = (uint32_t)prng_next(&c->prng);
    bool one_way = prng_chance(&c->prng, 1, 4), partial = prng_chance(&c->prng, 1, 4);
    for (uint64_t a = 1; a <= c->node_count; a++)
        for (uint64_t b = 1; b <= c->node_count; b++) {
            bool cut = (side >> a & 1) != (side >> b & 1);
            if (one_way) cut = (side >> a & 1) != 0 && (side >> b & 1) == 0;
            if (partial) cut = a != b && prng_chance(&c->prng, 1, 3);
            c->blocked[a][b] = cut;
        }
}

static uint32_t voter_bits(const struct raft_config *config)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < config->voter_count; i++)
        bits |= 1u << config->voters[i].id;
    return bits;
}

static bool any_lost(const struct cluster *c)
{
    for (uint64_t id = 1; id <= c->node_count; id++)
        if (c->lost_all[id] || (c->nodes[id].raft != NULL && sim_node_status(&c->nodes[id]).lost))
            return true;
    return false;
}

static void chaos_change(struct cluster *c)
{
    if (any_lost(c)) return;
    uint32_t voters = 0, learners = (uint32_t)prng_next(&c->prng) & (uint32_t)prng_next(&c->prng);
    while (voters == 0) {
        voters = (uint32_t)prng_next(&c->prng) & ((2u << c->node_count) - 2);
        uint32_t count = (uint32_t)__builtin_popcount(voters);
        if (count > RAFT_VOTERS_MAX || (count == 1 && !prng_chance(&c->prng, 1, 4))) voters = 0;
    }
    for (uint64_t id = 1; id <= c->node_count; id++) {
        if (c->nodes[id].raft == NULL) continue;
        if (sim_node_status(&c->nodes[id]).role != RAFT_ROLE_LEADER) continue;
        if (prng_chance(&c->prng, 1, 3)) voters = voter_bits(sim_node_status(&c->nodes[id]).config);
        (void)!cluster_change(c, id, voters, learners);
    }
}

static void chaos_propose(struct cluster *c)
{
    for (uint64_t id = 1; id <= c->node_count; id++) {
        if (c->nodes[id].raft == NULL) continue;
        if (sim_node_status(&c->nodes[id]).role != RAFT_ROLE_LEADER) continue;
        uint32_t count = (uint32_t)prng_below(&c->prng, 4);
        for (uint32_t i = 0; i < count; i++)
            (void)!cluster_propose(c, id, prng_below(&c->prng, 300));
    }
}

static void chaos_truncate(struct cluster *c)
{
    struct sim_node *n = &c->nodes[any_node(c)];
    if (n->raft == NULL) return;
    if (prng_chance(&c->prng, 1, 2)) sim_node_flush(n);
    if (c->keep_logs || n->flushed.pos.index == 0) return;
    uint64_t back = prng_below(&c->prng, 10);
    if (back < n->flushed.pos.index && prng_chance(&c->prng, 1, 3))
        (void)!sim_node_truncate(n, n->flushed.pos.index - back, c->now_ns);
    after_step(c, n);
}

static void chaos_transfer(struct cluster *c)
{
    uint64_t leader = cluster_leader(c);
    if (leader == 0) return;
    uint64_t member = prng_chance(&c->prng, 1, 2) ? 0 : any_node(c);
    (void)!cluster_event(c, leader,
                         (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .member = member});
    if (prng_chance(&c->prng, 1, 2)) (void)!cluster_propose(c, leader, 8);
}

static void chaos_action(struct cluster *c, uint32_t level)
{
    uint64_t id = any_node(c);
    switch (prng_below(&c->prng, 16)) {
    case 0:
        if (level & CHAOS_CRASH) chaos_crash(c, level);
        break;
    case 1:
    case 2:
        for (uint64_t down = 1; down <= c->node_count; down++)
            if (prng_chance(&c->prng, 1, 2)) cluster_restart(c, down);
        break;
    case 3:
        if (level & CHAOS_PARTITION) chaos_partition(c);
        break;
    case 4:
        if (level & CHAOS_CHANGE) chaos_change(c);
        break;
    case 5:
        if (level & CHAOS_TRANSFER) chaos_transfer(c);
        break;
    case 6:
        if (c->nodes[id].raft != NULL && prng_chance(&c->prng, 1, 8))
            (void)!cluster_event(c, id, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN});
        break;
    case 7:
    case 8:
        if (level & CHAOS_TRUNCATE) chaos_truncate(c);
        break;
    case 9:
        if (c->nodes[id].raft != NULL)
            (void)!cluster_event(
                c, id, (struct raft_event){.kind = RAFT_EVENT_UNREACHABLE, .member = any_node(c)});
        break;
    case 10:
    case 11:
    case 12:
        if (c->nodes[id].raft != NULL) cluster_read(c, id);
        break;
    default: chaos_propose(c); break;
    }
}

void cluster_chaos(struct cluster *c, uint32_t rounds, uint32_t level)
{
    for (uint32_t i = 0; i < rounds; i++) {
        chaos_action(c, level);
        uint64_t longest = prng_chance(&c->prng, 1, 10) ? 1500 * MS : 40 * MS;
        cluster_run(c, prng_below(&c->prng, longest));
    }
}

static bool at_rest(struct cluster *c)
{
    uint64_t leader = cluster_leader(c);
    if (leader == 0) return false;
    struct raft_status lead = cluster_status(c, leader);
    if (!lead.own_term_committed || lead.commit_index != lead.last.index) return false;
    if (lead.config->outgoing_count > 0) return false;
    for (uint64_t id = 1; id <= c->node_count; id++) {
        if (!raft_config_has(lead.config, id)) continue;
        struct raft_status status = cluster_status(c, id);
        if (status.applied_index != lead.last.index || status.term != lead.term) return false;
        if (status.uncommitted_bytes != 0 || status.uncertain) return false;
        if (c->nodes[id].state.hash != c->nodes[leader].state.hash) return false;
    }
    for (uint32_t i = 0; i < 1024; i++)
        if (c->reads[i].open) return false;
    return true;
}

void cluster_converge(struct cluster *c)
{
    cluster_heal(c);
    c->drop_percent = c->duplicate_percent = c->slow_percent = 0;
    c->lazy_apply = false;
    for (uint64_t id = 1; id <= c->node_count; id++)
        cluster_restart(c, id);
    for (uint32_t i = 0; i < 300; i++) {
        cluster_run(c, 100 * MS);
        if (at_rest(c)) return;
    }
    for (uint64_t id = 1; id <= c->node_count; id++) {
        struct raft_status s = cluster_status(c, id);
        fprintf(stderr,
                "node %llu role=%d term=%llu leader=%llu start=%llu last=%llu commit=%llu "
                "applied=%llu persisted=%llu uncertain=%d voters=%u outgoing=%u learners=%u "
                "voters=%x\n",
                (unsigned long long)id, (int)s.role, (unsigned long long)s.term,
                (unsigned long long)s.leader, (unsigned long long)s.start.index,
                (unsigned long long)s.last.index, (unsigned long long)s.commit_index,
                (unsigned long long)s.applied_index, (unsigned long long)s.persisted_index,
                s.uncertain, s.config->voter_count, s.config->outgoing_count,
                s.config->learner_count, voter_bits(s.config));
    }
    cluster_fail(c, "does not come to rest", __LINE__);
}
