/* A metadata state with the records it wrote, as an engine would keep them. */
#ifndef OSTRAKA_TESTS_META_WORLD_H
#define OSTRAKA_TESTS_META_WORLD_H

#include "shard/shard_int.h"

struct kept_record {
    uint8_t key[80], *value;
    size_t key_size, value_size;
};

struct meta_world {
    struct meta_state state;
    struct shard_batch batch;
    struct kept_record *records; /* by key */
    uint32_t record_count, record_capacity;
    struct buf command, result;
    struct node_record learnt;
};

/* With ranges 1 [, 02) and 2 [02, ) on node 1. */
void world_open(struct meta_world *w);
void world_close(struct meta_world *w);
/* Carries out what w->command holds: the status of its result, whose rest stays in w->result. Checks the state's
 * invariants afterwards. */
enum status world_do(struct meta_world *w);
/* A start: the state is read from the records, and has to be what it was. */
void world_restart(struct meta_world *w);

enum status world_put(struct meta_world *w, const struct descriptor *d);
enum status world_split(struct meta_world *w, struct range_id left, uint64_t epoch, struct bytes key,
                        uint64_t *right_out);

#endif
