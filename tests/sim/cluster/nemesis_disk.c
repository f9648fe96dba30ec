/* Disks that fail. Three kinds of trouble, by what a cluster can bear:
 *  - errors and full disks, on any machine: a process ends, or waits, but what it acknowledged is there;
 *  - damage that shows when it is read, on one machine, the victim: rot, and sectors that cannot be read;
 *  - lies, on the victim: writes that were lost or went astray, reads of old contents. A lost write shows when a
 *    later one is there. Until then nobody can tell it from a write that never happened, so the victim's
 *    process is spared until its log has gone on (wal/README.md, Limits).
 * The victim also loses its whole disk, or gets an old one back. */
#include "base/prng.h"
#include "tests/sim/cluster/nemesis_int.h"
#include "tests/sim/cluster/splits.h"

#define GROUPS_AFTER_LIES 6
#define WIPES_MAX 4

static struct store *store_on(struct nemesis *n, uint64_t machine)
{
    struct cluster_machine *m = cluster_machine(n->cluster, machine);
    return m->env == NULL || m->ended || m->core == NULL ? NULL : core_store(m->core);
}

static struct sim_disk *disk_of(struct nemesis *n, uint64_t machine)
{
    return sim_disk(sim_of_nemesis(n), machine);
}

/* ---- which kinds this run has ---- */

void disk_enable(struct nemesis *n)
{
    struct sim *sim = sim_of_nemesis(n);
    struct sim_options *o = sim_options(sim);
    n->victim = nemesis_any_machine(n);
    o->sector_bytes = sim_chance(sim, 500000) ? 512 : 4096;
    /* A machine whose sectors tear may be in doubt after a power loss; together with a victim that has lost
     * its copy a majority would be in doubt, and nobody could decide. */
    bool tears = sim_chance(sim, 200000);
    if (tears) o->tear_sector_ppm = 100000;
    for (int kind = NEMESIS_READ_ERROR; tears && kind <= NEMESIS_ROLL_BACK; kind++)
        n->enabled[kind] = false;
}

void nemesis_draw_sizes(struct cluster_options *o)
{
    struct prng prng;
    prng_init(&prng, o->seed);
    o->wal_segment_bytes = (64u << 10) << prng_below(&prng, 5);
    o->log_bytes_max = (16u << 10) << prng_below(&prng, 6);
    o->table_bytes = (32u << 10) << prng_below(&prng, 4);
    o->memory_bytes = (1u << 20) << prng_below(&prng, 4);
}

/* ---- errors ---- */

static const char *any_part(struct nemesis *n)
{
    static const char *const parts[] = {"/wal/", ".tbl", "/lsm/", NULL};
    return parts[sim_below(sim_of_nemesis(n), 4)];
}

static void on_heal(void *ctx)
{
    struct care *care = ctx;
    struct nemesis *n = care->nemesis;
    care->heal_pending = false;
    sim_disk_heal(disk_of(n, care->machine));
    if (care->machine != n->victim || !n->lying) return;
    n->lying = false;
    struct store *s = store_on(n, n->victim);
    if (s != NULL) n->groups_due = wal_metrics(store_wal(s))->group_count + GROUPS_AFTER_LIES;
}

static bool inject(struct nemesis *n, uint64_t machine, enum sim_fault kind, const char *part)
{
    struct sim *sim = sim_of_nemesis(n);
    struct care *care = &n->care[machine];
    if (care->heal_pending) return false;
    struct sim_disk_fault fault = {.kind = kind, .path_part = part, .skip = sim_below(sim, 6),
                                   .count = 1 + sim_below(sim, 3)};
    sim_disk_inject(disk_of(n, machine), &fault);
    care->heal_pending = care->troubled = true;
    sim_call_after(sim, sim_exponential(sim, SIM_SEC), on_heal, care);
    return true;
}

static bool fill(struct nemesis *n, uint64_t machine)
{
    struct sim *sim = sim_of_nemesis(n);
    struct care *care = &n->care[machine];
    if (care->heal_pending) return false;
    struct sim_disk *disk = disk_of(n, machine);
    sim_disk_set_quota(disk, sim_disk_used_bytes(disk) + sim_below(sim, 256u << 10));
    care->heal_pending = care->troubled = true;
    sim_call_after(sim, sim_exponential(sim, SIM_SEC), on_heal, care);
    return true;
}

/* ---- lies ---- */

bool disk_held(struct nemesis *n)
{
    if (n->lying) return true;
    struct store *s = store_on(n, n->victim);
    if (n->groups_due == 0) return false;
    if (s != NULL && wal_metrics(store_wal(s))->group_count >= n->groups_due) n->groups_due = 0;
    return n->groups_due != 0;
}

static bool lie(struct nemesis *n)
{
    static const enum sim_fault kinds[] = {SIM_FAULT_WRITE_LOST, SIM_FAULT_WRITE_MISDIRECTED,
                                           SIM_FAULT_READ_STALE};
    if (store_on(n, n->victim) == NULL || disk_held(n)) return false;
    enum sim_fault kind = kinds[sim_below(sim_of_nemesis(n), 3)];
    n->lying = inject(n, n->victim, kind, any_part(n));
    n->damaged |= n->lying;
    return n->lying;
}

static bool rot(struct nemesis *n)
{
    bool hit = sim_disk_rot_random(disk_of(n, n->victim), any_part(n));
    n->damaged |= hit;
    return hit;
}

/* ---- the whole disk ---- */

static void note_victim(struct nemesis *n)
{
    const struct store *s = store_on(n, n->victim);
    if (s != NULL && store_identity(s)->node.value != 0) n->victim_node = store_identity(s)->node.value;
}

/* With its disk goes the node; the next one has another id. */
static void note_gone(struct nemesis *n)
{
    if (n->victim_node != 0 && n->gone_count < NEMESIS_GONE_MAX) n->gone[n->gone_count++] = n->victim_node;
    n->victim_node = 0;
}

static bool wipe(struct nemesis *n)
{
    if (n->wipes >= WIPES_MAX || disk_held(n) || n->care[n->victim].start_pending) return false;
    n->wipes++;
    note_victim(n);
    nemesis_crash(n, n->victim, SIM_CRASH_PROCESS);
    if (cluster_machine(n->cluster, n->victim)->env != NULL) return false;
    note_gone(n);
    sim_disk_wipe(disk_of(n, n->victim));
    n->rolled_back = n->damaged = false;
    return true;
}

/* Everybody knows the victim by the number of this start, so an image of an older one will be refused. */
static bool is_known(struct nemesis *n)
{
    struct store *victim = store_on(n, n->victim);
    if (victim == NULL) return false;
    const struct net_identity *self = store_identity(victim);
    if (self->node.value == 0) return false;
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++) {
        struct store *s = store_on(n, i);
        if (s == NULL) return false;
        struct node_view views[SHARD_NODES_MAX];
        uint32_t count = store_nodes(s, views, SHARD_NODES_MAX);
        bool known = false;
        for (uint32_t k = 0; k < count; k++)
            known |= views[k].record.node.value == self->node.value &&
                     views[k].record.incarnation >= self->incarnation;
        if (!known) return false;
    }
    return true;
}

static bool roll_back(struct nemesis *n)
{
    struct cluster_machine *m = cluster_machine(n->cluster, n->victim);
    if (n->image == NULL) {
        if (store_on(n, n->victim) == NULL || disk_held(n)) return false;
        n->image = sim_disk_snapshot(disk_of(n, n->victim));
        n->image_starts = m->starts;
        return true;
    }
    if (m->starts <= n->image_starts || disk_held(n) || n->wipes >= WIPES_MAX) return false;
    uint64_t now_ns = sim_now(sim_of_nemesis(n));
    if (n->known_starts != m->starts) n->known_ns = UINT64_MAX;
    n->known_starts = m->starts;
    if (!is_known(n)) return false;
    if (n->known_ns > now_ns) n->known_ns = now_ns;
    if (now_ns - n->known_ns < 500 * SIM_MS) return false; /* and durably so */
    n->wipes++;
    nemesis_crash(n, n->victim, SIM_CRASH_PROCESS);
    sim_disk_restore(disk_of(n, n->victim), n->image);
    n->rolled_back = n->damaged = true;
    return true;
}

/* ---- one thing at a time ----
 *
 * A write of the log that was cut off within 4096 bytes (an error, or a loss of power, on sectors of 512) leaves a
 * machine in doubt about its newest entry until a leader has gone on past it. Meanwhile it is of no help to a victim that
 * has lost its copy: nobody could decide. */

static bool may_doubt(struct nemesis *n)
{
    return sim_options(sim_of_nemesis(n))->sector_bytes < 4096;
}

static bool in_doubt(struct nemesis *n, uint64_t machine)
{
    struct store *s = store_on(n, machine);
    if (s == NULL) return true; /* it may find itself so */
    struct replica *r = NULL;
    while ((r = store_replica_next(s, r)) != NULL) {
        struct raft_status status;
        replica_raft_status(r, &status);
        if (status.uncertain) return true;
    }
    return false;
}

/* Also none whose next write may be cut off. */
static bool victim_has_help(struct nemesis *n)
{
    for (uint64_t i = 1; may_doubt(n) && i <= cluster_size(n->cluster); i++) {
        if (i == n->victim) continue;
        if (in_doubt(n, i) || sim_disk_has_rule(disk_of(n, i), SIM_FAULT_WRITE_ERROR)) return false;
    }
    return true;
}

static bool votes(uint64_t node, const struct replica *r)
{
    const struct raft_config *config = &replica_descriptor(r)->config;
    for (uint32_t i = 0; i < config->voter_count; i++)
        if (config->voters[i].node == node) return true;
    return false;
}

/* As far as those know who are up. */
static bool counted_on(struct nemesis *n, uint64_t node, struct range_id range)
{
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++) {
        struct store *s = store_on(n, i);
        const struct replica *r = s == NULL ? NULL : store_replica(s, range);
        if (r != NULL && votes(node, r)) return true;
    }
    return false;
}

/* The victim was another node before its disk was wiped, and a range that counts on that one has one voter less. */
static bool counts_on_gone(struct nemesis *n, struct range_id range)
{
    for (uint32_t i = 0; i < n->gone_count; i++)
        if (counted_on(n, n->gone[i], range)) return true;
    return false;
}

/* The first two ranges are everybody's, or were: who has none of them has not been taken in again. */
static bool whole(struct nemesis *n, struct store *s, struct range_id range)
{
    uint64_t node = store_identity(s)->node.value;
    const struct replica *r = store_replica(s, range);
    if (r != NULL) return !replica_fenced(r) && votes(node, r);
    return range.value > 2 && !counted_on(n, node, range);
}

bool disk_others_may_doubt(struct nemesis *n)
{
    struct store *s = store_on(n, n->victim);
    if (!may_doubt(n)) return true;
    if (s == NULL || n->damaged || in_doubt(n, n->victim)) return false;
    for (uint64_t range = 1; range <= cluster_range_max(n->cluster); range++)
        if (!whole(n, s, (struct range_id){range}) || counts_on_gone(n, (struct range_id){range})) return false;
    return true;
}

bool disk_strike(struct nemesis *n, enum nemesis_kind kind)
{
    bool needs_help = kind >= NEMESIS_READ_ERROR && kind <= NEMESIS_ROLL_BACK;
    if (needs_help && !victim_has_help(n)) return false;
    if (kind == NEMESIS_WRITE_ERROR && !disk_others_may_doubt(n)) return false;
    switch (kind) {
    case NEMESIS_DISK_FULL: return fill(n, nemesis_any_machine(n));
    case NEMESIS_WRITE_ERROR:
        return inject(n, nemesis_any_machine(n), SIM_FAULT_WRITE_ERROR, any_part(n));
    case NEMESIS_SYNC_ERROR:
        return inject(n, nemesis_any_machine(n), SIM_FAULT_SYNC_ERROR, any_part(n));
    case NEMESIS_READ_ERROR: return inject(n, n->victim, SIM_FAULT_READ_ERROR, any_part(n));
    case NEMESIS_BIT_ROT: return rot(n);
    case NEMESIS_DISK_LIES: return lie(n);
    case NEMESIS_WIPE: return wipe(n);
    case NEMESIS_ROLL_BACK: return roll_back(n);
    default: UNREACHABLE();
    }
}

/* ---- machines that ended by themselves ---- */

void disk_care(struct nemesis *n)
{
    note_victim(n);
    for (uint64_t i = 1; i <= cluster_size(n->cluster); i++)
        if (store_on(n, i) != NULL) {
            n->care[i].opened = true;
            n->care[i].refusals = 0;
        }
}

void disk_renew(struct nemesis *n, uint64_t machine)
{
    sim_disk_heal(disk_of(n, machine));
    sim_disk_wipe(disk_of(n, machine));
    n->care[machine].refusals = 0;
    if (machine != n->victim) return;
    note_gone(n);
    n->rolled_back = n->lying = n->damaged = false;
    n->groups_due = 0;
}

/* What a person would do: whose data is refused starts anew with an empty directory. A start that a failing disk has
 * ended says nothing about the data. */
void disk_before_start(struct nemesis *n, uint64_t machine)
{
    struct care *care = &n->care[machine];
    bool by_itself = !care->crashed;
    if (by_itself && !care->opened && !care->troubled) care->refusals++;
    care->crashed = care->opened = false;
    care->troubled = care->heal_pending;
    if (machine != n->victim) return;
    bool refused = by_itself && (n->rolled_back || disk_held(n) || care->refusals >= 2);
    if (refused) disk_renew(n, machine);
}

void disk_deinit(struct nemesis *n)
{
    if (n->image != NULL) sim_disk_image_destroy(n->image);
}
