/* A cluster under a load of single keys whose ranges change, and what has to hold at the end: nothing that was acknowledged
 * is lost, what clients saw is explained, every range has its replicas, and these hold the same bytes. For tests. */
#ifndef OSTRAKA_TESTS_SIM_SCENE_H
#define OSTRAKA_TESTS_SIM_SCENE_H

#include "shard/shard.h"
#include "tests/sim/cluster/merges.h"
#include "tests/sim/cluster/splits.h"
#include "tests/sim/cluster/workload.h"

#define SCENE_KEYS 24

struct scene {
    struct cluster *cluster;
    struct workload *workload;
    struct splits *splits;
    struct merges *merges;
    uint32_t voters;
};

struct scene_key {
    uint8_t bytes[9];
};
struct scene_key scene_key(uint64_t number);
struct bytes scene_key_view(const struct scene_key *k);

/* How many seeds a test runs, by OSTRAKA_TEST_SIZE. */
uint64_t scene_seeds(uint64_t quick, uint64_t normal, uint64_t full);
struct cluster_options scene_options(uint64_t seed, uint32_t machines);
struct scene scene_begin(const struct cluster_options *o);
/* With clients that think for so long, on average, between two operations: for stories of minutes. */
struct scene scene_begin_calm(const struct cluster_options *o, uint64_t think_ns);
/* What the clients saw is explained: by timestamps, and as registers. Fails the test otherwise. */
void scene_explain(struct workload *w);
/* Everything works again, goes on for a while, and is looked at. Returns how long a split closed its right side. */
uint64_t scene_end(struct scene *s);
struct sim *scene_sim(const struct scene *s);

/* The replica that leads the range of the key with that number, or NULL. */
struct replica *scene_leader_for(struct scene *s, uint64_t number);
/* Orders a split before the key of that number; NULL: nobody leads. scene_split_at: until it is there. */
const struct split_result *scene_order(struct scene *s, uint64_t number);
void scene_split_at(struct scene *s, uint64_t number);
/* Orders that the range which begins at that key becomes part of its left neighbour; NULL: nobody leads that one. */
const struct merge_result *scene_order_merge(struct scene *s, uint64_t number);
void scene_merge_at(struct scene *s, uint64_t number);

/* Merges applied so far, on the machines together; and a machine that has a replica of the range, or 0. */
uint64_t scene_merges_applied(struct scene *s);
uint64_t scene_holder(struct scene *s, struct range_id range);

/* For cluster_run_until: a range begins at the key of that number. */
struct scene_cut {
    struct scene *scene;
    uint64_t number;
};
bool scene_is_cut(struct cluster *c, void *ctx);
/* ctx: the scene. Every range has all its replicas, with its bounds; the metadata range says the same. */
bool scene_settled(struct cluster *c, void *ctx);
bool scene_mirrored(struct cluster *c, void *ctx);
void scene_print(struct scene *s);

/* ---- what fails ---- */
/* From now on the engines write nothing, and the logs go on. */
void scene_hold_engines(struct scene *s);
/* Power fails there; its disk works again. */
void scene_crash(struct scene *s, uint64_t machine);
void scene_start_all(struct scene *s);
void scene_isolate(struct scene *s, uint64_t machine);

/* How often a mark was reached in this process. */
uint64_t scene_hits(const char *name);

#endif
