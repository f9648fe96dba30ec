#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "cli/cli.h"
#include "cli/preview.h"
#include "node/node.h"
#include "txn/txn.h"

#define BUSY_POLL_NS     50000u
#define BUSY_POLL_NS_MAX 10000000u
#define VERSION_RETENTION_NS_MIN 1000000000u
#define SQL_MEMORY_BYTES_MIN (32u << 20)
#define MEMORY_BYTES_MIN (16u << 20) /* four of the largest transactions in the memtables */

/* It travels in node records. */
static bool is_plain(const char *text)
{
    if (text == NULL) return true;
    for (const char *p = text; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~') return false;
    return strlen(text) < 128;
}

static bool choose(const char *text, const char *const *names, int count, int *value_out)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *value_out = i;
        return true;
    }
    return false;
}

static bool slow_of(const char *text, int64_t *ms_out)
{
    uint64_t ms;
    *ms_out = -1;
    if (strcmp(text, "off") == 0) return true;
    if (parse_u64(bytes_of_string(text), &ms) != STATUS_OK || ms > INT32_MAX) return false;
    *ms_out = (int64_t)ms;
    return true;
}

int cli_start(int argc, char **argv)
{
    struct node_options o = {.log_level = LOG_LEVEL_INFO, .dead_after_ns = 300000000000u, .busy_poll_ns = BUSY_POLL_NS,
                             .version_retention_ns = KV_VERSION_RETENTION_NS};
    const char *io = "auto", *sync = "auto", *clock = "oracle", *level = "info", *slow = "off";
    uint64_t cores = 1, connections = UINT64_MAX;
    bool dry_run = false;
    if (env_addr_parse(bytes_of_string("127.0.0.1:7433"), &o.listen) != STATUS_OK ||
        env_addr_parse(bytes_of_string("127.0.0.1:7432"), &o.sql) != STATUS_OK ||
        env_addr_parse(bytes_of_string("127.0.0.1:7480"), &o.http) != STATUS_OK)
        return CLI_ERROR;
    const struct cli_flag flags[] = {
        {"data", 'd', CLI_TEXT, &o.data, "DIR", "data directory, made when missing (required)"},
        {"listen", 0, CLI_ADDRESS, &o.listen, "H:P", "address for peers (127.0.0.1:7433)"},
        {"sql", 0, CLI_ADDRESS, &o.sql, "H:P", "address for SQL clients (127.0.0.1:7432)"},
        {"http", 0, CLI_ADDRESS, &o.http, "H:P", "address for status and metrics (127.0.0.1:7480)"},
        {"join", 'j', CLI_PLACES, &o.join, "H:P,...", "peers to join; without it the node waits for init"},
        {"advertise", 0, CLI_PLACE, &o.advertise, "H:P", "where peers reach this node (the listen address)"},
        {"advertise-sql", 0, CLI_PLACE, &o.advertise_sql, "H:P", "where clients reach it (the SQL address)"},
        {"locality", 0, CLI_TEXT, &o.locality, "K=V,...", "where it stands, widest part first"},
        {"memory", 0, CLI_SIZE, &o.memory_bytes, "SIZE", "for memtables and caches, 16MiB or more (a quarter, at most 1GiB)"},
        {"sql-memory", 0, CLI_SIZE, &o.sql_memory_bytes, "SIZE", "for SQL sessions, 32MiB or more (a quarter, at most 1GiB)"},
        {"max-connections", 0, CLI_NUMBER, &connections, "N", "SQL sessions, 1 to 3000 (3000)"},
        {"cores", 0, CLI_NUMBER, &cores, "N", "cores to use (1; more are not offered yet)"},
        {"clock", 0, CLI_TEXT, &clock, "oracle|interval", "source of timestamps, the same on all nodes (oracle)"},
        {"trust-clock", 0, CLI_SWITCH, &o.trust_clock, NULL, "this machine's clock never stands still, whatever the kernel says of it"},
        {"wal-sync", 0, CLI_TEXT, &sync, "auto|dsync|fdatasync", "how log writes are made durable"},
        {"io", 0, CLI_TEXT, &io, "auto|uring|epoll", "I/O backend"},
        {"busy-poll", 0, CLI_DURATION, &o.busy_poll_ns, "TIME",
         "look for work for so long before sleeping, while it pays; 0 where CPU time is scarce, 10ms at most (50us)"},
        {"dead-after", 0, CLI_DURATION, &o.dead_after_ns, "TIME", "replace a node that is silent for so long (5m)"},
        {"version-retention", 0, CLI_DURATION, &o.version_retention_ns, "TIME",
         "how long overwritten rows stay readable for transactions under way (10m)"},
        {"log-slow-statements", 0, CLI_TEXT, &slow, "MS|off", "log statements that take so many milliseconds (off)"},
        {"log-level", 0, CLI_TEXT, &level, "debug|info|warn|error", "least level that is logged"},
        {"dry-run", 0, CLI_SWITCH, &dry_run, NULL, "with --join: only say what this node would change in that cluster"},
        {"insecure", 0, CLI_SWITCH, &o.insecure, NULL, "listen on other than loopback addresses without TLS"},
    };
    const struct cli_command command = {"start", "Runs one node.", "start --data DIR [flags]", flags,
                                        sizeof flags / sizeof flags[0], NULL};
    int status = cli_parse(&command, argc, argv, NULL, 0, NULL);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    static const char *const ios[] = {"auto", "uring", "epoll"};
    static const char *const syncs[] = {"auto", "dsync", "fdatasync"};
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    static const char *const clocks[] = {"oracle", "interval"}; /* as enum kv_clock_source */
    int clock_at = 0, io_at = 0, sync_at = 0, level_at = 0;
    const char *wrong = NULL;
    bool slow_ok = slow_of(slow, &o.log_slow_ms);
    if (dry_run && o.join == NULL) wrong = "--dry-run says what would come of --join";
    else if (!dry_run && (o.data == NULL || o.data[0] == '\0')) wrong = "--data is required: the directory of this node";
    else if (o.memory_bytes != 0 && o.memory_bytes < MEMORY_BYTES_MIN) wrong = "--memory is 16MiB or more";
    else if (o.sql_memory_bytes != 0 && o.sql_memory_bytes < SQL_MEMORY_BYTES_MIN) wrong = "--sql-memory is 32MiB or more";
    else if (!is_plain(o.locality)) wrong = "--locality is printable, without blanks, below 128 bytes";
    else if (!choose(io, ios, 3, &io_at)) wrong = "--io is auto, uring or epoll";
    else if (!choose(sync, syncs, 3, &sync_at)) wrong = "--wal-sync is auto, dsync or fdatasync";
    else if (!choose(level, levels, 4, &level_at)) wrong = "--log-level is debug, info, warn or error";
    else if (o.busy_poll_ns > BUSY_POLL_NS_MAX) wrong = "--busy-poll is at most 10ms";
    else if (!slow_ok) wrong = "--log-slow-statements is a number of milliseconds, or off";
    else if (o.version_retention_ns < VERSION_RETENTION_NS_MIN) wrong = "--version-retention is 1s or more";
    else if (!choose(clock, clocks, 2, &clock_at)) wrong = "--clock is oracle or interval";
    else if (connections != UINT64_MAX && (connections < 1 || connections > 3000)) wrong = "--max-connections is 1 to 3000";
    else if (cores != 1) wrong = "--cores: only 1 is offered";
    if (wrong != NULL) {
        fprintf(stderr, "ostraka start: %s\n", wrong);
        return CLI_USAGE;
    }
    if (dry_run) return cli_preview(o.join, o.locality);
    if (connections != UINT64_MAX) o.sql_connection_max = connections;
    o.clock = (enum kv_clock_source)clock_at;
    o.io = (enum node_io)io_at;
    o.wal_sync = (enum wal_sync_mode)sync_at;
    o.log_level = (enum log_level)level_at;
    return node_run(&o);
}
