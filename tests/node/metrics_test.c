/* Everything a node tells Prometheus, read as Prometheus reads it (text format 0.0.4); and the
 * alerts that rest on it. */
#include "node/metrics_int.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/cluster/cluster.h"
#include "tests/test.h"

#define FAMILIES_MAX 300
#define ALERTS       TEST_DATA_DIR "/../../src/node/alerts.yml"
#define RUNBOOK      TEST_DATA_DIR "/../../src/node/RUNBOOK.md"

struct family {
    char name[100], type[20];
    bool helped;
    size_t samples;
    char labels[200]; /* of the histogram under way, without le */
    double last;      /* its last bucket */
    bool infinite;
    double total; /* of +Inf */
};
static struct family families[FAMILIES_MAX];
static size_t family_count;

static struct family *find(const char *name, size_t size)
{
    for (size_t i = 0; i < family_count; i++)
        if (strlen(families[i].name) == size && strncmp(families[i].name, name, size) == 0)
            return &families[i];
    return NULL;
}

/* The family of a sample: its name, or for histograms the name without the suffix. */
static struct family *family_of(const char *name, size_t size, const char **suffix_out)
{
    static const char *const suffixes[] = {"_bucket", "_sum", "_count"};
    *suffix_out = "";
    struct family *f = find(name, size);
    for (size_t i = 0; f == NULL && i < 3; i++) {
        size_t length = strlen(suffixes[i]);
        if (size <= length || strncmp(name + size - length, suffixes[i], length) != 0) continue;
        f = find(name, size - length);
        if (f != NULL && strcmp(f->type, "histogram") != 0) f = NULL;
        *suffix_out = suffixes[i];
    }
    return f;
}

static size_t name_size(const char *s)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == ':')
        n++;
    assert_true(n > 0 && !isdigit((unsigned char)s[0]));
    return n;
}

/* {a="b",c="d"}; le goes to *le_out, the others to rest. */
static const char *read_labels(const char *s, char *rest, size_t rest_size, char *le_out)
{
    *rest = *le_out = '\0';
    if (*s != '{') return s;
    s++;
    while (*s != '}') {
        size_t n = name_size(s);
        const char *name = s, *value = s + n + 2;
        assert_true(s[n] == '=' && s[n + 1] == '"');
        size_t size = strcspn(value, "\"\\\n");
        assert_true(value[size] == '"');
        if (n == 2 && strncmp(name, "le", 2) == 0)
            snprintf(le_out, 32, "%.*s", (int)size, value);
        else
            snprintf(rest + strlen(rest), rest_size - strlen(rest), "%.*s;", (int)(n + 2 + size),
                     name);
        s = value + size + 1;
        if (*s == ',')
            s++;
        else
            assert_int_equal(*s, '}');
    }
    return s + 1;
}

static void check_bucket(struct family *f, const char *labels, const char *le, double value)
{
    if (strcmp(f->labels, labels) != 0 || f->infinite) {
        snprintf(f->labels, sizeof f->labels, "%s", labels);
        f->last = 0;
        f->infinite = false;
    }
    assert_true(value >= f->last); /* buckets are cumulative */
    f->last = value;
    f->infinite = strcmp(le, "+Inf") == 0;
    if (f->infinite) f->total = value;
}

static void read_sample(const char *line)
{
    char labels[200], le[32], *end;
    const char *suffix;
    size_t n = name_size(line);
    struct family *f = family_of(line, n, &suffix);
    if (f == NULL) fail_msg("no TYPE before: %s", line);
    const char *at = read_labels(line + n, labels, sizeof labels, le);
    assert_int_equal(*at, ' ');
    double value = strtod(at + 1, &end);
    assert_true(end > at + 1 && *end == '\0');
    assert_true(value >= 0);
    f->samples++;
    if (strcmp(f->type, "histogram") == 0) assert_true(*suffix != '\0');
    assert_int_equal(*le != '\0', strcmp(suffix, "_bucket") == 0);
    if (strcmp(suffix, "_bucket") == 0) check_bucket(f, labels, le, value);
    if (strcmp(suffix, "_count") == 0) assert_true(f->infinite && value == f->total);
    if (strcmp(f->type, "counter") == 0)
        assert_string_equal(f->name + strlen(f->name) - 6, "_total");
}

static void read_comment(const char *line)
{
    bool help = strncmp(line, "# HELP ", 7) == 0;
    assert_true(help || strncmp(line, "# TYPE ", 7) == 0);
    size_t n = name_size(line + 7);
    struct family *f = find(line + 7, n);
    assert_true(strncmp(line + 7, "ostraka_", 8) == 0);
    if (help) {
        if (f != NULL) fail_msg("told twice: %s", line);
        assert_true(family_count < FAMILIES_MAX);
        f = &families[family_count++];
        *f = (struct family){.helped = true};
        snprintf(f->name, sizeof f->name, "%.*s", (int)n, line + 7);
        assert_true(strlen(line + 7 + n) > 5);
        return;
    }
    assert_true(f != NULL && f->type[0] == '\0' && f->samples == 0);
    snprintf(f->type, sizeof f->type, "%s", line + 8 + n);
    assert_true(strcmp(f->type, "counter") == 0 || strcmp(f->type, "gauge") == 0 ||
                strcmp(f->type, "histogram") == 0);
}

static void read_text(char *text)
{
    family_count = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (line[0] == '#')
            read_comment(line);
        else
            read_sample(line);
    }
    for (size_t i = 0; i < family_count; i++)
        if (families[i].samples == 0) fail_msg("%s has no sample", families[i].name);
}

/* What a node says that has been in a cluster for a moment. */
static void read_metrics(void)
{
    struct cluster_options o;
    cluster_options_init(&o, 7);
    o.node_count = 1;
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 30 * SIM_SEC));
    struct cluster_machine *m = cluster_machine(c, 1);
    const struct busy_poll busy_poll = {.found = 3, .slept = 2, .looked_ns = 1500000};
    struct metrics_sources sources = {.core = m->core,
                                      .busy_poll = &busy_poll,
                                      .sql = m->sql,
                                      .sql_address = "a",
                                      .http_address = "b",
                                      .data = "d",
                                      .io = "sim"};
    struct buf body;
    const char *type = NULL;
    buf_init(&body, 4u << 20);
    assert_int_equal(metrics_answer(&sources, "/metrics", &body, &type), 200);
    assert_string_equal(type, "text/plain; version=0.0.4; charset=utf-8");
    buf_append_byte(&body, 0);
    assert_false(body.failed);
    read_text((char *)body.data);
    buf_deinit(&body);
    cluster_destroy(c);
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f == NULL) fail_msg("no %s", path);
    char *text = calloc(1, 1u << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1u << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

TEST(metrics, are_what_prometheus_reads)
{
    read_metrics();
    assert_true(family_count > 80);
    assert_non_null(find("ostraka_build_info", 18));
    assert_non_null(find("ostraka_sql_statement_class_seconds", 35));
}

TEST(metrics, of_every_alert_exist)
{
    read_metrics();
    char *rules = read_file(ALERTS);
    size_t seen = 0;
    for (char *at = rules; (at = strstr(at, "ostraka_")) != NULL; seen++) {
        const char *suffix;
        size_t n = name_size(at);
        if (family_of(at, n, &suffix) == NULL)
            fail_msg("an alert rests on %.*s, which no node tells", (int)n, at);
        at += n;
    }
    assert_true(seen > 10);
    free(rules);
}

TEST(metrics, of_every_alert_have_a_paragraph_in_the_runbook)
{
    char *rules = read_file(ALERTS), *runbook = read_file(RUNBOOK);
    size_t seen = 0;
    for (char *at = rules; (at = strstr(at, "- alert: ")) != NULL; seen++) {
        char heading[100], link[120], lower[100] = "";
        at += 9;
        size_t n = name_size(at);
        snprintf(heading, sizeof heading, "\n## %.*s\n", (int)n, at);
        if (strstr(runbook, heading) == NULL) fail_msg("no paragraph%s", heading);
        for (size_t i = 0; i < n; i++)
            lower[i] = (char)tolower((unsigned char)at[i]);
        snprintf(link, sizeof link, "RUNBOOK.md#%s\"", lower);
        char *next = strstr(at, "- alert: "), *found = strstr(at, link);
        if (found == NULL || (next != NULL && found > next))
            fail_msg("its runbook is not %s", link);
    }
    assert_true(seen > 10);
    free(rules);
    free(runbook);
}

/* How many replicas of the machine still wait for their first snapshot. */
static int newborn_count(struct store *store)
{
    int count = 0;
    for (struct replica *r = store_replica_next(store, NULL); r != NULL; r = store_replica_next(store, r))
        count += replica_descriptor(r)->epoch == 0;
    return count;
}

struct births {
    int seen;
    bool alarmed;
};

static bool look_at_births(struct cluster *c, void *ctx)
{
    struct births *b = ctx;
    struct store *store = core_store(cluster_machine(c, 4)->core);
    if (store == NULL || store_meta_leader(store).value == 0) return false;
    int count = newborn_count(store);
    struct cluster_health h;
    cluster_health(store, &h);
    b->seen += count > 0;
    b->alarmed |= count > 0 && (!h.quorum || h.ranges_without_leader > 0);
    return b->seen > 0 && count == 0;
}

/* A node that took its first ranges said that they had no quorum: nothing could be read or written. */
TEST(metrics, of_a_replica_that_waits_for_its_snapshot_alarm_nobody)
{
    struct cluster_options o;
    cluster_options_init(&o, 7);
    o.node_count = 4;
    o.boot_count = 3;
    o.replication_factor = 4;
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 30 * SIM_SEC));
    cluster_start(c, 4);
    struct births births = {0};
    assert_true(cluster_run_until(c, look_at_births, &births, 30 * SIM_SEC));
    assert_true(births.seen > 0);
    assert_false(births.alarmed);
    cluster_destroy(c);
}
