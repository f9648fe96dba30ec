#include "tests/process/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

#define CHUNK_ROWS 5000 /* of one SELECT when the table is read back */

static struct load *live; /* its workers run */

/* ---- a worker ---- */

static bool connect_somewhere(struct load_worker *w, struct client *k, int *node)
{
    const struct cluster *c = w->load->cluster;
    while (!w->load->stop) {
        if (client_connect(k, c->nodes[*node].sql, 5000)) return true;
        *node = (*node + 1) % c->node_count;
        pause_ms(20);
    }
    return false;
}

static void note_recovery(struct load *l, uint64_t began_ns)
{
    uint64_t mark = l->mark_ns, none = 0;
    if (mark != 0 && began_ns >= mark)
        atomic_compare_exchange_strong(&l->recovered_ns, &none, now_ns());
}

static enum client_end insert_next(struct load_worker *w, struct client *k)
{
    char statement[128];
    int sequence = w->tried;
    uint64_t began = now_ns();
    snprintf(statement, sizeof statement, "INSERT INTO load VALUES (%d, 'row %d of %d')",
             w->index * LOAD_ROWS_MAX + sequence, sequence, w->index);
    enum client_end end = client_run(k, statement, CLUSTER_BOUND_MS, NULL);
    w->ends[sequence] = (uint8_t)end;
    w->counts[end]++;
    w->tried = sequence + 1;
    if (end == CLIENT_DONE) {
        note_recovery(w->load, began);
        w->load->acknowledged++;
    } else if (end == CLIENT_REFUSED) {
        memcpy(w->refusal, k->sqlstate, sizeof w->refusal);
    }
    return end;
}

static void *work(void *context)
{
    struct load_worker *w = context;
    struct client k = {.connection = NULL};
    int node = w->index % w->load->cluster->node_count;
    while (!w->load->stop && w->tried < LOAD_ROWS_MAX) {
        if (k.connection == NULL && !connect_somewhere(w, &k, &node)) break;
        enum client_end end = insert_next(w, &k);
        if (end == CLIENT_HANGS) {
            snprintf(w->trouble, sizeof w->trouble, "no answer from node %d within %d s", node + 1,
                     CLUSTER_BOUND_MS / 1000);
            break;
        }
        if (end == CLIENT_REFUSED && strcmp(k.sqlstate, "57P03") != 0 &&
            strcmp(k.sqlstate, "40001") != 0) {
            snprintf(w->trouble, sizeof w->trouble, "unexpected refusal by node %d: %s", node + 1,
                     k.message);
            break;
        }
        pause_ms(end == CLIENT_DONE ? 2 : 20); /* leaves the machine room for what the test does */
    }
    client_close(&k);
    return NULL;
}

/* ---- the load ---- */

static void must_run(struct client *k, const char *statement)
{
    if (client_run(k, statement, CLUSTER_BOUND_MS, NULL) != CLIENT_DONE)
        fail_msg("%s: %s %s", statement, k->sqlstate, k->message);
}

static void join_workers(struct load *l)
{
    l->stop = true;
    for (int i = 0; i < LOAD_WORKERS; i++)
        pthread_join(l->workers[i].thread, NULL);
    live = NULL;
}

void load_start(struct load *l, const struct cluster *c)
{
    struct client k = {.connection = NULL};
    if (live != NULL) join_workers(live); /* of a test that failed before this one */
    memset(l, 0, sizeof *l);
    l->cluster = c;
    if (!client_connect(&k, c->nodes[0].sql, CLUSTER_BOUND_MS)) fail_msg("%s", k.message);
    must_run(&k, "CREATE TABLE load (id int PRIMARY KEY, note text NOT NULL)");
    client_close(&k);
    live = l;
    for (int i = 0; i < LOAD_WORKERS; i++) {
        struct load_worker *w = &l->workers[i];
        w->load = l;
        w->index = i;
        w->ends = calloc(LOAD_ROWS_MAX, 1);
        assert_non_null(w->ends);
        assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
    }
}

static void fail_on_trouble(const struct load *l)
{
    for (int i = 0; i < LOAD_WORKERS; i++)
        if (l->workers[i].trouble[0] != '\0')
            fail_msg("worker %d: %s; see %s", i, l->workers[i].trouble, l->cluster->directory);
}

void load_mark(struct load *l)
{
    l->recovered_ns = 0;
    l->mark_ns = now_ns();
}

double load_wait_writes(struct load *l)
{
    uint64_t until = now_ns() + CLUSTER_BOUND_MS * 1000000ull;
    while (l->recovered_ns == 0) {
        fail_on_trouble(l);
        if (now_ns() > until) fail_msg("no write succeeds; see %s", l->cluster->directory);
        pause_ms(1);
    }
    return (double)(l->recovered_ns - l->mark_ns) / 1e6;
}

void load_wait_rows(struct load *l, uint64_t count)
{
    uint64_t goal = l->acknowledged + count, until = now_ns() + CLUSTER_BOUND_MS * 1000000ull;
    while (l->acknowledged < goal) {
        fail_on_trouble(l);
        if (now_ns() > until) fail_msg("too few writes succeed; see %s", l->cluster->directory);
        pause_ms(5);
    }
}

void load_stop(struct load *l)
{
    join_workers(l);
    fail_on_trouble(l);
}

void load_free(struct load *l)
{
    for (int i = 0; i < LOAD_WORKERS; i++)
        free(l->workers[i].ends);
}

/* ---- reading back ---- */

static void count_rows(PGresult *rows, int worker, int tried, uint8_t *seen)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        char wanted[64];
        int sequence = atoi(PQgetvalue(rows, i, 0)) - worker * LOAD_ROWS_MAX;
        if (sequence < 0 || sequence >= tried)
            fail_msg("row %d of %d was never tried", sequence, worker);
        snprintf(wanted, sizeof wanted, "row %d of %d", sequence, worker);
        assert_string_equal(PQgetvalue(rows, i, 1), wanted);
        seen[sequence]++;
    }
}

static void compare(const struct load_worker *w, const uint8_t *seen, uint64_t *found)
{
    for (int i = 0; i < w->tried; i++) {
        *found += seen[i];
        if (seen[i] > 1) fail_msg("row %d of %d is there %d times", i, w->index, seen[i]);
        if (w->ends[i] == CLIENT_DONE && seen[i] == 0)
            fail_msg("acknowledged row %d of %d is lost", i, w->index);
        if (w->ends[i] == CLIENT_REFUSED && seen[i] != 0)
            fail_msg("refused row %d of %d is there", i, w->index);
    }
}

static uint64_t verify_worker(struct load_worker *w, struct client *k)
{
    uint64_t found = 0;
    uint8_t *seen = calloc(LOAD_ROWS_MAX, 1);
    assert_non_null(seen);
    for (int from = 0; from <= w->tried; from += CHUNK_ROWS) {
        char statement[128];
        PGresult *rows = NULL;
        int base = w->index * LOAD_ROWS_MAX + from;
        snprintf(statement, sizeof statement,
                 "SELECT id, note FROM load WHERE id >= %d AND id < %d", base, base + CHUNK_ROWS);
        if (client_run(k, statement, CLUSTER_BOUND_MS, &rows) != CLIENT_DONE)
            fail_msg("%s: %s %s", statement, k->sqlstate, k->message);
        count_rows(rows, w->index, w->tried, seen);
        PQclear(rows);
    }
    compare(w, seen, &found);
    free(seen);
    return found;
}

void load_verify(struct load *l, int node)
{
    struct client k = {.connection = NULL};
    uint64_t found = 0, counts[5] = {0};
    if (!client_connect(&k, l->cluster->nodes[node].sql, CLUSTER_BOUND_MS))
        fail_msg("%s", k.message);
    for (int i = 0; i < LOAD_WORKERS; i++) {
        found += verify_worker(&l->workers[i], &k);
        for (int end = 0; end < 5; end++)
            counts[end] += l->workers[i].counts[end];
    }
    PGresult *rows = NULL;
    if (client_run(&k, "SELECT count(*) FROM load", CLUSTER_BOUND_MS, &rows) != CLIENT_DONE)
        fail_msg("count: %s %s", k.sqlstate, k.message);
    assert_int_equal(strtoull(PQgetvalue(rows, 0, 0), NULL, 10), found);
    PQclear(rows);
    client_close(&k);
    printf("node %d: %llu rows: %llu acknowledged, %llu refused, %llu unknown of which %llu are "
           "there\n",
           node + 1, (unsigned long long)found, (unsigned long long)counts[CLIENT_DONE],
           (unsigned long long)counts[CLIENT_REFUSED], (unsigned long long)counts[CLIENT_UNKNOWN],
           (unsigned long long)(found - counts[CLIENT_DONE]));
    fflush(stdout);
}
