/* `node ls|drain|decommission|activate|add`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/order.h"

#define PAUSE_NS     500000000
#define IDLE_LOOKS   5 /* longer than two of its reports are apart */
#define CONNECTS_MAX 60 /* in a row, half a second apart: another node may have to take over first */

/* False: these words are no order. */
static bool node_statement(const struct order *o, struct order_text *t)
{
    char number[40];
    if (order_is(o, "ls", 1)) {
        order_add(t, "SHOW NODES");
        return true;
    }
    if (order_is(o, "add", 1)) {
        order_add(t, "ALTER CLUSTER ADD NODE");
        if (o->locality != NULL) {
            order_add(t, " LOCALITY ");
            order_add_literal(t, o->locality);
        }
    } else {
        bool changes = order_is(o, "drain", 2) || order_is(o, "decommission", 2) || order_is(o, "activate", 2);
        if (!changes || !order_numbers(o, 1)) return false;
        snprintf(number, sizeof number, "ALTER NODE %s ", o->words[1]);
        order_add(t, number);
        order_add(t, o->words[0]);
        if (o->force) order_add(t, " FORCE");
    }
    if (o->dry_run) order_add(t, " DRY RUN");
    return !t->failed;
}

/* ---- --wait ---- */

enum progress { PROGRESS_UNKNOWN, PROGRESS_ON, PROGRESS_DONE, PROGRESS_ELSEWISE };

struct watch {
    const struct order *o;
    PGconn *connection;
    char told[160]; /* the last line */
    int idle_looks; /* in a row, at which it led nothing */
    bool quiet;     /* only looks: nothing has been ordered yet */
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void tell(struct watch *w, const char *line)
{
    if (strcmp(w->told, line) == 0) return;
    snprintf(w->told, sizeof w->told, "%s", line);
    if (w->quiet) return;
    printf("%s\n", line);
    fflush(stdout);
}

/* What the row says: state, ranges, leaders, outgoing. */
static enum progress judge(struct watch *w, const char *state, const char *ranges, const char *leaders, const char *outgoing)
{
    char line[160];
    const char *verb = w->o->words[0], *node = w->o->words[1];
    bool drains = strcmp(verb, "drain") == 0, activates = strcmp(verb, "activate") == 0;
    if (state[0] == '\0') return PROGRESS_UNKNOWN;
    if (strcmp(state, "removed") == 0 && !activates) {
        snprintf(line, sizeof line, "node %s is removed from the cluster: its process can be stopped", node);
        tell(w, line);
        return PROGRESS_DONE;
    }
    if (strcmp(state, drains ? "draining" : activates ? "active" : "decommissioning") != 0) {
        snprintf(line, sizeof line, "node %s is %s: somebody wants something else of it", node, state);
        tell(w, line);
        return PROGRESS_ELSEWISE;
    }
    if (activates) {
        snprintf(line, sizeof line, "node %s is active: it takes ranges and leads them", node);
        tell(w, line);
        return PROGRESS_DONE;
    }
    /* It tells once a second, and a range may be on its way to it still. */
    w->idle_looks = drains && strcmp(leaders, "0") == 0 ? w->idle_looks + 1 : 0;
    if (w->idle_looks >= IDLE_LOOKS) {
        snprintf(line, sizeof line, "node %s is drained: it leads nothing", node);
        tell(w, line);
        return PROGRESS_DONE;
    }
    if (w->idle_looks > 0) return PROGRESS_ON;
    if (drains && leaders[0] == '\0') snprintf(line, sizeof line, "node %s drains; it has not told lately what it leads", node);
    else if (drains) snprintf(line, sizeof line, "node %s drains: %s ranges to hand over", node, leaders);
    else if (strcmp(ranges, "0") == 0)
        snprintf(line, sizeof line, "node %s leaves: it holds nothing; it is removed once it has said so, or was silent for dead_after",
                 node);
    else snprintf(line, sizeof line, "node %s leaves: %s ranges to go, %s of them on their way", node, ranges, outgoing);
    tell(w, line);
    return PROGRESS_ON;
}

static enum progress look(struct watch *w)
{
    char statement[160];
    snprintf(statement, sizeof statement, "SELECT state, ranges, leaders, outgoing FROM ostraka.nodes WHERE node = %s",
             w->o->words[1]);
    PGresult *result = PQexec(w->connection, statement);
    enum progress progress = PROGRESS_UNKNOWN;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        progress = judge(w, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2),
                         PQgetvalue(result, 0, 3));
    PQclear(result);
    return progress;
}

/* The node that was asked may be the one that goes. */
static bool connected(struct watch *w, int *failures)
{
    int status;
    if (w->connection != NULL && PQstatus(w->connection) == CONNECTION_OK) return true;
    if (w->connection != NULL) PQfinish(w->connection);
    w->connection = order_connect("node", w->o, &status);
    *failures = w->connection == NULL ? *failures + 1 : 0;
    return w->connection != NULL;
}

static int watch(struct watch *w)
{
    const struct timespec pause = {0, PAUSE_NS};
    uint64_t end_ns = w->o->timeout_ns == 0 ? UINT64_MAX : now_ns() + w->o->timeout_ns;
    for (int failures = 0; failures < CONNECTS_MAX; nanosleep(&pause, NULL)) {
        enum progress progress = connected(w, &failures) ? look(w) : PROGRESS_UNKNOWN;
        if (progress == PROGRESS_DONE) return CLI_OK;
        if (progress == PROGRESS_ELSEWISE) return CLI_CONDITION;
        if (now_ns() < end_ns) continue;
        fprintf(stderr, "ostraka node: not done yet. It goes on by itself; the same command watches it again\n");
        return CLI_TIMEOUT;
    }
    fprintf(stderr, "ostraka node: no node answers. It goes on by itself; the same command watches it again\n");
    return CLI_ERROR;
}

/* Already: who repeats a command that was broken off only wants to know of the end. */
static bool removed_already(struct watch *w)
{
    w->quiet = true;
    bool done = strcmp(w->o->words[0], "decommission") == 0 && look(w) == PROGRESS_DONE;
    w->quiet = false;
    if (done) printf("%s\n", w->told);
    return done;
}

static int run(const struct order *o, const char *statement)
{
    int status = CLI_OK;
    bool waits = o->wait && !o->dry_run && o->count == 2;
    struct watch w = {.o = o, .connection = order_connect("node", o, &status)};
    if (w.connection == NULL) return status;
    if (!waits || !removed_already(&w)) {
        w.told[0] = '\0';
        status = order_run("node", w.connection, statement);
        if (status == CLI_OK && waits) status = watch(&w);
    }
    if (w.connection != NULL) PQfinish(w.connection);
    return status;
}

/* A flag that would do nothing is a mistake of who gives it. */
static const char *flag_out_of_place(const struct order *o)
{
    bool adds = strcmp(o->words[0], "add") == 0, changes = o->count == 2;
    if (o->locality != NULL && !adds) return "--locality goes with add";
    if (o->force && !changes) return "--force goes with drain, decommission and activate";
    if (o->wait && !changes) return "--wait goes with drain, decommission and activate";
    if (o->dry_run && !adds && !changes) return "--dry-run goes with what changes something";
    return NULL;
}

int cli_node(int argc, char **argv)
{
    struct order o = {.url = "127.0.0.1:7432"};
    struct order_text text = {.size = 0};
    const struct cli_flag flags[] = {
        {"url", 'u', CLI_TEXT, &o.url, "URL|H:P,...", "postgresql:// URL or host:port (127.0.0.1:7432)"},
        {"dry-run", 0, CLI_SWITCH, &o.dry_run, NULL, "only say what would come of it: quorum and tolerance before and after"},
        {"force", 0, CLI_SWITCH, &o.force, NULL, "even though the cluster could then lose less (exit 7 without it)"},
        {"wait", 0, CLI_SWITCH, &o.wait, NULL, "show progress until it is done; may be broken off and repeated"},
        {"locality", 0, CLI_TEXT, &o.locality, "LOCALITY", "of the node that add --dry-run is about: region=a,rack=b"},
        {"timeout", 0, CLI_DURATION, &o.timeout_ns, "TIME", "how long to wait (30s; with --wait: as long as it takes)"},
    };
    const struct cli_command command = {
        "node",
        "Which nodes there are and what they hold; has one lead nothing (drain), hold nothing (decommission), or both again.\n"
        "add --dry-run says what another node would change; ostraka start --join adds it.",
        "node ls | drain NODE | decommission NODE [--force] | activate NODE | add [--locality L]  [--dry-run] [--wait] [--url URL]",
        flags, sizeof flags / sizeof flags[0], NULL};
    int status = cli_parse(&command, argc, argv, o.words, ORDER_WORDS_MAX, &o.count);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    if (o.count == 0 || !node_statement(&o, &text)) {
        fprintf(stderr, "ostraka node: these words are no order: %s\n", command.usage);
        return CLI_USAGE;
    }
    const char *wrong = flag_out_of_place(&o);
    if (wrong != NULL) {
        fprintf(stderr, "ostraka node: %s\n", wrong);
        return CLI_USAGE;
    }
    return run(&o, text.text);
}
