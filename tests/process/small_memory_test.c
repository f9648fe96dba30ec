/* Several times more data than --memory, in the smallest memory that is allowed: everything is read back, the
 * processes stay small, and what is overwritten or dropped gives its space back. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/process/cluster.h"
#include "tests/process/client.h"
#include "tests/test.h"

#define MEMORY_MIB 16
#define RSS_KIB_MAX (128 << 10) /* with stacks, buffers of connections and of the log, and the program */
#define ROW_BYTES 1000
#define ROWS_PER_COPY 2500u
#define PATIENCE_MS 60000
#define TRIES_MAX 50

static uint64_t random_next(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Row i: its key is no neighbour of row i + 1's, its text does not compress and can be computed again. */
static uint32_t key_of(uint32_t i)
{
    return i * 2654435761u;
}

static void text_of(uint32_t i, uint32_t round, char text[ROW_BYTES + 1])
{
    uint64_t state = ((uint64_t)round << 32) + i;
    for (int k = 0; k < ROW_BYTES; k += 10) {
        uint64_t bits = random_next(&state);
        for (int b = 0; b < 10; b++, bits >>= 6) text[k + b] = (char)('0' + (bits & 63)); /* '0' to 'o' */
    }
    text[ROW_BYTES] = '\0';
    for (int k = 0; k < ROW_BYTES; k++)
        if (text[k] == '\\') text[k] = '~'; /* COPY's escape */
}

/* Overloaded, between leaders, or slower than the retention of one second, because the machine is busy: what is run here
 * may be run once more. */
static bool may_repeat(const char *sqlstate)
{
    static const char *const states[] = {"53200", "57P03", "40001", "08007", "72000"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(sqlstate, states[i]) == 0) return true;
    return false;
}

/* The caller's to clear. */
static PGresult *ask(struct client *k, const char *statement)
{
    PGresult *r = NULL;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        if (client_run(k, statement, PATIENCE_MS, &r) == CLIENT_DONE) return r;
        if (!may_repeat(k->sqlstate)) break;
        pause_ms(200);
    }
    fail_msg("%s: %s %s", statement, k->sqlstate, k->message);
    return NULL;
}

static void run(struct client *k, const char *statement)
{
    PQclear(ask(k, statement));
}

static uint64_t number(struct client *k, const char *query)
{
    PGresult *r = ask(k, query);
    uint64_t value = strtoull(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return value;
}

/* "" or the SQLSTATE that it ended with. */
static void copy_rows(struct client *k, uint32_t first, uint32_t count, char sqlstate[6])
{
    PGresult *r = PQexec(k->connection, "COPY t FROM STDIN");
    bool begun = PQresultStatus(r) == PGRES_COPY_IN;
    char line[ROW_BYTES + 32], text[ROW_BYTES + 1];
    for (uint32_t i = first; i < first + count && begun; i++) {
        text_of(i, 0, text);
        int size = snprintf(line, sizeof line, "%u\t%s\n", key_of(i), text);
        assert_int_equal(PQputCopyData(k->connection, line, size), 1);
    }
    if (begun) {
        PQclear(r);
        assert_int_equal(PQputCopyEnd(k->connection, NULL), 1);
        r = PQgetResult(k->connection);
    }
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (!ok && state == NULL) fail_msg("COPY: %s", PQresultErrorMessage(r));
    snprintf(sqlstate, 6, "%s", ok ? "" : state);
    PQclear(r);
    while ((r = PQgetResult(k->connection)) != NULL) PQclear(r);
}

/* A COPY is all or nothing; after one of unknown outcome, rows that are there already say that it was all. */
static void load(struct client *k, uint32_t rows)
{
    for (uint32_t first = 0; first < rows; first += ROWS_PER_COPY) {
        char sqlstate[6];
        bool unsure = false;
        for (int tries = 0;; tries++) {
            copy_rows(k, first, ROWS_PER_COPY, sqlstate);
            if (sqlstate[0] == '\0' || (unsure && strcmp(sqlstate, "23505") == 0)) break;
            if (!may_repeat(sqlstate) || tries == TRIES_MAX) fail_msg("COPY ends with %s", sqlstate);
            unsure |= strcmp(sqlstate, "08007") == 0;
            pause_ms(200);
        }
    }
}

/* Every row, by its key, in the order of the keys. */
static void verify(struct client *k, uint32_t rows)
{
    assert_u64_equal(number(k, "SELECT count(*) FROM t"), rows);
    assert_u64_equal(number(k, "SELECT sum(length(v)) FROM t"), (uint64_t)rows * ROW_BYTES);
    char query[128], text[ROW_BYTES + 1];
    for (uint32_t i = 0; i < rows; i += rows / 400) {
        snprintf(query, sizeof query, "SELECT v FROM t WHERE id = %u", key_of(i));
        PGresult *r = ask(k, query);
        assert_int_equal(PQntuples(r), 1);
        text_of(i, 0, text);
        assert_string_equal(PQgetvalue(r, 0, 0), text);
        PQclear(r);
    }
    uint64_t seen = 0, last = 0;
    for (uint64_t from = 0; from < UINT64_C(1) << 32; from += UINT64_C(1) << 27) {
        snprintf(query, sizeof query, "SELECT id, v FROM t WHERE id >= %llu AND id < %llu ORDER BY id",
                 (unsigned long long)from, (unsigned long long)(from + (UINT64_C(1) << 27)));
        PGresult *r = ask(k, query);
        for (int i = 0; i < PQntuples(r); i++, seen++) {
            uint64_t id = strtoull(PQgetvalue(r, i, 0), NULL, 10);
            assert_true(seen == 0 || id > last);
            last = id;
            text_of((uint32_t)id * 244002641u, 0, text); /* the inverse of key_of's factor */
            assert_string_equal(PQgetvalue(r, i, 1), text);
        }
        PQclear(r);
    }
    assert_u64_equal(seen, rows);
}

static long rss_kib_max(const struct cluster *c)
{
    long max = 0;
    for (int i = 0; i < c->node_count; i++) {
        char path[64], line[256];
        long kib = 0;
        snprintf(path, sizeof path, "/proc/%d/status", (int)c->nodes[i].pid);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        while (fgets(line, sizeof line, f) != NULL)
            if (sscanf(line, "VmHWM: %ld kB", &kib) == 1) break;
        fclose(f);
        assert_true(kib > 0);
        if (kib > max) max = kib;
    }
    return max;
}

static uint64_t tables_bytes;

static int add_table(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)at;
    if (type == FTW_F && strstr(path, ".tbl") != NULL) tables_bytes += (uint64_t)st->st_size;
    return 0;
}

/* Of the engine's tables on the fullest node. */
static uint64_t table_bytes_max(const struct cluster *c)
{
    uint64_t max = 0;
    for (int i = 0; i < c->node_count; i++) {
        tables_bytes = 0;
        nftw(c->nodes[i].data, add_table, 16, FTW_PHYS);
        if (tables_bytes > max) max = tables_bytes;
    }
    return max;
}

static void wait_tables_below(const struct cluster *c, uint64_t bytes)
{
    uint64_t end_ns = now_ns() + (uint64_t)PATIENCE_MS * 1000000u;
    while (table_bytes_max(c) >= bytes) {
        if (now_ns() > end_ns) fail_msg("tables take %llu bytes", (unsigned long long)table_bytes_max(c));
        pause_ms(200);
    }
}

/* A transaction that is open for longer than the retention, while rows are overwritten. */
static void refuse_old_snapshot(const struct cluster *c, struct client *k)
{
    struct client old;
    assert_true(client_connect(&old, c->nodes[1].sql, PATIENCE_MS));
    run(&old, "BEGIN");
    assert_true(number(&old, "SELECT count(*) FROM t") > 0);
    /* When the line has passed it depends on how busy the machine is. */
    enum client_end end = CLIENT_DONE;
    for (int i = 0; i < PATIENCE_MS / 500 && end == CLIENT_DONE; i++) {
        run(k, "UPDATE t SET v = v WHERE id < 100000000");
        pause_ms(500);
        end = client_run(&old, "SELECT count(*) FROM t", PATIENCE_MS, NULL);
    }
    assert_int_equal(end, CLIENT_REFUSED);
    assert_string_equal(old.sqlstate, "72000");
    assert_non_null(strstr(old.message, "--version-retention"));
    run(&old, "ROLLBACK");
    assert_true(number(&old, "SELECT count(*) FROM t") > 0);
    client_close(&old);
}

static void start(struct cluster *c, const char *retention)
{
    char memory[32];
    snprintf(memory, sizeof memory, "%dMiB", MEMORY_MIB);
    assert_int_equal(setenv("OSTRAKA_MEMORY", memory, 1), 0);
    assert_int_equal(setenv("OSTRAKA_VERSION_RETENTION", retention, 1), 0);
    cluster_start(c, "auto");
    unsetenv("OSTRAKA_MEMORY");
}

TEST(small_memory, several_times_more_data_than_memory_is_read_back)
{
    static struct cluster c;
    uint32_t rows = test_is_full() ? 320000 : 55000; /* three times the memory, or twenty */
    start(&c, "10m");
    struct client k;
    assert_true(client_connect(&k, c.nodes[0].sql, PATIENCE_MS));
    run(&k, "CREATE TABLE IF NOT EXISTS t (id int8 PRIMARY KEY, v text)");
    load(&k, rows);
    long loaded_kib = rss_kib_max(&c);
    client_close(&k);
    for (int i = 0; i < c.node_count; i++) {
        assert_true(client_connect(&k, c.nodes[i].sql, PATIENCE_MS));
        verify(&k, rows);
        client_close(&k);
    }
    printf("%u rows of %d bytes in %d MiB: %ld KiB resident after the load, %ld KiB after reading\n", rows,
           ROW_BYTES, MEMORY_MIB, loaded_kib, rss_kib_max(&c));
    assert_true(rss_kib_max(&c) < RSS_KIB_MAX);
    cluster_stop(&c);
    unsetenv("OSTRAKA_VERSION_RETENTION");
}

TEST(small_memory, overwritten_and_dropped_rows_give_their_space_back)
{
    static struct cluster c;
    const uint32_t rows = 10000, rounds = test_is_full() ? 40 : 12;
    const uint64_t live = (uint64_t)rows * ROW_BYTES;
    start(&c, "1s");
    struct client k;
    assert_true(client_connect(&k, c.nodes[0].sql, PATIENCE_MS));
    run(&k, "CREATE TABLE IF NOT EXISTS t (id int8 PRIMARY KEY, v text)");
    load(&k, rows);
    for (uint32_t round = 1; round <= rounds; round++)
        for (int part = 0; part < 4; part++) { /* a transaction has 4 MiB at most */
            char update[160];
            snprintf(update, sizeof update, "UPDATE t SET v = substr(v, 2) || '%u' WHERE id >= %llu AND id < %llu",
                     round % 10, (unsigned long long)part << 30, (unsigned long long)(part + 1) << 30);
            run(&k, update);
        }
    assert_u64_equal(number(&k, "SELECT sum(length(v)) FROM t"), live);
    refuse_old_snapshot(&c, &k);
    wait_tables_below(&c, 5 * live); /* without collection: `rounds` times */
    run(&k, "DROP TABLE IF EXISTS t");
    /* The last tombstones go when something else is flushed behind them. */
    run(&k, "CREATE TABLE IF NOT EXISTS t (id int8 PRIMARY KEY, v text)");
    pause_ms(3000);
    for (int i = 0; i < 6; i++) {
        load(&k, rows);
        pause_ms(1500);
        run(&k, "TRUNCATE t");
        pause_ms(1500);
    }
    wait_tables_below(&c, 5 * live);
    client_close(&k);
    assert_true(rss_kib_max(&c) < RSS_KIB_MAX);
    cluster_stop(&c);
    unsetenv("OSTRAKA_VERSION_RETENTION");
}
