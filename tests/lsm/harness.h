/* A store with its environment and fibers, driven until something has happened: tests read like
 * blocking code. Works on a real backend in a temporary directory, or in the simulation. */
#ifndef OSTRAKA_TESTS_LSM_HARNESS_H
#define OSTRAKA_TESTS_LSM_HARNESS_H

#include "lsm/lsm_int.h"
#include "tests/lsm/model.h"
#include "tests/sim/env/sim.h"
#include "tests/test.h"

#define HARNESS_RANGES 8

struct store {
    struct sim *sim; /* NULL: epoll */
    struct env *env;
    struct logger logger;
    struct fiber_pool *fibers;
    struct lsm *l; /* NULL: closed */
    struct lsm_options options;
    char root[64];
    /* What the callbacks and the last open told. */
    uint64_t flushed[HARNESS_RANGES];
    struct bytes meta_now[HARNESS_RANGES]; /* what on_meta answers */
    uint32_t meta_asked;
    bool corrupt[HARNESS_RANGES], known[HARNESS_RANGES], corrupt_at_open[HARNESS_RANGES];
    uint64_t index_at_open[HARNESS_RANGES];
    struct buf meta_at_open[HARNESS_RANGES];
    enum status failed; /* of on_failed */
    /* Called when the machine stands still at a crash point, before the power goes. */
    void (*at_crash_point)(struct store *s);
    void *ctx;
    bool dead; /* since then, until store_crash */
};

static inline struct range_id rid(uint64_t value)
{
    return (struct range_id){value};
}

/* Small limits everywhere, so that a few hundred writes reach every level. */
void store_options_small(struct lsm_options *o);
void store_init_epoll(struct store *s);
void store_init_sim(struct store *s, struct sim *sim);
void store_deinit(struct store *s);
/* Answers what lsm_open did. */
enum status store_try_open(struct store *s);
void store_open(struct store *s);
/* Waits for background work under way, then closes. */
void store_close(struct store *s);
/* The process dies: whatever was under way is cancelled. The environment is gone after it; sim:
 * machine 1 has crashed that way. */
void store_crash(struct store *s, enum sim_crash kind);
/* A new environment (sim: process) on the same files. */
void store_restart_env(struct store *s);

/* True when a crash point was reached: whatever waits returns early, and only store_crash may
 * follow. */
bool store_stopped(struct store *s);

/* One turn of the core. */
void store_turn(struct store *s);
bool store_turns_until(struct store *s, bool (*done)(struct store *s, void *ctx), void *ctx);
/* Runs turns until nothing is under way and nothing wants to be. */
void store_settle(struct store *s);
/* Flushes and waits for on_flushed. */
void store_flush(struct store *s, uint64_t range);
/* Runs function(ctx) on a fiber to its end, with turns. */
void store_run(struct store *s, void (*function)(void *ctx), void *ctx);

enum status store_get(struct store *s, uint64_t range, enum lsm_space space, struct bytes key,
                      uint64_t ts_max, struct lsm_version *version, struct buf *value);
enum status store_next(struct store *s, struct lsm_iter *it, struct lsm_item *item);
enum status store_middle(struct store *s, uint64_t range, struct buf *key_out);
enum status store_hash(struct store *s, uint64_t range, uint64_t *hash_out);
/* All items of an iterator into a fresh model; the status it ended with. */
enum status store_collect(struct store *s, struct lsm_iter *it, struct model *out);
/* The whole range as the engine has it now, all spaces and versions. */
enum status store_read_all(struct store *s, uint64_t range, struct model *out);
/* Copies range `from` of store a into range `to` of store b through snapshot chunks. */
enum status store_copy_range(struct store *a, uint64_t from, struct store *b, uint64_t to,
                             size_t chunk_bytes);
enum status store_drop(struct store *s, uint64_t range);
/* Applies one write. */
void store_put(struct store *s, uint64_t range, uint64_t index, enum lsm_space space,
               const char *key, uint64_t ts, const char *value);

/* Fails the test unless the engine's range equals the model as far as gc_ts lets one tell. */
void store_check_range(struct store *s, uint64_t range, const struct model *m, uint64_t gc_ts);

#endif
