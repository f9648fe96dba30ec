#!/bin/bash
# Three nodes, and clients that reach all of them, while the network between the nodes breaks: a node alone, a pair that
# cannot talk, one direction only, a node that nobody reaches. What the clients saw is strictly serializable, and afterwards
# the cluster is whole again.
#
#   partition.sh BINARY APPEND_CHECK      SECONDS_OF_LOAD=12, SEED=N
set -u
binary=$1 checker=$2 seconds=${SECONDS_OF_LOAD:-12} seed=${SEED:-$RANDOM}
all=(1 2 3)
# shellcheck source=tests/process/nodes.sh
. "$(dirname "$0")/nodes.sh"
nodes_enter --network "$@"

# ---- the cluster ----

whole() { "$binary" status --host "${http[$1]}" --timeout 2s; } # no voter is missing
start 1
found
start 2
start 3
wait_for 60 "the cluster does not become whole" can_lose 1

# ---- load and trouble ----

"$binary" bench append --nodes 10.77.0.1:7432,10.77.0.2:7432,10.77.0.3:7432 --history "$work/history.json" \
    --transactions 0 --seconds "$seconds" --clients 12 --timeout 8s >"$work/bench.log" 2>&1 &
bench=$!
sleep 1
turns=0
while kill -0 $bench 2>/dev/null; do
    draw
    a=${order[0]} b=${order[1]} c=${order[2]} kind=$((RANDOM % 5))
    case $kind in
        0) part $a $b; part $a $c ;; # alone, but for its clients
        1) part $a $b ;;             # a chain
        2) cut $a $b ;;              # one direction
        3) cut $a $b; cut $a $c ;;   # it hears and is not heard
        4) ip link set v$a down ;;   # alone
    esac
    echo "$(date +%T) trouble $kind at node $a" >>"$work/trouble"
    sleep $((RANDOM % 4)).$((RANDOM % 10))
    heal
    turns=$((turns + 1))
    sleep 1.$((RANDOM % 10))
done
wait $bench
status=$?
cat "$work/bench.log"
[ $status -eq 0 ] || fail "the load ended with $status"
echo "seed $seed: the network was broken $turns times"
all_up
"$checker" "$work/history.json" || fail "the history"
[ "$(grep -c '"ok"' "$work/history.json")" -ge 100 ] || fail "hardly anything was done"
for i in "${all[@]}"; do wait_for 60 "node $i does not see the cluster whole" whole $i; done
echo "ok     strictly serializable while the network between the nodes broke"
