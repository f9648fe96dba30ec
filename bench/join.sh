#!/bin/bash
# Reads and writes while a fourth node joins and takes its share of the ranges: p99 and the longest stretch without an
# answer, in windows of two seconds of each in turn, before it starts, until it holds its share, and afterwards.
#
#   bench/join.sh [ROWS]      200000 of VALUE_BYTES (1000) in 16 ranges; OSTRAKA, BENCH and TMPDIR as in cluster.sh
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
rows=${1:-200000} ranges=16 value_bytes=${VALUE_BYTES:-1000}

window() { # PHASE: a row for writes, one for reads
    local op
    for op in upsert get; do
        echo "$1 $(bench_sql $op "$(joined "${sqls[@]:0:3}")" --connections 16 --keys "$rows" --value-bytes "$value_bytes" --seconds 2 --warmup-ms 100 2>>"$root/errors")" >>"$root/rows"
    done
}
held() { sql 1 "SELECT voters FROM ostraka.ranges" | tr ',' '\n' | grep -cx 4; }

machine
start_cluster 3
bench_sql load "${sqls[1]}" --connections 4 --keys "$rows" --value-bytes "$value_bytes" >/dev/null || die "cannot be filled"
for ((i = 1; i < ranges; i++)); do retry 10 sql 1 "ALTER TABLE kv SPLIT AT VALUES ($((i * rows / ranges)))" || die "split $i"; done
sleep 3
for ((i = 0; i < 4; i++)); do window before; done
share=$(((ranges + 2) * 3 / 4 - 2)) # of the replicas of all ranges, less what balancing leaves
start_node 4
begun=$(now_ms)
retry 30 is_ready 4 || die "node 4 is not ready"
while [ "$(held)" -lt $share ]; do
    [ $(($(now_ms) - begun)) -lt 300000 ] || die "node 4 holds $(held) of $share"
    window while
done
filled=$(($(now_ms) - begun))
for ((i = 0; i < 4; i++)); do window after; done
printf '%s rows of %s bytes in %s ranges; node 4 held %s of them after %s s, %s MiB\n' "$rows" "$value_bytes" \
    "$ranges" "$(held)" $((filled / 1000)) "$(du -sm "$root/node4" | cut -f1)"
printf '%-8s %-8s %8s %16s %14s %10s %8s\n' phase op ops/s "p99_ms (median)" "p99_ms (worst)" gap_ms errors
for phase in before while after; do
    for op in upsert get; do
        awk -v p=$phase -v o=$op '$1 == p && $2 == o { print $5, $7 / 1000, $NF, $(NF - 1) }' "$root/rows" | sort -k2,2g |
            awk -v p=$phase -v o=$op '{ s += $1; v[NR] = $2; if ($3 > g) g = $3; e += $4 }
                END { if (NR) printf "%-8s %-8s %8.0f %16.1f %14.1f %10.1f %8d\n", p, o, s / NR, v[int((NR + 1) / 2)], v[NR], g, e }'
    done
done
sort "$root/errors" | uniq -c | sort -rn | head -n 5
