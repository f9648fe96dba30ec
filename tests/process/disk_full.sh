#!/bin/bash
# A node whose disk is full: too full to start at all; full while it works (53100, reads go on, nothing is lost,
# writes resume by themselves when there is room); killed while it is full. On a small file system of its own,
# which needs the right to mount one.
# disk_full.sh BINARY
set -u
binary=$1
if [ "${2:-}" != inside ]; then
    if ! unshare -rm mount -t tmpfs -o size=1m none /mnt 2>/dev/null; then
        echo "no mounts of our own here: skipped"
        exit 0
    fi
    work=$(mktemp -d) || exit 1
    unshare -rm "$0" "$binary" inside "$work"
    status=$?
    rm -rf "$work"
    exit $status
fi
work=$3
demo=
finish() {
    [ -n "$demo" ] && kill "$demo" 2>/dev/null && wait "$demo" 2>/dev/null
    demo=
}
trap finish EXIT
fail() {
    echo "FAILED $*"
    tail -n 20 "$work"/disk/node1.log 2>/dev/null
    exit 1
}

mkdir "$work/tiny" && mount -t tmpfs -o size=1m none "$work/tiny" || exit 1
timeout 30 "$binary" start --data "$work/tiny/node" --listen 127.0.0.1:0 --sql 127.0.0.1:0 --http 127.0.0.1:0 \
    >"$work/out" 2>&1
[ $? -eq 1 ] && tail -n 1 "$work/out" | grep -q "disk is full; make room" || fail "start on a full disk: $(tail -n 1 "$work/out")"
echo "ok     a disk too full to start on"

mkdir "$work/disk" && mount -t tmpfs -o size=320m none "$work/disk" || exit 1
sql_port=$((20000 + $$ % 10000))
start() {
    : >"$work/ready"
    "$binary" demo --nodes 1 --no-shell --data "$work/disk" --sql-port $sql_port --memory 32MiB -o json \
        >"$work/ready" 2>"$work/demo.err" &
    demo=$!
    local tries
    for tries in $(seq 300); do
        grep -q '"ready": true' "$work/ready" && break
        kill -0 "$demo" 2>/dev/null || fail "the demo ended: $(cat "$work/demo.err")"
        sleep 0.1
    done
    address=$(grep -o '"sql": "[^"]*"' "$work/ready" | cut -d'"' -f4)
    node=$(grep -o '"pid": [0-9]*' "$work/ready" | cut -d' ' -f2)
}
run() { # statement: its first value
    timeout 60 "$binary" sql --url "$address" -o csv -e "$1" 2>"$work/err" | sed -n 2p
}
run_file() {
    timeout 120 "$binary" sql --url "$address" -f "$1" >/dev/null 2>"$work/err"
}

start
run "CREATE TABLE t (id int PRIMARY KEY, note text)"
run "INSERT INTO t VALUES (-1, 'first')"
# What fills the rest of the disk is not ours.
fill() {
    local free
    free=$(df -k --output=avail "$work/disk" | tail -n 1)
    dd if=/dev/zero of="$work/disk/ballast" bs=1k count="$free" 2>/dev/null
}
fill
note=$(head -c 500000 /dev/zero | tr '\0' 'x')
refused=
for i in $(seq 400); do
    echo "INSERT INTO t VALUES ($i, '$note');" >"$work/insert.sql"
    run_file "$work/insert.sql" && continue
    refused=$i
    break
done
[ -n "$refused" ] || fail "400 rows of 500 kB went onto a full disk"
grep -q "full" "$work/err" || fail "row $refused is refused with: $(cat "$work/err")"
kill -0 "$node" 2>/dev/null || fail "the node ended"
echo "ok     row $refused is refused: $(head -n 1 "$work/err")"
[ "$(run "SELECT count(*) FROM t")" = "$refused" ] || fail "rows are missing: $(run "SELECT count(*) FROM t")"
echo "ok     reads go on"

rm "$work/disk/ballast"
for tries in $(seq 100); do
    run_file "$work/insert.sql" && break
    sleep 0.2
done
refused=$((refused + 1))
[ "$(run "SELECT count(*) FROM t")" = "$refused" ] || fail "writes do not resume: $(cat "$work/err")"
echo "ok     writes resume by themselves"

fill
kill -9 "$node"
finish
timeout 30 "$binary" start --data "$work/disk/node1" --listen 127.0.0.1:0 --sql 127.0.0.1:0 --http 127.0.0.1:0 \
    >"$work/out" 2>&1
status=$?
[ $status -eq 1 ] && tail -n 1 "$work/out" | grep -q "disk is full.*make room" ||
    fail "start on the full disk: $status $(tail -n 1 "$work/out")"
rm "$work/disk/ballast"
start
[ "$(run "SELECT count(*) FROM t")" = "$refused" ] || fail "rows are missing after kill -9: $(cat "$work/err")"
echo "ok     killed on a full disk it says so at its start, and nothing is lost when there is room"
