#include "node/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB       ((uint64_t)1 << 20)
#define GIB       ((uint64_t)1 << 30)
#define UNLIMITED (UINT64_MAX / 4) /* version 1 writes a huge number for "no limit" */

/* The number that a file holds; 0: it is not there, or says "max". */
static uint64_t read_limit(const char *path)
{
    char text[64] = "";
    FILE *f = fopen(path, "re");
    if (f == NULL) return 0;
    size_t size = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[size] = '\0';
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    return end == text || value >= UNLIMITED ? 0 : value;
}

static void take_lesser(uint64_t *limit, uint64_t other)
{
    if (other != 0 && (*limit == 0 || other < *limit)) *limit = other;
}

/* A group's limit and those of the groups above it. What /proc names may not be there, as in a
 * container that sees only its own part of the tree: then the top is that part. */
static void read_groups(const char *base, char *group, const char *file, uint64_t *limit)
{
    char path[1024];
    for (;;) {
        if (snprintf(path, sizeof path, "%s%s/%s", base, group, file) < (int)sizeof path)
            take_lesser(limit, read_limit(path));
        char *slash = strrchr(group, '/');
        if (slash == NULL) return;
        *slash = '\0';
    }
}

/* A line of /proc/self/cgroup: "0::/path" is version 2, "4:memory:/path" version 1. */
static void read_group_line(const char *root, char *line, uint64_t *limit)
{
    char base[512];
    char *controllers = strchr(line, ':'),
         *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL) return;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    bool unified = controllers[1] == '\0';
    if (!unified && strcmp(controllers + 1, "memory") != 0) return;
    snprintf(base, sizeof base, "%s/sys/fs/cgroup%s", root, unified ? "" : "/memory");
    read_groups(base, group, unified ? "memory.max" : "memory.limit_in_bytes", limit);
}

void machine_memory_read(const char *root, struct machine_memory *out)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    char path[512], line[1024];
    *out = (struct machine_memory){
        .physical_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : GIB};
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    if (f == NULL) return;
    while (fgets(line, sizeof line, f) != NULL)
        read_group_line(root, line, &out->limit_bytes);
    fclose(f);
}

uint64_t machine_memory_bytes(const struct machine_memory *m)
{
    return m->limit_bytes != 0 && m->limit_bytes < m->physical_bytes ? m->limit_bytes
                                                                     : m->physical_bytes;
}

static uint64_t part(uint64_t bytes, uint64_t least)
{
    uint64_t quarter = bytes / 4;
    return quarter > GIB ? GIB : quarter < least ? least : quarter;
}

uint64_t machine_store_memory(uint64_t bytes)
{
    return part(bytes, 16 * MIB);
}
uint64_t machine_sql_memory(uint64_t bytes)
{
    return part(bytes, 64 * MIB);
}

bool machine_clock_source(const char *root, char *name, unsigned size)
{
    char path[512];
    snprintf(path, sizeof path,
             "%s/sys/devices/system/clocksource/clocksource0/current_clocksource", root);
    FILE *f = fopen(path, "re");
    if (f == NULL) return false;
    bool known = fgets(name, (int)size, f) != NULL;
    fclose(f);
    if (known) name[strcspn(name, "\n")] = '\0';
    return known;
}

bool machine_clock_measures(const char *name)
{
    static const char *const doubtful[] = {"kvm-clock", "xen", "hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"};
    for (size_t i = 0; i < sizeof doubtful / sizeof doubtful[0]; i++)
        if (strcmp(name, doubtful[i]) == 0) return false;
    return name[0] != '\0';
}
