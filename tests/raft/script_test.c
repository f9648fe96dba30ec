/* Transcripts: tests/data/raft/NAME.txt is read, carried out, and must come out as it stands there.
 * A block is a comment, a directive, a line of dashes and what happened. `--rewrite` writes what
 * happened instead.
 *
 *   nodes voters=1,2,3 [outgoing=..] [learners=..] [newcomers=4] [cache=bytes]   first; all are
 * started campaign on=1                       tick on=1 ms=700            propose on=1 value=x
 *   deliver [from=1] [to=2]             what is under way there, and what follows from that there
 *   drop [from=1] [to=2]                the same, lost
 *   persist on=1 [records=2]            writes become durable
 *   settle                              deliver and persist until nothing moves
 *   read on=1 context=7                 transfer on=1 to=2          change on=1 voters=1,2
 * [learners=3] apply on=1                          truncate on=1 index=5       snapshot from=1 to=3
 *   support from=2 to=1 epoch=1 ms=600  the store of 2 supports that of 1 from now on
 *   crash on=1 [records=0] [lost=0]     start on=1 [uncertain=1]    status [on=1] */
#include "base/assert.h"
#include "tests/raft/sim_node.h"
#include "tests/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define NODES_MAX 9
#define MS        1000000ull

struct packet {
    struct raft_message message;
    uint8_t *bytes;
    size_t size;
};
struct script {
    struct sim_hooks hooks;
    struct sim_node nodes[NODES_MAX + 1];
    bool made[NODES_MAX + 1];
    uint64_t now_ns;
    struct raft_support supports[NODES_MAX + 1][NODES_MAX + 1]; /* what the first is told of the second */
    struct packet packets[4096];
    uint32_t packet_count;
    struct buf out;
    const char *line; /* the directive */
    bool quiet;
};

/* ---- what happens, in words ---- */

static const char *message_names[] = {"?",
                                      "pre-vote",
                                      "pre-vote-reply",
                                      "vote",
                                      "vote-reply",
                                      "append",
                                      "append-reply",
                                      "heartbeat",
                                      "heartbeat-reply",
                                      "timeout-now",
                                      "read-index",
                                      "read-index-reply",
                                      "fortify",
                                      "fortify-reply"};
static const char *role_names[] = {"follower", "pre-candidate", "candidate", "leader"};

static void say_members(struct buf *b, const char *name, const struct raft_member *m,
                        uint32_t count)
{
    if (count == 0) return;
    buf_printf(b, " %s=", name);
    for (uint32_t i = 0; i < count; i++)
        buf_printf(b, "%s%llu", i == 0 ? "" : ",", (unsigned long long)m[i].id);
}

static void say_config(struct buf *b, const struct raft_config *c)
{
    say_members(b, "voters", c->voters, c->voter_count);
    say_members(b, "outgoing", c->outgoing, c->outgoing_count);
    say_members(b, "learners", c->learners, c->learner_count);
}

static void say_entry(struct buf *b, const struct raft_entry *e)
{
    buf_printf(b, "%llu/%llu", (unsigned long long)e->term, (unsigned long long)e->index);
    if (e->kind == RAFT_ENTRY_NOOP) buf_printf(b, ":noop");
    if (e->kind == RAFT_ENTRY_CONFIG) buf_printf(b, ":config");
    if (e->kind == RAFT_ENTRY_COMMAND)
        buf_printf(b, ":%.*s", (int)e->payload.size, (const char *)e->payload.data);
}

static void say_entries(struct buf *b, const struct raft_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        buf_printf(b, "%s", i == 0 ? " entries=" : ",");
        say_entry(b, &entries[i]);
    }
}

static void say_positions(struct buf *b, const struct raft_message *m)
{
    switch (m->kind) {
    case RAFT_MESSAGE_PRE_VOTE:
    case RAFT_MESSAGE_VOTE:
        buf_printf(b, " last=%llu/%llu", (unsigned long long)m->log_term,
                   (unsigned long long)m->log_index);
        break;
    case RAFT_MESSAGE_APPEND:
        buf_printf(b, " prev=%llu/%llu commit=%llu", (unsigned long long)m->log_term,
                   (unsigned long long)m->log_index, (unsigned long long)m->commit);
        break;
    case RAFT_MESSAGE_APPEND_REPLY:
        if (m->reject)
            buf_printf(b, " prev=%llu hint=%llu/%llu", (unsigned long long)m->log_index,
                       (unsigned long long)m->hint_term, (unsigned long long)m->hint_index);
        else
            buf_printf(b, " match=%llu", (unsigned long long)m->log_index);
        break;
    case RAFT_MESSAGE_HEARTBEAT:
        buf_printf(b, " commit=%llu round=%llu", (unsigned long long)m->commit,
                   (unsigned long long)m->read_seq);
        break;
    case RAFT_MESSAGE_HEARTBEAT_REPLY:
        buf_printf(b, " match=%llu round=%llu", (unsigned long long)m->log_index,
                   (unsigned long long)m->read_seq);
        break;
    case RAFT_MESSAGE_FORTIFY:
    case RAFT_MESSAGE_FORTIFY_REPLY:
        if (m->reject) buf_printf(b, " of=%llu", (unsigned long long)m->hint_term);
        else buf_printf(b, " seq=%llu epoch=%llu", (unsigned long long)m->read_seq, (unsigned long long)m->support_epoch);
        break;
    case RAFT_MESSAGE_READ_INDEX_REPLY:
        buf_printf(b, " index=%llu", (unsigned long long)m->commit);
        break;
    default: break;
    }
}

static void say_message(struct buf *b, const struct raft_message *m, const char *suffix)
{
    buf_printf(b, "%llu->%llu %s term=%llu", (unsigned long long)m->from, (unsigned long long)m->to,
               message_names[m->kind], (unsigned long long)m->term);
    say_positions(b, m);
    say_entries(b, m->entries, m->entry_count);
    if (m->reject) buf_printf(b, " reject");
    if (m->force) buf_printf(b, " force");
    if (m->uncertain) buf_printf(b, " uncertain");
    if (m->settled) buf_printf(b, " settled");
    buf_printf(b, "%s\n", suffix);
}

/* ---- hooks ---- */

static void on_message(void *ctx, struct sim_node *n, const struct raft_message *m)
{
    struct script *s = ctx;
    (void)n;
    ASSERT(s->packet_count < 4096);
    struct packet *p = &s->packets[s->packet_count++];
    struct buf b;
    buf_init(&b, 1 << 20);
    raft_message_encode(m, &b);
    ASSERT(!b.failed);
    p->message = *m;
    p->bytes = b.data;
    p->size = b.size;
    if (!s->quiet) say_message(&s->out, m, "");
}

static void on_persist(void *ctx, struct sim_node *n, const struct raft_output *out)
{
    struct script *s = ctx;
    if (s->quiet) return;
    buf_printf(&s->out, "%llu writes", (unsigned long long)n->id);
    if (out->hard_state_changed)
        buf_printf(&s->out, " term=%llu vote=%llu", (unsigned long long)out->hard_state.term,
                   (unsigned long long)out->hard_state.vote);
    say_entries(&s->out, out->entries, out->entry_count);
    buf_printf(&s->out, "\n");
}

static void on_read(void *ctx, struct sim_node *n, const struct raft_read *read)
{
    struct script *s = ctx;
    buf_printf(&s->out, "%llu read context=%llu %s", (unsigned long long)n->id,
               (unsigned long long)read->context, read->ok ? "ok" : "failed");
    if (read->ok) buf_printf(&s->out, " index=%llu", (unsigned long long)read->index);
    buf_printf(&s->out, "\n");
}

static void on_load(void *ctx, struct sim_node *n, const struct raft_load *load)
{
    struct script *s = ctx;
    buf_printf(&s->out, "%llu loads %llu..%llu\n", (unsigned long long)n->id,
               (unsigned long long)load->first_index, (unsigned long long)load->last_index);
}

static void on_snapshot(void *ctx, struct sim_node *n, const struct raft_snapshot_request *request)
{
    struct script *s = ctx;
    buf_printf(&s->out, "%llu wants to send a snapshot to %llu\n", (unsigned long long)n->id,
               (unsigned long long)request->member);
}

static void say_role(struct script *s, const struct sim_node *n)
{
    struct raft_status st = sim_node_status(n);
    buf_printf(&s->out, "%llu is %s term=%llu leader=%llu%s\n", (unsigned long long)n->id,
               role_names[st.role], (unsigned long long)st.term, (unsigned long long)st.leader,
               st.uncertain ? " uncertain" : "");
}

static void on_role(void *ctx, struct sim_node *n)
{
    say_role(ctx, n);
}

/* ---- words of a directive ---- */

static bool word(const struct script *s, const char *key, char *value, size_t size)
{
    char pattern[32];
    snprintf(pattern, sizeof pattern, " %s=", key);
    const char *at = strstr(s->line, pattern);
    if (at == NULL) return false;
    at += strlen(pattern);
    size_t length = strcspn(at, " \n");
    ASSERT(length < size);
    memcpy(value, at, length);
    value[length] = 0;
    return true;
}

static uint64_t number(const struct script *s, const char *key, uint64_t otherwise)
{
    char value[64];
    return word(s, key, value, sizeof value) ? strtoull(value, NULL, 10) : otherwise;
}

static uint32_t list(const struct script *s, const char *key, struct raft_member *members)
{
    char value[64];
    uint32_t count = 0;
    if (!word(s, key, value, sizeof value)) return 0;
    for (char *at = value; at != NULL; at = strchr(at, ',')) {
        if (*at == ',') at++;
        uint64_t id = strtoull(at, NULL, 10);
        ASSERT(id >= 1 && id <= NODES_MAX);
        members[count++] = (struct raft_member){id, id + 100};
    }
    return count;
}

static struct raft_config config_word(const struct script *s)
{
    struct raft_config c = {0};
    c.voter_count = list(s, "voters", c.voters);
    c.outgoing_count = list(s, "outgoing", c.outgoing);
    c.learner_count = list(s, "learners", c.learners);
    return c;
}

static struct sim_node *on(struct script *s)
{
    uint64_t id = number(s, "on", 0);
    ASSERT(id >= 1 && id <= NODES_MAX && s->made[id]);
    return &s->nodes[id];
}

/* ---- directives ---- */

static void node_make(struct script *s, uint64_t id, const struct raft_config *config)
{
    if (s->made[id]) return;
    struct raft_options o = {.cache_bytes_max = number(s, "cache", 0)};
    sim_node_init(&s->nodes[id], id, &o, &s->hooks, config);
    sim_node_start(&s->nodes[id], s->now_ns, false);
    s->made[id] = true;
}

static void do_nodes(struct script *s)
{
    struct raft_config c = config_word(s), none = {0};
    struct raft_member newcomers[NODES_MAX];
    for (uint32_t i = 0; i < c.voter_count; i++)
        node_make(s, c.voters[i].id, &c);
    for (uint32_t i = 0; i < c.outgoing_count; i++)
        node_make(s, c.outgoing[i].id, &c);
    for (uint32_t i = 0; i < c.learner_count; i++)
        node_make(s, c.learners[i].id, &c);
    uint32_t count = list(s, "newcomers", newcomers);
    for (uint32_t i = 0; i < count; i++)
        node_make(s, newcomers[i].id, &none);
}

static void step(struct script *s, struct sim_node *n, struct raft_event event)
{
    enum status status = sim_node_step(n, event, s->now_ns);
    if (status != STATUS_OK)
        buf_printf(&s->out, "%llu answers %s\n", (unsigned long long)n->id, status_name(status));
}

static void deliver_one(struct script *s, struct packet p)
{
    struct raft_entry entries[RAFT_APPEND_ENTRIES_MAX];
    struct raft_message m;
    struct sim_node *n = &s->nodes[p.message.to];
    enum status status =
        raft_message_decode(bytes_make(p.bytes, p.size), &m, entries, RAFT_APPEND_ENTRIES_MAX);
    ASSERT(status == STATUS_OK);
    if (s->made[m.to] && n->raft != NULL)
        step(s, n, (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = &m});
    free(p.bytes);
}

/* Takes the oldest packet that matches out of the queue. */
static bool take(struct script *s, uint64_t from, uint64_t to, struct packet *packet_out)
{
    for (uint32_t i = 0; i < s->packet_count; i++) {
        const struct raft_message *m = &s->packets[i].message;
        if ((from != 0 && m->from != from) || (to != 0 && m->to != to)) continue;
        *packet_out = s->packets[i];
        s->packet_count--;
        memmove(s->packets + i, s->packets + i + 1, (s->packet_count - i) * sizeof s->packets[0]);
        return true;
    }
    return false;
}

static void do_deliver(struct script *s)
{
    struct packet p;
    uint64_t from = number(s, "from", 0), to = number(s, "to", 0);
    while (take(s, from, to, &p))
        deliver_one(s, p);
}

static void do_drop(struct script *s)
{
    struct packet p;
    uint64_t from = number(s, "from", 0), to = number(s, "to", 0);
    while (take(s, from, to, &p)) {
        buf_printf(&s->out, "%llu->%llu %s lost\n", (unsigned long long)p.message.from,
                   (unsigned long long)p.message.to, message_names[p.message.kind]);
        free(p.bytes);
    }
}

static void do_settle(struct script *s)
{
    bool moved = true;
    while (moved) {
        struct packet p;
        moved = false;
        while (take(s, 0, 0, &p)) {
            deliver_one(s, p);
            moved = true;
        }
        for (uint64_t id = 1; id <= NODES_MAX; id++) {
            if (!s->made[id] || s->nodes[id].raft == NULL) continue;
            moved |= sim_node_sync(&s->nodes[id], UINT32_MAX, s->now_ns);
            if (s->nodes[id].load_wanted) {
                sim_node_serve_load(&s->nodes[id], 100, true, s->now_ns);
                moved = true;
            }
        }
    }
}

static void do_tick(struct script *s)
{
    struct sim_node *n = on(s);
    uint64_t until_ns = s->now_ns + number(s, "ms", 0) * MS;
    while (n->wake_at_ns <= until_ns) {
        if (n->wake_at_ns > s->now_ns) s->now_ns = n->wake_at_ns;
        step(s, n, (struct raft_event){.kind = RAFT_EVENT_TIMER});
    }
    s->now_ns = until_ns;
}

static void do_propose(struct script *s)
{
    char value[64] = "";
    word(s, "value", value, sizeof value);
    struct raft_event event = {.kind = RAFT_EVENT_PROPOSE};
    event.propose.payload = bytes_of_string(value);
    step(s, on(s), event);
}

static void do_change(struct script *s)
{
    struct raft_config c = config_word(s);
    step(s, on(s), (struct raft_event){.kind = RAFT_EVENT_CHANGE_CONFIG, .config = &c});
}

static void do_snapshot(struct script *s)
{
    struct sim_node *from = &s->nodes[number(s, "from", 0)], *to = &s->nodes[number(s, "to", 0)];
    uint64_t index = from->state.pos.index;
    bool ok = sim_node_install(to, &from->state, from->id, sim_node_status(from).term, s->now_ns);
    buf_printf(&s->out, "%llu %s the snapshot at %llu/%llu\n", (unsigned long long)to->id,
               ok ? "has installed" : "does not want", (unsigned long long)from->state.pos.term,
               (unsigned long long)index);
    struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_SENT};
    event.snapshot_sent.member = to->id;
    event.snapshot_sent.index = index;
    event.snapshot_sent.ok = ok;
    step(s, from, event);
}

static void do_truncate(struct script *s)
{
    struct sim_node *n = on(s);
    sim_node_flush(n);
    if (sim_node_truncate(n, number(s, "index", 0), s->now_ns) != STATUS_OK)
        buf_printf(&s->out, "nothing to truncate\n");
}

static void say_status(struct script *s, const struct sim_node *n)
{
    if (n->raft == NULL) {
        buf_printf(&s->out, "%llu is down\n", (unsigned long long)n->id);
        return;
    }
    struct raft_status st = sim_node_status(n);
    buf_printf(&s->out, "%llu %s term=%llu log=%llu..%llu/%llu commit=%llu applied=%llu",
               (unsigned long long)n->id, role_names[st.role], (unsigned long long)st.term,
               (unsigned long long)st.start.index, (unsigned long long)st.last.term,
               (unsigned long long)st.last.index, (unsigned long long)st.commit_index,
               (unsigned long long)st.applied_index);
    say_config(&s->out, st.config);
    bool leased = st.lease_until_ns > s->now_ns && st.lease_until_ns != UINT64_MAX;
    if (leased) buf_printf(&s->out, " lease_ms=%llu", (unsigned long long)((st.lease_until_ns - s->now_ns) / MS));
    buf_printf(&s->out, "%s%s\n", st.uncertain ? " uncertain" : "",
               st.transferring ? " transferring" : "");
}

static void do_support(struct script *s)
{
    uint64_t from = number(s, "from", 0), to = number(s, "to", 0), epoch = number(s, "epoch", 1);
    ASSERT(from >= 1 && from <= NODES_MAX && to >= 1 && to <= NODES_MAX);
    uint64_t until_ns = s->now_ns + number(s, "ms", 0) * MS;
    struct raft_support *given = &s->supports[from][to], *received = &s->supports[to][from];
    given->member = to;
    given->given_epoch = epoch;
    given->given_until_ns = until_ns;
    received->member = from;
    received->received_epoch = epoch;
    received->received_until_ns = until_ns;
    step(s, &s->nodes[from], (struct raft_event){.kind = RAFT_EVENT_SUPPORT, .support = *given});
    step(s, &s->nodes[to], (struct raft_event){.kind = RAFT_EVENT_SUPPORT, .support = *received});
}

static void do_status(struct script *s)
{
    uint64_t only = number(s, "on", 0);
    for (uint64_t id = 1; id <= NODES_MAX; id++)
        if (s->made[id] && (only == 0 || only == id)) say_status(s, &s->nodes[id]);
}

static void do_crash(struct script *s)
{
    struct sim_node *n = on(s);
    sim_node_crash(n, (uint32_t)number(s, "records", 0), (uint32_t)number(s, "lost", 0));
}

static void do_start(struct script *s)
{
    sim_node_start(on(s), s->now_ns, number(s, "uncertain", 0) != 0);
    say_status(s, on(s));
}

static void do_campaign(struct script *s)
{
    step(s, on(s), (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN});
}
static void do_apply(struct script *s)
{
    sim_node_apply(on(s), UINT32_MAX, s->now_ns);
}
static void do_persist(struct script *s)
{
    sim_node_sync(on(s), (uint32_t)number(s, "records", UINT32_MAX), s->now_ns);
}
static void do_read(struct script *s)
{
    step(s, on(s),
         (struct raft_event){.kind = RAFT_EVENT_READ, .read_context = number(s, "context", 1)});
}
static void do_transfer(struct script *s)
{
    step(s, on(s), (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .member = number(s, "to", 0)});
}

static const struct {
    const char *name;
    void (*run)(struct script *s);
} directives[] = {
    {"nodes", do_nodes},       {"campaign", do_campaign}, {"tick", do_tick},
    {"propose", do_propose},   {"deliver", do_deliver},   {"drop", do_drop},
    {"persist", do_persist},   {"settle", do_settle},     {"read", do_read},
    {"transfer", do_transfer}, {"change", do_change},     {"apply", do_apply},
    {"truncate", do_truncate}, {"snapshot", do_snapshot}, {"crash", do_crash},
    {"start", do_start},       {"status", do_status},     {"support", do_support},
};

static void run_line(struct script *s, const char *line)
{
    size_t length = strcspn(line, " \n");
    s->line = line;
    s->quiet = strstr(line, " quiet") != NULL;
    for (size_t i = 0; i < sizeof directives / sizeof directives[0]; i++) {
        if (strlen(directives[i].name) != length || memcmp(directives[i].name, line, length) != 0)
            continue;
        directives[i].run(s);
        return;
    }
    print_error("unknown directive: %s\n", line);
    assert_true(false);
}

/* ---- files ---- */

/* What the script says when it is carried out now. */
static char *run_script(const char *text)
{
    struct script *s = calloc(1, sizeof *s);
    ASSERT(s != NULL);
    buf_init(&s->out, 8u << 20);
    s->now_ns = 1000 * MS;
    s->hooks =
        (struct sim_hooks){on_message, on_read, on_load, on_snapshot, on_persist, NULL, on_role, s};
    char *copy = strdup(text), *rest = copy, *line;
    ASSERT(copy != NULL);
    bool skip = false;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (skip && line[0] != 0) continue; /* the old output */
        skip = false;
        if (rest == NULL && line[0] == 0) break;
        buf_printf(&s->out, "%s\n", line);
        if (line[0] == 0 || line[0] == '#') continue;
        buf_printf(&s->out, "----\n");
        run_line(s, line);
        skip = true;
    }
    ASSERT(!s->out.failed);
    char *result = calloc(1, s->out.size + 1);
    ASSERT(result != NULL);
    memcpy(result, s->out.data, s->out.size);
    for (uint64_t id = 1; id <= NODES_MAX; id++)
        if (s->made[id]) sim_node_deinit(&s->nodes[id]);
    for (uint32_t i = 0; i < s->packet_count; i++)
        free(s->packets[i].bytes);
    buf_deinit(&s->out);
    free(s);
    free(copy);
    return result;
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t size = fread(text, 1, (1 << 20) - 1, f);
    text[size] = 0;
    fclose(f);
    return text;
}

static void report(const char *name, const char *want, const char *have)
{
    uint32_t line = 1;
    while (*want != 0 && *want == *have) {
        line += *want == '\n';
        want++;
        have++;
    }
    while (line > 1 && want[-1] != '\n') {
        want--;
        have--;
    }
    print_error("%s:%u:\n  expected: %.*s\n  happened: %.*s\n", name, line,
                (int)strcspn(want, "\n"), want, (int)strcspn(have, "\n"), have);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_script(const struct dirent *d)
{
    size_t length = strlen(d->d_name);
    return length > 4 && strcmp(d->d_name + length - 4, ".txt") == 0;
}

TEST(raft_script, transcripts_come_out_as_they_stand)
{
    struct dirent **files;
    int count = scandir(TEST_DATA_DIR "/raft", &files, is_script, by_name);
    assert_true(count > 0);
    uint32_t failures = 0;
    bool rewrite = getenv("OSTRAKA_TEST_REWRITE") != NULL;
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/raft/%s", TEST_DATA_DIR, files[i]->d_name);
        char *text = read_all(path), *now = run_script(text);
        if (strcmp(text, now) != 0 && rewrite) {
            FILE *f = fopen(path, "wb");
            assert_non_null(f);
            fputs(now, f);
            fclose(f);
        } else if (strcmp(text, now) != 0) {
            report(files[i]->d_name, text, now);
            failures++;
        }
        free(text);
        free(now);
        free(files[i]);
    }
    free(files);
    assert_int_equal(failures, 0);
}

/* `--rewrite` reaches the test through the environment, since the arguments belong to test_main. */
__attribute__((constructor)) static void take_rewrite(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--rewrite") == 0) {
            setenv("OSTRAKA_TEST_REWRITE", "1", 1);
            argv[i] = (char *)(uintptr_t) "transcripts";
        }
}
