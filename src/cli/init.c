/* `init` speaks to the peer port as a guest. */
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "cli/cli.h"
#include "cli/visit.h"
#include "net/net.h"
#include "shard/shard.h"
#include "sql/catalog.h"

const char *cli_founding_check(const struct cli_founding *f)
{
    if (f->ranges < 1 || f->ranges > CLI_FOUNDING_RANGES_MAX) return "--ranges is 1 to 20000";
    if (f->rows < 1 || f->rows > UINT64_C(1000000000000)) return "--range-rows is 1 to 1000000000000";
    return NULL;
}

static void put_split_keys(const struct cli_founding *f, struct buf *out)
{
    struct buf key;
    buf_init(&key, 256);
    for (uint64_t i = 1; i < f->ranges; i++) {
        buf_reset(&key);
        catalog_first_table_key((int64_t)(i * f->rows), &key);
        put_sized(out, buf_view(&key));
    }
    if (key.failed) out->failed = true;
    buf_deinit(&key);
}

static int outcome(uint16_t answer, const char **why)
{
    switch (answer) {
    case STATUS_OK: return CLI_OK;
    case STATUS_EXISTS:
        *why = "this node is already a member of a cluster; nothing was done";
        return CLI_ERROR;
    case STATUS_INVALID:
        *why = "an init of this node was cut short and had another --ranges or --range-rows; repeat that one, or start "
               "with an empty data directory";
        return CLI_ERROR;
    default: *why = status_name((enum status)answer); return CLI_ERROR;
    }
}

int cli_init_cluster(const char *host_port, const struct cli_founding *founding, uint64_t timeout_ns,
                     const char **why)
{
    struct buf keys;
    struct cli_visit v = {.request = SHARD_MESSAGE_INIT, .reply = SHARD_MESSAGE_INIT_REPLY};
    buf_init(&keys, NET_GUEST_MESSAGE_BYTES_MAX);
    buf_init(&v.answer, NET_MESSAGE_BYTES_MAX);
    put_split_keys(founding, &keys);
    v.payload = buf_view(&keys);
    *why = "so many ranges do not fit into one message";
    int status = keys.failed ? CLI_ERROR : cli_visit_run(&v, host_port, timeout_ns, why);
    struct reader in = reader_make(buf_view(&v.answer));
    uint16_t answer = status == CLI_OK ? get_u16(&in) : 0;
    if (status == CLI_OK && !reader_done(&in)) {
        *why = "that node answers something else: is it of the same version?";
        status = CLI_ERROR;
    }
    buf_deinit(&keys);
    buf_deinit(&v.answer);
    return status == CLI_OK ? outcome(answer, why) : status;
}

int cli_init(int argc, char **argv)
{
    const char *host = "127.0.0.1:7433";
    uint64_t timeout_ns = 30000000000u;
    struct cli_founding founding = {.ranges = 1, .rows = 1000};
    const struct cli_flag flags[] = {
        {"host", 'H', CLI_PLACE, &host, "H:P", "peer address of the first node (127.0.0.1:7433)"},
        {"timeout", 0, CLI_DURATION, &timeout_ns, "TIME", "how long to try (30s)"},
        {"ranges", 0, CLI_NUMBER, &founding.ranges, "N", "divide the first table from the start (1); its key: one bigint"},
        {"range-rows", 0, CLI_NUMBER, &founding.rows, "R", "with --ranges: at the keys R, 2R, 3R ... (1000)"},
    };
    const struct cli_command command = {"init", "Founds a new cluster on one running node, once.",
                                        "init [--host H:P]", flags,
                                        sizeof flags / sizeof flags[0], NULL};
    int status = cli_parse(&command, argc, argv, NULL, 0, NULL);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    const char *why = cli_founding_check(&founding);
    if (why != NULL) {
        fprintf(stderr, "ostraka init: %s\n", why);
        return CLI_USAGE;
    }
    status = cli_init_cluster(host, &founding, timeout_ns, &why);
    if (status == CLI_OK) printf("cluster created; other nodes join with --join %s\n", host);
    else fprintf(stderr, "ostraka init: %s: %s\n", host, why);
    return status;
}
