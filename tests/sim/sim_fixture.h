/* One machine with one environment, used in plain blocking style. */
#ifndef OSTRAKA_TESTS_SIM_FIXTURE_H
#define OSTRAKA_TESTS_SIM_FIXTURE_H

#include "tests/sim/env/sim.h"

struct probe {
    struct env_op op;
    bool done;
    int64_t result;
};

struct fixture {
    struct sim *sim;
    struct env *env;
    struct sim_disk *disk;
    struct probe probe; /* of the operation that is waited for */
};

#define FIXTURE_CREATE (ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE)

void fixture_open(struct fixture *f, uint64_t seed);
void fixture_open_with(struct fixture *f, const struct sim_options *options);
void fixture_close(struct fixture *f);
/* Crashes the machine and starts a new process on it. */
void fixture_crash(struct fixture *f, enum sim_crash kind);
/* The same, from a crash point. */
void fixture_restart(struct fixture *f);

void probe_init(struct probe *p);
/* Polls until it is done, or the machine stands still at a crash point (INT64_MIN). */
int64_t probe_wait(struct fixture *f, struct probe *p);

/* Results are those of on_done. fixture_open_file and fixture_create fail the test on an error. */
int64_t fixture_try_open(struct fixture *f, const char *path, unsigned flags);
env_file fixture_open_file(struct fixture *f, const char *path, unsigned flags);
env_file fixture_create(struct fixture *f, const char *path);
int64_t fixture_close_file(struct fixture *f, env_file file);
int64_t fixture_write(struct fixture *f, env_file file, const void *data, size_t size,
                      uint64_t offset);
int64_t fixture_read(struct fixture *f, env_file file, void *data, size_t size, uint64_t offset);
int64_t fixture_sync(struct fixture *f, env_file file);
int64_t fixture_size(struct fixture *f, env_file file);
int64_t fixture_truncate(struct fixture *f, env_file file, uint64_t size);
int64_t fixture_rename(struct fixture *f, const char *from, const char *to);
int64_t fixture_link(struct fixture *f, const char *from, const char *to);
int64_t fixture_unlink(struct fixture *f, const char *path);
int64_t fixture_dir_make(struct fixture *f, const char *path);
int64_t fixture_dir_sync(struct fixture *f, const char *path);

#endif
