/* The machine: clock, kernel, limits, memory, ports. Reads only. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/doctor.h"
#include "io/backends.h"
#include "node/machine.h"

#define DESCRIPTORS_WANTED 3768u /* of 3,000 sessions, and for files, peers and HTTP */
#define MEMORY_WANTED      ((uint64_t)1 << 30)
#define MIB(bytes)         ((unsigned long long)((bytes) >> 20))

static bool read_line(const char *path, char *out, int size)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) return false;
    bool read = fgets(out, size, f) != NULL;
    fclose(f);
    if (read) out[strcspn(out, "\n")] = '\0';
    return read;
}

static void check_clock(struct doctor *d)
{
    char name[64];
    bool known = machine_clock_source("", name, sizeof name);
    bool trusted = known && strncmp(name, "kvm-clock", 9) != 0;
    doctor_add(
        d, trusted ? DOCTOR_OK : DOCTOR_WARN, "clock source",
        trusted ? ""
                : "Nodes here take no leases, so each batch of reads costs a round to a majority. "
                  "If the processor's "
                  "counter is reliable, choose it: clocksource=tsc on the kernel's command line.",
        "%s", known ? name : "not told by the kernel");
    struct timex t = {0};
    int state = adjtimex(&t);
    bool synchronized = state >= 0 && state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
    doctor_add(d, synchronized ? DOCTOR_OK : DOCTOR_WARN, "clock synchronized",
               synchronized ? ""
                            : "Run chrony or systemd-timesyncd: now() and logs follow this clock. "
                              "Correctness does not.",
               "%s", synchronized ? "yes" : "no");
}

static void check_io(struct doctor *d)
{
    struct logger logger;
    logger_init_stderr(&logger, LOG_LEVEL_ERROR);
    struct env_options o = {.root = "/tmp", .logger = &logger};
    struct env *env = NULL;
    enum status status = env_uring_create(&o, &env);
    if (status == STATUS_OK) {
        env_shutdown(env);
        env_poll(env, 0);
        env_destroy(env);
    }
    doctor_add(d, status == STATUS_OK ? DOCTOR_OK : DOCTOR_WARN, "io_uring",
               status == STATUS_OK ? ""
                                   : "Nodes use epoll instead, which costs more processor time. "
                                     "See kernel.io_uring_disabled, and "
                                     "the seccomp profile of a container.",
               "%s", status == STATUS_OK ? "available" : "not available");
}

static void check_limits(struct doctor *d)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0)
        doctor_add(
            d, r.rlim_max >= DESCRIPTORS_WANTED ? DOCTOR_OK : DOCTOR_WARN, "file descriptors",
            r.rlim_max >= DESCRIPTORS_WANTED
                ? ""
                : "Raise the hard limit (ulimit -Hn, LimitNOFILE=), or serve fewer sessions "
                  "(--max-connections).",
            "%llu at most, 3768 are wanted for 3000 sessions", (unsigned long long)r.rlim_max);
    if (getrlimit(RLIMIT_FSIZE, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
        doctor_add(d, DOCTOR_WARN, "file size",
                   "Remove the limit (ulimit -f unlimited, LimitFSIZE=infinity).",
                   "files are limited to %llu MiB", MIB(r.rlim_cur));
    if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
        doctor_add(d, DOCTOR_WARN, "address space",
                   "Remove the limit (ulimit -v unlimited): a node reserves 8 GiB of addresses for "
                   "stacks that it hardly uses.",
                   "limited to %llu MiB", MIB(r.rlim_cur));
    char text[32];
    if (read_line("/proc/sys/vm/overcommit_memory", text, sizeof text) && strcmp(text, "2") == 0)
        doctor_add(d, DOCTOR_WARN, "overcommit",
                   "Set vm.overcommit_memory to 0: stacks are reserved and hardly used.",
                   "vm.overcommit_memory is 2");
}

static void check_memory(struct doctor *d)
{
    struct machine_memory m;
    machine_memory_read("", &m);
    uint64_t bytes = machine_memory_bytes(&m);
    char limit[64] = "no limit of a control group";
    if (m.limit_bytes != 0)
        snprintf(limit, sizeof limit, "limited to %llu MiB by the control group",
                 MIB(m.limit_bytes));
    doctor_add(d, bytes >= MEMORY_WANTED ? DOCTOR_OK : DOCTOR_WARN, "memory",
               bytes >= MEMORY_WANTED ? ""
                                      : "Give a node 1 GiB or more, or less to do: --memory, "
                                        "--sql-memory, --max-connections.",
               "%llu MiB, %s; by default %llu for the store and %llu for SQL",
               MIB(m.physical_bytes), limit, MIB(machine_store_memory(bytes)),
               MIB(machine_sql_memory(bytes)));
    char thp[128];
    if (!read_line("/sys/kernel/mm/transparent_hugepage/enabled", thp, sizeof thp)) return;
    bool always = strstr(thp, "[always]") != NULL;
    doctor_add(d, always ? DOCTOR_WARN : DOCTOR_OK, "huge pages",
               always ? "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled: each stack "
                        "may take 2 MiB otherwise."
                      : "",
               "%s", thp);
}

/* A port that a node started here would take by default. */
static void check_port(struct doctor *d, const char *name, uint16_t port)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
               sizeof on); /* one that was in use a moment ago is free */
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool taken = bind(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno == EADDRINUSE;
    close(fd);
    doctor_add(d, DOCTOR_OK, "port", "", "127.0.0.1:%u (%s) is %s", port, name,
               taken ? "in use" : "free");
}

void doctor_machine(struct doctor *d)
{
    doctor_add(d, DOCTOR_OK, "processors", "", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    check_clock(d);
    check_io(d);
    check_limits(d);
    check_memory(d);
    check_port(d, "sql", 7432);
    check_port(d, "peers", 7433);
    check_port(d, "http", 7480);
}
