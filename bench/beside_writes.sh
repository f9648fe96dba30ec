#!/bin/bash
# Reads of a range, by itself and while others write to all of it: rates and latencies, alternately, and how much later the
# slowest reads are answered.
#
#   bench/beside_writes.sh [ROUNDS]      3; OSTRAKA, BENCH and TMPDIR as in cluster.sh; SECONDS_PER_RUN (3), READERS and WRITERS
#                                        connections (4, and 1 8 32 in turns), KEYS (10000), READ_RATE (2000 a second); FIRST=1: nodes
#                                        and generators come before all else on the processors, in turn and whole (SCHED_FIFO; as root)
#
# Reads and writes are of random keys, all at the range's leader, which is made the clock's master, too; reads come at a steady rate,
# writes as fast as they are answered. "p99 in" is until the answer had come to the readers' kernel: they wait for a processor
# themselves before they see it. Where the writers alone keep the processors busy, the nodes wait for one, too, whatever the range does:
# the row says what was left idle, and for which part of the time in which the leader had work to do it was let work (ran).
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
rounds=${1:-3} seconds=${SECONDS_PER_RUN:-3} readers=${READERS:-4} keys=${KEYS:-10000} rate=${READ_RATE:-2000}
read -ra shapes <<<"${WRITERS:-1 8 32}"
first=()
[ -z "${FIRST:-}" ] || first=(chrt -f 5)

idle_ticks() { awk '$1 == "cpu" { print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8 }' /proc/stat; }
leader_ns() { cut -d' ' -f1,2 "/proc/${pids[$leader]}/schedstat"; } # on a processor, waiting for one
measured() { echo "$(idle_ticks) $(leader_ns)"; }
read_once() { # WRITERS: a row of reads, percent of the processors idle meanwhile, and percent of its time that the leader was let work
    local from to
    from=$(measured)
    "${first[@]}" "$BENCH/sql_bench" get --address "${sqls[$leader]}" --prepared --no-header --arrivals --connections "$readers" --keys "$keys" \
        --seconds "$seconds" --rate "$rate" >"$root/row" || die "get"
    to=$(measured)
    echo "$1 $(cat "$root/row") $(echo "$from $to" | awk '{ print 100 * ($5 - $1) / ($6 - $2), 100 * ($7 - $3) / ($7 - $3 + $8 - $4) }')" >>"$root/rows"
}

machine
start_cluster 3
bench_sql load "${sqls[1]}" --keys "$keys" --connections 4 >/dev/null || die "cannot be filled"
range=$(range_of_kv 1)
[ -z "${FIRST:-}" ] || for i in 1 2 3; do chrt -f -a -p 5 "${pids[$i]}" || die "FIRST=1 needs the right to it"; done
for ((round = 1; round <= rounds; round++)); do
    for writers in 0 "${shapes[@]}"; do
        leader=$(leader_of 1 1)
        put_leader 1 "$range" "$leader" # leaders are levelled now and then
        if [ "$writers" = 0 ]; then
            read_once 0
            continue
        fi
        "${first[@]}" "$BENCH/sql_bench" upsert --address "${sqls[$leader]}" --prepared --statement upsert --no-header --keys "$keys" \
            --connections "$writers" --seconds $((seconds + 1)) >"$root/writes" &
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
    rows.setdefault(int(f[0]), []).append([float(x) for x in (f[4], f[5], f[6], f[7], f[13], f[11], f[15], f[16])])
for line in open(sys.argv[2]):
    f = line.split()
    written.setdefault(int(f[0]), []).append(float(f[1]))
print("%7s %9s %9s %9s %9s %9s %9s %9s %6s %6s  %s" % ("writers", "writes/s", "reads/s", "p50 us", "p99 us", "p99.9 us", "p99 in", "gap ms", "idle", "ran",
                                                  "p99 to that without writers, and in"))
first = None
for writers in sorted(rows):
    middle = [statistics.median(v) for v in zip(*rows[writers])]
    first = first or middle
    print("%7d %9.0f %9.0f %9.0f %9.0f %9.0f %9.0f %9.1f %5.0f%% %5.0f%%  %.2fx %.2fx" %
          ((writers, statistics.median(written.get(writers, [0]))) + tuple(middle) + (middle[2] / first[2], middle[4] / first[4])))
PY
