#!/bin/bash
# How long writes stop when the process that leads is killed (SIGKILL): Ostraka's leader of the data, its leader and
# clock master in one, its clock master alone, and etcd's leader. Clients write through the two nodes that stay; what
# is printed is the longest stretch in which none of their writes was acknowledged, which is hardly more than
# the time from the kill to the first write afterwards.
#
#   bench/failover.sh [TIMES]      10 of each; OSTRAKA, BENCH and TMPDIR as in cluster.sh
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
times=${1:-10}
load=(--connections 16 --patience-ms 20 --keys 10000 --seconds 8 --warmup-ms 500)

others() { # NODE ARRAY...: what is not that node's
    local -n of=$2
    local i list=()
    for i in 1 2 3; do [ "$i" = "$1" ] || list+=("${of[$i]}"); done
    joined "${list[@]}"
}
# The gap is the last column of the row, the errors are in front of it.
report() { # NAME FILE
    printf '%-28s gap ms: %s; errors %s\n' "$1" "$(awk '{ print $NF }' "$2" | median_worst)" "$(awk '{ s += $(NF - 1) } END { print s + 0 }' "$2")"
    printf '%-28s   %s\n' "" "$(awk '{ printf "%s ", $NF }' "$2")"
}

kill_ostraka() { # DATA CLOCK VICTIM: who leads what, who is killed
    local asked=$(($3 % 3 + 1))
    put_leader "$asked" "$range" "$1"
    put_leader "$asked" 2 "$1"
    put_leader "$asked" 1 "$2"
    sleep 1
    bench_sql upsert "$(others "$3" sqls)" "${load[@]}" 2>>"$root/errors" >>"$root/rows" &
    local load_pid=$!
    sleep 2.5
    stop_node "$3"
    wait $load_pid || die "the load ended: $(tail -n 1 "$root/errors")"
    start_node "$3"
    retry 30 is_ready "$3" || die "node $3 does not come back"
    whole "$asked"
}
kill_etcd() {
    local victim
    victim=$(etcd_leader)
    "$BENCH/etcd_bench" put --address "$(others "$victim" etcd_clients)" --no-header "${load[@]}" 2>>"$root/errors" >>"$root/rows" &
    local load_pid=$!
    sleep 2.5
    kill -9 "${etcd_pids[$victim]}"
    wait $load_pid || die "the load ended: $(tail -n 1 "$root/errors")"
    start_etcd_node "$victim"
    retry 30 etcd_is_whole || die "etcd does not come back"
}
series() { # NAME COMMAND...
    local name=$1 i
    shift
    : >"$root/rows"
    for ((i = 0; i < times; i++)); do "$@"; done
    report "$name" "$root/rows"
}

machine
start_cluster 3
bench_sql load "${sqls[1]}" --keys 10000 --connections 4 >/dev/null || die "cannot be filled"
range=$(range_of_kv 1)
series "ostraka: data's leader" kill_ostraka 1 2 1
series "ostraka: leader and clock" kill_ostraka 1 1 1
series "ostraka: clock master only" kill_ostraka 1 2 2
for i in 1 2 3; do stop_node $i; done
[ -n "${NO_ETCD:-}" ] && exit
start_etcd
"$BENCH/etcd_bench" load --address "${etcd_clients[1]}" --keys 10000 --connections 64 >/dev/null || die "etcd cannot be filled"
series "etcd: leader" kill_etcd
sort "$root/errors" | uniq -c | sort -rn | head -n 5
