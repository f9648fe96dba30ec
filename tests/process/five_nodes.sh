#!/bin/bash
# Three nodes become five under load, the network between them breaks in every shape, one is killed, one is decommissioned
# and comes back as a new one.
# What the clients saw is strictly serializable, nothing acknowledged is lost, and afterwards the cluster is whole; how
# long transactions took is printed for each phase. Each node has a network namespace of its own where these can be
# made; elsewhere all are on loopback, and the phases of broken networks are left out. Packets vanish without a word: a
# node is given a hardware address for another one that nobody has.
#
#   five_nodes.sh BINARY APPEND_CHECK      PHASE_SECONDS=2, ROUNDS=1, SEED=N
set -u
binary=$1 checker=$2 phase_seconds=${PHASE_SECONDS:-2} rounds=${ROUNDS:-1} seed=${SEED:-$RANDOM}
enter=(unshare -rnm --pid --fork --kill-child --mount-proc)
if [ "${3:-}" != inside ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/ostraka-five-XXXXXX") || exit 1
    if "${enter[@]}" sh -c 'mount -t tmpfs none /run && ip link add name x type bridge' 2>/dev/null; then
        "${enter[@]}" "$0" "$binary" "$checker" inside "$work" namespaces
    else
        echo "no network namespaces of our own here: all on loopback, whose network does not break"
        "$0" "$binary" "$checker" inside "$work" loopback
    fi
    status=$?
    if [ $status -eq 0 ]; then rm -rf "$work"; else echo "data, logs and history: $work"; fi
    exit $status
fi
work=$4 network=$5
RANDOM=$seed
all=(1 2 3 4 5)
pids=() bench=
trap 'kill -9 "${pids[@]}" $bench 2>/dev/null' EXIT
fail() {
    echo "FAILED (seed $seed) $*"
    tail -n 3 "$work"/node*.log "$work/bench.log"
    exit 1
}

# ---- the network ----

nobody=02:00:00:00:77:77
if [ "$network" = namespaces ]; then
    mount -t tmpfs none /run && ip link set lo up && ip link add name br0 type bridge &&
        ip addr add 10.77.0.254/24 dev br0 && ip link set br0 up || exit 1
    for i in "${all[@]}"; do
        ip netns add n$i && ip link add name v$i type veth peer name e$i && ip link set e$i netns n$i &&
            ip link set v$i master br0 up && ip -n n$i link set lo up && ip -n n$i addr add 10.77.0.$i/24 dev e$i &&
            ip -n n$i link set e$i up || exit 1
        peer[$i]=10.77.0.$i:7433 sql[$i]=10.77.0.$i:7432 http[$i]=10.77.0.$i:7480
    done
else
    for i in "${all[@]}"; do peer[$i]=127.0.0.1:2471$i sql[$i]=127.0.0.1:2472$i http[$i]=127.0.0.1:2473$i; done
fi
within() { # NODE COMMAND...
    local i=$1
    shift
    if [ "$network" = namespaces ]; then exec ip netns exec "n$i" "$@"; else exec "$@"; fi
}
cut() { # FROM TO: what FROM sends is lost
    ip -n "n$1" neigh replace "10.77.0.$2" lladdr $nobody dev "e$1" nud permanent || fail "cut $1 $2"
}
part() { # A B
    cut "$1" "$2"
    cut "$2" "$1"
}
cut_clients() { # NODE
    cut "$1" 254
    ip neigh replace "10.77.0.$1" lladdr $nobody dev br0 nud permanent || fail "cut clients $1"
}
heal() {
    local i k
    [ "$network" = namespaces ] || return
    for i in "${all[@]}"; do
        for k in "${all[@]}" 254; do ip -n n$i neigh del 10.77.0.$k dev e$i 2>/dev/null; done
        ip neigh del 10.77.0.$i dev br0 2>/dev/null
    done
}

# ---- the cluster ----

ask() { # NODE STATEMENT: bare rows
    "$binary" sql -u "${sql[$1]}" -o csv -c "$2" 2>>"$work/ask.log" | tail -n +2 | tr -d '\r'
}
id=(0 1 2 3 4 5) # of the nodes in the cluster; who was removed comes back under another one
count_of() { # NODE: how many replicas it has, as the first node knows
    ask 1 "SELECT voters FROM ostraka.ranges" | tr -c '0-9\n' '\n' | grep -cx "${id[$1]}"
}
leader() {
    local i found
    found=$(ask 1 "SELECT leader FROM ostraka.ranges ORDER BY range DESC LIMIT 1")
    for i in "${all[@]}"; do [ "${id[$i]}" != "$found" ] || echo "$i"; done
}
wait_for() { # SECONDS WHAT COMMAND...
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || fail "$what: $(ask 1 'SELECT range, leader, voters, learners, voters_alive FROM ostraka.ranges' 2>&1)"
        sleep 0.2
    done
}
start() { # NODE
    local i=$1 join=()
    [ "$i" -gt 1 ] && join=(--join "${peer[1]}")
    within "$i" "$binary" start --data "$work/node$i" --listen "${peer[$i]}" --sql "${sql[$i]}" --http "${http[$i]}" \
        --memory 64MiB --sql-memory 64MiB --insecure "${join[@]}" </dev/null >>"$work/node$i.log" 2>&1 &
    pids[$i]=$!
}
ready() { "$binary" status --host "${http[$1]}" --ready --timeout 2s; }
can_lose() { grep -q "\"can_lose\": *1" <("$binary" status --host "${http[$1]}" -o json --timeout 2s 2>/dev/null); }
holds() { [ "$(count_of "$1")" -ge "$2" ]; }
ended() { ! kill -0 "${pids[$1]}" 2>/dev/null; }

start 1
"$binary" init --host "${peer[1]}" >/dev/null || fail init
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
    for i in "${all[@]}"; do
        [ -z "${pids[$i]:-}" ] || kill -0 "${pids[$i]}" 2>/dev/null || fail "node $i ended"
    done
}
draw() { # order: all nodes in a drawn order
    local i k swap
    order=("${all[@]}")
    for ((i = 4; i > 0; i--)); do
        k=$((RANDOM % (i + 1))) swap=${order[$i]}
        order[$i]=${order[$k]} order[$k]=$swap
    done
}
halves() {
    local a b
    for a in "${order[@]:0:2}"; do for b in "${order[@]:2}"; do part "$a" "$b"; done; done
}
ring() { # each reaches its two neighbours
    local i
    for i in 0 1 2 3 4; do part "${order[$i]}" "${order[$(((i + 2) % 5))]}"; done
}
bridge() { # two pairs and one that reaches both
    local a b
    for a in "${order[@]:0:2}"; do for b in "${order[@]:3}"; do part "$a" "$b"; done; done
}
one_way() { # nobody hears one of them
    local b
    for b in "${order[@]:1}"; do cut "${order[0]}" "$b"; done
}
deaf() { # one hears nobody
    local b
    for b in "${order[@]:1}"; do cut "$b" "${order[0]}"; done
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
    kill -9 "${pids[$victim]}"
    wait "${pids[$victim]}" 2>/dev/null
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
bench=

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
    kill -0 "${pids[$i]}" 2>/dev/null || fail "node $i ended"
    wait_for 60 "node $i does not see the cluster whole" can_lose "$i"
done
echo "ok     strictly serializable with five nodes that came, went and did not hear each other (seed $seed, $network)"
