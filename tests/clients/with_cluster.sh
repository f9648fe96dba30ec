#!/bin/bash
# Runs a program beside a new cluster of three nodes: PGHOST, PGPORT, PGUSER and PGDATABASE name the first one for
# whatever is made of libpq, OSTRAKA_NODES ("host:port,host:port,host:port", which `ostraka bench` takes) all of them.
# Fails when the program does, or when a node did not survive it. The program's 77 means that a package is missing.
#
#   with_cluster.sh BINARY PROGRAM [ARGUMENT...]
set -u
binary=${1:?usage: with_cluster.sh BINARY PROGRAM [ARGUMENT...]}
shift
work=$(mktemp -d "${TMPDIR:-/tmp}/ostraka-clients-XXXXXX") || exit 1
demo=
finish() {
    [ -n "$demo" ] && kill -INT "$demo" 2>/dev/null && wait "$demo" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

touch "$work/ready"
# Without job control a command in the background would ignore SIGINT.
set -m
"$binary" demo --no-shell -o json --data "$work/data" --sql-port $((20000 + $$ % 10000)) \
    </dev/null >"$work/ready" 2>"$work/demo.err" &
demo=$!
set +m
for ((tries = 0; tries < 600; tries++)); do
    grep -q '"ready": true' "$work/ready" && break
    kill -0 "$demo" 2>/dev/null || { echo "the demo ended: $(cat "$work/demo.err")"; exit 1; }
    sleep 0.1
done
OSTRAKA_NODES=$(sed -n 's/.*"sql": "\([^"]*\)".*/\1/p' "$work/ready" | paste -sd,)
pids=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$work/ready")
first=${OSTRAKA_NODES%%,*}
export OSTRAKA_NODES OSTRAKA_BINARY=$binary OSTRAKA_WORK=$work OSTRAKA_PIDS=$pids
export PGHOST=${first%:*} PGPORT=${first##*:} PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=20
export PGSSLMODE=disable

"$@"
status=$?
for pid in $pids; do
    kill -0 "$pid" 2>/dev/null && continue
    echo "a node ended:"
    tail -n 20 "$work"/data/node*.log
    status=1
done
exit $status
