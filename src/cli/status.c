/* `status` reads the admin port, so it works with no quorum. What only the leader of the metadata range knows is shown when
 * that answers. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/status_overview.h"

#define RANGES_SHOWN 40

static void print_members(const json_t *range)
{
    size_t i;
    json_t *node;
    const char *separator = "";
    json_array_foreach(json_object_get(range, "voters"), i, node) {
        printf("%s%lld", separator, (long long)json_integer_value(node));
        separator = ",";
    }
    json_array_foreach(json_object_get(range, "learners"), i, node)
        printf(" +%lld", (long long)json_integer_value(node));
}

static bool is_alive(const json_t *status, long long node)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(status, "nodes"), i, item)
        if (status_number(item, "node") == node) return json_is_true(json_object_get(item, "alive"));
    return false;
}

/* How many voters of a range have to come back before it has a majority; 0: it has one. */
static long long missing_voters(const json_t *status, const json_t *range)
{
    size_t i;
    json_t *voter, *voters = json_object_get(range, "voters");
    long long alive = 0, majority = (long long)json_array_size(voters) / 2 + 1;
    json_array_foreach(voters, i, voter) alive += is_alive(status, (long long)json_integer_value(voter));
    return alive < majority ? majority - alive : 0;
}

static void print_dead_voters(const json_t *status)
{
    size_t i;
    json_t *item;
    const char *separator = "";
    json_array_foreach(json_object_get(status, "nodes"), i, item) {
        if (json_is_true(json_object_get(item, "alive")) || json_is_true(json_object_get(item, "removed"))) continue;
        printf("%s%lld (%s)", separator, status_number(item, "node"), status_text(item, "peer"));
        separator = ", ";
    }
}

static void print_tolerance(const json_t *status)
{
    size_t i;
    json_t *range;
    long long missing = 0, can_lose = status_number(status, "can_lose");
    const json_t *overview = status_overview(status);
    bool quorum = json_is_true(json_object_get(status, "quorum"));
    if (quorum && overview != NULL && status_text(overview, "text")[0] != '\0') {
        printf("\n%s\n", status_text(overview, "text"));
        status_print_progress(overview);
        return;
    }
    if (quorum) {
        printf("\ncan lose %lld more node%s, as far as node %lld knows\n", can_lose, can_lose == 1 ? "" : "s",
               status_number(status, "node"));
        return;
    }
    json_array_foreach(json_object_get(status, "ranges"), i, range) {
        long long here = missing_voters(status, range);
        if (here > missing) missing = here;
    }
    printf("\nno quorum: can lose 0 more nodes; nothing can be read or written ");
    if (missing == 0) {
        printf("until the nodes have found a leader, which takes a moment\n");
        return;
    }
    printf("before %lld of these %s back: ", missing, missing == 1 ? "is" : "are");
    print_dead_voters(status);
    printf("\nstart them again with the commands that started them; no data is lost\n");
}

/* What the exit status says of the cluster. */
static int verdict(const json_t *status)
{
    size_t i;
    json_t *item;
    if (json_object_get(status, "nodes") == NULL || status_number(status, "node") == 0) return CLI_DEGRADED; /* no member */
    bool dead = false;
    json_array_foreach(json_object_get(status, "nodes"), i, item)
        dead |= !json_is_true(json_object_get(item, "alive")) && !json_is_true(json_object_get(item, "removed"));
    if (!json_is_true(json_object_get(status, "quorum"))) return CLI_NO_QUORUM;
    if (status_number(status_overview(status), "unavailable") > 0) return CLI_NO_QUORUM;
    return dead ? CLI_DEGRADED : CLI_OK;
}

/* Of a node, as far as the leader of the metadata range has told. */
static void print_held(const json_t *overview, long long node)
{
    char bytes[CLI_BYTES_TEXT];
    const json_t *n = overview == NULL ? NULL : status_overview_node(overview, node);
    if (n == NULL) {
        printf("%-9s %7s %8s %10s %9s  ", "?", "?", "?", "?", "?");
        return;
    }
    char leaders[32] = "?"; /* it has not told lately */
    if (status_true(n, "reported")) snprintf(leaders, sizeof leaders, "%lld", status_number(n, "leaders"));
    printf("%-9s %7lld %8s %10s %9lld  ", status_text(n, "state"), status_number(n, "ranges"), leaders,
           cli_bytes_text((uint64_t)status_number(n, "bytes"), bytes), status_number(n, "requests"));
}

static void print_nodes(const json_t *status)
{
    size_t i;
    json_t *item;
    const json_t *overview = status_overview(status);
    printf("%-6s %-6s %-9s %7s %8s %10s %9s  %-17s %-17s %-17s %s\n", "node", "alive", "state", "ranges", "leaders",
           "bytes", "requests", "sql", "peers", "http", "locality");
    json_array_foreach(json_object_get(status, "nodes"), i, item) {
        bool alive = json_is_true(json_object_get(item, "alive"));
        if (json_is_true(json_object_get(item, "removed"))) continue;
        printf("%-6lld %-6s ", status_number(item, "node"), alive ? "yes" : "no");
        print_held(overview, status_number(item, "node"));
        printf("%-17s %-17s %-17s %s\n", status_text(item, "sql"), status_text(item, "peer"), status_text(item, "http"),
               status_text(item, "locality"));
    }
}

static void print_ranges(const json_t *status)
{
    size_t i;
    json_t *item;
    const json_t *ranges = json_object_get(status, "ranges");
    printf("\n%-6s %-8s %-10s %-8s %-12s %s\n", "range", "leader", "role here", "term", "applied", "voters");
    json_array_foreach(ranges, i, item) {
        if (i == RANGES_SHOWN) break;
        printf("%-6lld %-8lld %-10s %-8lld %-12lld ", status_number(item, "range"), status_number(item, "leader"),
               status_text(item, "role"), status_number(item, "term"), status_number(item, "applied"));
        print_members(item);
        printf("\n");
    }
    long long more = status_number(status, "range_count") - RANGES_SHOWN;
    if (more > 0) printf("and %lld more here; ostraka range ls shows the ranges of the cluster\n", more);
}

static void print_clock(const json_t *status)
{
    const json_t *clock = json_object_get(status, "clock");
    const char *refused = status_text(clock, "refused");
    if (refused[0] != '\0')
        printf("\n--clock interval is refused on this node: its clock source is %s; it uses oracle (--trust-clock overrides)\n", refused);
    if (status_true(clock, "differs"))
        printf("\nthe clock master has another source of timestamps than this node, which uses %s: nothing is read or committed at its\n"
               "ranges (--clock, the same on all nodes)\n", status_text(clock, "source"));
    else if (strcmp(status_text(clock, "source"), "interval") == 0 && !status_true(clock, "known"))
        printf("\nthis node does not know the cluster's time: nothing is read or committed at its ranges\n");
}

static void print_table(const json_t *status)
{
    const char *state = status_text(status, "state");
    if (json_object_get(status, "nodes") == NULL) {
        printf("this node is %s\n", state);
        return;
    }
    if (status_number(status, "node") == 0) {
        printf("this node is %s: ostraka init --host %s founds a cluster, start --join enters one\n", state,
               status_text(status, "peer"));
        return;
    }
    printf("cluster %s, asked node %lld (%s)\n\n", status_text(status, "cluster"), status_number(status, "node"),
           state);
    print_nodes(status);
    print_ranges(status);
    print_clock(status);
    print_tolerance(status);
}

static const char *yes(bool value) { return value ? "yes" : "no"; }

/* One line per node. */
static void print_csv(const json_t *status)
{
    const char *const names[] = {"node", "alive", "sql", "peer", "http", "locality", "state", "ranges", "leaders", "bytes"};
    const json_t *overview = status_overview(status);
    size_t i;
    json_t *item;
    cli_print_csv(names, 10);
    json_array_foreach(json_object_get(status, "nodes"), i, item) {
        char id[32], ranges[32] = "", leaders[32] = "", bytes[32] = "";
        const json_t *n = status_overview_node(overview, status_number(item, "node"));
        snprintf(id, sizeof id, "%lld", status_number(item, "node"));
        if (n != NULL) {
            snprintf(ranges, sizeof ranges, "%lld", status_number(n, "ranges"));
            snprintf(leaders, sizeof leaders, "%lld", status_number(n, "leaders"));
            snprintf(bytes, sizeof bytes, "%lld", status_number(n, "bytes"));
        }
        const char *const cells[] = {id, yes(json_is_true(json_object_get(item, "alive"))), status_text(item, "sql"),
                                     status_text(item, "peer"), status_text(item, "http"), status_text(item, "locality"),
                                     status_text(n, "state"), ranges, leaders, bytes};
        cli_print_csv(cells, 10);
    }
}

static void plain(const char *a, const char *b, const char *c, const char *d)
{
    const char *const cells[] = {a, b, c, d};
    size_t count = d != NULL ? 4 : c != NULL ? 3 : 2;
    cli_print_plain(cells, count);
}

/* A word that says what the line is of, then its values. */
static void print_plain(const json_t *status)
{
    size_t i;
    json_t *item;
    char id[32], other[32];
    snprintf(id, sizeof id, "%lld", status_number(status, "can_lose"));
    plain("state", status_text(status, "state"), NULL, NULL);
    plain("quorum", yes(json_is_true(json_object_get(status, "quorum"))), NULL, NULL);
    plain("can_lose", id, NULL, NULL);
    json_array_foreach(json_object_get(status, "nodes"), i, item) {
        snprintf(id, sizeof id, "%lld", status_number(item, "node"));
        plain("node", id, json_is_true(json_object_get(item, "alive")) ? "alive" : "silent", status_text(item, "sql"));
    }
    json_array_foreach(json_object_get(status, "ranges"), i, item) {
        snprintf(id, sizeof id, "%lld", status_number(item, "range"));
        snprintf(other, sizeof other, "%lld", status_number(item, "leader"));
        plain("range", id, other, status_text(item, "role"));
    }
    const json_t *overview = status_overview(status);
    json_array_foreach(json_object_get(overview, "nodes"), i, item) {
        snprintf(id, sizeof id, "%lld", status_number(item, "node"));
        snprintf(other, sizeof other, "%lld", status_number(item, "ranges"));
        plain("holds", id, status_text(item, "state"), other);
    }
    if (overview != NULL) plain("outlook", status_text(overview, "text"), NULL, NULL);
}

static int print_status(const char *host, uint64_t timeout_ns, enum cli_format format)
{
    char *body = NULL;
    json_t *root = status_fetch(host, timeout_ns, &body);
    if (body == NULL) {
        fprintf(stderr, "ostraka status: no answer from %s; is the node running, and is that its --http?\n",
                host);
        return CLI_ERROR;
    }
    int status = root == NULL ? CLI_ERROR : verdict(root);
    if (root == NULL) fprintf(stderr, "ostraka status: %s answers something else\n", host);
    else if (format == CLI_FORMAT_JSON) fputs(body, stdout);
    else if (format == CLI_FORMAT_CSV) print_csv(root);
    else if (format == CLI_FORMAT_PLAIN) print_plain(root);
    else print_table(root);
    json_decref(root);
    free(body);
    return status;
}

/* As pg_isready: 0 it takes statements, 1 it does not yet, 2 no answer. */
static int print_ready(const char *host, uint64_t timeout_ns)
{
    char *body = NULL;
    json_error_t error;
    int http = cli_http_get(host, "/readyz", timeout_ns, &body);
    if (http == 200) {
        printf("%s is ready\n", host);
    } else if (http > 0) {
        json_t *root = json_loads(body, 0, &error);
        printf("%s is not ready: %s\n", host, root == NULL ? "it does not say why" : status_text(root, "reason"));
        json_decref(root);
    } else {
        printf("%s does not answer\n", host);
    }
    free(body);
    return http == 200 ? 0 : http > 0 ? 1 : 2;
}

int cli_status(int argc, char **argv)
{
    const char *host = "127.0.0.1:7480", *output = "table";
    uint64_t timeout_ns = 5000000000u;
    bool ready = false;
    enum cli_format format;
    const struct cli_flag flags[] = {
        {"host", 'H', CLI_PLACE, &host, "H:P", "admin (HTTP) address of a node (127.0.0.1:7480)"},
        CLI_FORMAT_FLAG(&output),
        {"ready", 0, CLI_SWITCH, &ready, NULL, "only whether the node takes statements: exit 0 yes, 1 not yet, 2 no answer"},
        {"timeout", 0, CLI_DURATION, &timeout_ns, "TIME", "how long to wait (5s)"},
    };
    const struct cli_command command = {"status", "What one node knows of its cluster; works with no quorum.",
                                        "status [--host H:P] [--ready | -o table|json|csv|plain]", flags, 4, NULL};
    int status = cli_parse(&command, argc, argv, NULL, 0, NULL);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    if (!cli_format_of(&command, output, &format)) return CLI_USAGE;
    return ready ? print_ready(host, timeout_ns) : print_status(host, timeout_ns, format);
}
