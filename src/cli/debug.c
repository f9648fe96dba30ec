/* `debug wal DIR`, `debug lsm DIR`: print what a data directory holds; never writes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fiber.h"
#include "cli/cli.h"
#include "io/backends.h"
#include "io/fio.h"
#include "lsm/lsm.h"
#include "wal/wal.h"

struct dump {
    struct fio fio;
    const char *what, *directory;
    enum status status;
    bool over;
};

static void print_line(void *ctx, const char *text)
{
    (void)ctx;
    puts(text);
}

static void dump_run(void *arg)
{
    struct dump *d = arg;
    d->status = strcmp(d->what, "wal") == 0 ? wal_dump(&d->fio, d->directory, print_line, NULL)
                                            : lsm_dump(&d->fio, d->directory, print_line, NULL);
    d->over = true;
}

/* A data directory holds store1/wal; a store, or the log itself, may be named as well. */
static bool find_directory(const char *root, const char *what, char *out, size_t size)
{
    const char *const tries[] = {"store1/", "", NULL};
    char path[4096];
    for (int i = 0; tries[i] != NULL; i++) {
        snprintf(path, sizeof path, "%s/%s%s", root, tries[i], what);
        if (access(path, R_OK) != 0) continue;
        snprintf(out, size, "%s%s", tries[i], what);
        return true;
    }
    size_t length = strlen(root), end = strlen(what);
    snprintf(out, size, ".");
    return length >= end && strcmp(root + length - end, what) == 0; /* the directory itself */
}

int cli_debug(int argc, char **argv)
{
    const char *words[2];
    size_t count = 0;
    const struct cli_command command = {"debug", "Prints the log or the engine's files of a stopped node.",
                                        "debug wal|lsm DIR", NULL, 0, NULL};
    int status = cli_parse(&command, argc, argv, words, 2, &count);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    if (count != 2 || (strcmp(words[0], "wal") != 0 && strcmp(words[0], "lsm") != 0)) {
        fprintf(stderr, "ostraka debug: give wal or lsm and a directory\n");
        return CLI_USAGE;
    }
    char directory[64];
    if (!find_directory(words[1], words[0], directory, sizeof directory)) {
        fprintf(stderr, "ostraka debug: there is no %s in %s; give the --data of a node\n", words[0], words[1]);
        return CLI_NOT_FOUND;
    }
    struct logger logger;
    logger_init_stderr(&logger, LOG_LEVEL_WARN);
    struct env_options o = {.root = words[1], .logger = &logger};
    struct env *env;
    if (env_epoll_create(&o, &env) != STATUS_OK) {
        fprintf(stderr, "ostraka debug: cannot open %s\n", words[1]);
        return CLI_NOT_FOUND;
    }
    struct fiber_pool *fibers = fiber_pool_create(256u << 10, 2);
    struct dump d = {.fio = {env, fibers, 0}, .what = words[0], .directory = directory};
    if (fibers == NULL || fiber_spawn(fibers, dump_run, &d, NULL) != STATUS_OK) return CLI_ERROR;
    while (!d.over) env_poll(env, env_now_ns(env) + 1000000000u);
    fiber_pool_destroy(fibers);
    env_shutdown(env);
    env_poll(env, 0);
    env_destroy(env);
    if (d.status == STATUS_OK) return CLI_OK;
    fprintf(stderr, "ostraka debug: %s: %s\n", words[1], status_name(d.status));
    return d.status == STATUS_NOT_FOUND ? CLI_NOT_FOUND : CLI_ERROR;
}
