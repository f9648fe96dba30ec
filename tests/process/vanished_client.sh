#!/bin/bash
# A client whose machine loses its network, and then its power, says no more, not even that it leaves: its session ends all the same,
# and the locks of its transaction go. Nothing but TCP keepalive tells (src/io/README.md): after a minute.
#
#   vanished_client.sh BINARY      77: network namespaces cannot be made here
set -u
binary=$1
all=(1 2) # the node, and the machine of the client
seed=${SEED:-1}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/process/nodes.sh
. "$here/nodes.sh"
nodes_enter --network "$@"

start 1
wait_for 30 "a cluster" "$binary" init --host "${peer[1]}"
wait_for 30 "a node that is ready" ready 1
ask 1 "CREATE TABLE t (k int PRIMARY KEY, v int)"
ask 1 "INSERT INTO t VALUES (1, 1)"

mkfifo "$work/says"
within 2 psql -X -q -d "host=10.77.0.1 port=7432 user=postgres dbname=postgres" <"$work/says" >"$work/client.log" 2>&1 &
client=$!
exec 3>"$work/says"
echo "BEGIN; UPDATE t SET v = 2 WHERE k = 1;" >&3

held() { [ "$(ask 1 "SELECT count(*) FROM ostraka.locks WHERE table_name = 't'")" = "$1" ]; }
sessions() { [ "$(ask 1 "SELECT count(*) FROM ostraka.sessions WHERE client LIKE '10.77.0.2:%'")" = "$1" ]; }
wait_for 20 "the client's lock" held 1
wait_for 20 "the client's session" sessions 1

# The machine is cut off first, so nobody hears of the end of the process.
ip link set v2 down || fail "no link to cut"
kill -9 $client
wait $client 2>/dev/null
sessions 1 || fail "the session ended with its process: the network was not cut"
held 1 || fail "the lock went with the process"

wait_for 300 "the end of the session" sessions 0
wait_for 20 "the end of the lock" held 0
[ "$(ask 1 "UPDATE t SET v = v + 10 WHERE k = 1 RETURNING v")" = 11 ] || fail "what the client wrote was not undone"
echo "the session of a client that vanished is gone, and its lock"
