#!/bin/bash
# Three nodes become five under load, the network between them breaks in every shape, one is killed, one is decommissioned
# and comes back as a new one.
# What the clients saw is strictly serializable, nothing acknowledged is lost, and afterwards the cluster is whole; how
# long transactions took is printed for each phase. Where nodes cannot have networks of their own (nodes.sh), the phases of
# broken networks are left out.
#
#   five_nodes.sh BINARY APPEND_CHECK      PHASE_SECONDS=2, ROUNDS=1, SEED=N
set -u
binary=$1 checker=$2 phase_seconds=${PHASE_SECONDS:-2} rounds=${ROUNDS:-1} seed=${SEED:-$RANDOM}
all=(1 2 3 4 5)
# shellcheck source=tests/process/nodes.sh
. "$(dirname "$0")/nodes.sh"
nodes_enter "$@"

# ---- the cluster ----

id=(0 1 2 3 4 5) # of the nodes in the cluster; who was removed comes back under another one
count_of() { # NODE: how many replicas it has, as the first node knows
    ask 1 "SELECT voters FROM ostraka.ranges" | tr -c '0-9\n' '\n' | grep -cx "${id[$1]}"
}
leader() {
    local i found
    found=$(ask 1 "SELECT leader FROM ostraka.ranges ORDER BY range DESC LIMIT 1")
    for i in "${all[@]}"; do [ "${id[$i]}" != "$found" ] || echo "$i"; done
}
holds() { [ "$(count_of "$1")" -ge "$2" ]; }

start 1
found
for i in 2 3; do
    start $i
    wait_for 30 "node $i is not ready" ready $i
done
wait_for 60 "the cluster does not become whole" can_lose 1

# ---- phases ----

now() { date +%s%N; }
phase() { # NAME: begins here, and ends where the next one begins
    echo "$(($(now) - begun)) $*" >>"$work/phases"
}
calm() { # what comes between two of the others
    heal
    phase "healed"
    sleep 1
    all_up
}
networks() {
    local shape
    [ "$network" = namespaces ] || return
    for shape in halves ring one_way deaf bridge; do
        draw
        phase "network: $shape"
        $shape
        sleep "$phase_seconds"
        calm
    done
    phase "network: leader and its clients"
    cut_clients "$(leader)"
    sleep "$phase_seconds"
    calm
}
kill_leader() {
    local victim
    victim=$(leader)
    [ -n "$victim" ] || fail "nobody leads"
    phase "killed: leader"
    kill_node "$victim"
    sleep "$phase_seconds"
    phase "back: leader"
    start "$victim"
    wait_for 60 "node $victim does not come back" ready "$victim"
    calm
}
leave_and_return() { # a node is decommissioned, empty, removed and ends by itself; then it joins as a new one
    local node=$((RANDOM % 4 + 2))
    phase "decommission"
    wait_for 60 "node $node cannot be decommissioned" "$binary" node decommission "${id[$node]}" --url "${sql[1]}"
    wait_for 120 "node $node is not removed" ended "$node"
    [ "$(count_of "$node")" -eq 0 ] || fail "node $node was removed with replicas"
    phase "joins anew: fills up"
    rm -rf "$work/node$node"
    start "$node"
    wait_for 60 "node $node is not ready" ready "$node"
    id[$node]=$(ask "$node" "SELECT node FROM ostraka.nodes WHERE asked")
    [ "${id[$node]}" -gt 5 ] || fail "node $node came back as ${id[$node]}"
    wait_for 120 "node $node does not fill up" holds "$node" 1
    calm
}

addresses=$(IFS=,; echo "${sql[*]}")
begun=$(now)
"$binary" bench append --nodes "$addresses" --history "$work/history.json" --transactions 0 --seconds 86400 --clients 12 --keys 24 \
    --timeout 8s >"$work/bench.log" 2>&1 &
bench=$!
phase "three nodes"
sleep "$phase_seconds"
phase "splits"
for k in 5 13 21 60; do
    wait_for 30 "split at $k" "$binary" range split bench_append $k --url "${sql[2]}"
done
for i in 4 5; do
    phase "join: node $i fills up"
    start $i
    wait_for 60 "node $i is not ready" ready $i
    wait_for 120 "node $i does not fill up" holds $i 2
done
phase "five nodes"
sleep "$phase_seconds"
for ((round = 0; round < rounds; round++)); do
    networks
    kill_leader
    leave_and_return
done
phase "the end"
sleep "$phase_seconds"
kill -TERM $bench
wait $bench
status=$?

# ---- what is left ----

# Times are counted from a moment that is a few milliseconds off: the history's own beginning.
report() {
    awk -F'[:,]' -v phases="$work/phases" '
        BEGIN { while ((getline line < phases) > 0) {
                    n++; split(line, w, " "); from[n] = w[1]; sub(/^[0-9]+ /, "", line)
                    if (!(line in first)) first[line] = n
                    name[n] = first[line] "\t" line } }
        { type = $4; process = $8; time = $10 }
        type == "\"invoke\"" { began[process] = time; next }
        { at = 1; while (at < n && from[at + 1] <= began[process]) at++
          print name[at] "\t" type "\t" (time - began[process]) / 1e6 }' "$work/history.json" |
        sort -t"$(printf '\t')" -k1,1n -k3,3 -k4,4g |
        awk -F'\t' '
            function row() {
                if (last != "") printf "%-32s %7d %8.1f %8.1f %8.1f %7d %7d\n", last, ok, ms[int((ok + 1) / 2)],
                    ms[int(ok * 0.99 + 0.99)], ms[ok], failed, unknown
                ok = failed = unknown = 0 }
            BEGIN { printf "%-32s %7s %8s %8s %8s %7s %7s\n", "phase", "ok", "p50 ms", "p99 ms", "worst", "failed", "unknown" }
            $2 != last { row(); last = $2 }
            $3 == "\"ok\"" { ms[++ok] = $4 }
            $3 == "\"fail\"" { failed++ }
            $3 == "\"info\"" { unknown++ }
            END { row() }'
}
tail -n 3 "$work/bench.log"
[ $status -eq 0 ] || fail "the load ended with $status"
report
"$checker" "$work/history.json" || fail "the history"
[ "$(grep -c '"ok"' "$work/history.json")" -ge 300 ] || fail "hardly anything was done"
for i in "${all[@]}"; do
    ended "$i" && fail "node $i ended"
    wait_for 60 "node $i does not see the cluster whole" can_lose "$i"
done
echo "ok     strictly serializable with five nodes that came, went and did not hear each other (seed $seed, $network)"
