#include "tests/process/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/process/raw.h"
#include "tests/test.h"

static struct cluster *live; /* what at_exit has to end */

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void pause_ms(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

bool test_is_full(void)
{
    const char *size = getenv("OSTRAKA_TEST_SIZE");
    return size != NULL && strcmp(size, "full") == 0;
}

const char *cluster_binary(void)
{
    const char *chosen = getenv("OSTRAKA_BINARY");
    return chosen != NULL ? chosen : OSTRAKA_BINARY;
}

/* ---- ending ---- */

static bool process_ended(struct cluster_node *n)
{
    if (n->pid == 0) return true;
    /* A child of the demo is gone when the demo has reaped it. */
    if (n->ours ? waitpid(n->pid, NULL, WNOHANG) == 0 : kill(n->pid, 0) == 0) return false;
    n->pid = 0;
    return true;
}

static void end_demo(struct cluster *c)
{
    if (c->demo == 0) return;
    kill(c->demo, SIGINT);
    waitpid(c->demo, NULL, 0);
    c->demo = 0;
}

static void end_all(struct cluster *c)
{
    for (int i = 0; i < c->node_count; i++) {
        struct cluster_node *n = &c->nodes[i];
        if (!n->ours || n->pid == 0) continue;
        kill(n->pid, SIGKILL);
        waitpid(n->pid, NULL, 0);
        n->pid = 0;
    }
    end_demo(c);
    for (int i = 0; i < c->node_count; i++)
        for (char **a = c->nodes[i].arguments; *a != NULL; a++)
            free(*a);
    live = NULL;
}

static void at_exit(void)
{
    if (live == NULL) return;
    fprintf(stderr, "data and logs of the failed test: %s\n", live->directory);
    end_all(live);
}

static void on_signal(int number)
{
    (void)number;
    exit(1); /* runs at_exit; the harness never holds a lock of stdio or malloc for long */
}

void cluster_stop(struct cluster *c)
{
    for (int i = 0; i < c->node_count; i++) {
        struct cluster_node *n = &c->nodes[i];
        if (n->pid != 0 && process_ended(n)) fail_msg("node %d ended by itself", i + 1);
    }
    char command[600];
    snprintf(command, sizeof command, "rm -rf -- '%s'", c->directory);
    for (int i = 0; i < c->node_count; i++)
        if (c->nodes[i].ours && c->nodes[i].pid != 0) cluster_node_end(c, i, SIGTERM);
    end_all(c);
    assert_int_equal(system(command), 0);
}

/* ---- starting ---- */

static void copy_text(char *to, size_t size, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    snprintf(to, size, "%s", text);
}

static void add_node(struct cluster *c, const json_t *line)
{
    assert_true(c->node_count < CLUSTER_NODES_MAX);
    struct cluster_node *n = &c->nodes[c->node_count++];
    *n = (struct cluster_node){.pid = (pid_t)json_integer_value(json_object_get(line, "pid"))};
    assert_true(n->pid > 0);
    copy_text(n->sql, sizeof n->sql, line, "sql");
    copy_text(n->http, sizeof n->http, line, "http");
    copy_text(n->data, sizeof n->data, line, "data");
    size_t i;
    json_t *word;
    json_array_foreach(json_object_get(line, "start"), i, word)
    {
        assert_true(i < CLUSTER_ARGUMENTS_MAX);
        n->arguments[i] = strdup(json_string_value(word));
        if (i > 0 && strcmp(n->arguments[i - 1], "--listen") == 0)
            snprintf(n->peer, sizeof n->peer, "%s", n->arguments[i]);
    }
}

static void read_nodes(struct cluster *c, FILE *from)
{
    char text[8192];
    while (fgets(text, sizeof text, from) != NULL) {
        json_t *line = json_loads(text, 0, NULL);
        bool ready = json_is_true(json_object_get(line, "ready"));
        if (!ready) add_node(c, line);
        json_decref(line);
        if (ready) return;
    }
    fail_msg("the demo did not become ready; see %s", c->directory);
}

static void run_demo(struct cluster *c, const char *io, int out)
{
    char data[300], log[300], port[16];
    snprintf(data, sizeof data, "%s/data", c->directory);
    snprintf(log, sizeof log, "%s/demo.log", c->directory);
    snprintf(port, sizeof port, "%d", 20000 + (int)getpid() % 10000);
    const char *arguments[] = {cluster_binary(), "demo", "--no-shell", "-o", "json", "--data", data,
                               "--io",           io,     "--sql-port", port, NULL};
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), in = open("/dev/null", O_RDONLY);
    if (err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(126);
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

void cluster_start(struct cluster *c, const char *io)
{
    static bool registered;
    if (!registered) {
        atexit(at_exit);
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        signal(SIGPIPE, SIG_IGN);
        registered = true;
    }
    at_exit(); /* of a test that failed before this one */
    const char *temporary = getenv("TMPDIR");
    *c = (struct cluster){.node_count = 0};
    snprintf(c->directory, sizeof c->directory, "%s/ostraka-process-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    assert_non_null(mkdtemp(c->directory));
    live = c;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    c->demo = fork();
    if (c->demo == 0) run_demo(c, io, ends[1]);
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    assert_non_null(from);
    read_nodes(c, from);
    fclose(from); /* the demo prints nothing more */
    assert_int_equal(c->node_count, CLUSTER_NODES_MAX);
}

/* ---- one node ---- */

bool cluster_node_runs(struct cluster *c, int node)
{
    return c->nodes[node].pid != 0 && !process_ended(&c->nodes[node]);
}

void cluster_node_end(struct cluster *c, int node, int number)
{
    struct cluster_node *n = &c->nodes[node];
    assert_int_not_equal(n->pid, 0);
    kill(n->pid, number);
    uint64_t until = now_ns() + CLUSTER_BOUND_MS * 1000000ull;
    while (!process_ended(n)) {
        if (now_ns() > until) fail_msg("node %d does not end on signal %d", node + 1, number);
        pause_ms(5);
    }
}

int cluster_node_wait_end(struct cluster *c, int node)
{
    struct cluster_node *n = &c->nodes[node];
    assert_true(n->ours && n->pid != 0);
    int status = 0;
    uint64_t until = now_ns() + CLUSTER_BOUND_MS * 1000000ull;
    while (waitpid(n->pid, &status, WNOHANG) == 0) {
        if (now_ns() > until) fail_msg("node %d does not end by itself", node + 1);
        pause_ms(5);
    }
    n->pid = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void cluster_node_begin(struct cluster *c, int node)
{
    struct cluster_node *n = &c->nodes[node];
    assert_int_equal(n->pid, 0);
    char log[600];
    snprintf(log, sizeof log, "%s.log", n->data);
    n->ours = true;
    n->pid = fork();
    assert_true(n->pid >= 0);
    if (n->pid > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), in = open("/dev/null", O_RDONLY);
    if (out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(126);
    signal(SIGPIPE, SIG_DFL);
    execv(n->arguments[0], n->arguments);
    _exit(127);
}

void cluster_node_shell(const struct cluster *c, int node, const char *command)
{
    setenv("D", c->nodes[node].data, 1);
    assert_int_equal(system(command), 0);
    unsetenv("D");
}

/* ---- status ---- */

json_t *cluster_status(const struct cluster *c, int node)
{
    char command[600];
    snprintf(command, sizeof command, "'%s' status --timeout 2s --host %s -o json 2>/dev/null",
             cluster_binary(), c->nodes[node].http);
    FILE *from = popen(command, "re");
    assert_non_null(from);
    json_t *status = json_loadf(from, JSON_DISABLE_EOF_CHECK, NULL);
    pclose(from);
    return status;
}

double cluster_metric(const struct cluster *c, int node, const char *name)
{
    static char text[1 << 20];
    struct raw r = raw_dial(c->nodes[node].http);
    static const char get[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    raw_send(&r, get, sizeof get - 1);
    size_t size = 0;
    for (ssize_t got; size < sizeof text - 1 && (got = recv(r.fd, text + size, sizeof text - 1 - size, 0)) > 0;)
        size += (size_t)got;
    raw_close(&r);
    text[size] = '\0';
    char line[128];
    snprintf(line, sizeof line, "\nostraka_%s ", name);
    const char *at = strstr(text, line);
    if (at == NULL) fail_msg("no metric %s", name);
    return at != NULL ? atof(at + strlen(line)) : -1;
}

void cluster_wait_metric(const struct cluster *c, int node, const char *name, double value)
{
    double last = -1;
    for (uint64_t until = now_ns() + CLUSTER_BOUND_MS * 1000000ull; now_ns() < until; pause_ms(50)) {
        last = cluster_metric(c, node, name);
        if (last >= value && last <= value) return;
    }
    fail_msg("%s of node %d stays at %g, not %g", name, node + 1, last, value);
}

void cluster_wait_metric_above(const struct cluster *c, int node, const char *name, double value)
{
    double last = -1;
    for (uint64_t until = now_ns() + CLUSTER_BOUND_MS * 1000000ull; now_ns() < until; pause_ms(50)) {
        last = cluster_metric(c, node, name);
        if (last > value) return;
    }
    fail_msg("%s of node %d stays at %g, not above %g", name, node + 1, last, value);
}

uint64_t cluster_node_bytes(const struct cluster *c, int node)
{
    char path[64];
    unsigned long long size = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)c->nodes[node].pid);
    FILE *from = fopen(path, "re");
    assert_non_null(from);
    assert_int_equal(fscanf(from, "%llu %llu", &size, &resident), 2);
    fclose(from);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static bool leads_last_range(const struct cluster *c, int node, long long *term_out)
{
    json_t *status = cluster_status(c, node);
    json_t *ranges = json_object_get(status, "ranges");
    json_t *range =
        json_array_size(ranges) > 0 ? json_array_get(ranges, json_array_size(ranges) - 1) : NULL;
    const char *role = json_string_value(json_object_get(range, "role"));
    bool leads = role != NULL && strcmp(role, "leader") == 0 &&
                 json_is_true(json_object_get(range, "serving"));
    *term_out = json_integer_value(json_object_get(range, "term"));
    json_decref(status);
    return leads;
}

int cluster_leader(const struct cluster *c)
{
    for (uint64_t until = now_ns() + CLUSTER_BOUND_MS * 1000000ull; now_ns() < until;
         pause_ms(50)) {
        int leader = -1;
        long long term, newest = -1;
        for (int i = 0; i < c->node_count; i++) {
            if (c->nodes[i].pid == 0 || !leads_last_range(c, i, &term) || term <= newest) continue;
            newest = term;
            leader = i;
        }
        if (leader >= 0) return leader;
    }
    fail_msg("no node leads; see %s", c->directory);
    return -1;
}

/* The highest value of a range's field among the running nodes other than `except`. */
static long long highest(const struct cluster *c, int except, size_t range, const char *field)
{
    long long value = -1;
    for (int i = 0; i < c->node_count; i++) {
        if (i == except || c->nodes[i].pid == 0) continue;
        json_t *status = cluster_status(c, i);
        json_t *at = json_array_get(json_object_get(status, "ranges"), range);
        long long here = json_integer_value(json_object_get(at, field));
        if (at != NULL && here > value) value = here;
        json_decref(status);
    }
    return value;
}

static bool is_voter(const json_t *range, long long id)
{
    size_t i;
    json_t *voter;
    json_array_foreach(json_object_get(range, "voters"), i,
                       voter) if (json_integer_value(voter) == id) return true;
    return false;
}

static bool caught_up(const struct cluster *c, int node, const long long *goals, size_t count)
{
    json_t *status = cluster_status(c, node);
    json_t *ranges = json_object_get(status, "ranges");
    long long id = json_integer_value(json_object_get(status, "node"));
    bool yes = json_array_size(ranges) >= count;
    for (size_t i = 0; yes && i < count; i++) {
        json_t *range = json_array_get(ranges, i);
        yes = json_integer_value(json_object_get(range, "applied")) >= goals[i] &&
              is_voter(range, id);
    }
    json_decref(status);
    return yes;
}

void cluster_wait_caught_up(const struct cluster *c, int node)
{
    long long goals[2];
    for (size_t i = 0; i < 2; i++)
        goals[i] = highest(c, node, i, "commit");
    for (uint64_t until = now_ns() + 2 * CLUSTER_BOUND_MS * 1000000ull; now_ns() < until;
         pause_ms(100))
        if (caught_up(c, node, goals, 2)) return;
    fail_msg("node %d does not catch up; see %s", node + 1, c->directory);
}

void cluster_wait_whole(const struct cluster *c)
{
    for (uint64_t until = now_ns() + 2 * CLUSTER_BOUND_MS * 1000000ull; now_ns() < until;
         pause_ms(100)) {
        for (int i = 0; i < c->node_count; i++) {
            json_t *status = c->nodes[i].pid != 0 ? cluster_status(c, i) : NULL;
            bool whole =
                json_integer_value(json_object_get(status, "can_lose")) == (c->node_count - 1) / 2;
            json_decref(status);
            if (whole) return;
        }
    }
    fail_msg("the cluster does not become whole; see %s", c->directory);
}
