# shellcheck shell=bash disable=SC2154
# What scripts about nodes as processes share; to be sourced. Each node has a network namespace of its own where these can
# be made, and the clients stay outside of them; elsewhere all are on loopback, whose network does not break. Packets vanish
# without a word: a node is given a hardware address for another one that nobody has.
#
# The script sets before: binary, all (the nodes' numbers, 1 and up), seed, and patience if 20 seconds for an answer are
# too many, and calls nodes_enter "$@". What follows runs inside, with: work (a directory, removed at the end when all is
# well), network (namespaces or loopback), sql, http and peer (addresses, by node), pids (by node), and an end of all
# processes when the script ends.

# Runs the script anew in namespaces of its own, and ends as that does. --network: skipped where there are none.
nodes_enter() {
    local enter=(unshare -rnm --pid --fork --kill-child --mount-proc) needed="" status
    if [ -n "${NODES_WORK:-}" ]; then
        work=$NODES_WORK network=$NODES_NETWORK
        unset NODES_WORK NODES_NETWORK
        nodes_connect
        return
    fi
    if [ "$1" = --network ]; then needed=1 && shift; fi
    NODES_WORK=$(mktemp -d "${TMPDIR:-/tmp}/ostraka-nodes-XXXXXX") || exit 1
    export NODES_WORK NODES_NETWORK=namespaces SEED=$seed
    if "${enter[@]}" sh -c 'mount -t tmpfs none /run && ip link add name x type bridge' 2>/dev/null; then
        "${enter[@]}" "$0" "$@"
    elif [ -n "$needed" ]; then
        echo "no network namespaces of our own here: skipped"
        rm -rf "$NODES_WORK"
        exit 77
    else
        echo "no network namespaces of our own here: all on loopback, whose network does not break"
        NODES_NETWORK=loopback "$0" "$@"
    fi
    status=$?
    if [ $status -eq 0 ]; then rm -rf "$NODES_WORK"; else echo "data, logs and history: $NODES_WORK"; fi
    exit $status
}

fail() {
    echo "FAILED (seed $seed) $*"
    tail -n 3 "$work"/*.log
    exit 1
}

# ---- the network ----

nobody=02:00:00:00:77:77
nodes_connect() {
    local i
    pids=()
    RANDOM=$seed
    trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT
    if [ "$network" = loopback ]; then
        for i in "${all[@]}"; do peer[$i]=127.0.0.1:2471$i sql[$i]=127.0.0.1:2472$i http[$i]=127.0.0.1:2473$i; done
        return
    fi
    mount -t tmpfs none /run && ip link set lo up && ip link add name br0 type bridge &&
        ip addr add 10.77.0.254/24 dev br0 && ip link set br0 up || exit 1
    for i in "${all[@]}"; do
        ip netns add n$i && ip link add name v$i type veth peer name e$i && ip link set e$i netns n$i &&
            ip link set v$i master br0 up && ip -n n$i link set lo up && ip -n n$i addr add 10.77.0.$i/24 dev e$i &&
            ip -n n$i link set e$i up || exit 1
        peer[$i]=10.77.0.$i:7433 sql[$i]=10.77.0.$i:7432 http[$i]=10.77.0.$i:7480
    done
}
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
        ip link set v$i up
        for k in "${all[@]}" 254; do ip -n n$i neigh del 10.77.0.$k dev e$i 2>/dev/null; done
        ip neigh del 10.77.0.$i dev br0 2>/dev/null
    done
}

draw() { # order: all nodes in a drawn order
    local i k swap
    order=("${all[@]}")
    for ((i = ${#order[@]} - 1; i > 0; i--)); do
        k=$((RANDOM % (i + 1))) swap=${order[$i]}
        order[$i]=${order[$k]} order[$k]=$swap
    done
}
# Shapes of a network that has broken, among five in the order that was drawn.
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
alone() { # one of them
    local b
    for b in "${order[@]:1}"; do part "${order[0]}" "$b"; done
}
one_way() { # nobody hears one of them
    local b
    for b in "${order[@]:1}"; do cut "${order[0]}" "$b"; done
}
deaf() { # one hears nobody
    local b
    for b in "${order[@]:1}"; do cut "$b" "${order[0]}"; done
}

# ---- the nodes ----

ask() { # NODE STATEMENT: bare rows
    timeout "${patience:-20}" "$binary" sql -u "${sql[$1]}" -o csv -c "$2" 2>>"$work/ask.log" | tail -n +2 | tr -d '\r'
}
wait_for() { # SECONDS WHAT COMMAND...
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $until ] || fail "$what: $(ask 1 'SELECT range, leader, voters, learners, voters_alive FROM ostraka.ranges' 2>&1)"
        sleep 0.2
    done
}
start() { # NODE [FLAG...]: all but the first join that one
    local i=$1 join=()
    shift
    [ "$i" -gt 1 ] && join=(--join "${peer[1]}")
    within "$i" "$binary" start --data "$work/node$i" --listen "${peer[$i]}" --sql "${sql[$i]}" --http "${http[$i]}" \
        --memory 64MiB --sql-memory 64MiB --insecure "${join[@]}" "$@" </dev/null >>"$work/node$i.log" 2>&1 &
    pids[$i]=$!
}
found() { "$binary" init --host "${peer[1]}" >/dev/null || fail init; }
ready() { "$binary" status --host "${http[$1]}" --ready --timeout 2s; }
can_lose() { grep -q "\"can_lose\": *[1-9]" <("$binary" status --host "${http[$1]}" -o json --timeout 2s 2>/dev/null); }
ended() { ! kill -0 "${pids[$1]}" 2>/dev/null; }
kill_node() { # NODE
    kill -9 "${pids[$1]}"
    wait "${pids[$1]}" 2>/dev/null
}
all_up() {
    local i
    for i in "${all[@]}"; do ended "$i" && fail "node $i ended"; done
    return 0
}
