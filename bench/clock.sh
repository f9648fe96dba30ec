#!/bin/bash
# What the source of timestamps costs: three nodes, the clock master on the first one and the data's leader on the second,
# with --clock oracle and --clock interval in turns. Prints rate and latency of one-range writes and reads.
#
#   bench/clock.sh [ROUNDS]      3; OSTRAKA, BENCH and TMPDIR as in cluster.sh; SECONDS_PER_RUN (3), SHAPES connections (1 16 64)
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
rounds=${1:-3} seconds=${SECONDS_PER_RUN:-3}
read -ra shapes <<<"${SHAPES:-1 16 64}"

end_cluster() {
    local i
    for i in 1 2 3; do stop_node "$i"; done
    rm -rf "$root"/node[0-9]*
    peers=() sqls=() https=() pids=()
}

machine
for ((round = 1; round <= rounds; round++)); do
    for source in oracle interval; do
        start_flags=(--clock "$source")
        start_cluster 3
        bench_sql load "${sqls[2]}" --keys 10000 --connections 4 >/dev/null || die "cannot be filled"
        put_leader 1 1 1
        put_leader 1 "$(range_of_kv 1)" 2
        for workload in upsert get; do
            for connections in "${shapes[@]}"; do
                bench_sql "$workload" "${sqls[2]}" --connections "$connections" --keys 10000 --seconds "$seconds" |
                    sed "s/^/$source $workload $connections /" >>"$root/rows" || die "$workload"
            done
        done
        end_cluster
    done
done
python3 - "$root/rows" <<'PY'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    f = line.split()
    rows.setdefault((f[1], int(f[2]), f[0]), []).append([float(x) for x in (f[6], f[7], f[8])])
print("%-8s %5s  %-9s %9s %9s %9s" % ("workload", "conns", "clock", "per s", "p50 us", "p99 us"))
for workload, connections, source in sorted(rows, key=lambda k: (k[0], k[1], k[2] != "oracle")):
    middle = [statistics.median(v) for v in zip(*rows[workload, connections, source])]
    print("%-8s %5d  %-9s %9.0f %9.0f %9.0f" % ((workload, connections, source) + tuple(middle)))
PY
