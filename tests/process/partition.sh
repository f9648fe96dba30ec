#!/bin/bash
# Three nodes, each in a network namespace of its own, and clients that reach all of them, while the network between the
# nodes breaks: a node alone, a pair that cannot talk, one direction only, a node that nobody reaches. What the clients
# saw is strictly serializable, and afterwards the cluster is whole again. Packets vanish without a word: a node is given
# a hardware address for another one that nobody has.
#
#   partition.sh BINARY APPEND_CHECK      SECONDS_OF_LOAD=12, SEED=N
set -u
binary=$1 checker=$2 seconds=${SECONDS_OF_LOAD:-12} seed=${SEED:-$RANDOM}
enter=(unshare -rnm --pid --fork --kill-child --mount-proc)
if [ "${3:-}" != inside ]; then
    if ! "${enter[@]}" sh -c 'mount -t tmpfs none /run && ip link add name x type bridge' 2>/dev/null; then
        echo "no network namespaces of our own here: skipped"
        exit 77
    fi
    work=$(mktemp -d "${TMPDIR:-/tmp}/ostraka-partition-XXXXXX") || exit 1
    "${enter[@]}" "$0" "$binary" "$checker" inside "$work"
    status=$?
    if [ $status -eq 0 ]; then rm -rf "$work"; else echo "data, logs and history: $work"; fi
    exit $status
fi
work=$4
RANDOM=$seed
fail() {
    echo "FAILED $*"
    tail -n 3 "$work"/node*.log
    exit 1
}

# ---- the network ----

mount -t tmpfs none /run && ip link set lo up && ip link add name br0 type bridge &&
    ip addr add 10.77.0.254/24 dev br0 && ip link set br0 up || exit 1
for i in 1 2 3; do
    ip netns add n$i && ip link add name v$i type veth peer name e$i && ip link set e$i netns n$i &&
        ip link set v$i master br0 up && ip -n n$i link set lo up && ip -n n$i addr add 10.77.0.$i/24 dev e$i &&
        ip -n n$i link set e$i up || exit 1
done
nobody=02:00:00:00:77:77
cut() { # from to
    ip -n "n$1" neigh replace "10.77.0.$2" lladdr $nobody dev "e$1" nud permanent || exit 1
}
heal() {
    local i k
    for i in 1 2 3; do
        ip link set v$i up
        for k in 1 2 3; do ip -n n$i neigh del 10.77.0.$k dev e$i 2>/dev/null; done
    done
}

# ---- the cluster ----

whole() { # waits until no voter is missing
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        "$binary" status --host "10.77.0.$1:7480" --timeout 2s >/dev/null 2>&1 && return
        sleep 0.1
    done
    fail "the cluster does not become whole: $("$binary" status --host "10.77.0.$1:7480" 2>&1)"
}
for i in 1 2 3; do
    join=()
    [ $i -gt 1 ] && join=(--join 10.77.0.1:7433)
    ip netns exec n$i "$binary" start --data "$work/node$i" --listen 10.77.0.$i:7433 --sql 10.77.0.$i:7432 \
        --http 10.77.0.$i:7480 --insecure "${join[@]}" </dev/null >"$work/node$i.log" 2>&1 &
    pids[$i]=$!
    [ $i -eq 1 ] && { "$binary" init --host 10.77.0.1:7433 >/dev/null || fail init; }
done
for ((tries = 0; tries < 300; tries++)); do
    grep -q '"can_lose": *1' <("$binary" status --host 10.77.0.1:7480 -o json 2>/dev/null) && break
    sleep 0.1
done
whole 1

# ---- load and trouble ----

"$binary" bench append --nodes 10.77.0.1:7432,10.77.0.2:7432,10.77.0.3:7432 --history "$work/history.json" \
    --transactions 0 --seconds "$seconds" --clients 12 --timeout 8s >"$work/bench.log" 2>&1 &
bench=$!
sleep 1
turns=0
while kill -0 $bench 2>/dev/null; do
    a=$((RANDOM % 3 + 1)) kind=$((RANDOM % 5))
    b=$((a % 3 + 1)) c=$(((a + 1) % 3 + 1))
    case $kind in
        0) cut $a $b; cut $b $a; cut $a $c; cut $c $a ;; # alone, but for its clients
        1) cut $a $b; cut $b $a ;;                       # a chain
        2) cut $a $b ;;                                  # one direction
        3) cut $a $b; cut $a $c ;;                       # it hears and is not heard
        4) ip link set v$a down ;;                       # alone
    esac
    echo "$(date +%T) trouble $kind at node $a" >>"$work/trouble.log"
    sleep $((RANDOM % 4)).$((RANDOM % 10))
    heal
    turns=$((turns + 1))
    sleep 1.$((RANDOM % 10))
done
wait $bench
status=$?
heal
cat "$work/bench.log"
[ $status -eq 0 ] || fail "the load ended with $status"
echo "seed $seed: the network was broken $turns times"
for i in 1 2 3; do kill -0 "${pids[$i]}" 2>/dev/null || fail "node $i ended"; done
"$checker" "$work/history.json" || fail "the history"
[ "$(grep -c '"ok"' "$work/history.json")" -ge 100 ] || fail "hardly anything was done"
for i in 1 2 3; do whole $i; done
echo "ok     strictly serializable while the network between the nodes broke"
