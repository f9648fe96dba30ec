/* Raft commits through three replicas, each with a real log (wal/) in a directory of its own, on one thread.
 * The network is simulated: messages are encoded, queued in memory and decoded by the receiver in its next
 * turn, so what is measured is consensus and log without sockets. Applying is not part of it.
 *
 *   N proposals in flight: a new one starts when one is committed at the leader
 *
 * raft_bench [--directory DIR] [--seconds N] [--entry-bytes N] [--io auto|uring|epoll]
 * The three logs share the disk and the core: three nodes of their own would do about three times as much. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/prng.h"
#include "bench/load.h"
#include "bench/local.h"
#include "io/backends.h"
#include "raft/raft.h"
#include "wal/wal.h"

#define NODES 3
#define INFLIGHT_MAX 256
#define TICKETS_MAX 4096
#define INBOX_BYTES_MAX (64u << 20)
#define ENTRIES_PER_TRIM 4096
#define GROUP ((struct range_id){1})

struct ticket {
    uint64_t ticket, lsn;
};

struct node {
    struct raft_bench *bench;
    uint64_t id;
    struct raft *raft;
    struct wal *wal;
    enum status opened;
    struct buf inbox, arriving;  /* what the next turn sees; what this turn works through */
    struct ticket tickets[TICKETS_MAX];
    uint64_t ticket_first, ticket_count;
    uint64_t durable, wake_ns, applied, trimmed;
};

struct raft_bench {
    const struct options *options;
    struct env *env;
    struct fiber_pool *fibers;
    struct logger logger;
    struct node nodes[NODES];
    struct raft_entry *decoded;
    uint8_t *payload;
    uint64_t started_ns[INFLIGHT_MAX], first, count, inflight; /* proposals, in the order of the log */
    uint64_t acknowledged; /* the leader's commit index that has been counted */
    struct histogram latency_ns;
    uint64_t done, messages;
    bool measuring, proposing, failed;
};

static void fail(struct raft_bench *b, const char *what, enum status status)
{
    if (!b->failed) fprintf(stderr, "raft_bench: %s: %s\n", what, status_name(status));
    b->failed = true;
}

/* ---- one replica ---- */

static void on_durable(void *ctx, struct lsn durable)
{
    ((struct node *)ctx)->durable = durable.value;
}

static void on_failed(void *ctx, enum status status, const char *what)
{
    fail(((struct node *)ctx)->bench, what, status);
}

/* A segment that is still being prepared refuses for a moment: nothing else can be done meanwhile. */
static bool again(struct node *n, enum status status)
{
    if (status == STATUS_OK) return false;
    if (status != STATUS_BUSY) {
        fail(n->bench, "append", status);
        return false;
    }
    wal_submit(n->wal);
    env_poll(n->bench->env, env_now_ns(n->bench->env) + 1000000);
    fiber_run_ready(n->bench->fibers);
    return !n->bench->failed;
}

static void persist(struct node *n, const struct raft_output *out)
{
    struct lsn lsn = {0};
    const struct raft_hard_state *h = &out->hard_state;
    if (out->hard_state_changed)
        while (again(n, wal_append_hard_state(n->wal, GROUP, h->term, h->vote, h->commit, &lsn))) {}
    for (uint32_t i = 0; i < out->entry_count && !n->bench->failed; i++) {
        const struct raft_entry *e = &out->entries[i];
        while (again(n, wal_append_entry(n->wal, GROUP, e->term, e->index, (uint8_t)e->kind, e->payload, &lsn))) {}
    }
    if (out->ticket == 0) return;
    ASSERT(n->ticket_count < TICKETS_MAX);
    n->tickets[(n->ticket_first + n->ticket_count++) % TICKETS_MAX] = (struct ticket){out->ticket, lsn.value};
}

static void send(struct node *n, const struct raft_output *out)
{
    for (uint32_t i = 0; i < out->message_count; i++) {
        const struct raft_message *m = &out->messages[i];
        struct buf *inbox = &n->bench->nodes[m->to - 1].inbox;
        size_t head = inbox->size;
        buf_append_zero(inbox, 4);
        raft_message_encode(m, inbox);
        if (inbox->failed) {
            fail(n->bench, "inbox", STATUS_TOO_LARGE);
            return;
        }
        uint32_t size = (uint32_t)(inbox->size - head - 4);
        memcpy(inbox->data + head, &size, sizeof size);
        n->bench->messages++;
    }
}

static void step(struct node *n, struct raft_event *event)
{
    struct raft_output out;
    event->now_ns = env_now_ns(n->bench->env);
    enum status status = raft_step(n->raft, event, &out);
    if (status != STATUS_OK && status != STATUS_BUSY) fail(n->bench, "step", status);
    persist(n, &out);
    send(n, &out);
    n->wake_ns = out.wake_at_ns;
    if (out.commit_index > n->applied) {
        n->applied = out.commit_index;
        struct raft_event applied = {.kind = RAFT_EVENT_APPLIED, .index = n->applied};
        step(n, &applied);
    }
}

/* Lets log and group forget what everybody has. */
static void trim(struct node *n)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < NODES; i++)
        if (n->bench->nodes[i].applied < least) least = n->bench->nodes[i].applied;
    if (least < n->trimmed + ENTRIES_PER_TRIM) return;
    n->trimmed = least;
    struct raft_event event = {.kind = RAFT_EVENT_TRUNCATED, .truncated = {.index = least}};
    if (!raft_term_at(n->raft, least, &event.truncated.term)) return;
    struct lsn lsn;
    while (again(n, wal_append_start(n->wal, GROUP, event.truncated, &lsn))) {}
    step(n, &event);
}

static void receive(struct node *n)
{
    struct buf swap = n->arriving;
    n->arriving = n->inbox;
    n->inbox = swap;
    buf_reset(&n->inbox);
    for (size_t at = 0; at < n->arriving.size && !n->bench->failed;) {
        uint32_t size;
        memcpy(&size, n->arriving.data + at, sizeof size);
        struct raft_message m;
        struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = &m};
        enum status status = raft_message_decode(bytes_make(n->arriving.data + at + 4, size), &m,
                                                 n->bench->decoded, RAFT_APPEND_ENTRIES_MAX);
        if (status != STATUS_OK) fail(n->bench, "decode", status);
        else step(n, &event);
        at += 4 + size;
    }
}

static void node_turn(struct node *n)
{
    receive(n);
    uint64_t ticket = 0;
    while (n->ticket_count > 0 && n->tickets[n->ticket_first].lsn <= n->durable) {
        ticket = n->tickets[n->ticket_first].ticket;
        n->ticket_first = (n->ticket_first + 1) % TICKETS_MAX;
        n->ticket_count--;
    }
    if (ticket != 0) step(n, &(struct raft_event){.kind = RAFT_EVENT_PERSISTED, .ticket = ticket});
    if (env_now_ns(n->bench->env) >= n->wake_ns) step(n, &(struct raft_event){.kind = RAFT_EVENT_TIMER});
    trim(n);
}

/* ---- the load ---- */

static struct node *leader(struct raft_bench *b)
{
    for (size_t i = 0; i < NODES; i++) {
        struct raft_status status;
        raft_status(b->nodes[i].raft, &status);
        if (status.role == RAFT_ROLE_LEADER && status.own_term_committed) return &b->nodes[i];
    }
    return NULL;
}

static void count_committed(struct raft_bench *b, const struct node *l)
{
    uint64_t now_ns = load_now_ns();
    for (; b->acknowledged < l->applied; b->acknowledged++) {
        if (b->count == 0) continue; /* the leader's own first entry */
        if (b->measuring) histogram_add(&b->latency_ns, now_ns - b->started_ns[b->first]);
        b->done += b->measuring;
        b->first = (b->first + 1) % INFLIGHT_MAX;
        b->count--;
    }
}

static void propose(struct raft_bench *b, struct node *l)
{
    while (b->proposing && b->count < b->inflight && !b->failed) {
        uint64_t now_ns = load_now_ns();
        memcpy(b->payload, &now_ns, sizeof now_ns);
        struct raft_event event = {.kind = RAFT_EVENT_PROPOSE,
                                   .propose = {bytes_make(b->payload, b->options->entry_bytes)}};
        b->started_ns[(b->first + b->count++) % INFLIGHT_MAX] = now_ns;
        step(l, &event);
    }
}

static void turn(struct raft_bench *b)
{
    for (size_t i = 0; i < NODES; i++) node_turn(&b->nodes[i]);
    struct node *l = leader(b);
    if (l != NULL) {
        count_committed(b, l);
        propose(b, l);
    }
    bool waiting = true;
    for (size_t i = 0; i < NODES; i++) {
        wal_submit(b->nodes[i].wal);
        waiting = waiting && b->nodes[i].inbox.size == 0;
    }
    env_poll(b->env, waiting ? env_now_ns(b->env) + 1000000 : 0);
    fiber_run_ready(b->fibers);
}

static void run_for(struct raft_bench *b, uint64_t duration_ns)
{
    for (uint64_t end_ns = load_now_ns() + duration_ns; !b->failed && load_now_ns() < end_ns;) turn(b);
}

static void measure(struct raft_bench *b, uint64_t inflight)
{
    struct node *l = leader(b);
    ASSERT(l != NULL && inflight <= INFLIGHT_MAX);
    b->inflight = inflight;
    b->proposing = true;
    run_for(b, 300000000); /* warm-up: buffers and the first segments */
    uint64_t groups = wal_metrics(l->wal)->group_count, messages = b->messages, start_ns = load_now_ns();
    histogram_init(&b->latency_ns);
    b->done = 0;
    b->measuring = true;
    run_for(b, b->options->seconds * 1000000000u);
    b->measuring = b->proposing = false;
    double seconds = (double)(load_now_ns() - start_ns) / 1e9, done = b->done > 0 ? (double)b->done : 1;
    groups = wal_metrics(l->wal)->group_count - groups;
    printf("%-16s %8" PRIu64 " %10.0f %9.1f %9.1f %9.1f %13.1f %12.2f\n", "raft", inflight,
           (double)b->done / seconds, (double)histogram_quantile(&b->latency_ns, 0.5) / 1000.0,
           (double)histogram_quantile(&b->latency_ns, 0.99) / 1000.0,
           (double)histogram_quantile(&b->latency_ns, 0.999) / 1000.0,
           groups > 0 ? (double)b->done / (double)groups : 0, (double)(b->messages - messages) / done);
    fflush(stdout);
    for (int i = 0; i < 10000 && !b->failed && b->count > 0; i++) turn(b);
}

/* ---- set-up ---- */

static void open_log(void *arg)
{
    struct node *n = arg;
    char directory[16];
    snprintf(directory, sizeof directory, "wal%" PRIu64, n->id);
    struct wal_recovery recovery;
    struct wal_options options = {.env = n->bench->env, .fibers = n->bench->fibers, .logger = &n->bench->logger,
                                  .directory = directory, .store_id = n->id, .sync_mode = WAL_SYNC_AUTO,
                                  .compress = true, .on_durable = on_durable, .on_failed = on_failed, .ctx = n};
    n->opened = wal_open(&options, NULL, &recovery, &n->wal);
}

static bool node_open(struct raft_bench *b, struct node *n, uint64_t id)
{
    *n = (struct node){.bench = b, .id = id, .opened = STATUS_IO};
    buf_init(&n->inbox, INBOX_BYTES_MAX);
    buf_init(&n->arriving, INBOX_BYTES_MAX);
    if (fiber_spawn(b->fibers, open_log, n, NULL) != STATUS_OK) return false;
    while (fiber_pool_live(b->fibers) > 0) {
        env_poll(b->env, env_now_ns(b->env) + 10000000);
        fiber_run_ready(b->fibers);
    }
    struct raft_options options = {.id = id, .seed = id, .logger = &b->logger};
    struct raft_restore restore = {.config = {.voter_count = NODES}};
    for (uint64_t i = 0; i < NODES; i++) restore.config.voters[i] = (struct raft_member){i + 1, i + 1};
    struct raft_output out;
    if (n->opened != STATUS_OK || raft_create(&options, &restore, &n->raft) != STATUS_OK ||
        raft_start(n->raft, env_now_ns(b->env), false, &out) != STATUS_OK)
        return false;
    persist(n, &out);
    send(n, &out);
    n->wake_ns = out.wake_at_ns;
    return true;
}

static bool elect(struct raft_bench *b)
{
    for (uint64_t end_ns = load_now_ns() + 10000000000u; leader(b) == NULL;) {
        if (b->failed || load_now_ns() > end_ns) return false;
        turn(b);
    }
    b->acknowledged = leader(b)->applied;
    return true;
}

static void close_all(struct raft_bench *b)
{
    env_shutdown(b->env);
    for (size_t i = 0; i < NODES; i++) {
        struct node *n = &b->nodes[i];
        while (n->wal != NULL && (fiber_pool_live(b->fibers) > 0 || !wal_idle(n->wal))) {
            env_poll(b->env, env_now_ns(b->env) + 1000000);
            fiber_run_ready(b->fibers);
        }
        if (n->wal != NULL) wal_close(n->wal);
        if (n->raft != NULL) raft_destroy(n->raft);
        buf_deinit(&n->inbox);
        buf_deinit(&n->arriving);
    }
    for (int i = 0; i < 20; i++) env_poll(b->env, env_now_ns(b->env) + 1000000);
}

static enum status create_env(struct raft_bench *b, const char *root)
{
    struct env_options options = {.root = root, .logger = &b->logger};
    const char *io = b->options->io;
    enum status status = STATUS_UNSUPPORTED;
    if (strcmp(io, "epoll") != 0) status = env_uring_create(&options, &b->env);
    if (status == STATUS_UNSUPPORTED && strcmp(io, "uring") != 0) status = env_epoll_create(&options, &b->env);
    return status;
}

static bool run(const struct options *o, const char *root)
{
    static const uint64_t inflights[] = {1, 16, 256};
    struct raft_bench *b = calloc(1, sizeof *b);
    ASSERT(b != NULL);
    b->options = o;
    logger_init_stderr(&b->logger, LOG_LEVEL_WARN);
    enum status status = create_env(b, root);
    if (status != STATUS_OK) {
        fprintf(stderr, "raft_bench: %s: %s\n", o->io, status_name(status));
        free(b);
        return false;
    }
    b->fibers = fiber_pool_create(256u << 10, 16);
    b->decoded = calloc(RAFT_APPEND_ENTRIES_MAX, sizeof *b->decoded);
    b->payload = malloc(o->entry_bytes);
    ASSERT(b->fibers != NULL && b->decoded != NULL && b->payload != NULL);
    struct prng prng;
    prng_init(&prng, 1);
    for (uint64_t i = 0; i < o->entry_bytes; i++) b->payload[i] = (uint8_t)prng_next(&prng);
    bool ok = true;
    for (uint64_t i = 0; ok && i < NODES; i++) ok = node_open(b, &b->nodes[i], i + 1);
    printf("%-16s %8s %10s %9s %9s %9s %13s %12s\n", "what", "inflight", "commits/s", "p50_us", "p99_us",
           "p99.9_us", "commits/sync", "msgs/commit");
    ok = ok && elect(b);
    for (size_t i = 0; ok && i < sizeof inflights / sizeof inflights[0]; i++) measure(b, inflights[i]);
    ok = ok && !b->failed;
    close_all(b);
    env_destroy(b->env);
    fiber_pool_destroy(b->fibers);
    free(b->decoded);
    free(b->payload);
    free(b);
    return ok;
}

int main(int argc, char **argv)
{
    return local_main("raft_bench", argc, argv, run);
}
