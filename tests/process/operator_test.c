/* What an operator sees and does: sessions and locks of the whole cluster, their ends, slow
 * statements, limits, and the commands that look at a cluster, when it is whole and when it is not.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/process/client.h"
#include "tests/process/cluster.h"
#include "tests/process/raw.h"
#include "tests/test.h"

static struct cluster c; /* one for all tests of this program; the last one breaks it */

static struct cluster *whole_cluster(void)
{
    if (c.demo == 0) {
        setenv("OSTRAKA_SQL_MEMORY", "32MiB", 1); /* of the nodes */
        cluster_start(&c, "auto");
        unsetenv("OSTRAKA_SQL_MEMORY");
    }
    return &c;
}

static struct raw session(int node)
{
    struct raw r = raw_dial(whole_cluster()->nodes[node].sql);
    if (!raw_start(&r)) fail_msg("refused: %s %s", r.sqlstate, r.message);
    return r;
}

static void must_run(struct raw *r, const char *text)
{
    r->sqlstate[0] = '\0';
    raw_query(r, text);
    assert_int_equal(raw_read_to(r, "Z"), 'Z');
    if (r->sqlstate[0] != '\0') fail_msg("%s: %s %s", text, r->sqlstate, r->message);
}

/* The first value of the first row. */
static const char *value(struct raw *r, const char *text)
{
    static char out[400];
    out[0] = '\0';
    r->sqlstate[0] = '\0';
    raw_query(r, text);
    assert_int_equal(raw_read_row(r, out, sizeof out), 'Z');
    if (r->sqlstate[0] != '\0') fail_msg("%s: %s %s", text, r->sqlstate, r->message);
    return out;
}

static void wait_value(struct raw *r, const char *text, const char *expected)
{
    uint64_t end = now_ns() + CLUSTER_BOUND_MS * 1000000ull;
    while (strcmp(value(r, text), expected) != 0) {
        if (now_ns() > end) fail_msg("%s is %s, not %s", text, value(r, text), expected);
        pause_ms(20);
    }
}

TEST(operator, locks_of_all_nodes_are_seen_and_their_holders_ended)
{
    struct raw holder = session(0), waiter = session(1), asks = session(2);
    char text[200];
    must_run(&asks, "CREATE TABLE held (a int, b text, PRIMARY KEY (a, b))");
    must_run(&asks, "INSERT INTO held VALUES (7, 'x')");
    must_run(&holder, "BEGIN; SELECT * FROM held WHERE a = 7 AND b = 'x' FOR UPDATE");
    raw_query(&waiter, "DELETE FROM held WHERE a = 7 AND b = 'x'");
    wait_value(&asks,
               "SELECT count(*) FROM ostraka.locks WHERE table_name = 'held' AND key = '(7, x)' "
               "AND NOT granted",
               "1");
    snprintf(text, sizeof text, "%u", ntohl(holder.pid));
    assert_string_equal(value(&asks, "SELECT pid FROM ostraka.locks WHERE granted"), text);
    snprintf(text, sizeof text, "%u", ntohl(waiter.pid));
    assert_string_equal(value(&asks, "SELECT pid FROM ostraka.locks WHERE NOT granted"), text);
    assert_string_equal(value(&asks, "SELECT pid FROM ostraka.sessions WHERE waits_for = 'lock'"),
                        text);
    assert_string_equal(value(&asks, "SELECT count(*) FROM ostraka.sessions"), "3");
    assert_string_equal(value(&asks, "SELECT count(*) FROM pg_stat_activity"),
                        "1"); /* this node's */

    snprintf(text, sizeof text, "SELECT pg_cancel_backend(%u)",
             ntohl(waiter.pid)); /* of another node */
    assert_string_equal(value(&asks, text), "t");
    assert_int_equal(raw_read_to(&waiter, "Z"), 'Z');
    assert_string_equal(waiter.sqlstate, "57014");
    must_run(&waiter, "SELECT 1");

    raw_query(&waiter, "DELETE FROM held WHERE a = 7 AND b = 'x'");
    wait_value(&asks, "SELECT count(*) FROM ostraka.locks WHERE NOT granted", "1");
    raw_cancel(c.nodes[2].sql, waiter.pid,
               waiter.key ^ 1); /* asked of another node, as a proxy may: a wrong key */
    raw_cancel(c.nodes[2].sql, waiter.pid, waiter.key);
    assert_int_equal(raw_read_to(&waiter, "Z"), 'Z');
    assert_string_equal(waiter.sqlstate, "57014");

    raw_query(&waiter, "DELETE FROM held WHERE a = 7 AND b = 'x'");
    wait_value(&asks, "SELECT count(*) FROM ostraka.locks WHERE NOT granted", "1");
    snprintf(text, sizeof text, "SELECT pg_terminate_backend(%u)", ntohl(holder.pid));
    assert_string_equal(value(&asks, text), "t");
    assert_int_equal(raw_read_to(&holder, "Z"), 0); /* it is told, and its connection closed */
    assert_string_equal(holder.sqlstate, "57P01");
    assert_int_equal(raw_read_to(&waiter, "Z"), 'Z'); /* and its lock is free */
    assert_string_equal(waiter.sqlstate, "57014");    /* of the last time: nothing new */
    wait_value(&asks, "SELECT count(*) FROM held", "0");
    snprintf(text, sizeof text, "SELECT pg_terminate_backend(%u)", ntohl(holder.pid));
    assert_string_equal(value(&asks, text), "f");
    raw_close(&holder);
    raw_close(&waiter);
    raw_close(&asks);
}

/* The lines of a node's log that hold the words. */
static int count_lines(int node, const char *words)
{
    char path[600], line[4096];
    int count = 0;
    snprintf(path, sizeof path, "%s/data/node%d.log", c.directory, node + 1);
    FILE *f = fopen(path, "r");
    if (f == NULL) fail_msg("no %s", path);
    while (fgets(line, sizeof line, f) != NULL)
        count += strstr(line, words) != NULL;
    fclose(f);
    return count;
}

TEST(operator, slow_statements_are_logged_with_what_they_cost)
{
    struct raw r = session(0);
    must_run(&r, "SELECT 'not logged'");
    must_run(&r, "SET log_min_duration_statement = 0");
    must_run(&r, "SELECT 'one line',\n  count(*)");
    assert_int_equal(count_lines(0, "not logged"), 0);
    assert_int_equal(count_lines(0, "one line"), 1);
    assert_int_equal(count_lines(0, "\"slow statement\" ms="), 2); /* SET is one */
    r.sqlstate[0] = '\0';
    raw_query(&r, "SELECT 1/0 AS divided");
    assert_int_equal(raw_read_to(&r, "Z"), 'Z');
    assert_int_equal(count_lines(0, "sqlstate=22012"), 1);
    assert_true(cluster_metric(&c, 0, "sql_slow_statements_total") >= 2);
    for (int i = 0; i < 3; i++) {
        char text[100];
        snprintf(text, sizeof text, "SELECT %d AS counted_together", i);
        must_run(&r, text);
    }
    assert_string_equal(value(&r, "SELECT calls FROM ostraka.statements WHERE statement = 'select "
                                  "? as counted_together'"),
                        "3");
    raw_close(&r);
}

TEST(operator, a_statement_that_does_not_fit_into_the_memory_of_the_node_fails_alone)
{
    struct raw large = session(1), small = session(1);
    raw_query(&large, "SELECT length(repeat('x', 40000000))");
    assert_int_equal(raw_read_to(&large, "Z"), 'Z');
    assert_string_equal(large.sqlstate, "53200");
    assert_non_null(strstr(large.detail, "memory that this node has for SQL"));
    must_run(&small, "SELECT length(repeat('x', 1000000))");
    must_run(&large, "SELECT 1");
    assert_true(cluster_metric(&c, 1, "sql_memory_refused_total") >= 1);
    assert_true(cluster_metric(&c, 1, "sql_memory_bytes") < 4e6); /* given back */
    assert_true(cluster_metric(&c, 1, "sql_memory_limit_bytes") == 32 * 1024 * 1024);
    raw_close(&large);
    raw_close(&small);
}

/* Runs `ostraka ...`; its exit status, and what it prints. */
static int command(char *out, size_t size, const char *format, const char *address)
{
    char words[600], line[800];
    snprintf(words, sizeof words, format, address);
    snprintf(line, sizeof line, "%s %s 2>&1", cluster_binary(), words);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t got = fread(out, 1, size - 1, p);
    out[got] = '\0';
    int status = pclose(p);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static char out[100000];

static json_t *doctor(int *status_out)
{
    json_error_t error;
    *status_out = command(out, sizeof out, "doctor -o json --host %s", c.nodes[0].http);
    json_t *root = json_loads(out, 0, &error);
    if (root == NULL) fail_msg("doctor says: %s", out);
    return root;
}

static int count_found(const json_t *root, const char *check, const char *level)
{
    size_t i;
    json_t *f;
    int count = 0;
    json_array_foreach(json_object_get(root, "findings"), i, f) count +=
        strcmp(json_string_value(json_object_get(f, "check")), check) == 0 &&
        strcmp(json_string_value(json_object_get(f, "level")), level) == 0;
    return count;
}

TEST(operator, doctor_finds_a_whole_cluster_in_order)
{
    int status;
    (void)whole_cluster();
    cluster_wait_whole(&c);
    json_t *root = doctor(&status);
    assert_true(status == 0 || status == 3); /* the machine of the test may be no model */
    assert_int_equal(json_integer_value(json_object_get(root, "errors")), 0);
    assert_int_equal(count_found(root, "node sessions", "ok"), 3);
    assert_int_equal(count_found(root, "clocks", "ok"), 1);
    assert_int_equal(count_found(root, "ranges", "ok"), 1);
    json_decref(root);
    assert_int_equal(command(out, sizeof out, "status --ready --host %s", c.nodes[1].http), 0);
    assert_int_equal(command(out, sizeof out, "status --ready --host %s", "127.0.0.1:1"), 2);
    assert_int_equal(command(out, sizeof out, "status -o plain --host %s", c.nodes[1].http), 0);
    assert_non_null(strstr(out, "quorum\tyes\n"));
    assert_int_equal(command(out, sizeof out, "status -o csv --host %s", c.nodes[1].http), 0);
    assert_non_null(strstr(out, "\n3,yes,"));
    assert_int_equal(command(out, sizeof out, "doctor --data %s", "/nowhere"), 3);
    assert_int_equal(command(out, sizeof out, "doctor --host %s", "127.0.0.1:1"), 1);
    assert_int_equal(command(out, sizeof out, "doctor -o %s", "xml"), 2);
}

/* Runs `ostraka txn VERB ID` at a node. */
static int ask_outcome(const char *verb, const char *id, const char *format, const char *address)
{
    char words[200];
    snprintf(words, sizeof words, "txn %s %s %s --url %%s", verb, id, format);
    return command(out, sizeof out, words, address);
}

/* As a node names a transaction (08007): when it was sent, its range, its tag. That one never came. */
TEST(operator, transactions_whose_outcome_is_open_are_asked_for)
{
    char id[40], expected[120];
    const char *url = whole_cluster()->nodes[1].sql;
    struct raw r = session(0);
    must_run(&r, "CREATE TABLE open_ended (a int); INSERT INTO open_ended VALUES (1)");
    must_run(&r, "BEGIN; SELECT * FROM open_ended");
    unsigned long long sent = strtoull(value(&r, "SELECT ostraka.read_timestamp()"), NULL, 10);
    must_run(&r, "COMMIT");
    snprintf(id, sizeof id, "%012llx%08x%012llx", sent >> 16, 2u, 0x1234567ull);
    assert_int_equal(ask_outcome("status", id, "", url), 0);
    assert_string_equal(out, "in progress\n");
    assert_int_equal(ask_outcome("status", id, "-o json", url), 0);
    snprintf(expected, sizeof expected, "{\"id\":\"%s\",\"status\":\"in progress\"}\n", id);
    assert_string_equal(out, expected);
    assert_int_equal(ask_outcome("resolve", id, "", url), 0);
    assert_string_equal(out, "aborted\n"); /* and never will be anything else */
    assert_int_equal(ask_outcome("status", id, "-o csv", url), 0);
    snprintf(expected, sizeof expected, "id,status\n%s,aborted\n", id);
    assert_string_equal(out, expected);
    assert_int_equal(ask_outcome("status", "00000000000100000002000001234567", "", url), 6);
    assert_string_equal(out, "expired\n");
    assert_int_equal(ask_outcome("ls", "", "-o csv", url), 0);
    assert_int_equal(strncmp(out, "id,", 3), 0);
    assert_null(strchr(strchr(out, '\n') + 1, '\n')); /* nothing is in doubt */

    assert_int_equal(ask_outcome("status", "4711", "", url), 2);
    assert_non_null(strstr(out, "32 hex digits"));
    assert_int_equal(ask_outcome("undo", id, "", url), 2);
    assert_int_equal(ask_outcome("status", "ffffffffffff00000002000001234567", "", url), 2);
    assert_non_null(strstr(out, "is not the id of a transaction"));
    assert_int_equal(ask_outcome("status", id, "", "127.0.0.1:1"), 1);
    raw_close(&r);
}

TEST(operator, without_a_quorum_it_is_said_who_is_missing)
{
    int status;
    char missing[200];
    struct raw r = session(0);
    cluster_node_end(&c, 1, SIGKILL);
    cluster_node_end(&c, 2, SIGKILL);
    pause_ms(4000); /* silence is noticed after 3 s */
    json_t *root = doctor(&status);
    assert_int_equal(status, 4);
    assert_int_equal(count_found(root, "node", "error"), 2);
    assert_int_equal(count_found(root, "range quorum", "error"), 2);
    snprintf(missing, sizeof missing, "missing: 2 (%s), 3 (%s)", c.nodes[1].peer, c.nodes[2].peer);
    assert_non_null(strstr(out, missing));
    json_decref(root);
    assert_int_equal(command(out, sizeof out, "status --host %s", c.nodes[0].http), 4);
    assert_int_equal(command(out, sizeof out, "status --ready --host %s", c.nodes[0].http), 1);
    assert_string_equal(value(&r, "SELECT count(*) FROM ostraka.sessions"),
                        "1"); /* with a warning, and at once */
    assert_string_equal(value(&r, "SELECT count(*) FROM ostraka.nodes WHERE NOT alive"), "2");
    assert_string_equal(value(&r, "SELECT count(*) FROM ostraka.locks"), "0");
    raw_close(&r);
    cluster_stop(&c);
}
