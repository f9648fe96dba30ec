#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"demo", cli_demo, "a local cluster of three nodes and the SQL shell"},
    {"start", cli_start, "run one node"},
    {"init", cli_init, "found a new cluster on one running node"},
    {"sql", cli_sql, "the SQL client"},
    {"status", cli_status, "nodes, ranges, leaders, and how many more nodes may be lost"},
    {"bench", cli_bench, "load a cluster: bench append"},
    {"debug", cli_debug, "look into a data directory: debug wal|lsm DIR"},
};

static void print_usage(FILE *out)
{
    fprintf(out, "ostraka %s: a strictly serializable, replicated SQL key-value database\n\n", OSTRAKA_VERSION);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(out, "  ostraka %-8s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "  ostraka version\n\nostraka COMMAND --help explains a command.\n");
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("ostraka %s\n", OSTRAKA_VERSION);
        return CLI_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    fprintf(stderr, "ostraka: no command \"%s\"; see ostraka --help\n", argv[1]);
    return CLI_USAGE;
}
