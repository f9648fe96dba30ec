#!/bin/bash
# What the program refuses, with which exit status, and whether the message names the culprit.
#
#   tests/process/refusals.sh BINARY
set -u
binary=$1
work=$(mktemp -d)
failures=0
node=
cleanup() {
    trap - EXIT INT TERM
    if [ -n "$node" ]; then
        kill -9 "$node" 2>/dev/null
        wait "$node" 2>/dev/null
    fi
    chmod -R u+rwx "$work"
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# expect NAME STATUS WORDS COMMAND...: the command ends by itself with the status, says the words on standard
# error (a basic regular expression, case ignored), nothing on standard output, and is not killed by a signal.
expect() {
    local name=$1 status=$2 words=$3 got
    shift 3
    timeout -k 5 30 "$@" >"$work/out" 2>"$work/err" </dev/null
    got=$?
    if [ "$got" -ne "$status" ] || ! grep -qi -e "$words" "$work/err" || [ -s "$work/out" ]; then
        failures=$((failures + 1))
        echo "FAILED $name: status $got, expected $status and \"$words\" on standard error; it says:"
        sed 's/^/    /' "$work/err" "$work/out"
    else
        echo "ok     $name"
    fi
}

# Ports that are free now; a node that loses the race for one fails loudly below.
ports() {
    local base=$((20000 + $$ % 10000 + RANDOM % 1000))
    peer=127.0.0.1:$base sql=127.0.0.1:$((base + 1)) http=127.0.0.1:$((base + 2))
}

start() { # data directory, further flags
    local data=$1
    shift
    echo "$binary" start --data "$data" --listen "$peer" --sql "$sql" --http "$http" "$@"
}

wait_answer() {
    local tries
    for tries in $(seq 300); do
        "$binary" status --host "$http" >/dev/null 2>&1
        [ $? -ne 1 ] && return 0
        kill -0 "$node" 2>/dev/null || break
        sleep 0.1
    done
    echo "FAILED the node did not start:"
    cat "$work/node.log"
    exit 1
}

usage=2
error=1
ports
expect "no data directory" $usage "data" "$binary" start
expect "unknown command" $usage "frobnicate" "$binary" frobnicate
expect "unknown flag" $usage "frobnicate" "$binary" start --frobnicate
expect "unknown flag of demo" $usage "frobnicate" "$binary" demo --frobnicate
expect "flag without its value" $usage "data" "$binary" start --data
expect "word where none belongs" $usage "stray" "$binary" start --data "$work/d" stray
expect "bad address" $usage "listen" "$binary" start --data "$work/d" --listen nonsense
expect "port out of range" $usage "sql" "$binary" start --data "$work/d" --sql 127.0.0.1:99999
expect "dry run of nothing" $usage "join" "$binary" start --dry-run
expect "dry run with nobody there" 5 "no answer" "$binary" start --dry-run --join "$peer"
expect "too little memory" $usage "16MiB" "$binary" start --data "$work/d" --memory 1MiB
expect "too short a retention" $usage "1s" "$binary" start --data "$work/d" --version-retention 10ms
expect "bad size" $usage "memory" "$binary" start --data "$work/d" --memory lots
expect "bad number" $usage "cores" "$binary" start --data "$work/d" --cores -1
expect "cores not offered" $usage "cores" "$binary" start --data "$work/d" --cores 64
expect "bad duration" $usage "dead-after" "$binary" start --data "$work/d" --dead-after soon
expect "bad backend" $usage "io" "$binary" start --data "$work/d" --io carrier-pigeon
expect "too long a busy poll" $usage "10ms" "$binary" start --data "$work/d" --busy-poll 1s
expect "bad log level" $usage "log-level" "$binary" start --data "$work/d" --log-level loud
expect "bad clock" $usage "clock" "$binary" start --data "$work/d" --clock sundial
expect "too many demo nodes" $usage "nodes" "$binary" demo --nodes 99
expect "demo without nodes" $usage "nodes" "$binary" demo --nodes 0
expect "bad demo backend" $usage "io" "$binary" demo --no-shell --io carrier-pigeon --data "$work/demo"
expect "bad demo output" $usage "output\|-o" "$binary" demo --no-shell -o xml
expect "bad status output" $usage "output\|-o" "$binary" status -o xml --host "$http"
expect "bad flag in the environment" $usage "memory" env OSTRAKA_MEMORY=lots "$binary" start --data "$work/d"
expect "all addresses without --insecure" $usage "insecure" \
    "$binary" start --data "$work/d" --listen 0.0.0.0:0 --sql "$sql" --http "$http"
expect "place without a port" $usage "join" "$binary" start --data "$work/d" --join nonsense
expect "hardly any memory" $usage "memory" "$binary" start --data "$work/d" --memory 1KiB
expect "hardly any memory for sessions" $usage "sql-memory" "$binary" start --data "$work/d" --sql-memory 1MiB
expect "slow is no number" $usage "log-slow-statements" "$binary" start --data "$work/d" --log-slow-statements soon
expect "too few file descriptors" $error "ulimit -Hn" bash -c "ulimit -n 900; exec $binary start --data $work/d --max-connections 500"
expect "no sessions at all" $usage "max-connections" "$binary" start --data "$work/d" --max-connections 0
expect "blanks in a locality" $usage "locality" "$binary" start --data "$work/d" --locality "a b"
expect "empty data directory name" $usage "data" "$binary" start --data=
expect "statement and file" $usage "not both" "$binary" sql -e "SELECT 1" -f x
expect "debug of a directory that is none" 6 "$work/none" "$binary" debug wal "$work/none"
expect "debug of no node's directory" 6 "there is no lsm" "$binary" debug lsm "$work"
expect "demo on a file" $error "directory" "$binary" demo --no-shell --data "$binary"
expect "status of nobody" $error "$http" "$binary" status --host "$http"
expect "sql to nobody" $error "refused\|connect" "$binary" sql --url "$sql" -e "SELECT 1"

expect "data directory is a file" $error "$work/file" bash -c ": >'$work/file'; exec $(start "$work/file")"
expect "data directory below a file" $error "$work/file" $(start "$work/file/data")
if [ "$(id -u)" -ne 0 ]; then
    mkdir "$work/readonly"
    chmod 500 "$work/readonly"
    expect "read-only data directory" $error "$work/readonly" $(start "$work/readonly")
else
    # Root may write anywhere but where the file system itself says no.
    expect "data directory that cannot be written" $error "/proc/ostraka" $(start /proc/ostraka)
    echo "       (read-only by mode: root passes over modes; skipped)"
fi

$(start "$work/data") >"$work/node.log" 2>&1 </dev/null &
node=$!
wait_answer
for try in $(seq 300); do
    "$binary" status --host "$http" | grep -q "is starting" || break
    sleep 0.1
done
expect "status of a node that is no member" 3 "ostraka init --host $peer" \
    bash -c "exec '$binary' status --host '$http' >&2"
expect "dry run of joining a node that is no member" 4 "no member" "$binary" start --dry-run --join "$peer"
expect "words that are no order" $usage "no order" "$binary" range split kv
expect "node that is no number" $usage "no order" "$binary" node drain one
first_peer=$peer first_sql=$sql first_http=$http
ports
expect "data directory in use" $error "$work/data.*use\|use.*$work/data\|lock" $(start "$work/data")
expect "peer port in use" $error "${first_peer#*:}" \
    "$binary" start --data "$work/other" --listen "$first_peer" --sql "$sql" --http "$http"
expect "SQL port in use" $error "${first_sql#*:}" \
    "$binary" start --data "$work/other" --listen "$peer" --sql "$first_sql" --http "$http"
expect "HTTP port in use" $error "${first_http#*:}" \
    "$binary" start --data "$work/other" --listen "$peer" --sql "$sql" --http "$first_http"
expect "demo on data in use" $error "in use" bash -c "mkdir -p '$work/demo' && ln -s '$work/data' '$work/demo/node1' &&
    exec '$binary' demo --no-shell --nodes 1 --data '$work/demo' --sql-port 29000"
if ! kill -0 "$node" 2>/dev/null; then
    failures=$((failures + 1))
    echo "FAILED the node that ran before did not survive the others' attempts"
fi

# Directories that lost a part, or belong to another cluster. The node founds one to be refused by.
"$binary" init --host "$first_peer" >/dev/null || failures=$((failures + 1))
"$binary" demo --no-shell --nodes 1 --data "$work/second" --sql-port 29100 >"$work/demo.out" 2>&1 &
demo=$!
for tries in $(seq 300); do
    grep -q "^ready" "$work/demo.out" && break
    sleep 0.1
done
kill "$demo"
wait "$demo" 2>/dev/null
expect_last() { # as expect, for a node that has logged before: its last line counts
    local name=$1 words=$2
    shift 2
    timeout -k 5 30 "$@" >"$work/out" 2>&1 </dev/null
    if [ $? -ne $error ] || ! tail -n 1 "$work/out" | grep -q "$words"; then
        failures=$((failures + 1))
        echo "FAILED $name: $(tail -n 1 "$work/out")"
    else
        echo "ok     $name"
    fi
}
expect_last "another cluster's directory" "another cluster" $(start "$work/second/node1" --join "$first_peer")
cp -r "$work/second/node1" "$work/no_log" && rm -r "$work/no_log/store1/wal"
expect_last "directory without its log" "start with an empty --data" $(start "$work/no_log")
cp -r "$work/second/node1" "$work/no_engine" && rm -r "$work/no_engine/store1/lsm"
expect_last "directory without its engine" "start with an empty --data" $(start "$work/no_engine")
cp -r "$work/second/node1" "$work/later" && printf '\377' | dd of="$work/later/store1/lsm/manifest" bs=1 seek=8 conv=notrunc 2>/dev/null
expect_last "directory of another version" "another version" $(start "$work/later")
if unshare -rm true 2>/dev/null; then
    mkdir "$work/readonly_mount"
    expect "read-only file system" $error "Read-only" unshare -rm bash -c "mount -t tmpfs -o ro none '$work/readonly_mount' &&
        exec $(start "$work/readonly_mount/node")"
fi

expect "bench without a workload" 2 "the workloads are" "$binary" bench
expect "bench of another workload" 2 "the workloads are" "$binary" bench nonesuch
expect "bench without clients" 2 "--clients is 1 to 1024" "$binary" bench append --clients 0
expect "bench without an end" 2 "--transactions or --seconds" "$binary" bench append --transactions 0
expect "bench of no address" 2 "not a H:P" "$binary" bench append --nodes here
expect "bench of nobody" $error "no node answers" "$binary" bench append --nodes 127.0.0.1:1
expect "history that cannot be written" $error "no/such/file" "$binary" bench append --history "$work/no/such/file"

if [ "$failures" -ne 0 ]; then
    echo "$failures failed"
    exit 1
fi
echo "all refused as expected"
