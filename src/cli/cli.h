/* The program `ostraka`: subcommands, flags, exit statuses. */
#ifndef OSTRAKA_CLI_CLI_H
#define OSTRAKA_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/env.h"

/* README, Exit statuses. */
enum cli_exit {
    CLI_OK = 0,
    CLI_ERROR = 1,
    CLI_USAGE = 2,
    CLI_DEGRADED = 3,  /* the cluster answers, but something is missing */
    CLI_NO_QUORUM = 4,
    CLI_TIMEOUT = 5,
    CLI_NOT_FOUND = 6,
    CLI_CONDITION = 7, /* a condition did not hold: node decommission without --force */
    CLI_AUTH = 8,      /* the server refused who asks */
};

enum cli_flag_kind {
    CLI_TEXT,
    CLI_SWITCH,
    CLI_NUMBER,
    CLI_SIZE,
    CLI_DURATION,
    CLI_ADDRESS, /* numeric, to listen on */
    CLI_PLACE,   /* host:port, a name or numeric, to connect to: a text */
    CLI_PLACES,  /* some of them, separated by commas: a text */
};

/* One flag. `--name VALUE` or `--name=VALUE`; OSTRAKA_NAME in the environment when it is not given. */
struct cli_flag {
    const char *name;         /* without the dashes */
    char short_name;          /* 0: none */
    enum cli_flag_kind kind;
    void *value; /* const char **, bool *, uint64_t *, uint64_t * (bytes), uint64_t * (ns), struct env_addr * */
    const char *argument;     /* shown in help: "H:P" */
    const char *help;
};

struct cli_command {
    const char *name, *summary, *usage;
    const struct cli_flag *flags;
    size_t flag_count;
    const char *const *words; /* names of the words after the flags, for messages; NULL-terminated, or NULL */
};

/* Parses argv[0..argc) (behind the subcommand's name) and the environment. words_out gets what is not a flag,
 * at most words_max. Returns CLI_OK; CLI_USAGE with a message on stderr; -1 after --help was printed. */
int cli_parse(const struct cli_command *command, int argc, char **argv, const char **words_out,
              size_t words_max, size_t *word_count_out);
void cli_print_help(const struct cli_command *command);

int cli_start(int argc, char **argv);
int cli_init(int argc, char **argv);
int cli_demo(int argc, char **argv);
int cli_range(int argc, char **argv);
int cli_node(int argc, char **argv);
int cli_sql(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_debug(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_txn(int argc, char **argv);
int cli_completion(int argc, char **argv);
/* The names of all commands, in the order of help; NULL past the end. */
const char *cli_command_name(size_t index);
int cli_bench(int argc, char **argv);

/* How the data of a new cluster is divided: range i begins at row (i - 1) * rows of the first table that will be
 * made, if its primary key is one bigint; the last one holds all that follows. */
struct cli_founding {
    uint64_t ranges, rows;
};
#define CLI_FOUNDING_RANGES_MAX 20000
/* NULL, or what is wrong with it. */
const char *cli_founding_check(const struct cli_founding *f);
/* Asks the node at host_port to found a cluster, for at most timeout_ns. Prints nothing; *why (static text)
 * explains a failure. CLI_OK, CLI_ERROR (exists already, refused), CLI_TIMEOUT. */
int cli_init_cluster(const char *host_port, const struct cli_founding *founding, uint64_t timeout_ns,
                     const char **why);

/* GET path from an admin port, blocking. The body is NUL-terminated and the caller's to free. Returns the
 * HTTP status or -1. */
int cli_http_get(const char *host_port, const char *path, uint64_t timeout_ns, char **body_out);

/* A host:port list becomes what libpq wants; URLs and conninfo strings pass. */
void cli_conninfo(const char *url, char *out, size_t size);

/* Runs the SQL shell against a connection string; used by demo. */
int cli_shell(const char *conninfo);

int cli_main(int argc, char **argv);

#endif
