/* A fourth node is added, fills up, is drained, taken back and leaves for good, by the commands that an operator has, while
 * clients insert: each says before what it would do, and shows how far it is. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/process/load.h"
#include "tests/test.h"

#define RANGES 12

static struct cluster c;
static char out[100000];

struct extra {
    pid_t pid;
    char listen[32], sql[32], http[32], data[300];
};
static struct extra extra;

/* Whatever ends the test ends the process it added. */
static void kill_extra(void)
{
    if (extra.pid != 0) kill(extra.pid, SIGKILL);
}

static void free_address(char text[32])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    close(fd);
    snprintf(text, 32, "127.0.0.1:%u", ntohs(a.sin_port));
}

static void extra_begin(void)
{
    free_address(extra.listen);
    free_address(extra.sql);
    free_address(extra.http);
    snprintf(extra.data, sizeof extra.data, "%s/data/node4", c.directory);
    extra.pid = fork();
    assert_true(extra.pid >= 0);
    if (extra.pid != 0) {
        atexit(kill_extra);
        return;
    }
    char log[400];
    snprintf(log, sizeof log, "%s.log", extra.data);
    if (freopen(log, "w", stderr) == NULL) _exit(2);
    execl(cluster_binary(), "ostraka", "start", "--data", extra.data, "--listen", extra.listen, "--sql", extra.sql, "--http",
          extra.http, "--join", c.nodes[0].peer, "--locality", "rack=d", (char *)NULL);
    _exit(2);
}

/* Runs `ostraka ...`; its exit status, and in `out` what it prints. */
static int command(const char *format, const char *a, const char *b)
{
    char words[600], line[900];
    snprintf(words, sizeof words, format, a, b);
    snprintf(line, sizeof line, "%s %s 2>&1", cluster_binary(), words);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t got = fread(out, 1, sizeof out - 1, p);
    out[got] = '\0';
    int status = pclose(p);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void must_say(int status, int expected, const char *text)
{
    if (status != expected) fail_msg("exit %d, not %d: %s", status, expected, out);
    if (strstr(out, text) == NULL) fail_msg("no \"%s\" in: %s", text, out);
}

/* The same of a command that only asks, or is refused: while ranges move, and before every node has been told, the answer may be
 * another one for a moment. */
static void wait_said(int expected, const char *text, const char *format, const char *a, const char *b)
{
    uint64_t end = now_ns() + 2 * CLUSTER_BOUND_MS * 1000000ull;
    int status = command(format, a, b);
    for (; status != expected || strstr(out, text) == NULL; status = command(format, a, b)) {
        if (now_ns() > end) must_say(status, expected, text);
        pause_ms(100);
    }
}

static void run(struct client *k, const char *statement)
{
    if (client_run(k, statement, CLUSTER_BOUND_MS, NULL) != CLIENT_DONE)
        fail_msg("%s: %s %s", statement, k->sqlstate, k->message);
}

static void value(struct client *k, const char *statement, char *text, size_t size)
{
    PGresult *result;
    if (client_run(k, statement, CLUSTER_BOUND_MS, &result) != CLIENT_DONE)
        fail_msg("%s: %s %s", statement, k->sqlstate, k->message);
    snprintf(text, size, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
}

static void wait_value(struct client *k, const char *statement, const char *expected)
{
    uint64_t end = now_ns() + 2 * CLUSTER_BOUND_MS * 1000000ull;
    char text[200];
    for (value(k, statement, text, sizeof text); strcmp(text, expected) != 0; value(k, statement, text, sizeof text)) {
        if (now_ns() > end) fail_msg("%s is %s, not %s", statement, text, expected);
        pause_ms(100);
    }
}

/* Words become names and values, never SQL. */
static void divide(struct client *k)
{
    const char *url = c.nodes[2].sql;
    run(k, "CREATE TABLE \"Mixed\" (a text, b int, PRIMARY KEY (a, b))");
    run(k, "CREATE TABLE kv (k text PRIMARY KEY)");
    must_say(command("range split kv abc --url %s%s", url, ""), 0, "");
    must_say(command("range split kv \"it's \\\"x); DROP TABLE kv; --\" --url %s%s", url, ""), 0, "");
    must_say(command("range split Mixed x 7 --url %s%s", url, ""), 0, "");
    must_say(command("range split Mixed x seven --url %s%s", url, ""), 1, "invalid input syntax for type integer: \"seven\"");
    must_say(command("range split mixed x --url %s%s", url, ""), 6, "relation \"mixed\" does not exist");
    must_say(command("range split 'kv\"; DROP TABLE kv' x --url %s%s", url, ""), 6, "does not exist");
    must_say(command("range split kv --url %s%s", url, ""), 2, "no order");
    must_say(command("range transfer 2 x --url %s%s", url, ""), 2, "no order");
    must_say(command("range ls kv --url %s%s", url, ""), 0, "kv (abc)");
    must_say(0, 0, "requests");
    must_say(command("range ls Mixed --url %s%s", url, ""), 0, "Mixed (x, 7)");
    for (int i = 1; i <= RANGES; i++) {
        char statement[100];
        snprintf(statement, sizeof statement, "ALTER TABLE load SPLIT AT VALUES (%d)", 500000 + i);
        run(k, statement);
    }
}

static void join(struct client *k)
{
    const char *url = c.nodes[0].sql, *http = c.nodes[0].http;
    wait_said(0, "quorum 2, then 2", "node add --locality rack=d --dry-run --url %s%s", url, "");
    must_say(command("node add --url %s%s", url, ""), 1, "added by starting it");
    wait_said(0, "nodes that may be lost: 1, then 1", "start --join 127.0.0.1:1,%s --locality %s --dry-run", c.nodes[2].peer,
              "rack=d");
    must_say(command("start --dry-run%s%s", "", ""), 2, "--join");
    extra_begin();
    wait_value(k, "SELECT count(*) FROM ostraka.nodes WHERE node = 4 AND state = 'active' AND alive", "1");
    /* A fast balance may be over before anybody has looked. */
    wait_value(k, "SELECT (SELECT count(*) FROM ostraka.jobs WHERE reason = 'balance' AND nodes LIKE '%4%' AND since <= now()) > 0 "
                  "OR (SELECT ranges FROM ostraka.nodes WHERE node = 4) > 5", "t");
    wait_value(k, "SELECT ranges > 5 FROM ostraka.nodes WHERE node = 4", "t");
    wait_said(0, "can lose 1 more node", "status --host %s%s", http, "");
    must_say(0, 0, "rack=d");
    must_say(command("node ls --url %s%s", url, ""), 0, "rack=d");
    wait_said(0, "can lose 1 more node", "status --host %s%s", extra.http, ""); /* asked of the new one */
}

/* A range is not sent to who would have to give it away again. */
static void move_to_nobody(struct client *k)
{
    const char *url = c.nodes[0].sql;
    char words[60];
    value(k, "SELECT range || ' ' || substr(voters, 1, 1) FROM ostraka.ranges WHERE voters NOT LIKE '%4%' LIMIT 1", words,
          sizeof words);
    must_say(command("range move %s 9 --url %s", words, url), 6, "no such node");
    must_say(command("range move %s 4 --url %s", words, url), 7, "draining or leaving");
    must_say(command("range transfer 2 9 --url %s%s", url, ""), 1, "only a voter of the range");
}

/* By itself: it has been told that it was removed. */
static void wait_extra_end(void)
{
    uint64_t end = now_ns() + 2 * CLUSTER_BOUND_MS * 1000000ull;
    while (waitpid(extra.pid, NULL, WNOHANG) == 0) {
        if (now_ns() > end) fail_msg("a removed node goes on; see %s.log", extra.data);
        pause_ms(50);
    }
    extra.pid = 0;
}

static void leave(struct client *k)
{
    const char *url = c.nodes[0].sql;
    wait_said(0, "nodes that may be lost: 1, then 1", "node decommission 4 --dry-run --url %s%s", url, "");
    wait_value(k, "SELECT state FROM ostraka.nodes WHERE node = 4", "active");
    must_say(command("node drain 4 --wait --url %s%s", url, ""), 0, "node 4 is drained");
    wait_said(0, "node 4 is drained", "status --host %s%s", c.nodes[1].http, "");
    move_to_nobody(k);
    must_say(command("node activate 4 --wait --url %s%s", url, ""), 0, "node 4 is active");
    must_say(command("node drain 4 --locality x=y --url %s%s", url, ""), 2, "--locality goes with add");
    must_say(command("node ls --wait --url %s%s", url, ""), 2, "--wait goes with");
    must_say(command("node decommission 4 --wait --timeout 1ms --url %s%s", url, ""), 5, "");
    if (strstr(out, "somebody wants something else") != NULL) fail_msg("before it was ordered: %s", out);
    must_say(command("node decommission 4 --wait --url %s,%s", extra.sql, url), 0, "node 4 is removed from the cluster");
    must_say(command("node decommission 4 --wait --url %s%s", url, ""), 0, "node 4 is removed from the cluster");
    must_say(command("node drain 4 --dry-run --url %s%s", url, ""), 7, "was removed from the cluster");
    wait_said(7, "could lose less", "node decommission 3 --url %s%s", url, "");
    must_say(command("node decommission 9 --wait --url %s%s", url, ""), 6, "no such node");
    wait_extra_end();
    wait_said(0, "can lose 1 more node", "status --host %s%s", c.nodes[1].http, "");
}

static void settings(struct client *k)
{
    const char *url = c.nodes[1].sql;
    wait_said(0, "quorum 2, then 2", "sql --url %s -e %s", url, "'ALTER SYSTEM SET replication_factor = 2 DRY RUN'");
    must_say(0, 0, "nodes that may be lost: 1, then 0");
    run(k, "ALTER TABLE kv SET (replication_factor = 1)");
    wait_value(k, "SELECT count(*) FROM ostraka.ranges WHERE start_key = 'kv (abc)' AND voters NOT LIKE '%,%'", "1");
    run(k, "ALTER TABLE kv RESET (replication_factor)");
    wait_value(k, "SELECT count(*) FROM ostraka.ranges WHERE voters NOT LIKE '%,%,%'", "0");
}

static void ask_doctor(void)
{
    uint64_t end = now_ns() + 2 * CLUSTER_BOUND_MS * 1000000ull;
    for (;; pause_ms(100)) {
        int status = command("doctor --host %s%s", c.nodes[0].http, "");
        bool runs = status == 0 || status == 3; /* the machine of the test may be no model */
        if (runs && strstr(out, "0 of ") != NULL && strstr(out, "can lose 1 more node") != NULL) return;
        if (now_ns() > end) fail_msg("the doctor, exit %d: %s", status, out);
    }
}

TEST(grow, a_node_joins_fills_up_and_leaves_under_load)
{
    static struct load l;
    struct client k;
    cluster_start(&c, "auto");
    assert_true(client_connect(&k, c.nodes[1].sql, CLUSTER_BOUND_MS));
    load_start(&l, &c);
    load_wait_rows(&l, 200);
    divide(&k);
    join(&k);
    load_wait_rows(&l, 100);
    leave(&k);
    settings(&k);
    client_close(&k);
    cluster_wait_whole(&c);
    ask_doctor();
    load_wait_rows(&l, 100);
    load_stop(&l);
    for (int i = 0; i < c.node_count; i++) load_verify(&l, i);
    cluster_stop(&c);
    load_free(&l);
}
