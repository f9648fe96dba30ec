#include "cli/status_overview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/output.h"

#define FRESH_MS   250  /* what is older is asked for again */
#define STALE_MS   2000 /* what is older is not shown */
#define ASKS_MAX   20
#define PAUSE_NS   50000000

const char *status_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

long long status_number(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

bool status_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

const json_t *status_overview(const json_t *status)
{
    const json_t *o = json_object_get(status, "overview");
    return json_is_object(o) && status_number(o, "age_ms") < STALE_MS ? o : NULL;
}

json_t *status_fetch(const char *host, uint64_t timeout_ns, char **body_out)
{
    json_t *root = NULL;
    json_error_t error;
    *body_out = NULL;
    for (int i = 0; i < ASKS_MAX; i++) {
        const struct timespec pause = {0, PAUSE_NS};
        char *body = NULL;
        if (i > 0) nanosleep(&pause, NULL);
        if (cli_http_get(host, "/status", timeout_ns, &body) != 200) {
            free(body);
            break;
        }
        json_decref(root);
        free(*body_out);
        *body_out = body;
        root = json_loads(body, 0, &error);
        const json_t *o = status_overview(root);
        bool fresh = o != NULL && status_number(o, "age_ms") < FRESH_MS;
        if (root == NULL || fresh || !status_true(root, "overview_asked")) break;
    }
    return root;
}

const json_t *status_overview_node(const json_t *overview, long long node)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(overview, "nodes"), i, item)
        if (status_number(item, "node") == node) return item;
    return NULL;
}

static const char *plural(long long count)
{
    return count == 1 ? "" : "s";
}

static void print_filling(const json_t *n, long long share)
{
    char bytes[CLI_BYTES_TEXT];
    long long ranges = status_number(n, "ranges"), incoming = status_number(n, "incoming");
    if (incoming == 0 || ranges * 10 >= share * 9) return; /* moves between nodes that are as full as others */
    printf("node %lld fills up: %lld of about %lld ranges, %lld on their way (%s)\n", status_number(n, "node"), ranges, share,
           incoming, cli_bytes_text((uint64_t)status_number(n, "incoming_bytes"), bytes));
}

static void print_draining(const json_t *n)
{
    long long leaders = status_number(n, "leaders"), node = status_number(n, "node");
    if (!status_true(n, "reported")) printf("node %lld drains; it has not told lately what it leads\n", node);
    else if (leaders > 0) printf("node %lld drains: %lld range%s to hand over\n", node, leaders, plural(leaders));
    else printf("node %lld is drained: it leads nothing; ostraka node activate %lld ends that\n", node, node);
}

static void print_leaving(const json_t *n)
{
    long long ranges = status_number(n, "ranges"), node = status_number(n, "node");
    if (ranges > 0)
        printf("node %lld leaves: %lld range%s to go, %lld of them on their way\n", node, ranges, plural(ranges),
               status_number(n, "outgoing"));
    else printf("node %lld leaves: it holds nothing any more and is about to be removed\n", node);
}

void status_print_progress(const json_t *overview)
{
    size_t i;
    json_t *n;
    json_array_foreach(json_object_get(overview, "nodes"), i, n) {
        const char *state = status_text(n, "state");
        if (strcmp(state, "draining") == 0) print_draining(n);
        else if (strcmp(state, "decommissioning") == 0) print_leaving(n);
        else print_filling(n, status_number(overview, "share"));
    }
    long long moving = status_number(overview, "moving"), under = status_number(overview, "under");
    if (moving > 0) printf("%lld range%s moving\n", moving, moving == 1 ? " is" : "s are");
    if (under > 0 && status_number(overview, "ranges") > 0)
        printf("%lld of %lld ranges have fewer live voters than wanted\n", under, status_number(overview, "ranges"));
}
