#include "node/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

#define MIB ((uint64_t)1 << 20)

static char root[] = "/tmp/ostraka-machine-XXXXXX";

static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; *p != '\0'; p++) {
        if (*p != '/') continue;
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static uint64_t limit_of(void)
{
    struct machine_memory m;
    machine_memory_read(root, &m);
    assert_true(m.physical_bytes > 0);
    return m.limit_bytes;
}

static void begin(void)
{
    memcpy(root, "/tmp/ostraka-machine-XXXXXX", sizeof root);
    assert_non_null(mkdtemp(root));
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
}

TEST(machine, the_least_limit_of_the_groups_above_counts)
{
    begin();
    assert_int_equal(limit_of(), 0); /* nothing is told */
    put("/proc/self/cgroup", "0::/system.slice/ostraka.service\n");
    put("/sys/fs/cgroup/system.slice/ostraka.service/memory.max", "max\n");
    assert_int_equal(limit_of(), 0);
    put("/sys/fs/cgroup/system.slice/memory.max", "805306368\n");
    assert_int_equal(limit_of(), 768 * MIB);
    put("/sys/fs/cgroup/system.slice/ostraka.service/memory.max", "268435456\n");
    assert_int_equal(limit_of(), 256 * MIB);
    end();
}

TEST(machine, groups_of_version_1_are_known_too)
{
    begin();
    put("/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/abc\n1:name=systemd:/x\n");
    put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(limit_of(), 0);
    put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "536870912\n");
    assert_int_equal(limit_of(), 512 * MIB);
    end();
}

/* Inside a container /proc may name a group that is not to be seen. */
TEST(machine, a_container_sees_its_own_limit_at_the_top)
{
    begin();
    put("/proc/self/cgroup", "0::/../../kubepods/pod1\nrubbish\n::\n");
    put("/sys/fs/cgroup/memory.max", "134217728\n");
    assert_int_equal(limit_of(), 128 * MIB);
    end();
}

TEST(machine, a_quarter_each_is_for_the_store_and_for_sessions)
{
    struct machine_memory m = {.physical_bytes = 8192 * MIB, .limit_bytes = 1024 * MIB};
    assert_int_equal(machine_memory_bytes(&m), 1024 * MIB);
    m.limit_bytes = 0;
    assert_int_equal(machine_memory_bytes(&m), 8192 * MIB);
    assert_int_equal(machine_store_memory(1024 * MIB), 256 * MIB);
    assert_int_equal(machine_sql_memory(1024 * MIB), 256 * MIB);
    assert_int_equal(machine_store_memory(65536 * MIB), 1024 * MIB);
    assert_int_equal(machine_store_memory(32 * MIB), 16 * MIB);
    assert_int_equal(machine_sql_memory(32 * MIB), 64 * MIB);
}

TEST(machine, a_clock_that_may_stand_still_measures_nothing)
{
    char name[64];
    begin();
    assert_false(machine_clock_source(root, name, sizeof name));
    put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    assert_true(machine_clock_source(root, name, sizeof name));
    assert_true(machine_clock_measures(name));
    put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock\n");
    assert_true(machine_clock_source(root, name, sizeof name));
    assert_false(machine_clock_measures(name));
    assert_false(machine_clock_measures("hpet"));
    assert_false(machine_clock_measures("jiffies"));
    assert_false(machine_clock_measures(""));
    end();
}
