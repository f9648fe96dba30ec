#!/bin/bash
# For how long a leader that hands over leaves its range without one, as it measures itself (metric
# transfer_closed_seconds: from the order until it hears of the new one), and what clients see: 16 of them write through
# all nodes while the data's leadership goes round.
#
#   bench/transfer.sh [TIMES]      100; OSTRAKA, BENCH and TMPDIR as in cluster.sh
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
times=${1:-100}

closed() { # NODE: seconds and transfers so far
    curl -s "http://${https[$1]}/metrics" |
        awk '$1 == "ostraka_transfer_closed_seconds_sum" { s += $2 } $1 == "ostraka_transfer_closed_seconds_count" { n += $2 } END { printf "%.6f %d\n", s, n }'
}
counted() { [ "$(closed "$1" | cut -d' ' -f2)" -ge "$2" ]; }

machine
start_cluster 3
bench_sql load "${sqls[1]}" --keys 10000 --connections 4 >/dev/null || die "cannot be filled"
range=$(range_of_kv 1)
bench_sql upsert "$(joined "${sqls[@]}")" --connections 16 --keys 10000 --seconds "$((times / 2 + 5))" >"$root/row" 2>"$root/errors" &
load_pid=$!
sleep 2
for ((i = 1; i <= times; i++)); do
    from=$(leader_of 1 "$range")
    to=$((from % 3 + 1))
    read -r before count < <(closed "$from")
    retry 10 sql 1 "ALTER RANGE $range TRANSFER TO $to" || die "transfer $i" # refused while that node is behind
    retry 10 counted "$from" $((count + 1)) || die "transfer $i is not counted"
    read -r after count < <(closed "$from")
    awk -v a="$before" -v b="$after" 'BEGIN { printf "%.2f\n", (b - a) * 1000 }' >>"$root/closed"
    retry 10 leads 1 "$range" "$to" || die "node $to does not lead"
done
printf '%s transfers, closed ms: %s\n' "$times" "$(median_worst <"$root/closed")"
wait $load_pid || die "the load ended: $(tail -n 1 "$root/errors")"
awk '{ printf "16 clients: %s/s, p99 %.1f ms, %s errors, longest stretch without an answer %s ms\n", $4, $6 / 1000, $(NF - 1), $NF }' "$root/row"
sort "$root/errors" | uniq -c | sort -rn | head -n 5
