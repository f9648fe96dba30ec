/* Ranges: have they leaders, voters and room, do they cover all keys, and are nodes as full as each other? */
#include <stdio.h>
#include <string.h>

#include "cli/doctor_int.h"
#include "cli/status_overview.h"

#define LAG_ENTRIES   10000
#define FINDINGS_EACH 5 /* ranges that are named for one kind of fault */
#define LOPSIDED_TIMES 2
#define LOPSIDED_LEAST 8 /* ranges: fewer make no difference */

enum fault { FAULT_QUORUM, FAULT_LEADER, FAULT_VOTERS, FAULT_DAMAGE, FAULT_LAG, FAULT_COUNT };

struct check {
    struct doctor *d;
    const struct doctor_answer *answers;
    unsigned answer_count;
    json_t *seen; /* ids of the ranges that were looked at */
    long long faults[FAULT_COUNT], ranges;
};

static const struct {
    const char *check, *advice;
    enum doctor_level level;
} faults[FAULT_COUNT] = {
    [FAULT_QUORUM] = {"range quorum", "Start these nodes again with the commands that started them; no data is lost.",
                      DOCTOR_ERROR},
    [FAULT_LEADER] = {"range leader", "Wait a second; then look for a network that lets some nodes talk and others not.",
                      DOCTOR_ERROR},
    [FAULT_VOTERS] = {"range voters",
                      "Bring the node back. One that stays away is replaced by a spare node after dead_after.",
                      DOCTOR_WARN},
    [FAULT_DAMAGE] = {"range damage", "It is fetched anew by itself; read the kernel's log about that disk.", DOCTOR_WARN},
    [FAULT_LAG] = {"range lag", "Its disk or its processor does not keep up.", DOCTOR_WARN},
};

/* True: it is to be told; else it is only counted. */
static bool note(struct check *c, enum fault fault)
{
    return c->faults[fault]++ < FINDINGS_EACH;
}

#define FOUND(c, fault, ...) \
    doctor_add((c)->d, faults[fault].level, faults[fault].check, faults[fault].advice, __VA_ARGS__)

static const json_t *node_named(const json_t *status, long long id)
{
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(status, "nodes"), i, node)
        if (status_number(node, "node") == id) return node;
    return NULL;
}

/* The range has missing voters; their names. */
static long long list_missing(const json_t *status, const json_t *voters, char *out, size_t size)
{
    size_t i;
    json_t *voter;
    long long missing = 0;
    *out = '\0';
    json_array_foreach(voters, i, voter) {
        long long id = (long long)json_integer_value(voter);
        const json_t *node = node_named(status, id);
        if (node != NULL && status_true(node, "alive")) continue;
        size_t at = strlen(out);
        snprintf(out + at, size - at, "%s%lld (%s)", missing++ > 0 ? ", " : "", id,
                 node != NULL ? status_text(node, "peer") : "unknown");
    }
    return missing;
}

static void check_voters(struct check *c, const json_t *status, const json_t *range)
{
    const json_t *voters = json_object_get(range, "voters");
    long long id = status_number(range, "range"), count = (long long)json_array_size(voters);
    char missing[200];
    long long lost = list_missing(status, voters, missing, sizeof missing), here = count - lost;
    if (here < count / 2 + 1) {
        c->d->no_quorum = true;
        if (note(c, FAULT_QUORUM))
            FOUND(c, FAULT_QUORUM, "range %lld has no quorum: %lld of %lld voters; missing: %s", id, here, count, missing);
        return;
    }
    if (status_number(range, "leader") == 0) {
        c->d->no_quorum = true;
        if (note(c, FAULT_LEADER)) FOUND(c, FAULT_LEADER, "range %lld has no leader that any node knows", id);
    }
    if (lost > 0 && note(c, FAULT_VOTERS))
        FOUND(c, FAULT_VOTERS, "range %lld lacks %lld of %lld voters: %s", id, lost, count, missing);
}

/* A range is known to several nodes; one answer is enough. */
static void check_once(struct check *c, const json_t *status, const json_t *range)
{
    char key[32];
    snprintf(key, sizeof key, "%lld", status_number(range, "range"));
    if (json_object_get(c->seen, key) != NULL || json_object_set_new(c->seen, key, json_true()) != 0) return;
    c->ranges++;
    check_voters(c, status, range);
}

/* What is a matter of that replica alone. */
static void check_replica(struct check *c, long long node, const json_t *range)
{
    long long id = status_number(range, "range"), lag = status_number(range, "commit") - status_number(range, "applied");
    if (status_true(range, "fenced") && note(c, FAULT_DAMAGE))
        FOUND(c, FAULT_DAMAGE, "the replica of range %lld on node %lld is damaged", id, node);
    if (lag > LAG_ENTRIES && note(c, FAULT_LAG))
        FOUND(c, FAULT_LAG, "range %lld: node %lld is %lld entries behind what is committed", id, node, lag);
}

/* with_leader: those of which the node knows a leader; they come first, since one that knows none may be the one that is
 * cut off. */
static void check_answers(struct check *c, bool with_leader)
{
    size_t k;
    json_t *range;
    for (unsigned i = 0; i < c->answer_count; i++) {
        json_array_foreach(json_object_get(c->answers[i].status, "ranges"), k, range) {
            if ((status_number(range, "leader") != 0) == with_leader) check_once(c, c->answers[i].status, range);
            if (with_leader) check_replica(c, c->answers[i].node, range);
        }
    }
}

static void tell_rest(struct check *c)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        if (c->faults[i] > FINDINGS_EACH)
            FOUND(c, (enum fault)i, "and %lld more ranges", c->faults[i] - FINDINGS_EACH);
}

/* ---- the whole ---- */

static void check_cover(struct doctor *d, const json_t *o)
{
    long long holes = status_number(o, "holes"), unavailable = status_number(o, "unavailable");
    if (holes > 0)
        doctor_add(d, DOCTOR_ERROR, "range cover",
                   "This must not happen. Keep the data directories of all nodes and report it.",
                   "the ranges of the metadata leave holes or overlap at %lld places", holes);
    if (unavailable > 0) {
        d->no_quorum = true;
        doctor_add(d, DOCTOR_ERROR, "range quorum", faults[FAULT_QUORUM].advice, "%lld of %lld ranges have no majority",
                   unavailable, status_number(o, "ranges"));
    }
}

static void check_wanted(struct doctor *d, const json_t *o)
{
    long long ranges = status_number(o, "ranges"), under = status_number(o, "under"), over = status_number(o, "over");
    long long moving = status_number(o, "moving");
    doctor_add(d, under > 0 && moving == 0 ? DOCTOR_WARN : DOCTOR_OK, "range replicas",
               under > 0 && moving == 0
                   ? "Bring silent nodes back, or add one (ostraka start --join); or lower replication_factor."
                   : "",
               "%lld of %lld ranges have fewer live voters than wanted; %lld are moving", under, ranges, moving);
    if (over > 0 && moving == 0)
        doctor_add(d, DOCTOR_WARN, "range replicas", "They go by themselves in a moment; if not, is a node silent?",
                   "%lld ranges have more voters than wanted", over);
}

static void check_fullness(struct doctor *d, const json_t *o)
{
    size_t i;
    json_t *n;
    long long low = -1, high = -1, lowest = 0, highest = 0;
    json_array_foreach(json_object_get(o, "nodes"), i, n) {
        if (strcmp(status_text(n, "state"), "active") != 0 || strcmp(status_text(n, "health"), "alive") != 0) continue;
        long long ranges = status_number(n, "ranges");
        if (low < 0 || ranges < low) low = ranges, lowest = status_number(n, "node");
        if (ranges > high) high = ranges, highest = status_number(n, "node");
    }
    if (high < 0 || status_number(o, "moving") > 0) return;
    if (high == low) {
        doctor_add(d, DOCTOR_OK, "balance", "", "every node that takes ranges holds %lld", high);
        return;
    }
    bool lopsided = high > LOPSIDED_TIMES * low + LOPSIDED_LEAST;
    doctor_add(d, lopsided ? DOCTOR_WARN : DOCTOR_OK, "balance",
               lopsided ? "SHOW CLUSTER SETTINGS: is rebalance off? Do localities leave no choice?" : "",
               "node %lld holds %lld ranges, node %lld %lld", highest, high, lowest, low);
}

static void check_states(struct doctor *d, const json_t *o)
{
    size_t i;
    json_t *n;
    json_array_foreach(json_object_get(o, "nodes"), i, n) {
        const char *state = status_text(n, "state");
        long long node = status_number(n, "node"), ranges = status_number(n, "ranges");
        if (strcmp(status_text(n, "health"), "dead") == 0)
            doctor_add(d, DOCTOR_WARN, "node dead",
                       "Start it again; or, when it will not come back: ostraka node decommission NODE.",
                       "node %lld has been silent for longer than dead_after; %lld ranges name it still", node, ranges);
        if (strcmp(state, "draining") == 0)
            doctor_add(d, DOCTOR_WARN, "node state", "ostraka node activate NODE lets it lead again.",
                       "node %lld is draining: it leads nothing and is given nothing", node);
        if (strcmp(state, "decommissioning") == 0)
            doctor_add(d, DOCTOR_OK, "node state", "", "node %lld is leaving: %lld ranges to go", node, ranges);
    }
}

static void check_tolerance(struct doctor *d, const json_t *o)
{
    long long can_lose = status_number(o, "can_lose"), nodes = (long long)json_array_size(json_object_get(o, "nodes"));
    if (d->no_quorum) return;
    bool well = can_lose > 0 || nodes < 3;
    doctor_add(d, well ? DOCTOR_OK : DOCTOR_WARN, "tolerance",
               well ? "" : "Bring missing nodes back before anything else is restarted.", "%s", status_text(o, "text"));
}

void doctor_ranges(struct doctor *d, const struct doctor_answer *answers, unsigned count)
{
    struct check c = {.d = d, .answers = answers, .answer_count = count, .seen = json_object()};
    unsigned before = d->count;
    check_answers(&c, true);
    check_answers(&c, false);
    tell_rest(&c);
    json_decref(c.seen);
    if (d->count == before) doctor_add(d, DOCTOR_OK, "ranges", "", "%lld, each with a leader and all of its voters", c.ranges);
    const json_t *o = NULL;
    for (unsigned i = 0; i < count && o == NULL; i++) o = status_overview(answers[i].status);
    if (o == NULL) {
        doctor_add(d, DOCTOR_WARN, "placement", "See the ranges without quorum or leader.",
                   "the leader of the metadata range does not answer: what all nodes hold is not known");
        return;
    }
    check_cover(d, o);
    check_wanted(d, o);
    check_states(d, o);
    check_fullness(d, o);
    check_tolerance(d, o);
}
