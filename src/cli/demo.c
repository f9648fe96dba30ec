/* A local cluster: each node its own process and data directory. The demo starts them, founds the cluster,
 * and stops them when it stops; a node that a person kills stays down until that person starts it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define NODES_MAX 7
#define ARGUMENTS_MAX 16

struct demo_node {
    pid_t pid;
    uint16_t peer, sql, http;
    char data[512];
    char text[ARGUMENTS_MAX][600];
    char *arguments[ARGUMENTS_MAX + 1];
};

struct demo {
    struct demo_node nodes[NODES_MAX];
    uint64_t node_count, sql_port, memory_bytes;
    const char *data, *output, *io, *clock;
    struct cli_founding founding;
    bool no_shell, json, keep;
    char directory[480], program[512];
};

static volatile sig_atomic_t stop_seen;

static void on_stop(int number)
{
    stop_seen = number;
}

static void pause_ms(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* ---- ports ---- */

/* Binds the port (0: any) on loopback for a moment; the port, or 0 when it is taken. */
static uint16_t try_port(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    uint16_t found = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0 && listen(fd, 1) == 0 &&
        getsockname(fd, (struct sockaddr *)&a, &size) == 0)
        found = ntohs(a.sin_port);
    if (fd >= 0) close(fd);
    return found;
}

static bool taken(const struct demo *d, uint64_t count, uint16_t port)
{
    for (uint64_t i = 0; i < count; i++)
        if (d->nodes[i].peer == port || d->nodes[i].sql == port || d->nodes[i].http == port) return true;
    return false;
}

static uint16_t free_port(const struct demo *d, uint64_t count)
{
    for (int i = 0; i < 100; i++) {
        uint16_t port = try_port(0);
        if (port != 0 && !taken(d, count, port)) return port;
    }
    return 0;
}

static bool choose_ports(struct demo *d)
{
    uint64_t next = d->sql_port;
    for (uint64_t i = 0; i < d->node_count; i++) {
        struct demo_node *n = &d->nodes[i];
        while (next < 65536 && try_port((uint16_t)next) == 0) next++;
        if (next >= 65536) return false;
        n->sql = (uint16_t)next++;
        n->peer = free_port(d, i + 1);
        n->http = free_port(d, i + 1);
        if (n->peer == 0 || n->http == 0 || n->http == n->peer) n->http = free_port(d, i + 1);
        if (n->peer == 0 || n->http == 0) return false;
    }
    return true;
}

/* ---- nodes ---- */

static void add_argument(struct demo_node *n, int *count, const char *text)
{
    snprintf(n->text[*count], sizeof n->text[0], "%s", text);
    n->arguments[*count] = n->text[*count];
    (*count)++;
    n->arguments[*count] = NULL;
}

static void add_address(struct demo_node *n, int *count, const char *flag, uint16_t port)
{
    char text[64];
    add_argument(n, count, flag);
    snprintf(text, sizeof text, "127.0.0.1:%u", port);
    add_argument(n, count, text);
}

static void build_arguments(struct demo *d, struct demo_node *n)
{
    int count = 0;
    char text[600];
    add_argument(n, &count, d->program);
    add_argument(n, &count, "start");
    add_argument(n, &count, "--data");
    add_argument(n, &count, n->data);
    add_address(n, &count, "--listen", n->peer);
    add_address(n, &count, "--sql", n->sql);
    add_address(n, &count, "--http", n->http);
    add_argument(n, &count, "--join");
    int at = 0;
    for (uint64_t i = 0; i < d->node_count; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s127.0.0.1:%u", i > 0 ? "," : "",
                       d->nodes[i].peer);
    add_argument(n, &count, text);
    snprintf(text, sizeof text, "--memory=%llu", (unsigned long long)d->memory_bytes);
    add_argument(n, &count, text);
    snprintf(text, sizeof text, "--io=%s", d->io);
    add_argument(n, &count, text);
    snprintf(text, sizeof text, "--clock=%s", d->clock);
    add_argument(n, &count, text);
}

static bool spawn(struct demo_node *n)
{
    char log[600];
    snprintf(log, sizeof log, "%s.log", n->data);
    pid_t parent = getpid();
    n->pid = fork();
    if (n->pid != 0) return n->pid > 0;
    /* The node ends with the demo, whatever ends the demo, and ^C at the shell does not reach it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);
    setpgid(0, 0);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(1);
    execv(n->arguments[0], n->arguments);
    _exit(127);
}

static void stop_nodes(struct demo *d)
{
    for (uint64_t i = 0; i < d->node_count; i++)
        if (d->nodes[i].pid > 0) kill(d->nodes[i].pid, SIGTERM);
    for (int tries = 0; tries < 100; tries++) {
        bool any = false;
        for (uint64_t i = 0; i < d->node_count; i++) {
            struct demo_node *n = &d->nodes[i];
            if (n->pid > 0 && waitpid(n->pid, NULL, WNOHANG) != 0) n->pid = 0;
            any |= n->pid > 0;
        }
        if (!any) return;
        pause_ms(50);
    }
    for (uint64_t i = 0; i < d->node_count; i++) {
        if (d->nodes[i].pid <= 0) continue;
        kill(d->nodes[i].pid, SIGKILL);
        waitpid(d->nodes[i].pid, NULL, 0);
    }
}

static bool node_ready(const struct demo_node *n)
{
    char host[64], *body = NULL;
    snprintf(host, sizeof host, "127.0.0.1:%u", n->http);
    int status = cli_http_get(host, "/readyz", 1000000000u, &body);
    free(body);
    return status == 200;
}

static bool node_is_voter_everywhere(const struct demo *d)
{
    char host[64], *body = NULL;
    snprintf(host, sizeof host, "127.0.0.1:%u", d->nodes[0].http);
    int status = cli_http_get(host, "/status", 1000000000u, &body);
    uint64_t voters = d->node_count < 3 ? d->node_count : 3;
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\"can_lose\":%llu", (unsigned long long)(voters - 1) / 2);
    bool yes = status == 200 && strstr(body, wanted) != NULL;
    free(body);
    return yes;
}

static void print_end(const struct demo *d, uint64_t i);

/* Reaps the node if it has ended, and says why it has. */
static bool ended(struct demo *d, uint64_t i)
{
    int how;
    if (d->nodes[i].pid > 0 && waitpid(d->nodes[i].pid, &how, WNOHANG) != d->nodes[i].pid) return false;
    d->nodes[i].pid = 0;
    print_end(d, i);
    return true;
}

static bool wait_ready(struct demo *d)
{
    for (int tries = 0; tries < 600 && !stop_seen; tries++) {
        bool all = node_is_voter_everywhere(d);
        for (uint64_t i = 0; i < d->node_count; i++) {
            if (ended(d, i)) return false;
            all = all && node_ready(&d->nodes[i]);
        }
        if (all) return true;
        pause_ms(50);
    }
    if (!stop_seen) fprintf(stderr, "ostraka demo: the nodes did not become ready; see %s\n", d->directory);
    return false;
}

/* What the node said last, for whoever sees that it ended. */
static void print_end(const struct demo *d, uint64_t i)
{
    char path[600], last[1024] = "", line[1024];
    snprintf(path, sizeof path, "%s.log", d->nodes[i].data);
    FILE *log = fopen(path, "r");
    while (log != NULL && fgets(line, sizeof line, log) != NULL)
        if (strncmp(line, "ostraka: ", 9) == 0) snprintf(last, sizeof last, "%s", line + 9);
    if (log != NULL) fclose(log);
    fprintf(stderr, "ostraka demo: node %llu ended: %s%s", (unsigned long long)i + 1, last[0] != '\0' ? last : "",
            last[0] != '\0' ? "" : "it says nothing\n");
    fprintf(stderr, "ostraka demo: its log is %s\n", path);
}

/* ---- printing ---- */

static void print_json_text(const char *text)
{
    putchar('"');
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\') putchar('\\');
        if ((unsigned char)*p >= ' ') putchar(*p);
    }
    putchar('"');
}

static void print_node(const struct demo *d, uint64_t i)
{
    const struct demo_node *n = &d->nodes[i];
    if (!d->json) {
        printf("node %llu  pid %d  psql \"host=127.0.0.1 port=%u user=postgres dbname=postgres\"  "
               "http://127.0.0.1:%u/status\n",
               (unsigned long long)i + 1, (int)n->pid, n->sql, n->http);
        return;
    }
    printf("{\"node\": %llu, \"pid\": %d, \"sql\": \"127.0.0.1:%u\", \"http\": \"127.0.0.1:%u\", \"data\": ",
           (unsigned long long)i + 1, (int)n->pid, n->sql, n->http);
    print_json_text(n->data);
    printf(", \"start\": [");
    for (int k = 0; n->arguments[k] != NULL; k++) {
        if (k > 0) printf(", ");
        print_json_text(n->arguments[k]);
    }
    printf("]}\n");
}

/* ---- the whole ---- */

static bool make_directory(struct demo *d)
{
    if (d->data != NULL) {
        if (mkdir(d->data, 0700) != 0 && errno != EEXIST) {
            fprintf(stderr, "ostraka demo: cannot make %s: %s; choose another --data\n", d->data, strerror(errno));
            return false;
        }
        errno = 0;
        char *real = realpath(d->data, NULL);
        struct stat found;
        snprintf(d->directory, sizeof d->directory, "%s", real != NULL ? real : d->data);
        memset(&found, 0, sizeof found);
        bool here = real != NULL && stat(real, &found) == 0 && S_ISDIR(found.st_mode) && access(real, W_OK | X_OK) == 0;
        if (!here)
            fprintf(stderr, "ostraka demo: cannot write to %s: %s; choose another --data\n", d->data,
                    real != NULL && !S_ISDIR(found.st_mode) ? strerror(ENOTDIR) : strerror(errno));
        free(real);
        return here;
    }
    const char *temporary = getenv("TMPDIR");
    snprintf(d->directory, sizeof d->directory, "%s/ostraka-demo-XXXXXX",
             temporary != NULL && *temporary ? temporary : "/tmp");
    if (mkdtemp(d->directory) != NULL) return true;
    fprintf(stderr, "ostraka demo: cannot make %s: %s\n", d->directory, strerror(errno));
    return false;
}

static void remove_directory(const struct demo *d)
{
    if (d->data != NULL || d->keep) return;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", d->directory, (char *)NULL);
        _exit(127);
    }
    if (pid > 0) waitpid(pid, NULL, 0);
}

static bool found_cluster(struct demo *d, const char *marker)
{
    char peer[64];
    const char *why;
    snprintf(peer, sizeof peer, "127.0.0.1:%u", d->nodes[0].peer);
    for (int tries = 0; tries < 30 && !stop_seen; tries++) {
        int status = cli_init_cluster(peer, &d->founding, 10000000000u, &why);
        if (status == CLI_OK || strstr(why, "already") != NULL) {
            int fd = open(marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            if (fd >= 0) close(fd);
            return true;
        }
        if (ended(d, 0)) return false;
    }
    if (!stop_seen) fprintf(stderr, "ostraka demo: the cluster was not founded: %s; see %s.log\n", why, d->nodes[0].data);
    return false;
}

/* Until the node has an id. */
static bool wait_joined(struct demo *d, uint64_t i)
{
    char host[64];
    snprintf(host, sizeof host, "127.0.0.1:%u", d->nodes[i].http);
    for (int tries = 0; tries < 600 && !stop_seen; tries++) {
        char *body = NULL;
        int status = cli_http_get(host, "/status", 1000000000u, &body);
        bool joined = status == 200 && strstr(body, "\"node\":") != NULL && strstr(body, "\"node\":0,") == NULL;
        free(body);
        if (joined) return true;
        if (ended(d, i)) return false;
        pause_ms(20);
    }
    if (!stop_seen)
        fprintf(stderr, "ostraka demo: node %llu does not join; see %s.log\n", (unsigned long long)i + 1,
                d->nodes[i].data);
    return false;
}

static bool start_all(struct demo *d)
{
    ssize_t size = readlink("/proc/self/exe", d->program, sizeof d->program - 1);
    if (size <= 0) return false;
    d->program[size] = '\0';
    if (!choose_ports(d)) {
        fprintf(stderr, "ostraka demo: no free ports from %llu on; choose another --sql-port\n",
                (unsigned long long)d->sql_port);
        return false;
    }
    for (uint64_t i = 0; i < d->node_count; i++) {
        struct demo_node *n = &d->nodes[i];
        snprintf(n->data, sizeof n->data, "%s/node%llu", d->directory, (unsigned long long)i + 1);
        build_arguments(d, n);
    }
    char marker[600];
    struct stat existing;
    snprintf(marker, sizeof marker, "%s/cluster", d->directory);
    bool founded = stat(marker, &existing) == 0; /* a directory that was used before holds its cluster already */
    for (uint64_t i = 0; i < d->node_count && !stop_seen; i++) {
        if (!spawn(&d->nodes[i])) {
            fprintf(stderr, "ostraka demo: cannot start a process: %s\n", strerror(errno));
            return false;
        }
        /* Ids are given in the order of joining: process N becomes node N. */
        if (!founded && !(i == 0 ? found_cluster(d, marker) : wait_joined(d, i))) return false;
    }
    return wait_ready(d);
}

static void wait_for_stop(struct demo *d)
{
    while (!stop_seen) {
        pause_ms(100);
        for (uint64_t i = 0; i < d->node_count; i++) /* killed by a person: reaped, not restarted */
            if (d->nodes[i].pid > 0 && waitpid(d->nodes[i].pid, NULL, WNOHANG) == d->nodes[i].pid)
                d->nodes[i].pid = 0;
    }
}

static int run(struct demo *d)
{
    struct sigaction action = {.sa_handler = on_stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!make_directory(d)) return CLI_ERROR;
    int status = CLI_OK;
    if (start_all(d)) {
        for (uint64_t i = 0; i < d->node_count; i++) print_node(d, i);
        printf(d->json ? "{\"ready\": true}\n" : "ready; data and logs in %s\n", d->directory);
        fflush(stdout);
        if (d->no_shell) {
            wait_for_stop(d);
        } else {
            char conninfo[128];
            snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%u user=postgres dbname=postgres",
                     d->nodes[0].sql);
            status = cli_shell(conninfo);
        }
    } else {
        status = stop_seen ? CLI_OK : CLI_ERROR;
        d->keep = status != CLI_OK;
    }
    stop_nodes(d);
    remove_directory(d);
    return status;
}

int cli_demo(int argc, char **argv)
{
    struct demo d = {.node_count = 3, .sql_port = 7432, .memory_bytes = 256u << 20, .output = "table",
                     .io = "auto", .clock = "oracle", .founding = {.ranges = 1, .rows = 1000}};
    const struct cli_flag flags[] = {
        {"nodes", 'n', CLI_NUMBER, &d.node_count, "N", "1 to 7 nodes (3)"},
        {"data", 'd', CLI_TEXT, &d.data, "DIR", "where data and logs go (a temporary directory, removed)"},
        {"sql-port", 0, CLI_NUMBER, &d.sql_port, "P", "first SQL port (7432); the next free ones follow"},
        {"memory", 0, CLI_SIZE, &d.memory_bytes, "SIZE", "per node (256MiB)"},
        {"io", 0, CLI_TEXT, &d.io, "auto|uring|epoll", "I/O backend of the nodes"},
        {"clock", 0, CLI_TEXT, &d.clock, "oracle|interval", "source of timestamps (oracle)"},
        {"ranges", 0, CLI_NUMBER, &d.founding.ranges, "N", "divide the first table from the start (1), as init does"},
        {"range-rows", 0, CLI_NUMBER, &d.founding.rows, "R", "with --ranges: at the keys R, 2R, 3R ... (1000)"},
        {"no-shell", 0, CLI_SWITCH, &d.no_shell, NULL, "stay in the foreground until ^C instead"},
        {"output", 'o', CLI_TEXT, &d.output, "table|json", "json: one object per node, then {\"ready\": true}"},
    };
    const struct cli_command command = {"demo", "A local cluster and the SQL shell.", "demo [flags]", flags,
                                        sizeof flags / sizeof flags[0], NULL};
    int status = cli_parse(&command, argc, argv, NULL, 0, NULL);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    d.json = strcmp(d.output, "json") == 0;
    if (d.node_count < 1 || d.node_count > NODES_MAX || d.sql_port < 1 || d.sql_port > 65535 ||
        (!d.json && strcmp(d.output, "table") != 0)) {
        fprintf(stderr, "ostraka demo: --nodes is 1 to %d, --sql-port 1 to 65535, -o table or json\n", NODES_MAX);
        return CLI_USAGE;
    }
    const char *wrong = cli_founding_check(&d.founding);
    if (wrong != NULL) {
        fprintf(stderr, "ostraka demo: %s\n", wrong);
        return CLI_USAGE;
    }
    if (strcmp(d.io, "auto") != 0 && strcmp(d.io, "uring") != 0 && strcmp(d.io, "epoll") != 0) {
        fprintf(stderr, "ostraka demo: --io is auto, uring or epoll\n");
        return CLI_USAGE;
    }
    if (strcmp(d.clock, "oracle") != 0 && strcmp(d.clock, "interval") != 0) {
        fprintf(stderr, "ostraka demo: --clock is oracle or interval\n");
        return CLI_USAGE;
    }
    if (d.node_count % 2 == 0)
        fprintf(stderr, "note: %llu nodes tolerate no more failures than %llu\n",
                (unsigned long long)d.node_count, (unsigned long long)d.node_count - 1);
    return run(&d);
}
