#!/bin/bash
# Reads of a range, by itself and while others write to all of it: rates and latencies, alternately, and how much later the
# slowest reads are answered.
#
#   bench/beside_writes.sh [ROUNDS]      3; OSTRAKA, BENCH and TMPDIR as in cluster.sh; SECONDS_PER_RUN (3), READERS and WRITERS
#                                        connections (4, and 1 8 32 in turns), KEYS (10000), READ_RATE (2000 a second)
#
# Reads and writes are of random keys, all at the range's leader; reads come at a steady rate, writes as fast as they are answered. On a machine whose processors the writers alone keep busy, a
# read waits for its turn on a processor, whatever the range does: the row says what was left idle.
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
rounds=${1:-3} seconds=${SECONDS_PER_RUN:-3} readers=${READERS:-4} keys=${KEYS:-10000} rate=${READ_RATE:-2000}
read -ra shapes <<<"${WRITERS:-1 8 32}"

idle_ticks() { awk '$1 == "cpu" { print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8 }' /proc/stat; }
read_once() { # WRITERS: a row of reads, and percent of the processors idle meanwhile
    local from to
    from=$(idle_ticks)
    "$BENCH/sql_bench" get --address "${sqls[$leader]}" --prepared --no-header --connections "$readers" --keys "$keys" --seconds "$seconds" --rate "$rate" \
        >"$root/row" || die "get"
    to=$(idle_ticks)
    echo "$1 $(cat "$root/row") $(echo "$from $to" | awk '{ print 100 * ($3 - $1) / ($4 - $2) }')" >>"$root/rows"
}

machine
start_cluster 3
bench_sql load "${sqls[1]}" --keys "$keys" --connections 4 >/dev/null || die "cannot be filled"
range=$(range_of_kv 1)
leader=$(leader_of 1 "$range")
for ((round = 1; round <= rounds; round++)); do
    read_once 0
    for writers in "${shapes[@]}"; do
        bench_sql upsert "${sqls[$leader]}" --keys "$keys" --connections "$writers" --seconds $((seconds + 1)) >"$root/writes" &
        writing=$!
        sleep 0.5
        read_once "$writers"
        wait "$writing" || die "upsert"
        echo "$writers $(awk '{ print $4 }' "$root/writes")" >>"$root/written"
    done
done
python3 - "$root/rows" "$root/written" <<'PY'
import statistics, sys
rows, written = {}, {}
for line in open(sys.argv[1]):
    f = line.split()
    rows.setdefault(int(f[0]), []).append([float(x) for x in (f[4], f[5], f[6], f[7], f[12])])
for line in open(sys.argv[2]):
    f = line.split()
    written.setdefault(int(f[0]), []).append(float(f[1]))
print("%7s %9s %9s %9s %9s %9s %6s  %s" % ("writers", "writes/s", "reads/s", "p50 us", "p99 us", "p99.9 us", "idle", "p99 to that without writers"))
first = None
for writers in sorted(rows):
    middle = [statistics.median(v) for v in zip(*rows[writers])]
    first = first or middle[2]
    print("%7d %9.0f %9.0f %9.0f %9.0f %9.0f %5.0f%%  %.2fx" % ((writers, statistics.median(written.get(writers, [0]))) + tuple(middle) + (middle[2] / first,)))
PY
