#include "node/node.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/backends.h"
#include "node/core.h"
#include "node/heap.h"
#include "node/http.h"
#include "node/machine.h"
#include "node/metrics.h"
#include "sql/datetime_zone.h"
#include "sql/server.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo" /* Debian's tzdata */
#define CONNECTIONS_DEFAULT 3000u
#define BUFFERS_BYTES_MAX ((uint64_t)256 << 20)
#define BUFFERS_BYTES_MIN ((uint64_t)64 << 20)
#define DESCRIPTORS_KEPT 768u /* for files, peers, HTTP, and clients that are told that there are too many */

struct node {
    struct node_options options;
    struct logger logger;
    struct env *env;
    struct busy_poll busy_poll;
    struct core *core;
    struct sql_server *sql;
    struct sql_zones *zones;
    struct http_server *http;
    struct metrics_sources sources;
    struct overview_watch overview;
    struct heap heap;
    char sql_address[NET_HOST_MAX], http_address[NET_HOST_MAX];
    char clock_refused[64]; /* the kernel's clock source, when --clock interval is refused because of it */
    int lock_fd;
    bool ended;
    int exit_status;
    char why[512];
};

/* The one thing a signal handler may touch. */
static volatile sig_atomic_t signal_seen;

static void on_signal(int number)
{
    signal_seen = number;
}

static int refuse(const char *format, const char *what, const char *why)
{
    fprintf(stderr, "ostraka: ");
    fprintf(stderr, format, what, why);
    fprintf(stderr, "\n");
    return 1;
}

/* ---- the data directory ---- */

static int make_directory(const char *path)
{
    char partial[4096];
    if (strlen(path) >= sizeof partial) return ENAMETOOLONG;
    for (size_t i = 1; path[i - 1] != '\0'; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(partial, path, i);
        partial[i] = '\0';
        if (mkdir(partial, 0700) != 0 && errno != EEXIST) return errno;
    }
    return 0;
}

static int lock_directory(struct node *n)
{
    char path[4200];
    int error = make_directory(n->options.data);
    if (error != 0)
        return refuse("cannot make the data directory %s: %s", n->options.data, strerror(error));
    snprintf(path, sizeof path, "%s/LOCK", n->options.data);
    n->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (n->lock_fd < 0)
        return refuse("cannot write to the data directory %s: %s", n->options.data, strerror(errno));
    if (flock(n->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return refuse("the data directory %s is in use by another process%s", n->options.data,
                      "; stop it or choose another --data");
    char pid[32];
    int size = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(n->lock_fd, 0) != 0 || pwrite(n->lock_fd, pid, (size_t)size, 0) != size)
        return refuse("cannot write to the data directory %s: %s", n->options.data, strerror(errno));
    return 0;
}

/* ---- parts ---- */

static int create_env(struct node *n)
{
    n->busy_poll.limit_ns = n->options.busy_poll_ns;
    struct env_options o = {.root = n->options.data, .logger = &n->logger, .busy_poll = &n->busy_poll};
    enum status status = STATUS_UNSUPPORTED;
    if (n->options.io != NODE_IO_EPOLL) status = env_uring_create(&o, &n->env);
    if (status == STATUS_UNSUPPORTED && n->options.io == NODE_IO_URING)
        return refuse("io_uring is not available here%s%s; use --io epoll", "", "");
    if (status == STATUS_UNSUPPORTED) {
        if (n->options.io == NODE_IO_AUTO)
            LOG_WARN(&n->logger, "io", "io_uring is not available, using epoll", "%s", "");
        status = env_epoll_create(&o, &n->env);
    }
    if (status != STATUS_OK)
        return refuse("cannot open the data directory %s: %s", n->options.data, status_name(status));
    LOG_INFO(&n->logger, "io", "environment ready", "backend=%s", n->env->table->name);
    return 0;
}

static void on_core_end(void *ctx, int exit_status, const char *why)
{
    struct node *n = ctx;
    if (n->ended) return;
    n->ended = true;
    n->exit_status = exit_status;
    snprintf(n->why, sizeof n->why, "%s", why);
}

static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = (uint64_t)getpid();
    return seed;
}

/* What flags leave open: parts of what the machine gives. */
static void choose_memory(struct node *n)
{
    struct machine_memory m;
    machine_memory_read("", &m);
    uint64_t bytes = machine_memory_bytes(&m);
    if (n->options.memory_bytes == 0) n->options.memory_bytes = machine_store_memory(bytes);
    if (n->options.sql_memory_bytes == 0) n->options.sql_memory_bytes = machine_sql_memory(bytes);
    LOG_INFO(&n->logger, "node", "memory", "machine_mib=%llu limit_mib=%llu store_mib=%llu sql_mib=%llu",
             (unsigned long long)(m.physical_bytes >> 20), (unsigned long long)(m.limit_bytes >> 20),
             (unsigned long long)(n->options.memory_bytes >> 20),
             (unsigned long long)(n->options.sql_memory_bytes >> 20));
    if (n->options.memory_bytes + n->options.sql_memory_bytes > bytes / 10 * 9)
        LOG_WARN(&n->logger, "node", "--memory and --sql-memory are more than the machine, or its control group, has", "%s",
                 "");
}

/* Before the loop runs: evaluation never waits for a disk. */
static void load_zones(struct node *n)
{
    n->zones = sql_zones_create();
    if (n->zones == NULL || sql_zones_load(n->zones, ZONE_DIRECTORY) != STATUS_OK)
        LOG_WARN(&n->logger, "node", "no named time zones, only UTC and offsets", "directory=%s", ZONE_DIRECTORY);
}

/* Of what sessions may hold, for input that is not whole yet: room for a few of the largest messages at least. */
static uint64_t buffers_of(uint64_t sql_memory_bytes)
{
    uint64_t half = sql_memory_bytes / 2;
    return half > BUFFERS_BYTES_MAX ? BUFFERS_BYTES_MAX : half < BUFFERS_BYTES_MIN ? BUFFERS_BYTES_MIN : half;
}

static int create_servers(struct node *n)
{
    load_zones(n);
    struct sql_server_options sql = {.env = n->env, .logger = &n->logger, .listen = n->options.sql,
                                     .connection_max = (uint32_t)n->options.sql_connection_max,
                                     .memory_bytes = (size_t)n->options.sql_memory_bytes,
                                     .buffered_bytes_max = buffers_of(n->options.sql_memory_bytes),
                                     .log_slow_ms = n->options.log_slow_ms,
                                     .zones = n->zones};
    enum status status = sql_server_create(&sql, &n->sql);
    char text[ENV_ADDR_TEXT_MAX];
    env_addr_format(&n->options.sql, text);
    if (status == STATUS_BUSY)
        return refuse("the SQL address %s is in use%s", text, "; choose another --sql");
    if (status != STATUS_OK) return refuse("cannot listen on %s: %s", text, status_name(status));
    struct http_options http = {.env = n->env, .logger = &n->logger, .listen = n->options.http,
                                .answer = metrics_answer, .ctx = &n->sources};
    status = http_create(&http, &n->http);
    env_addr_format(&n->options.http, text);
    if (status == STATUS_BUSY)
        return refuse("the HTTP address %s is in use%s", text, "; choose another --http");
    if (status != STATUS_OK) return refuse("cannot listen on %s: %s", text, status_name(status));
    return 0;
}

static void address_of(char text[NET_HOST_MAX], const char *advertised, struct env_addr addr,
                       uint16_t port)
{
    char formatted[ENV_ADDR_TEXT_MAX];
    addr.port = port;
    env_addr_format(&addr, formatted);
    snprintf(text, NET_HOST_MAX, "%s", advertised != NULL ? advertised : formatted);
}

/* Leases rest on how long things take by this machine's clock. Under kvm-clock it may stand still while the
 * machine is stopped and the world goes on (K18); where nobody says what the clock is, it is not trusted. */
static bool clock_may_stand_still(const struct node_options *o)
{
    char name[64];
    if (o->trust_clock) return false;
    return !machine_clock_source("", name, sizeof name) || strncmp(name, "kvm-clock", 9) == 0;
}

/* Bounds of the clock rest on it even more. */
static enum kv_clock_source clock_source_of(struct node *n)
{
    char name[64] = "";
    if (n->options.clock != KV_CLOCK_INTERVAL || n->options.trust_clock) return n->options.clock;
    bool known = machine_clock_source("", name, sizeof name);
    if (known && machine_clock_measures(name)) return KV_CLOCK_INTERVAL;
    snprintf(n->clock_refused, sizeof n->clock_refused, "%s", known ? name : "unknown");
    LOG_WARN(&n->logger, "node", "--clock interval is refused, and oracle used instead: the kernel's clock source cannot be trusted to "
             "measure time; --trust-clock overrides", "source=%s", n->clock_refused);
    return KV_CLOCK_ORACLE;
}

static int create_core(struct node *n)
{
    const struct node_options *o = &n->options;
    struct core_options c = {
        .env = n->env,
        .logger = &n->logger,
        .seed = random_seed(),
        .listen = o->listen,
        .join = o->join,
        .memory_bytes = o->memory_bytes,
        .wal_sync_mode = o->wal_sync,
        .no_leases = clock_may_stand_still(o),
        .clock_source = clock_source_of(n),
        .dead_after_ns = o->dead_after_ns,
        .version_retention_ns = o->version_retention_ns,
        .on_end = on_core_end,
        .ctx = n,
    };
    if (c.no_leases)
        LOG_WARN(&n->logger, "node", "no leases: the clock of this machine may stand still", "%s", "");
    address_of(n->sql_address, o->advertise_sql, o->sql, sql_server_port(n->sql));
    address_of(n->http_address, NULL, o->http, http_port(n->http));
    snprintf(c.sql_address, sizeof c.sql_address, "%s", n->sql_address);
    snprintf(c.http_address, sizeof c.http_address, "%s", n->http_address);
    if (o->advertise != NULL) snprintf(c.advertise, sizeof c.advertise, "%s", o->advertise);
    if (o->locality != NULL) snprintf(c.locality, sizeof c.locality, "%s", o->locality);
    enum status status = core_create(&c, &n->core);
    if (status == STATUS_OK) return 0;
    char text[ENV_ADDR_TEXT_MAX];
    env_addr_format(&o->listen, text);
    if (status == STATUS_BUSY)
        return refuse("the peer address %s is in use%s", text, "; choose another --listen");
    return refuse("cannot start on %s: %s", text, status_name(status));
}

/* ---- the loop ---- */

static void announce(struct node *n)
{
    char peer[ENV_ADDR_TEXT_MAX];
    struct env_addr addr = n->options.listen;
    addr.port = core_peer_port(n->core);
    env_addr_format(&addr, peer);
    LOG_INFO(&n->logger, "node", "listening", "peers=%s sql=%s http=%s data=%s", peer, n->sql_address,
             n->http_address, n->options.data);
}

/* A fresh node waits for somebody to say what it belongs to: says so, once. */
static void tell_what_next(struct node *n)
{
    if (store_identity(core_store(n->core))->node.value != 0) return;
    const char *advertise = store_identity(core_store(n->core))->advertise;
    if (n->options.join != NULL)
        LOG_INFO(&n->logger, "node", "no member of a cluster yet", "next=\"joins as soon as one of %s answers\"",
                 n->options.join);
    else
        LOG_INFO(&n->logger, "node", "no member of a cluster yet",
                 "next=\"ostraka init --host %s founds one; restart with --join to enter one\"", advertise);
}

static void loop(struct node *n)
{
    bool stopping = false, attached = false;
    while (!n->ended) {
        uint64_t wake_ns = core_step(n->core);
        if (!attached && core_store(n->core) != NULL) {
            attached = sql_server_attach(n->sql, core_kv(n->core), core_fibers(n->core),
                                         core_timers(n->core)) == STATUS_OK;
            if (attached) tell_what_next(n);
        }
        if (n->ended) break;
        if (signal_seen != 0 && !stopping) {
            stopping = true;
            LOG_INFO(&n->logger, "node", "stopping", "signal=%d", (int)signal_seen);
            sql_server_drain(n->sql);
            core_stop(n->core);
        }
        if (stopping && core_stopped(n->core)) break;
        uint64_t now_ns = env_now_ns(n->env);
        heap_tick(&n->heap, now_ns);
        uint64_t latest_ns = now_ns + 100000000u; /* a signal is seen within this */
        env_poll(n->env, wake_ns < latest_ns ? wake_ns : latest_ns);
    }
}

/* The last line on stderr, below what the end itself logs. */
static void say_why(const struct node *n)
{
    if (n->ended) fprintf(stderr, "ostraka: the node stopped: %s\n", n->why);
}

/* Polls until nothing is under way any more. A file operation in the kernel may take a moment; a disk that
 * does not come back within ten seconds is left to the operating system. */
static void drain(struct node *n)
{
    uint64_t end_ns = env_now_ns(n->env) + 10000000000u;
    for (;;) {
        bool ran = n->core != NULL && fiber_run_ready(core_fibers(n->core));
        if (!ran && env_idle(n->env)) return;
        if (env_now_ns(n->env) > end_ns) {
            say_why(n);
            _exit(1);
        }
        env_poll(n->env, env_now_ns(n->env) + 1000000u);
    }
}

/* Everything that waits is ended through its own error path, so that leaks and hangs show in tests. */
static void tear_down(struct node *n)
{
    env_shutdown(n->env);
    if (n->sql != NULL) sql_server_stop(n->sql);
    if (n->core != NULL) core_abandon(n->core);
    drain(n);
    if (n->sql != NULL) sql_server_destroy(n->sql);
    sql_zones_destroy(n->zones);
    if (n->core != NULL) core_destroy(n->core);
    n->core = NULL;
    if (n->http != NULL) http_destroy(n->http);
    drain(n); /* files that were closed last */
    env_destroy(n->env);
}

/* As many descriptors as there may be; sessions are limited to what they leave, so that whoever comes too much
 * is told so instead of being left to wait. A number of sessions that was asked for is had, or the node does not start. */
static int raise_limits(struct node *n)
{
    struct rlimit files;
    bool asked = n->options.sql_connection_max != 0;
    if (!asked) n->options.sql_connection_max = CONNECTIONS_DEFAULT;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 0;
    rlim_t needed = n->options.sql_connection_max + DESCRIPTORS_KEPT;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= needed) return 0;
    uint64_t left = files.rlim_cur > 2 * DESCRIPTORS_KEPT ? files.rlim_cur - DESCRIPTORS_KEPT : DESCRIPTORS_KEPT / 2;
    if (asked) {
        fprintf(stderr, "ostraka: --max-connections %llu needs %llu file descriptors, and this process may have %llu: raise "
                        "the hard limit (ulimit -Hn, LimitNOFILE=), or ask for at most %llu sessions\n",
                (unsigned long long)n->options.sql_connection_max, (unsigned long long)needed,
                (unsigned long long)files.rlim_cur, (unsigned long long)left);
        return 1;
    }
    LOG_WARN(&n->logger, "node", "fewer SQL sessions than usual: too few file descriptors (ulimit -Hn)",
             "sessions=%llu descriptors=%llu", (unsigned long long)left, (unsigned long long)files.rlim_cur);
    n->options.sql_connection_max = left;
    return 0;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write over the limit is an error like any other */
    signal(SIGHUP, SIG_IGN);
}

static int check_exposure(const struct node_options *o)
{
    bool local = env_addr_is_loopback(&o->listen) && env_addr_is_loopback(&o->sql) &&
                 env_addr_is_loopback(&o->http);
    if (local || o->insecure) return 0;
    fprintf(stderr, "ostraka: refusing to listen on a non-loopback address without TLS; "
                    "give --insecure if the network is trusted\n");
    return 2;
}

int node_run(const struct node_options *options)
{
    int status = check_exposure(options);
    if (status != 0) return status;
    struct node n = {.options = *options, .lock_fd = -1};
    heap_init(&n.heap);
    logger_init_stderr(&n.logger, options->log_level);
    status = raise_limits(&n);
    catch_signals();
    if (status == 0) status = lock_directory(&n);
    if (status == 0) choose_memory(&n);
    if (status == 0) status = create_env(&n);
    if (status != 0) return status;
    status = create_servers(&n);
    if (status == 0) status = create_core(&n);
    if (status == 0) {
        n.sources = (struct metrics_sources){.core = n.core, .busy_poll = &n.busy_poll, .sql = n.sql, .sql_address = n.sql_address,
                                             .http_address = n.http_address, .data = options->data,
                                             .io = n.env->table->name, .leases = !clock_may_stand_still(options),
                                             .clock_refused = n.clock_refused,
                                             .memory_bytes = n.options.memory_bytes,
                                             .started_wall_ns = env_wall_ns(n.env),
                                             .overview = &n.overview};
        announce(&n);
        loop(&n);
        status = n.ended ? n.exit_status : 0;
    }
    tear_down(&n);
    say_why(&n);
    close(n.lock_fd);
    return status;
}
