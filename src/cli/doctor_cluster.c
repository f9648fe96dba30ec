/* The cluster, asked through the admin ports of its nodes: works with no quorum, and says what is
 * missing. */
#include <jansson.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/doctor.h"

#define SKEW_US      500000 /* between two nodes, beyond what asking them takes */
#define SYNC_SLOW_US 100000
#define LAG_ENTRIES  10000
#define NODES_MAX    128

static uint64_t wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

static bool is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* What a node said, and when, by this machine's clock. */
struct answer {
    json_t *status;
    long long node, offset_us, uncertain_us; /* its clock less ours; half of what asking took */
};

static bool ask(const struct doctor *d, const char *host, struct answer *out)
{
    char *body = NULL;
    uint64_t before = wall_us();
    int http = cli_http_get(host, "/status", d->timeout_ns, &body);
    uint64_t after = wall_us();
    json_error_t error;
    out->status = http == 200 ? json_loads(body, 0, &error) : NULL;
    free(body);
    if (out->status == NULL) return false;
    long long now_us = number_of(json_object_get(out->status, "local"), "now_us");
    out->node = number_of(out->status, "node");
    out->offset_us = now_us - (long long)(before + (after - before) / 2);
    out->uncertain_us = (long long)(after - before) / 2;
    return true;
}

/* ---- what one node says of itself ---- */

static void check_disk_of(struct doctor *d, const struct answer *a, const json_t *local)
{
    if (is_true(local, "disk_full"))
        doctor_add(d, DOCTOR_ERROR, "node disk",
                   "Make room on its disk; writes resume by themselves.",
                   "node %lld refuses writes for lack of space", a->node);
    long long p99 = number_of(local, "sync_p99_us"), p50 = number_of(local, "sync_p50_us");
    if (number_of(local, "syncs") > 0)
        doctor_add(d, p99 > SYNC_SLOW_US ? DOCTOR_WARN : DOCTOR_OK, "node log",
                   p99 > SYNC_SLOW_US
                       ? "Run ostraka doctor --data DIR on that machine: it measures the disk."
                       : "",
                   "node %lld: a durable write takes %lld us (median), %lld (99 of 100)", a->node,
                   p50, p99);
}

static void check_load_of(struct doctor *d, const struct answer *a, const json_t *local)
{
    long long sessions = number_of(local, "sessions"),
              sessions_max = number_of(local, "sessions_max");
    bool crowded = sessions * 10 > sessions_max * 9;
    doctor_add(
        d, crowded ? DOCTOR_WARN : DOCTOR_OK, "node sessions",
        crowded
            ? "Use a connection pool, spread clients over the nodes, or raise --max-connections."
            : "",
        "node %lld: %lld of %lld", a->node, sessions, sessions_max);
    long long memory = number_of(local, "sql_memory"),
              memory_max = number_of(local, "sql_memory_max");
    bool tight = memory_max > 0 && memory / 9 > memory_max / 10;
    if (tight)
        doctor_add(d, DOCTOR_WARN, "node memory",
                   "SELECT * FROM ostraka.sessions shows who holds it; or raise --sql-memory.",
                   "node %lld: sessions hold %lld of %lld MiB", a->node, memory >> 20,
                   memory_max >> 20);
}

static void check_node(struct doctor *d, const struct answer *a, const json_t *first)
{
    const json_t *local = json_object_get(a->status, "local");
    if (strcmp(text_of(a->status, "version"), text_of(first, "version")) != 0)
        doctor_add(d, DOCTOR_WARN, "node version",
                   "Finish the upgrade: nodes of one cluster should run one version.",
                   "node %lld runs %s, another %s", a->node, text_of(a->status, "version"),
                   text_of(first, "version"));
    if (strcmp(text_of(a->status, "cluster"), text_of(first, "cluster")) != 0)
        doctor_add(d, DOCTOR_ERROR, "node cluster",
                   "Something else listens at that address: check --http and --advertise.",
                   "node %lld belongs to another cluster", a->node);
    if (local == NULL) return;
    if (!is_true(local, "leases"))
        doctor_add(
            d, DOCTOR_WARN, "node leases",
            "See \"clock source\" of ostraka doctor on that machine.",
            "node %lld takes no leases: each batch of reads there costs a round to a majority",
            a->node);
    if (strcmp(text_of(local, "io"), "epoll") == 0)
        doctor_add(d, DOCTOR_WARN, "node io", "See \"io_uring\" of ostraka doctor on that machine.",
                   "node %lld uses epoll", a->node);
    check_disk_of(d, a, local);
    check_load_of(d, a, local);
}

/* ---- can it be reached? ---- */

static bool reaches(const char *host_port, uint64_t timeout_ns)
{
    char host[256];
    const char *colon = strrchr(host_port, ':');
    if (colon == NULL || (size_t)(colon - host_port) >= sizeof host) return false;
    snprintf(host, sizeof host, "%.*s", (int)(colon - host_port), host_port);
    char *name = host;
    if (name[0] == '[' && strlen(name) > 2) {
        name++;
        name[strlen(name) - 1] = '\0';
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    if (getaddrinfo(name, colon + 1, &hints, &list) != 0) return false;
    bool reached = false;
    for (struct addrinfo *i = list; i != NULL && !reached; i = i->ai_next) {
        int fd = socket(i->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
        if (fd < 0) continue;
        socklen_t size = sizeof error;
        if (connect(fd, i->ai_addr, i->ai_addrlen) == 0) {
            reached = true;
        } else {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            reached = poll(&p, 1, (int)(timeout_ns / 1000000u) + 1) == 1 &&
                      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
        }
        close(fd);
    }
    freeaddrinfo(list);
    return reached;
}

static void check_reach(struct doctor *d, const json_t *node)
{
    static const char *const names[] = {"peer", "sql"};
    for (int i = 0; i < 2; i++) {
        const char *address = text_of(node, names[i]);
        bool ok = reaches(address, d->timeout_ns);
        if (ok) continue;
        doctor_add(d, DOCTOR_ERROR, "reach",
                   "Is the process running? Does a firewall, or --advertise, stand between?",
                   "node %lld: nobody answers at its %s address %s from here",
                   number_of(node, "node"), names[i], address);
    }
}

/* ---- all of them ---- */

static void check_clocks(struct doctor *d, const struct answer *answers, unsigned count)
{
    if (count < 2) return;
    const struct answer *low = &answers[0], *high = &answers[0];
    for (unsigned i = 1; i < count; i++) {
        if (answers[i].offset_us < low->offset_us) low = &answers[i];
        if (answers[i].offset_us > high->offset_us) high = &answers[i];
    }
    long long apart = high->offset_us - low->offset_us,
              unsure = high->uncertain_us + low->uncertain_us;
    bool skewed = apart > SKEW_US + unsure;
    doctor_add(d, skewed ? DOCTOR_WARN : DOCTOR_OK, "clocks",
               skewed ? "Run chrony or systemd-timesyncd on all machines." : "",
               "at most %lld ms apart (nodes %lld and %lld; give or take %lld)", apart / 1000,
               low->node, high->node, unsure / 1000);
}

static const json_t *node_named(const json_t *status, long long id)
{
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(status, "nodes"), i,
                       node) if (number_of(node, "node") == id) return node;
    return NULL;
}

static bool alive(const json_t *status, long long id)
{
    const json_t *node = node_named(status, id);
    return node != NULL && is_true(node, "alive");
}

static void list_missing(const json_t *status, const json_t *voters, char *out, size_t size)
{
    size_t i;
    json_t *voter;
    *out = '\0';
    json_array_foreach(voters, i, voter)
    {
        long long id = (long long)json_integer_value(voter);
        if (alive(status, id)) continue;
        const json_t *node = node_named(status, id);
        snprintf(out + strlen(out), size - strlen(out), "%s%lld (%s)", *out != '\0' ? ", " : "", id,
                 node != NULL ? text_of(node, "peer") : "unknown");
    }
}

static void check_range(struct doctor *d, const json_t *status, const json_t *range)
{
    const json_t *voters = json_object_get(range, "voters");
    long long id = number_of(range, "range"), count = (long long)json_array_size(voters), here = 0;
    size_t i;
    json_t *voter;
    char missing[200];
    json_array_foreach(voters, i, voter) here +=
        alive(status, (long long)json_integer_value(voter));
    list_missing(status, voters, missing, sizeof missing);
    if (here < count / 2 + 1) {
        d->no_quorum = true;
        doctor_add(d, DOCTOR_ERROR, "range quorum",
                   "Start these nodes again with the commands that started them; no data is lost.",
                   "range %lld has no quorum: %lld of %lld voters; missing: %s", id, here, count,
                   missing);
        return;
    }
    if (number_of(range, "leader") == 0) {
        d->no_quorum = true;
        doctor_add(
            d, DOCTOR_ERROR, "range leader",
            "Wait a second; then look for a network that lets some nodes talk and others not.",
            "range %lld has no leader that this node knows", id);
    }
    if (here < count)
        doctor_add(d, DOCTOR_WARN, "range voters",
                   "Bring the node back. One that stays away is replaced by a spare node after "
                   "--dead-after.",
                   "range %lld lacks %lld of %lld voters: %s", id, count - here, count, missing);
    if (is_true(range, "fenced"))
        doctor_add(d, DOCTOR_WARN, "range damage",
                   "It is fetched anew by itself; read the kernel's log about that disk.",
                   "the replica of range %lld on the node that was asked is damaged", id);
    long long lag = number_of(range, "commit") - number_of(range, "applied");
    if (lag > LAG_ENTRIES)
        doctor_add(d, DOCTOR_WARN, "range lag", "Its disk or its processor does not keep up.",
                   "range %lld: the node that was asked is %lld entries behind what is committed",
                   id, lag);
}

static void check_ranges(struct doctor *d, const json_t *status)
{
    size_t i;
    json_t *range;
    unsigned before = d->count;
    const json_t *ranges = json_object_get(status, "ranges");
    json_array_foreach(ranges, i, range) check_range(d, status, range);
    if (d->count == before)
        doctor_add(d, DOCTOR_OK, "ranges", "", "%zu, each with a leader and all of its voters",
                   json_array_size(ranges));
    long long can_lose = number_of(status, "can_lose"),
              nodes = (long long)json_array_size(json_object_get(status, "nodes"));
    if (d->no_quorum) return;
    doctor_add(d, can_lose > 0 || nodes < 3 ? DOCTOR_OK : DOCTOR_WARN, "tolerance",
               can_lose > 0 || nodes < 3
                   ? ""
                   : "Bring missing nodes back before anything else is restarted.",
               "the cluster can lose %lld more node%s", can_lose, can_lose == 1 ? "" : "s");
}

static void check_nodes(struct doctor *d, const struct answer *first)
{
    struct answer answers[NODES_MAX];
    unsigned count = 0;
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(first->status, "nodes"), i, node)
    {
        struct answer *a = &answers[count];
        if (is_true(node, "removed") || count == NODES_MAX) continue;
        if (!ask(d, text_of(node, "http"), a)) {
            doctor_add(
                d, DOCTOR_ERROR, "node",
                "Is the process running? The last line of its log says why it ended. Else: does a "
                "firewall stand between, or is --http bound to loopback?",
                "node %lld does not answer at its http address %s%s", number_of(node, "node"),
                text_of(node, "http"),
                is_true(node, "alive") ? ", though its peers hear it"
                                       : ", and its peers do not hear it");
            continue;
        }
        check_node(d, a, first->status);
        check_reach(d, node);
        count++;
    }
    check_clocks(d, answers, count);
    for (unsigned k = 0; k < count; k++)
        json_decref(answers[k].status);
}

void doctor_cluster(struct doctor *d)
{
    struct answer first;
    if (!ask(d, d->host, &first)) {
        d->unreachable = d->host_given;
        doctor_add(d, d->host_given ? DOCTOR_ERROR : DOCTOR_OK, "cluster",
                   d->host_given
                       ? "Is the node running, and is that its --http? Any other node will do."
                       : "",
                   "no node answers at %s%s", d->host,
                   d->host_given ? "" : "; --host names one that is to be asked");
        return;
    }
    if (first.node == 0) {
        doctor_add(d, DOCTOR_WARN, "cluster",
                   "ostraka init founds a cluster on this node; start --join enters one.",
                   "the node at %s is no member of a cluster yet", d->host);
    } else {
        check_nodes(d, &first);
        check_ranges(d, first.status);
    }
    json_decref(first.status);
}
