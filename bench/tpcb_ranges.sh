#!/bin/bash
# TPC-B over tables that are split into ranges, beside the same tables in one range: alternately, on three nodes.
#
#   bench/tpcb_ranges.sh [ROUNDS]      3; OSTRAKA, BENCH and TMPDIR as in cluster.sh; SECONDS_PER_RUN (10), SCALE (10), RANGES (16),
#                                      CLIENTS (32)
#
# Transactions go to the node that leads the unsplit tables, as those of run.sh do; the others lead some of the ranges.
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
rounds=${1:-3} seconds=${SECONDS_PER_RUN:-10} scale=${SCALE:-10} ranges=${RANGES:-16} clients=${CLIENTS:-32}

machine
start_cluster 3
export PGHOST=${sqls[1]%:*} PGPORT=${sqls[1]#*:} PGUSER=postgres PGDATABASE=postgres
bench/tpcb.sh fill "$scale" || die "cannot be filled"
range=$(range_of_kv 1)
PREFIX=split_ bench/tpcb.sh fill "$scale" && PREFIX=split_ bench/tpcb.sh split "$scale" "$ranges" || die "cannot be split"
sleep 5 # leaders spread
leader=$(leader_of 1 "$range")
PGHOST=${sqls[$leader]%:*} PGPORT=${sqls[$leader]#*:}
echo "unsplit on node $leader; leaders of all ranges: $(sql 1 "SELECT leader FROM ostraka.ranges" | sort | uniq -c | awk '{ print $1 " on node " $2 }' | paste -sd,)"
echo "     one range: tps   ms  failed    $ranges ranges: tps   ms  failed"
for ((round = 1; round <= rounds; round++)); do
    one=$(bench/tpcb.sh run "$scale" "$clients" "$seconds") && many=$(PREFIX=split_ bench/tpcb.sh run "$scale" "$clients" "$seconds") || die "run"
    echo "$one $many" | awk '{ printf "%14.0f %7.2f %5d %18.0f %7.2f %5d  %5.0f%%\n", $1, $2, $3, $4, $5, $6, 100 * $4 / $1 }'
done
