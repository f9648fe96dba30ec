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
#include "cli/output.h"
#include "cli/doctor_int.h"
#include "cli/status_overview.h"

#define SKEW_US      500000 /* between two nodes, beyond what asking them takes */
#define SYNC_SLOW_US 100000
#define ROOM_WARN_PERCENT  10
#define ROOM_ERROR_PERCENT 3
#define NODES_MAX    128

static uint64_t wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static bool ask(const struct doctor *d, const char *host, struct doctor_answer *out)
{
    char *body = NULL;
    json_decref(status_fetch(host, d->timeout_ns, &body)); /* until it has heard of the others */
    if (body == NULL) return false;
    free(body);
    body = NULL;
    uint64_t before = wall_us();
    int http = cli_http_get(host, "/status", d->timeout_ns, &body);
    uint64_t after = wall_us();
    json_error_t error;
    out->status = http == 200 ? json_loads(body, 0, &error) : NULL;
    free(body);
    if (out->status == NULL) return false;
    long long now_us = status_number(json_object_get(out->status, "local"), "now_us");
    out->node = status_number(out->status, "node");
    out->offset_us = now_us - (long long)(before + (after - before) / 2);
    out->uncertain_us = (long long)(after - before) / 2;
    return true;
}

/* ---- what one node says of itself ---- */

static void check_disk_of(struct doctor *d, const struct doctor_answer *a, const json_t *local)
{
    if (status_true(local, "disk_full"))
        doctor_add(d, DOCTOR_ERROR, "node disk",
                   "Make room on its disk; writes resume by themselves.",
                   "node %lld refuses writes for lack of space", a->node);
    long long size = status_number(local, "disk_bytes"), room = status_number(local, "disk_free_bytes");
    long long percent = size == 0 ? 100 : room / (size / 100 + 1);
    char text[CLI_BYTES_TEXT];
    if (size > 0)
        doctor_add(d,
                   percent < ROOM_ERROR_PERCENT  ? DOCTOR_ERROR
                   : percent < ROOM_WARN_PERCENT ? DOCTOR_WARN
                                                 : DOCTOR_OK,
                   "node room",
                   percent < ROOM_WARN_PERCENT
                       ? "Give it more disk, or add a node (ostraka start --join): ranges move there by themselves."
                       : "",
                   "node %lld: %s free (%lld %%)", a->node, cli_bytes_text((uint64_t)room, text), percent);
    long long p99 = status_number(local, "sync_p99_us"), p50 = status_number(local, "sync_p50_us");
    if (status_number(local, "syncs") > 0)
        doctor_add(d, p99 > SYNC_SLOW_US ? DOCTOR_WARN : DOCTOR_OK, "node log",
                   p99 > SYNC_SLOW_US
                       ? "Run ostraka doctor --data DIR on that machine: it measures the disk."
                       : "",
                   "node %lld: a durable write takes %lld us (median), %lld (99 of 100)", a->node,
                   p50, p99);
}

static void check_load_of(struct doctor *d, const struct doctor_answer *a, const json_t *local)
{
    long long sessions = status_number(local, "sessions"),
              sessions_max = status_number(local, "sessions_max");
    bool crowded = sessions * 10 > sessions_max * 9;
    doctor_add(
        d, crowded ? DOCTOR_WARN : DOCTOR_OK, "node sessions",
        crowded
            ? "Use a connection pool, spread clients over the nodes, or raise --max-connections."
            : "",
        "node %lld: %lld of %lld", a->node, sessions, sessions_max);
    long long memory = status_number(local, "sql_memory"),
              memory_max = status_number(local, "sql_memory_max");
    bool tight = memory_max > 0 && memory / 9 > memory_max / 10;
    if (tight)
        doctor_add(d, DOCTOR_WARN, "node memory",
                   "SELECT * FROM ostraka.sessions shows who holds it; or raise --sql-memory.",
                   "node %lld: sessions hold %lld of %lld MiB", a->node, memory >> 20,
                   memory_max >> 20);
}

static void check_node(struct doctor *d, const struct doctor_answer *a, const json_t *first)
{
    const json_t *local = json_object_get(a->status, "local");
    if (strcmp(status_text(a->status, "version"), status_text(first, "version")) != 0)
        doctor_add(d, DOCTOR_WARN, "node version",
                   "Finish the upgrade: nodes of one cluster should run one version.",
                   "node %lld runs %s, another %s", a->node, status_text(a->status, "version"),
                   status_text(first, "version"));
    if (strcmp(status_text(a->status, "cluster"), status_text(first, "cluster")) != 0)
        doctor_add(d, DOCTOR_ERROR, "node cluster",
                   "Something else listens at that address: check --http and --advertise.",
                   "node %lld belongs to another cluster", a->node);
    if (local == NULL) return;
    if (!status_true(local, "leases"))
        doctor_add(
            d, DOCTOR_WARN, "node leases",
            "See \"clock source\" of ostraka doctor on that machine.",
            "node %lld takes no leases: each batch of reads there costs a round to a majority",
            a->node);
    if (strcmp(status_text(local, "io"), "epoll") == 0)
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
        const char *address = status_text(node, names[i]);
        bool ok = reaches(address, d->timeout_ns);
        if (ok) continue;
        doctor_add(d, DOCTOR_ERROR, "reach",
                   "Is the process running? Does a firewall, or --advertise, stand between?",
                   "node %lld: nobody answers at its %s address %s from here",
                   status_number(node, "node"), names[i], address);
    }
}

/* ---- all of them ---- */

static void check_clocks(struct doctor *d, const struct doctor_answer *answers, unsigned count)
{
    if (count < 2) return;
    const struct doctor_answer *low = &answers[0], *high = &answers[0];
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

static void check_nodes(struct doctor *d, const struct doctor_answer *first)
{
    struct doctor_answer answers[NODES_MAX];
    unsigned count = 0;
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(first->status, "nodes"), i, node)
    {
        struct doctor_answer *a = &answers[count];
        if (status_true(node, "removed") || count == NODES_MAX) continue;
        if (!ask(d, status_text(node, "http"), a)) {
            doctor_add(
                d, DOCTOR_ERROR, "node",
                "Is the process running? The last line of its log says why it ended. Else: does a "
                "firewall stand between, or is --http bound to loopback?",
                "node %lld does not answer at its http address %s%s", status_number(node, "node"),
                status_text(node, "http"),
                status_true(node, "alive") ? ", though its peers hear it"
                                       : ", and its peers do not hear it");
            continue;
        }
        check_node(d, a, first->status);
        check_reach(d, node);
        count++;
    }
    check_clocks(d, answers, count);
    doctor_ranges(d, answers, count);
    for (unsigned k = 0; k < count; k++)
        json_decref(answers[k].status);
}

void doctor_cluster(struct doctor *d)
{
    struct doctor_answer first;
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
    }
    json_decref(first.status);
}
