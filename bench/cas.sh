#!/bin/bash
# Compare-and-swap of two keys: on Ostraka two rows that lie in two ranges, by one statement; on etcd two keys, which are always in
# its one group, by one Txn. Three nodes of each, alternately; prints the median rate and latency, and the ratios.
#
#   bench/cas.sh [ROUNDS]      3; OSTRAKA, BENCH and TMPDIR as in cluster.sh; SECONDS_PER_RUN (3), SHAPES connections (16 64), KEYS (10000),
#                              PLACE one: all is led by the node that is asked, as etcd's group is; spread: one range by another node;
#                              any: where leaders come to lie, as the cluster evens them out while it is measured
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
rounds=${1:-3} seconds=${SECONDS_PER_RUN:-3} keys=${KEYS:-10000}
read -ra shapes <<<"${SHAPES:-16 64}"
place=${PLACE:-one}

fill() {
    sql 1 "SET client_min_messages = warning" "DROP TABLE IF EXISTS cas" "CREATE TABLE cas (k bigint PRIMARY KEY, n bigint, v text)" \
        "ALTER TABLE cas SPLIT AT VALUES ($((keys / 2 + 1)))" "INSERT INTO cas SELECT i, 0, '' FROM generate_series(1, $keys) i" >/dev/null ||
        die "cas cannot be filled"
}

begin() { # all n are 0 again
    local range
    sql 1 "UPDATE cas SET n = 0" >/dev/null || die "cas cannot be reset"
    [ "$place" = any ] && return
    for range in $(sql 1 "SELECT range FROM ostraka.ranges"); do put_leader 1 "$range" "$leader"; done
    [ "$place" = one ] || put_leader 1 "$(range_of_kv 1)" $((leader % 3 + 1))
}

machine
start_cluster 3
start_etcd
fill
leader=$(sql 1 "SELECT leader FROM ostraka.ranges ORDER BY range DESC LIMIT 1")
[ "$place" = any ] || sql 1 "ALTER SYSTEM SET rebalance = off" >/dev/null || die "leaders cannot be kept where they are"
for ((round = 1; round <= rounds; round++)); do
    for connections in "${shapes[@]}"; do
        begin
        flags=(--connections "$connections" --keys "$keys" --seconds "$seconds" --no-header)
        "$BENCH/sql_bench" cas --address "${sqls[$leader]}" --prepared "${flags[@]}" >"$root/row" || die "cas"
        sed "s/^/ostraka $connections /" "$root/row" >>"$root/rows"
        "$BENCH/etcd_bench" cas --address "${etcd_clients[$(etcd_leader)]}" "${flags[@]}" >"$root/row" || die "etcd's cas"
        sed "s/^/etcd $connections /" "$root/row" >>"$root/rows"
    done
done
python3 - "$root/rows" <<'PY'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    f = line.split()
    rows.setdefault((int(f[1]), f[0]), []).append([float(f[5]), float(f[6]), float(f[7]), float(f[11])])
print("%5s  %9s %9s %9s   %9s %9s %9s   %6s %6s" % ("conns", "per s", "p50 us", "p99 us", "etcd", "p50 us", "p99 us", "ratio", "errors"))
for connections in sorted({k[0] for k in rows}):
    ours, etcd = ([statistics.median(v) for v in zip(*rows[connections, who])] for who in ("ostraka", "etcd"))
    errors = sum(r[3] for who in ("ostraka", "etcd") for r in rows[connections, who])
    print("%5d  %9.0f %9.0f %9.0f   %9.0f %9.0f %9.0f   %5.2fx %6d" % ((connections,) + tuple(ours[:3]) + tuple(etcd[:3]) + (ours[0] / etcd[0], errors)))
PY
