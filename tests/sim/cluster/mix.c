#include "tests/sim/cluster/mix.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "tests/sim/check/register.h"
#include "tests/sim/cluster/past.h"
#include "tests/sim/cluster/sql_idem.h"
#include "tests/sim/cluster/sql_load_int.h"
#include "tests/sim/cluster/ts_check.h"
#include "tests/sim/cluster/workload.h"

#define PREPARE_TIMEOUT_NS (60 * SIM_SEC)
#define SQL_KINDS 5
#define SQL_DRAWN 3 /* the first ones, with the run's own numbers; the others by the seed itself */

static const struct sql_kind *const kinds[SQL_KINDS] = {&sql_register_kind, &sql_append_kind, &sql_bank_kind,
                                                        &sql_skew_kind, &sql_set_kind};

struct mix {
    struct cluster *cluster;
    struct workload *keys;
    struct past *past; /* with keys; or NULL */
    struct sql_load *sql[SQL_KINDS];
    struct sql_idem *idem;
    struct mix_options options;
};

/* ---- which ---- */

bool mix_is_known(const char *name)
{
    if (name == NULL || strcmp(name, "keys") == 0 || strcmp(name, "past") == 0 || strcmp(name, "idem") == 0 || strcmp(name, "all") == 0) return true;
    for (int i = 0; i < SQL_KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0) return true;
    return false;
}

void mix_names(char *out, size_t size)
{
    int at = snprintf(out, size, "keys, past");
    for (int i = 0; i < SQL_KINDS; i++)
        at += snprintf(out + at, size - (size_t)at, ", %s", kinds[i]->name);
    snprintf(out + at, size - (size_t)at, ", idem, all");
}

/* One workload hardly ever finds what another one finds, and together they load the machines. */
static void draw(struct sim *sim, const char *name, bool *keys_out, bool sql_out[SQL_KINDS])
{
    if (name != NULL) {
        bool all = strcmp(name, "all") == 0;
        *keys_out = all || strcmp(name, "keys") == 0 || strcmp(name, "past") == 0;
        for (int i = 0; i < SQL_KINDS; i++) sql_out[i] = all || strcmp(name, kinds[i]->name) == 0;
        return;
    }
    *keys_out = sim_chance(sim, SIM_ALWAYS / 2);
    bool any = *keys_out;
    for (int i = 0; i < SQL_DRAWN; i++) {
        sql_out[i] = sim_chance(sim, SIM_ALWAYS / 2);
        any = any || sql_out[i];
    }
    if (!any) sql_out[1] = true;
}

/* Drawn by the seed itself: what a run draws besides stays as it was. */
static bool wants_by_seed(const struct mix_options *o, const struct sql_kind *kind)
{
    if (o->name != NULL) return false;
    if (kind == &sql_skew_kind) return o->several_ranges && hash_u64(o->seed + 0x5ce3) % 3 == 0;
    return hash_u64(o->seed + 0x5e7) % 6 == 0;
}

/* The same. */
static bool wants_past(const struct mix_options *o)
{
    if (o->name != NULL) return strcmp(o->name, "past") == 0 || strcmp(o->name, "all") == 0;
    return hash_u64(o->seed + 0x9a57) % 2 == 0;
}

/* ---- starting ---- */

static void start_keys(struct mix *m)
{
    struct sim *sim = cluster_sim(m->cluster);
    struct workload_options o = {.client_count = 4 + (uint32_t)sim_below(sim, 12),
                                 .key_count = 1 + (uint32_t)sim_below(sim, 8),
                                 .think_mean_ns = 10 * SIM_MS,
                                 .pause_mean_ns = m->options.pause_mean_ns,
                                 .operation_max = 20000,
                                 .pairs = m->options.pairs};
    if (m->options.hot) {
        o.client_count += 6;
        o.key_count = 1 + o.key_count / 3;
        o.operation_rush = 6000;
        o.operation_max = 100000;
        o.think_mean_ns = SIM_MS;
    }
    m->keys = workload_create(m->cluster, &o);
    if (wants_past(&m->options)) m->past = past_create(m->cluster, m->keys, 2 + o.client_count / 2, o.think_mean_ns);
}

static bool create_sql(struct mix *m, int i)
{
    struct sim *sim = cluster_sim(m->cluster);
    static const uint32_t rates[] = {0, 5000, 50000}, hops[] = {10000, 10000, 500000};
    static const uint32_t parts[] = {0, SIM_ALWAYS / 2, SIM_ALWAYS};
    struct sql_load_options o = {
        .kind = kinds[i],
        .client_count = 2 + (uint32_t)sim_below(sim, 8),
        .key_count = 1 + (uint32_t)sim_below(sim, 8),
        .think_mean_ns = SIM_MS << sim_below(sim, 5),
        .timeout_ns = SIM_SEC + sim_below(sim, 7 * SIM_SEC),
        .transaction_max = 3000,
        .hop_ppm = hops[sim_below(sim, 3)],
        .cut_ppm = rates[sim_below(sim, 3)],
        .piece_ppm = rates[sim_below(sim, 3)],
        .extended_ppm = parts[sim_below(sim, 3)],
        .cancel_ppm = rates[sim_below(sim, 3)],
        .savepoint_ppm = parts[sim_below(sim, 3)],
        .several_ranges = m->options.several_ranges,
    };
    o.cut = m->options.cut;
    if (o.cut != SQL_CUT_NONE) o.cut_ppm = SIM_ALWAYS / 10;
    if (m->options.cancel_ppm != 0) o.cancel_ppm = m->options.cancel_ppm;
    if (m->options.hot) {
        o.client_count += 4;
        o.key_count = 1 + o.key_count / 2;
        o.think_mean_ns = SIM_MS;
    }
    m->sql[i] = sql_load_create(m->cluster, &o);
    if (m->options.calm) sql_load_calm(m->sql[i]);
    return sql_load_prepare(m->sql[i], PREPARE_TIMEOUT_NS);
}

static bool wants_idem(const struct mix_options *o)
{
    if (o->name != NULL) return strcmp(o->name, "idem") == 0 || strcmp(o->name, "all") == 0;
    return o->seed % 4 == 1;
}

static bool create_idem(struct mix *m)
{
    struct sim *sim = cluster_sim(m->cluster);
    static const uint32_t rates[] = {0, 5000, 50000}, hops[] = {10000, 100000, 500000};
    struct sql_idem_options o = {
        .client_count = 2 + (uint32_t)sim_below(sim, 8),
        .counter_count = 1 + (uint32_t)sim_below(sim, 4),
        .think_mean_ns = SIM_MS << sim_below(sim, 5),
        .timeout_ns = SIM_SEC + sim_below(sim, 7 * SIM_SEC),
        .hop_ppm = hops[sim_below(sim, 3)],
        .cut_ppm = rates[sim_below(sim, 3)],
        .keys_expire = m->options.keys_expire,
    };
    m->idem = sql_idem_create(m->cluster, &o);
    if (m->options.calm) sql_idem_calm(m->idem);
    return sql_idem_prepare(m->idem, PREPARE_TIMEOUT_NS);
}

bool mix_create(struct cluster *c, const struct mix_options *options, struct mix **mix_out)
{
    struct mix *m = calloc(1, sizeof *m);
    ASSERT(m != NULL && mix_is_known(options->name));
    m->cluster = c;
    m->options = *options;
    bool keys, sql[SQL_KINDS] = {false}, ready = true;
    draw(cluster_sim(c), options->name, &keys, sql);
    for (int i = SQL_DRAWN; i < SQL_KINDS; i++) sql[i] = sql[i] || wants_by_seed(options, kinds[i]);
    for (int i = 0; i < SQL_KINDS && ready; i++)
        if (sql[i]) ready = create_sql(m, i);
    if (ready && wants_idem(options)) ready = create_idem(m);
    *mix_out = m;
    if (!ready) return false;
    if (keys) start_keys(m);
    for (int i = 0; i < SQL_KINDS; i++)
        if (m->sql[i] != NULL) sql_load_start(m->sql[i]);
    if (m->idem != NULL) sql_idem_start(m->idem);
    return true;
}

void mix_destroy(struct mix *m)
{
    if (m->past != NULL) past_destroy(m->past);
    if (m->keys != NULL) workload_destroy(m->keys);
    for (int i = 0; i < SQL_KINDS; i++)
        if (m->sql[i] != NULL) sql_load_destroy(m->sql[i]);
    if (m->idem != NULL) sql_idem_destroy(m->idem);
    free(m);
}

/* ---- while it runs ---- */

struct mix_counts mix_counts(const struct mix *m)
{
    struct mix_counts counts = {0};
    if (m->keys != NULL) {
        size_t count;
        const struct operation *history = workload_history(m->keys, &count);
        counts.operations += count;
        counts.committed += workload_committed(m->keys);
        for (size_t i = 0; i < count; i++) counts.unknown += history[i].outcome == OUTCOME_UNKNOWN;
        if (m->past != NULL) counts.at_replica = past_counts(m->past).at_replica;
    }
    for (int i = 0; i < SQL_KINDS; i++) {
        if (m->sql[i] == NULL) continue;
        struct sql_load_counts one = sql_load_counts(m->sql[i]);
        counts.operations += one.transactions;
        counts.committed += one.committed;
        counts.unknown += one.unknown;
        counts.disconnects += one.disconnects;
    }
    if (m->idem != NULL) {
        struct sql_idem_counts one = sql_idem_counts(m->idem);
        counts.operations += one.attempts;
        counts.committed += one.answered + one.repeated + one.refused; /* all are answers */
        counts.unknown += one.unknown;
    }
    return counts;
}

void mix_calm(struct mix *m)
{
    for (int i = 0; i < SQL_KINDS; i++)
        if (m->sql[i] != NULL) sql_load_calm(m->sql[i]);
    if (m->idem != NULL) sql_idem_calm(m->idem);
}

void mix_stop(struct mix *m)
{
    if (m->keys != NULL) workload_stop(m->keys);
    if (m->past != NULL) past_stop(m->past);
    for (int i = 0; i < SQL_KINDS; i++)
        if (m->sql[i] != NULL) sql_load_stop(m->sql[i]);
    if (m->idem != NULL) sql_idem_stop(m->idem);
}

bool mix_idle(const struct mix *m)
{
    bool idle = (m->keys == NULL || workload_idle(m->keys)) && (m->past == NULL || past_idle(m->past));
    for (int i = 0; i < SQL_KINDS; i++)
        if (m->sql[i] != NULL) idle = idle && sql_load_idle(m->sql[i]);
    if (m->idem != NULL) idle = idle && sql_idem_idle(m->idem);
    return idle;
}

/* ---- afterwards ---- */

static bool check_keys(const struct mix *m, char *failure, size_t size)
{
    const struct workload *w = m->keys;
    if (!ts_check(w, failure, size)) return false;
    struct buf report;
    buf_init(&report, 1 << 16);
    enum check_result verdict = register_check(workload_seen(w), 0, &report);
    if (verdict == CHECK_INVALID)
        snprintf(failure, size, "not linearizable: %.*s", (int)report.size, (const char *)report.data);
    buf_deinit(&report);
    return verdict != CHECK_INVALID;
}

bool mix_check(struct mix *m, char *failure, size_t failure_size)
{
    if (m->keys != NULL && !check_keys(m, failure, failure_size)) return false;
    if (m->past != NULL && !past_check(m->past, failure, failure_size)) return false;
    for (int i = 0; i < SQL_KINDS; i++)
        if (m->sql[i] != NULL && !sql_load_check(m->sql[i], failure, failure_size)) return false;
    return m->idem == NULL || sql_idem_check(m->idem, failure, failure_size);
}
