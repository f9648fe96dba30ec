#!/bin/bash
# Five nodes, a table over twenty ranges, and transactions that read and write in several of them, while at once processes
# are killed and stopped, the network between the nodes breaks in every shape, and ranges are divided, united, moved and
# led by others. What the clients saw is strictly serializable, and afterwards the cluster is whole.
#
#   many_ranges.sh BINARY APPEND_CHECK [TRANSACTIONS]      SECONDS_OF_LOAD=15, SEED=N, CLOCK=oracle|interval|both
#
# TRANSACTIONS: until as many were begun, on each clock (100000 with OSTRAKA_TEST_SIZE=full); otherwise a time, on the
# clock that the seed says.
set -u
binary=$1 checker=$2 transactions=${3:-0} seconds=${SECONDS_OF_LOAD:-15} seed=${SEED:-$RANDOM}
all=(1 2 3 4 5)
places=20 # lists in use; each has a range of its own at first
[ "${OSTRAKA_TEST_SIZE:-}" = full ] && [ "$transactions" -eq 0 ] && transactions=100000
patience=5 # seconds, with who may be dead, stopped or cut off
rest=2     # how long it is calm between two troubles of a kind
[ "$transactions" -gt 0 ] && seconds=0 rest=6
clocks=(oracle interval)
clock=${CLOCK:-$([ $seconds -eq 0 ] && echo both || echo "${clocks[$((seed % 2))]}")}
if [ "$clock" = both ]; then
    for clock in "${clocks[@]}"; do CLOCK=$clock SEED=$seed "$0" "$binary" "$checker" "$transactions" || exit; done
    exit 0
fi
# shellcheck source=tests/process/nodes.sh
. "$(dirname "$0")/nodes.sh"
nodes_enter "$@"

note() { # FILE WORD...
    local file=$work/$1
    shift
    echo "$*" >>"$file"
}
over() { [ -e "$work/over" ]; }
pause() { # MIN MAX, in tenths of a second
    local tenths=$(($1 + RANDOM % ($2 - $1 + 1)))
    sleep $((tenths / 10)).$((tenths % 10))
}

# ---- processes ----

flags=(--clock "$clock")
[ "$clock" = interval ] && flags+=(--trust-clock)
victims() { # mostly one, sometimes two, or all
    draw
    case $((RANDOM % 12)) in
        0) ;;
        1 | 2 | 3) order=("${order[@]:0:2}") ;;
        *) order=("${order[@]:0:1}") ;;
    esac
}
kill_some() {
    local i
    victims
    note kills "${order[@]}"
    for i in "${order[@]}"; do kill_node "$i"; done
    pause 1 25
    for i in "${order[@]}"; do start "$i" "${flags[@]}"; done
}
stop_some() {
    local i
    victims
    note pauses "${order[@]}"
    for i in "${order[@]}"; do kill -STOP "${pids[$i]}"; done
    pause 1 40
    for i in "${order[@]}"; do kill -CONT "${pids[$i]}"; done
}
processes() { # until the load ends, or its time
    local end=$((SECONDS + (seconds > 0 ? seconds : 86400)))
    while kill -0 $bench 2>/dev/null && [ $SECONDS -lt $end ]; do
        if [ $((RANDOM % 2)) -eq 0 ]; then kill_some; else stop_some; fi
        pause $((5 * rest)) $((30 * rest))
        all_up
    done
    touch "$work/over"
}

# ---- the network ----

networks() {
    local shapes=(halves ring bridge alone one_way deaf) shape
    RANDOM=$((seed + 1))
    [ "$network" = namespaces ] || return 0
    until over; do
        shape=${shapes[$((RANDOM % ${#shapes[@]}))]}
        draw
        $shape
        note networks "$shape ${order[*]}"
        pause 2 30
        heal
        pause $((5 * rest)) $((25 * rest))
    done
}

# ---- ranges ----

tell() { # ORDER...: by way of any node; how it ended, as there are faults all around
    draw
    timeout $patience "$binary" range "$@" --timeout ${patience}s --url "${sql[${order[0]}]}" >>"$work/orders.log" 2>&1
    note orders "$1 $?"
}
ranges_of_table() { # as any node knows it
    draw
    ask "${order[0]}" "SELECT range, voters FROM ostraka.ranges WHERE start_key LIKE 'bench_append (%'"
}
members() { tr -cs '0-9' ' ' <<<"$1"; }
split_somewhere() { # at the bound of a place, or near the list that is appended to there
    local from=$(($1 << 32)) newest
    draw
    newest=$(ask "${order[0]}" "SELECT max(k) FROM bench_append WHERE k BETWEEN $from AND $((from + (1 << 32) - 1))")
    if [ $((RANDOM % 3)) -gt 0 ] && [ "${newest:-0}" -gt $((from + 1)) ]; then from=$((newest + RANDOM % 4 - 1)); fi
    tell split bench_append "$from"
}
merge_somewhere() { # RANGE,"VOTERS"...: neighbours on the same nodes
    local i same=() rows=("$@")
    for ((i = 0; i + 1 < ${#rows[@]}; i++)); do
        [ "${rows[$i]#*,}" = "${rows[$((i + 1))]#*,}" ] && same+=("${rows[$i]%%,*}")
    done
    [ ${#same[@]} -eq 0 ] || tell merge "${same[$((RANDOM % ${#same[@]}))]}"
}
one_order() {
    local rows row range voters node target
    mapfile -t rows < <(ranges_of_table)
    [ ${#rows[@]} -gt 0 ] || return
    row=${rows[$((RANDOM % ${#rows[@]}))]}
    range=${row%%,*}
    read -ra voters <<<"$(members "${row#*,}")"
    node=${voters[$((RANDOM % ${#voters[@]}))]}
    case $((RANDOM % 8)) in
        0 | 1) tell transfer "$range" "$node" ;;
        2 | 3 | 4)
            target=$((RANDOM % 5 + 1))
            while [[ " ${voters[*]} " == *" $target "* ]]; do target=$((target % 5 + 1)); done
            tell move "$range" "$node" "$target" ;;
        *) # between 18 and 26 of them
            if [ $((${#rows[@]} + RANDOM % 8)) -gt 25 ]; then merge_somewhere "${rows[@]}"; else split_somewhere $((RANDOM % places)); fi ;;
    esac
}
orders() {
    RANDOM=$((seed + 2))
    until over; do
        one_order
        pause 0 $((5 * rest))
    done
}

# ---- the run ----

divide() { # a range for each place
    local i values=
    for ((i = 1; i < places; i++)); do values+="${values:+, }($((i << 32)))"; done
    ask 2 "ALTER TABLE bench_append SPLIT AT VALUES $values" && [ "$(ranges_of_table | grep -c ,)" -ge $((places - 1)) ]
}
start 1 "${flags[@]}"
found
for i in 2 3 4 5; do start $i "${flags[@]}"; done
for i in "${all[@]}"; do wait_for 60 "node $i is not ready" ready $i; done
wait_for 60 "the cluster does not become whole" can_lose 1
addresses=$(IFS=,; echo "${sql[*]}")
"$binary" bench append --nodes "$addresses" --history "$work/history.json" --transactions "$transactions" \
    --seconds "$seconds" --clients 24 --keys $places --apart --timeout 8s --seed "$seed" >"$work/bench.log" 2>&1 &
bench=$!
wait_for 60 "the table is not divided" divide
networks &
loops=($!)
orders &
loops+=($!)
processes
wait $bench
status=$?
for loop in "${loops[@]}"; do wait $loop || fail "trouble could not be made"; done

# ---- what is left ----

count() { cat "$work/$1" 2>/dev/null | wc -l; } # of notes
tail -n 3 "$work/bench.log"
[ $status -eq 0 ] || fail "the load ended with $status"
echo "$clock clock, seed $seed, $network: processes killed $(count kills) times, stopped $(count pauses) times;" \
    "the network broken $(count networks) times"
echo "orders that were carried out:$(sort "$work/orders" | awk '$2 == 0 { done[$1]++ } { all[$1]++ }
    END { for (o in all) printf " %s %d of %d", o, done[o], all[o] }')"
python3 - "$work/history.json" <<'PY'
import json, sys
wide = read_wide = 0
for line in open(sys.argv[1]):
    event = json.loads(line)
    if event["type"] != "ok": continue
    wide += len({key >> 32 for kind, key, _ in event["value"] if kind == "append"}) > 1
    read_wide += len({key >> 32 for _, key, _ in event["value"]}) > 1
print(f"committed transactions that wrote to several places: {wide}; that read or wrote in several: {read_wide}")
sys.exit(wide < 10)
PY
[ $? -eq 0 ] || fail "hardly anything was done in several ranges"
"$checker" "$work/history.json" || fail "the history"
for i in "${all[@]}"; do wait_for 60 "node $i does not see the cluster whole" can_lose $i; done
all_up
echo "$(ranges_of_table | grep -c ,) ranges of the table at the end"
echo "ok     strictly serializable over many ranges, whatever happened"
