/* `status` reads the admin port, so it works with no quorum. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

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
        if (number_of(item, "node") == node) return json_is_true(json_object_get(item, "alive"));
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
        printf("%s%lld (%s)", separator, number_of(item, "node"), text_of(item, "peer"));
        separator = ", ";
    }
}

static void print_tolerance(const json_t *status)
{
    size_t i;
    json_t *range;
    long long missing = 0, can_lose = number_of(status, "can_lose");
    if (json_is_true(json_object_get(status, "quorum"))) {
        printf("\ncan lose %lld more node%s\n", can_lose, can_lose == 1 ? "" : "s");
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
    if (json_object_get(status, "nodes") == NULL || number_of(status, "node") == 0) return CLI_DEGRADED; /* no member */
    bool dead = false;
    json_array_foreach(json_object_get(status, "nodes"), i, item)
        dead |= !json_is_true(json_object_get(item, "alive"));
    if (!json_is_true(json_object_get(status, "quorum"))) return CLI_NO_QUORUM;
    return dead ? CLI_DEGRADED : CLI_OK;
}

static void print_table(const json_t *status)
{
    const char *state = text_of(status, "state");
    if (json_object_get(status, "nodes") == NULL) {
        printf("this node is %s\n", state);
        return;
    }
    if (number_of(status, "node") == 0) {
        printf("this node is %s: ostraka init --host %s founds a cluster, start --join enters one\n", state,
               text_of(status, "peer"));
        return;
    }
    printf("cluster %s, asked node %lld (%s)\n\n", text_of(status, "cluster"), number_of(status, "node"),
           state);
    printf("%-6s %-6s %-24s %-24s %s\n", "node", "alive", "sql", "peers", "http");
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(status, "nodes"), i, item) {
        bool alive = json_is_true(json_object_get(item, "alive"));
        printf("%-6lld %-6s %-24s %-24s %s\n", number_of(item, "node"), alive ? "yes" : "no",
               text_of(item, "sql"), text_of(item, "peer"), text_of(item, "http"));
    }
    printf("\n%-6s %-8s %-10s %-8s %-12s %s\n", "range", "leader", "role here", "term", "applied", "voters");
    json_array_foreach(json_object_get(status, "ranges"), i, item) {
        printf("%-6lld %-8lld %-10s %-8lld %-12lld ", number_of(item, "range"), number_of(item, "leader"),
               text_of(item, "role"), number_of(item, "term"), number_of(item, "applied"));
        print_members(item);
        printf("\n");
    }
    print_tolerance(status);
}

static const char *yes(bool value) { return value ? "yes" : "no"; }

/* One line per node. */
static void print_csv(const json_t *status)
{
    const char *const names[] = {"node", "alive", "sql", "peer", "http", "locality"};
    size_t i;
    json_t *item;
    cli_print_csv(names, 6);
    json_array_foreach(json_object_get(status, "nodes"), i, item) {
        char id[32];
        snprintf(id, sizeof id, "%lld", number_of(item, "node"));
        const char *const cells[] = {id, yes(json_is_true(json_object_get(item, "alive"))), text_of(item, "sql"),
                                     text_of(item, "peer"), text_of(item, "http"), text_of(item, "locality")};
        cli_print_csv(cells, 6);
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
    snprintf(id, sizeof id, "%lld", number_of(status, "can_lose"));
    plain("state", text_of(status, "state"), NULL, NULL);
    plain("quorum", yes(json_is_true(json_object_get(status, "quorum"))), NULL, NULL);
    plain("can_lose", id, NULL, NULL);
    json_array_foreach(json_object_get(status, "nodes"), i, item) {
        snprintf(id, sizeof id, "%lld", number_of(item, "node"));
        plain("node", id, json_is_true(json_object_get(item, "alive")) ? "alive" : "silent", text_of(item, "sql"));
    }
    json_array_foreach(json_object_get(status, "ranges"), i, item) {
        snprintf(id, sizeof id, "%lld", number_of(item, "range"));
        snprintf(other, sizeof other, "%lld", number_of(item, "leader"));
        plain("range", id, other, text_of(item, "role"));
    }
}

static int print_status(const char *host, uint64_t timeout_ns, enum cli_format format)
{
    char *body = NULL;
    int http = cli_http_get(host, "/status", timeout_ns, &body);
    if (http != 200) {
        fprintf(stderr, "ostraka status: no answer from %s; is the node running, and is that its --http?\n",
                host);
        free(body);
        return CLI_ERROR;
    }
    json_error_t error;
    json_t *root = json_loads(body, 0, &error);
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
        printf("%s is not ready: %s\n", host, root == NULL ? "it does not say why" : text_of(root, "reason"));
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
