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
    {"doctor", cli_doctor, "what is wrong with this machine, a disk or a cluster, and what to do"},
    {"txn", cli_txn, "what became of a transaction: txn status ID | resolve ID | ls"},
    {"range", cli_range, "which ranges there are; split, merge, transfer, move one"},
    {"node", cli_node, "which nodes there are; drain, decommission, activate one"},
    {"debug", cli_debug, "look into a data directory: debug wal|lsm DIR"},
    {"completion", cli_completion, "completion for a shell: completion bash"},
};

const char *cli_command_name(size_t index)
{
    return index < sizeof commands / sizeof commands[0] ? commands[index].name : NULL;
}

static int run(const char *name, int argc, char **argv)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0) return commands[i].run(argc, argv);
    fprintf(stderr, "ostraka: no command \"%s\"; see ostraka --help\n", name);
    return CLI_USAGE;
}

static void print_usage(FILE *out)
{
    fprintf(out, "ostraka %s: a strictly serializable, replicated SQL key-value database\n\n", OSTRAKA_VERSION);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(out, "  ostraka %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "  ostraka version\n\nostraka help COMMAND explains a command.\n");
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 && argc > 2) {
        char flag[] = "--help", *arguments[] = {flag};
        return run(argv[2], 1, arguments);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("ostraka %s\n", OSTRAKA_VERSION);
        return CLI_OK;
    }
    return run(argv[1], argc - 2, argv + 2);
}
