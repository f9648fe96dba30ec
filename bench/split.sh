#!/bin/bash
# For how long a split closes the right half, as the server measures it (metric split_closed_seconds: from the latch until
# the right side serves), and what clients see meanwhile: 16 of them write all over the table that is being divided.
#
#   bench/split.sh [TIMES]      100; OSTRAKA, BENCH and TMPDIR as in cluster.sh
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
times=${1:-100}
keys=$((times * 100))

closed() { # seconds and splits so far, of all nodes: the right side's leader counts
    local i
    for i in 1 2 3; do curl -s "http://${https[$i]}/metrics"; done |
        awk '$1 == "ostraka_split_closed_seconds_sum" { s += $2 } $1 == "ostraka_split_closed_seconds_count" { n += $2 } END { printf "%.6f %d\n", s, n }'
}
counted() { [ "$(closed | cut -d' ' -f2)" -ge "$1" ]; }

machine
start_cluster 3
bench_sql load "${sqls[1]}" --keys "$keys" --connections 4 >/dev/null || die "cannot be filled"
bench_sql upsert "$(joined "${sqls[@]}")" --connections 16 --keys "$keys" --seconds 86400 >/dev/null 2>"$root/errors" &
load_pid=$!
(sleep 1; while :; do bench_sql upsert "${sqls[2]}" --connections 4 --keys "$keys" --seconds 5 --warmup-ms 0 2>>"$root/errors"; done >"$root/rows") &
watch_pid=$!
trap 'kill -9 $load_pid $watch_pid "${pids[@]}" 2>/dev/null; rm -rf "$root"' EXIT
disown -a
sleep 2
for ((i = 1; i <= times; i++)); do
    read -r before count < <(closed)
    sql 1 "ALTER TABLE kv SPLIT AT VALUES ($((i * 100 - 37)))" || die "split $i"
    retry 10 counted $((count + 1)) || die "split $i is not counted"
    read -r after count < <(closed)
    awk -v a="$before" -v b="$after" 'BEGIN { printf "%.2f\n", (b - a) * 1000 }' >>"$root/closed"
done
sleep 4
printf '%s splits, closed ms: %s, p99 %s\n' "$times" "$(median_worst <"$root/closed")" "$(sort -n "$root/closed" | awk '{ v[NR] = $1 } END { print v[int(NR * 0.99 + 0.99)] }')"
awk '{ e += $(NF - 1); if ($NF > g) g = $NF } END { printf "four more clients, rows of 5 s: %d errors, longest stretch without an answer %s ms\n", e, g }' "$root/rows"
for i in 1 2 3; do curl -s "http://${https[$i]}/metrics"; done |
    awk '$1 == "ostraka_log_sync_seconds_sum" { s += $2 } $1 == "ostraka_log_sync_seconds_count" { n += $2 } END { printf "a group write of the log took %.2f ms on average\n", n ? 1000 * s / n : 0 }'
sort "$root/errors" | uniq -c | sort -rn | head -n 5
