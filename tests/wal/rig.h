/* A log on a simulated machine, or on the epoll backend in a temporary directory, with a model
 * beside it. All waiting is done here, so that tests read from top to bottom. */
#ifndef OSTRAKA_TESTS_WAL_RIG_H
#define OSTRAKA_TESTS_WAL_RIG_H

#include "base/prng.h"
#include "tests/sim/env/sim.h"
#include "tests/wal/model.h"
#include "wal/wal_int.h"

#define RIG_SEGMENT_BYTES (64u << 10)
#define RIG_DIRECTORY "store/wal"

struct rig_step {
    uint64_t lsn, digest; /* of the model after one append */
};

struct rig {
    struct sim *sim; /* NULL: on real files */
    struct sim_disk *disk;
    struct env *env;
    struct fiber_pool *fibers;
    struct logger logger;
    char root[64];

    struct wal_options options;
    struct wal *wal;
    struct wal_recovery recovery; /* of the last open */
    enum status open_status;
    struct {
        void (*entry)(void *arg);
        void *arg;
        bool ended;
    } call; /* the fiber that is waited for */

    struct model model;     /* what was appended since, on top of what was recovered */
    struct model recovered; /* by the last open */
    struct rig_step *steps; /* since the last open; steps[0] is the state it found */
    size_t step_count, step_capacity;
    uint64_t *ever; /* digests of all entries ever appended */
    size_t ever_count;
    uint64_t acked; /* the highest lsn reported durable */
    /* And those reported before it, newest first: behind the last of them lie at least the last
     * WAL_FLIGHTS_MAX frames, and none that did not land with one of them. */
    uint64_t acked_before[WAL_FLIGHTS_MAX];

    unsigned durable_calls, failed_calls;
    enum status failed_status;
};

/* A log with small segments, not open yet. */
void rig_create(struct rig *r, uint64_t seed);
void rig_create_epoll(struct rig *r);
void rig_destroy(struct rig *r);
/* The same machine as far as simulation goes, but with these options of the simulation. */
void rig_create_with(struct rig *r, const struct sim_options *options);

/* STATUS_WAIT: the machine stood still before it was done (crash point). */
enum status rig_open(struct rig *r);
/* The history is the empty state. */
void rig_remember_nothing(struct rig *r);
/* From here on the model starts from what was recovered. */
void rig_continue(struct rig *r);
/* Both. */
void rig_must_open(struct rig *r);
/* Waits until nothing is under way and closes. */
void rig_close(struct rig *r);
/* Ends the process in the middle of whatever it does, and starts another one. */
void rig_crash(struct rig *r, enum sim_crash kind);
/* The two halves of it: between them the disk may be restored. */
void rig_kill(struct rig *r, enum sim_crash kind);
void rig_boot(struct rig *r);
void rig_reopen(struct rig *r);

/* Delivers one event. False: the machine stands still (crash point), or nothing is left to do. */
bool rig_turn(struct rig *r);
/* Submits, and waits until all that was appended is durable, the log has failed, or the machine
 * stands still. True: durable. */
bool rig_flush(struct rig *r);
/* Waits until nothing is under way. */
bool rig_idle(struct rig *r);
/* Runs `entry` on a fiber to its end. False: the machine stood still; then rig_crash ends it, and
 * arg has to live until then. */
bool rig_on_fiber(struct rig *r, void (*entry)(void *arg), void *arg);

/* Appends to log and model; waits out STATUS_BUSY. */
enum status rig_entry(struct rig *r, uint64_t range, uint64_t term, uint64_t index,
                      struct bytes payload);
/* The next entry of the range with `size` bytes of a pattern. */
enum status rig_next(struct rig *r, uint64_t range, uint64_t term, size_t size);
enum status rig_hard_state(struct rig *r, uint64_t range, uint64_t term, uint64_t vote,
                           uint64_t commit);
enum status rig_start(struct rig *r, uint64_t range, struct log_pos pos);
enum status rig_dropped(struct rig *r, uint64_t range);
enum status rig_fact(struct rig *r, uint32_t key, struct bytes value);
enum status rig_marker(struct rig *r);
/* Cuts the range's log behind `index`, with the term it has there. */
enum status rig_truncate(struct rig *r, uint64_t range, uint64_t index);
/* `count` random appends over a few ranges, submitting now and then. False: the log took no
 * more. */
bool rig_workload(struct rig *r, struct prng *prng, size_t count);

/* Is the recovered state one that the appends went through, and none before the acknowledged ones?
 * Returns NULL or what is wrong. */
const char *rig_check(const struct rig *r);
/* Is it one that the appends went through, and none before lsn? */
bool rig_is_prefix(const struct rig *r, uint64_t lsn);
/* Was every entry recovered appended once? */
bool rig_only_appended_entries(const struct rig *r);
/* The state recovered is exactly the last one. */
void rig_must_be_complete(const struct rig *r);

/* Reads one entry back. */
struct rig_read {
    struct rig *r;
    uint64_t range, first, last, size_max;
    enum status status;
    uint64_t visited, next;
    bool wrong; /* an entry differs from the model */
};
void rig_read(struct rig *r, struct rig_read *read);

/* Files of the log. */
unsigned rig_file_count(struct rig *r, const char *part);
/* The path of the n-th file whose name contains part, in name order. */
bool rig_file_path(struct rig *r, const char *part, unsigned n, char path[128], uint64_t *size_out);
/* Plain access to a file, to damage it. Results are those of the operation. */
int64_t rig_file_write(struct rig *r, const char *path, const void *data, size_t size,
                       uint64_t offset);
int64_t rig_file_read(struct rig *r, const char *path, void *data, size_t size, uint64_t offset);
int64_t rig_truncate_file(struct rig *r, const char *path, uint64_t size);
int64_t rig_unlink(struct rig *r, const char *path);

/* `size` bytes that depend on seed; valid until the next call. */
struct bytes rig_pattern(uint64_t seed, size_t size);

#endif
