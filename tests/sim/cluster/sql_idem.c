#include "tests/sim/cluster/sql_idem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/cluster/sql_idem_int.h"

#define CONNECT_TIMEOUT_NS SIM_SEC
#define PREPARE_TIMEOUT_NS (10 * SIM_SEC)
#define RETRY_NS (20 * SIM_MS)
#define TIRED_NS (100 * SIM_MS)
#define ASKS_MAX 200
#define EXPIRE_MS 86400000u
#define EXPIRE_MS_MIN 990u /* the time to live, by a clock that a gateway has seen */

static void think(struct idem_actor *a, uint64_t mean_ns);
static void proceed(struct idem_actor *a);

static struct sim *the_sim(const struct sql_idem *l) { return cluster_sim(l->cluster); }

/* ---- sending ---- */

static void send(struct idem_actor *a, const char *text)
{
    struct sql_idem *l = a->load;
    struct sim *sim = the_sim(l);
    sql_client_cut(a->client, SQL_CUT_NONE);
    if (!l->calm && !l->preparing && a->phase != IDEM_READS && sim_chance(sim, l->options.cut_ppm))
        sql_client_cut(a->client, (enum sql_cut)(1 + sim_below(sim, SQL_CUT_COUNT - 1)));
    sim_trace(sim, "sql idem client %u m%llu: %s", (unsigned)(a - l->actors), (unsigned long long)a->machine, text);
    sql_client_query(a->client, text, l->preparing ? PREPARE_TIMEOUT_NS : l->options.timeout_ns, 0);
}

/* ---- jobs ---- */

/* The newest reading of the clock that anybody has: clients whose clocks are right. */
static uint64_t cluster_now_ms(const struct sql_idem *l)
{
    uint64_t newest = 0;
    for (uint64_t i = 1; i <= cluster_size(l->cluster); i++) {
        const struct cluster_machine *m = cluster_machine(l->cluster, i);
        if (m->env == NULL || core_kv(m->core) == NULL) continue;
        uint64_t seen = kv_timestamp_seen(core_kv(m->core));
        if (seen > newest) newest = seen;
    }
    return newest / 1000000;
}

static uint32_t job_number(const struct sql_idem *l, const struct idem_job *job)
{
    return (uint32_t)(job - l->jobs) + 1;
}

/* A row that the job writes, or one that does not exist. Of keys that say when they were made. */
static void draw_anchor(struct sql_idem *l, struct idem_job *job)
{
    uint64_t what = sim_below(the_sim(l), 5);
    if (what == 0 || strncmp(job->key, "job", 3) == 0) return;
    job->outlived = what == 4;
    if (what == 1) snprintf(job->anchor, sizeof job->anchor, "idem_marks(%u)", job_number(l, job));
    else if (what == 4) snprintf(job->anchor, sizeof job->anchor, "idem_anchors(%u)", job->counter);
    else snprintf(job->anchor, sizeof job->anchor, "idem_counters(%u)", job->counter + (what == 2 ? 0 : 100));
}

static struct idem_job *job_new(struct sql_idem *l)
{
    struct sim *sim = the_sim(l);
    struct idem_job *job = &l->jobs[l->job_count++];
    *job = (struct idem_job){.form = (enum idem_form)sim_below(sim, IDEM_FORMS),
                             .counter = 1 + (uint32_t)sim_below(sim, l->options.counter_count)};
    uint64_t now_ms = cluster_now_ms(l);
    job->made_ms = now_ms;
    unsigned long long id = sim_random(sim) & 0xffffffff;
    switch (now_ms == 0 ? 0 : sim_below(sim, 3)) {
    case 0: snprintf(job->key, sizeof job->key, "job-%u-%llx", l->job_count, id); break;
    case 1: snprintf(job->key, sizeof job->key, "%013llu/%u", (unsigned long long)now_ms, l->job_count); break;
    default:
        snprintf(job->key, sizeof job->key, "%08llx-%04llx-7000-8000-0000%08llx", (unsigned long long)now_ms >> 16,
                 (unsigned long long)now_ms & 0xffff, id);
    }
    draw_anchor(l, job);
    return job;
}

/* The effect, and what must be refused under the same key. */
static void put_effect(const struct idem_actor *a, uint32_t part, char *text, size_t size)
{
    const struct idem_job *job = a->job;
    if (part == 0)
        snprintf(text, size, "UPDATE idem_counters SET n = n + %u WHERE k = %u RETURNING n", a->probes ? 1000 : 1,
                 job->counter);
    else
        snprintf(text, size, "INSERT INTO idem_marks VALUES (%u, 1) ON CONFLICT (j) DO UPDATE SET n = idem_marks.n + 1",
                 job_number(a->load, job));
}

/* Query number `step` of a job; false: that was all. */
static bool job_text(const struct idem_actor *a, char *text, size_t size)
{
    const struct idem_job *job = a->job;
    char first[160], second[160], key[128];
    if (job->anchor[0] == '\0') snprintf(key, sizeof key, "'%s'", job->key);
    else snprintf(key, sizeof key, "'%s', '%s'", job->key, job->anchor);
    put_effect(a, 0, first, sizeof first);
    put_effect(a, 1, second, sizeof second);
    if (job->form == IDEM_SCRIPT) {
        snprintf(text, size, "BEGIN; SET LOCAL ostraka.idempotency_key = %s; %s; %s; COMMIT", key, first, second);
        return a->step == 0;
    }
    if (job->form == IDEM_ALONE) {
        if (a->step == 0) snprintf(text, size, "SET ostraka.idempotency_key = %s", key);
        else snprintf(text, size, "%s", first);
        return a->step < 2;
    }
    switch (a->step) {
    case 0: snprintf(text, size, "BEGIN"); break;
    case 1: snprintf(text, size, "SET LOCAL ostraka.idempotency_key = %s", key); break;
    case 2: snprintf(text, size, "%s", first); break;
    case 3: snprintf(text, size, "%s", second); break;
    default: snprintf(text, size, "COMMIT"); break;
    }
    return a->step < 5;
}

static void job_step(struct idem_actor *a)
{
    char text[640];
    bool more = job_text(a, text, sizeof text);
    ASSERT(more);
    send(a, text);
}

static void job_answered(struct idem_actor *a)
{
    struct sql_idem *l = a->load;
    struct idem_job *job = a->job;
    if (a->probes) {
        idem_complain(l, "key %s: other statements were accepted", job->key);
    } else if (!job->answered) {
        job->answered = true;
        job->answer = a->got;
        l->counts.answered++;
    } else {
        l->counts.repeated++;
        if (job->answer != a->got)
            idem_complain(l, "key %s: answered %lld, and before %lld", job->key, (long long)a->got,
                          (long long)job->answer);
    }
    a->job = NULL;
    think(a, l->options.think_mean_ns);
}

static void job_took(struct idem_actor *a, const struct sql_result *r)
{
    const struct idem_job *job = a->job;
    uint32_t at = job->form == IDEM_SCRIPT ? 2 : 0;
    bool tells = job->form == IDEM_SCRIPT || a->step == (job->form == IDEM_ALONE ? 1u : 2u);
    if (tells) {
        const struct sql_rows *rows = &r->results[at];
        if (r->count <= at || rows->row_count != 1 || rows->column_count != 1 || rows->cells[0].text == NULL) {
            idem_complain(a->load, "key %s: %u results, tag %s, %u rows", job->key, r->count, rows->tag,
                          rows->row_count);
            a->job = NULL;
            think(a, RETRY_NS);
            return;
        }
        a->got = strtoll(rows->cells[0].text, NULL, 10);
    }
    char text[640];
    const char *tag = r->results[r->count - 1].tag;
    a->step++;
    if (job_text(a, text, sizeof text)) send(a, text);
    else if (strcmp(tag, job->form == IDEM_ALONE ? "UPDATE 1" : "COMMIT") == 0) job_answered(a);
    else idem_complain(a->load, "key %s ended with %s", job->key, tag);
}

/* ---- without a key ---- */

static void plain_step(struct idem_actor *a)
{
    char text[96];
    snprintf(text, sizeof text, a->step == 0 ? "RESET ostraka.idempotency_key" : "INSERT INTO idem_plain VALUES (%u)",
             a->plain);
    if (a->step == 1) a->load->plain[a->plain] = IDEM_MAYBE;
    send(a, text);
}

/* What was done under keys with anchors there is not known any more. */
static void truncate_step(struct idem_actor *a)
{
    send(a, a->step == 0 ? "RESET ostraka.idempotency_key" : "TRUNCATE idem_anchors");
}

static void plain_over(struct idem_actor *a, enum idem_fate fate)
{
    a->load->plain[a->plain] = fate;
    a->plain = 0;
    a->id[0] = '\0';
    think(a, a->load->options.think_mean_ns);
}

static void ask(struct idem_actor *a)
{
    char text[96];
    snprintf(text, sizeof text, "SELECT ostraka.txn_status('%s')", a->id);
    a->load->counts.asked++;
    send(a, text);
}

static void ask_took(struct idem_actor *a, const struct sql_rows *rows)
{
    const char *word = rows->row_count == 1 && rows->cells[0].text != NULL ? rows->cells[0].text : "";
    if (strcmp(word, "committed") == 0) plain_over(a, IDEM_THERE);
    else if (strcmp(word, "aborted") == 0) plain_over(a, IDEM_ABSENT);
    else if (strcmp(word, "expired") == 0) plain_over(a, IDEM_MAYBE);
    else if (strcmp(word, "in progress") != 0) idem_complain(a->load, "txn_status answers \"%s\"", word);
    else if (a->asks++ < ASKS_MAX) think(a, 10 * RETRY_NS);
    else plain_over(a, IDEM_MAYBE);
}

/* ---- answers ---- */

static void read_next(struct idem_actor *a)
{
    const char *text = idem_read_text(a->step);
    if (text != NULL) {
        send(a, text);
        return;
    }
    a->load->read_all = true;
    think(a, RETRY_NS);
}

static void prepare_next(struct idem_actor *a)
{
    struct sql_idem *l = a->load;
    char text[256];
    static const char *const tables[] = {
        "CREATE TABLE IF NOT EXISTS idem_counters (k int PRIMARY KEY, n bigint)",
        "CREATE TABLE IF NOT EXISTS idem_marks (j int PRIMARY KEY, n int)",
        "CREATE TABLE IF NOT EXISTS idem_anchors (k int PRIMARY KEY)",
        "CREATE TABLE IF NOT EXISTS idem_plain (p int PRIMARY KEY)"};
    const uint32_t count = sizeof tables / sizeof tables[0];
    if (l->step < count) snprintf(text, sizeof text, "%s", tables[l->step]);
    else snprintf(text, sizeof text, "INSERT INTO idem_counters VALUES (%u, 0)", l->step - count + 1);
    if (l->step < count + l->options.counter_count) {
        send(a, text);
        return;
    }
    l->preparing = false;
    l->prepared = true;
    a->phase = IDEM_THINKS;
}

static void took_answer(struct idem_actor *a, const struct sql_result *r)
{
    switch (a->phase) {
    case IDEM_CONNECTS:
        if (a->load->options.keys_expire && !a->load->preparing) {
            a->phase = IDEM_SETS;
            send(a, "SET ostraka.idempotency_ttl = '1s'");
            return;
        }
        proceed(a);
        return;
    case IDEM_SETS: proceed(a); return;
    case IDEM_PREPARES:
        a->load->step++;
        prepare_next(a);
        return;
    case IDEM_WORKS: job_took(a, r); return;
    case IDEM_PLAIN:
        if (a->step++ == 0) plain_step(a);
        else plain_over(a, IDEM_THERE);
        return;
    case IDEM_TRUNCATES:
        if (a->step++ == 0) {
            truncate_step(a);
            return;
        }
        a->truncates = false;
        think(a, a->load->options.think_mean_ns);
        return;
    case IDEM_ASKS: ask_took(a, &r->results[0]); return;
    case IDEM_READS:
        idem_read_took(a->load, a->step++, &r->results[0]);
        read_next(a);
        return;
    default: UNREACHABLE();
    }
}

static bool expected_error(const char *sqlstate)
{
    static const char *const states[] = {"40001", "40P01", "57P03", "53200", "53100", "58030", "53300",
                                         "57014", "57P01", "08007", "72000", "25P02"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(states[i], sqlstate) == 0) return true;
    return false;
}

/* A key that was refused for good: the job may or may not have been done, once. */
static bool job_refused(struct idem_actor *a, const char *sqlstate)
{
    bool mismatch = strcmp(sqlstate, "22K01") == 0, expired = strcmp(sqlstate, "22K02") == 0;
    if (a->phase != IDEM_WORKS || (!mismatch && !expired)) return false;
    if (mismatch && !a->probes) idem_complain(a->load, "key %s: other statements, it says", a->job->key);
    /* The clock of the cluster may have leapt by a day with its master. */
    uint64_t age_ms = cluster_now_ms(a->load) - a->job->made_ms;
    if (expired && !a->job->outlived && age_ms < (a->load->options.keys_expire ? EXPIRE_MS_MIN : EXPIRE_MS))
        idem_complain(a->load, "key %s: too old after %llu ms, it says", a->job->key, (unsigned long long)age_ms);
    a->load->counts.refused++;
    if (expired) a->job->expired = true;
    a->job = NULL;
    return true;
}

/* The next attempt is made on a connection of its own. */
static void retry(struct idem_actor *a)
{
    if (sql_client_connected(a->client)) sql_client_close(a->client, sim_chance(the_sim(a->load), SIM_ALWAYS / 2));
    think(a, RETRY_NS);
}

static void took_error(struct idem_actor *a, const struct sql_result *r)
{
    struct sql_idem *l = a->load;
    bool unknown = strcmp(r->sqlstate, "08007") == 0;
    if (a->phase == IDEM_PREPARES) {
        bool there = strcmp(r->sqlstate, "23505") == 0;
        if (there) l->step++;
        if (there && sql_client_connected(a->client)) prepare_next(a);
        else retry(a);
        return;
    }
    if (unknown) l->counts.unknown++;
    if (!job_refused(a, r->sqlstate) && r->sqlstate[0] != '\0' && !expected_error(r->sqlstate))
        idem_complain(l, "unexpected error %s %s in phase %d", r->sqlstate, r->message, a->phase);
    if (a->probes && sim_chance(the_sim(l), SIM_ALWAYS / 2)) a->job = NULL; /* it need not go on for ever */
    if (a->phase == IDEM_PLAIN && a->step == 1) {
        static const char start[] = "the outcome of transaction ";
        if (unknown && strncmp(r->message, start, sizeof start - 1) == 0) {
            snprintf(a->id, sizeof a->id, "%.32s", r->message + sizeof start - 1);
            a->asks = 0;
        } else {
            bool sure = r->end == SQL_END_ERROR && strcmp(r->sqlstate, "57P01") != 0;
            l->plain[a->plain] = sure || !r->sent ? IDEM_ABSENT : IDEM_MAYBE;
            a->plain = 0;
        }
    } else if (a->phase == IDEM_PLAIN) {
        l->plain[a->plain] = IDEM_ABSENT;
        a->plain = 0;
    }
    a->truncates = false;
    retry(a);
}

static void on_done(void *ctx, const struct sql_result *r)
{
    struct idem_actor *a = ctx;
    if (r->end != SQL_END_OK)
        sim_trace(the_sim(a->load), "sql idem client %u: %s %s %s", (unsigned)(a - a->load->actors),
                  r->end == SQL_END_LOST ? "lost" : "error", r->sqlstate, r->message);
    sim_trace_mix(the_sim(a->load), (uint64_t)r->end * 31 + r->count);
    if (r->end == SQL_END_OK) took_answer(a, r);
    else took_error(a, r);
}

/* ---- an actor's life ---- */

static void draw_work(struct idem_actor *a)
{
    struct sql_idem *l = a->load;
    struct sim *sim = the_sim(l);
    a->probes = a->repeats = false;
    if (l->truncates_left > 0 && l->job_count > 20 && sim_below(sim, 100) == 0) {
        a->truncates = true;
        l->truncates_left--;
    } else if (sim_below(sim, 4) == 0 && l->plain_count < IDEM_PLAIN_MAX) {
        a->plain = ++l->plain_count;
    } else if (l->job_count > 0 && (sim_below(sim, 3) == 0 || l->job_count == IDEM_JOBS_MAX)) {
        a->job = &l->jobs[sim_below(sim, l->job_count)]; /* it may be under way */
        a->probes = a->job->answered && sim_below(sim, 8) == 0;
    } else {
        a->job = job_new(l);
    }
}

static bool has_work(const struct idem_actor *a) { return a->job != NULL || a->plain != 0 || a->truncates; }

static void leave(struct idem_actor *a)
{
    struct sql_idem *l = a->load;
    if (l->gone + 1 == l->options.client_count && !l->read_all) { /* the last one looks at the rows */
        a->phase = IDEM_READS;
        a->step = 0;
        read_next(a);
        return;
    }
    a->phase = IDEM_GONE;
    l->gone++;
    sql_client_close(a->client, true);
}

/* Connected, and nothing under way. */
static void proceed(struct idem_actor *a)
{
    struct sql_idem *l = a->load;
    a->step = 0;
    if (l->preparing) {
        a->phase = IDEM_PREPARES;
        prepare_next(a);
    } else if (!has_work(a) && l->stopping) {
        leave(a);
    } else {
        if (!has_work(a)) draw_work(a);
        a->phase = a->job != NULL       ? IDEM_WORKS
                   : a->truncates       ? IDEM_TRUNCATES
                   : a->id[0] != '\0' ? IDEM_ASKS
                                        : IDEM_PLAIN;
        l->counts.attempts++;
        if (a->phase == IDEM_WORKS) job_step(a);
        else if (a->phase == IDEM_TRUNCATES) truncate_step(a);
        else if (a->phase == IDEM_ASKS) ask(a);
        else plain_step(a);
    }
}

static void on_thought(void *ctx)
{
    struct idem_actor *a = ctx;
    struct sql_idem *l = a->load;
    struct sim *sim = the_sim(l);
    if (a->phase == IDEM_GONE) return;
    if (sql_client_connected(a->client) && sim_chance(sim, l->options.hop_ppm)) sql_client_close(a->client, true);
    if (sql_client_connected(a->client)) {
        proceed(a);
    } else if (sql_client_closed(a->client)) {
        a->machine = 1 + sim_below(sim, cluster_size(l->cluster));
        a->phase = IDEM_CONNECTS;
        sql_client_cut(a->client, SQL_CUT_NONE);
        sql_client_connect(a->client, sim_addr(a->machine, CLUSTER_SQL_PORT), CONNECT_TIMEOUT_NS);
    } else {
        sim_call_after(sim, SIM_MS, on_thought, a); /* the last connection is on its way out */
    }
}

static void think(struct idem_actor *a, uint64_t mean_ns)
{
    const struct sql_idem *l = a->load;
    if (l->job_count == IDEM_JOBS_MAX && mean_ns < TIRED_NS) mean_ns = TIRED_NS;
    a->phase = IDEM_THINKS;
    sim_call_after(the_sim(l), sim_exponential(the_sim(l), mean_ns), on_thought, a);
}

/* ---- calls ---- */

struct sql_idem *sql_idem_create(struct cluster *c, const struct sql_idem_options *options)
{
    struct sql_idem *l = calloc(1, sizeof *l);
    ASSERT(l != NULL && options->counter_count <= IDEM_COUNTERS_MAX);
    l->cluster = c;
    l->options = *options;
    l->truncates_left = (uint32_t)sim_below(cluster_sim(c), 3);
    l->actors = calloc(options->client_count, sizeof *l->actors);
    ASSERT(l->actors != NULL);
    for (uint32_t i = 0; i < options->client_count; i++) {
        struct idem_actor *a = &l->actors[i];
        a->load = l;
        a->client = sql_client_create(&(struct sql_client_options){
            .sim = cluster_sim(c), .env = cluster_client_env(c), .on_done = on_done, .ctx = a});
    }
    return l;
}

void sql_idem_destroy(struct sql_idem *l)
{
    for (uint32_t i = 0; i < l->options.client_count; i++) sql_client_destroy(l->actors[i].client);
    free(l->actors);
    free(l);
}

static bool is_prepared(struct cluster *c, void *ctx)
{
    (void)c;
    return ((const struct sql_idem *)ctx)->prepared;
}

bool sql_idem_prepare(struct sql_idem *l, uint64_t timeout_ns)
{
    l->preparing = true;
    think(&l->actors[0], SIM_MS);
    return cluster_run_until(l->cluster, is_prepared, l, timeout_ns);
}

void sql_idem_start(struct sql_idem *l)
{
    for (uint32_t i = 0; i < l->options.client_count; i++) think(&l->actors[i], l->options.think_mean_ns);
}

void sql_idem_calm(struct sql_idem *l) { l->calm = true; }
void sql_idem_stop(struct sql_idem *l) { l->stopping = true; }
bool sql_idem_idle(const struct sql_idem *l) { return l->gone == l->options.client_count; }
struct sql_idem_counts sql_idem_counts(const struct sql_idem *l) { return l->counts; }
