#include "tests/sim/sim_fixture.h"

#include "base/assert.h"
#include "base/list.h"
#include "tests/test.h"

void fixture_open_with(struct fixture *f, const struct sim_options *options)
{
    f->sim = sim_create(options);
    f->disk = sim_disk(f->sim, 1);
    sim_env_create(f->sim, 1, NULL, &f->env);
}

void fixture_open(struct fixture *f, uint64_t seed)
{
    struct sim_options options;
    sim_options_init(&options, seed);
    fixture_open_with(f, &options);
}

void fixture_close(struct fixture *f)
{
    sim_env_drain(f->env);
    env_destroy(f->env);
    sim_destroy(f->sim);
}

void fixture_restart(struct fixture *f)
{
    sim_env_drain(f->env);
    env_destroy(f->env);
    sim_env_create(f->sim, 1, NULL, &f->env);
}

void fixture_crash(struct fixture *f, enum sim_crash kind)
{
    sim_env_crash(f->env, kind);
    fixture_restart(f);
}

static void probe_done(struct env_op *op, int64_t result)
{
    struct probe *p = CONTAINER_OF(op, struct probe, op);
    ASSERT(!p->done);
    p->done = true;
    p->result = result;
}

void probe_init(struct probe *p)
{
    *p = (struct probe){.op.on_done = probe_done};
}

int64_t probe_wait(struct fixture *f, struct probe *p)
{
    while (!p->done && !sim_disk_crash_reached(f->disk)) sim_step(f->sim);
    return p->done ? p->result : INT64_MIN;
}

/* The probe outlives the call: a crash completes it later. */
#define WAIT_FOR(f, call)             \
    struct probe *p = &(f)->probe;    \
    probe_init(p);                    \
    call;                             \
    return probe_wait((f), p)

int64_t fixture_try_open(struct fixture *f, const char *path, unsigned flags)
{
    WAIT_FOR(f, env_file_open(f->env, path, flags, &p->op));
}

env_file fixture_open_file(struct fixture *f, const char *path, unsigned flags)
{
    int64_t result = fixture_try_open(f, path, flags);
    assert_true(result >= 0);
    return (env_file)result;
}

env_file fixture_create(struct fixture *f, const char *path)
{
    return fixture_open_file(f, path, FIXTURE_CREATE);
}

int64_t fixture_close_file(struct fixture *f, env_file file)
{
    WAIT_FOR(f, env_file_close(f->env, file, &p->op));
}

int64_t fixture_write(struct fixture *f, env_file file, const void *data, size_t size,
                      uint64_t offset)
{
    WAIT_FOR(f, env_file_write(f->env, file, data, size, offset, &p->op));
}

int64_t fixture_read(struct fixture *f, env_file file, void *data, size_t size, uint64_t offset)
{
    WAIT_FOR(f, env_file_read(f->env, file, data, size, offset, &p->op));
}

int64_t fixture_sync(struct fixture *f, env_file file)
{
    WAIT_FOR(f, env_file_sync(f->env, file, &p->op));
}

int64_t fixture_size(struct fixture *f, env_file file)
{
    WAIT_FOR(f, env_file_size(f->env, file, &p->op));
}

int64_t fixture_truncate(struct fixture *f, env_file file, uint64_t size)
{
    WAIT_FOR(f, env_file_truncate(f->env, file, size, &p->op));
}

int64_t fixture_rename(struct fixture *f, const char *from, const char *to)
{
    WAIT_FOR(f, env_path_rename(f->env, from, to, &p->op));
}

int64_t fixture_link(struct fixture *f, const char *from, const char *to)
{
    WAIT_FOR(f, env_path_link(f->env, from, to, &p->op));
}

int64_t fixture_unlink(struct fixture *f, const char *path)
{
    WAIT_FOR(f, env_path_unlink(f->env, path, &p->op));
}

int64_t fixture_dir_make(struct fixture *f, const char *path)
{
    WAIT_FOR(f, env_dir_make(f->env, path, &p->op));
}

int64_t fixture_dir_sync(struct fixture *f, const char *path)
{
    WAIT_FOR(f, env_dir_sync(f->env, path, &p->op));
}
