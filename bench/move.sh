#!/usr/bin/env bash
# A range on its way from one node to another, between real processes: bench/move.sh [BUILD [MIB]]
# Four nodes of `demo` and one table of about so many MiB; then its range moves from a follower to the node that lacks it,
# while CONNECTIONS clients update rows. Prints the bytes that went, the rate against what the disk takes from one writer and
# against the cluster's snapshot_rate (RATE, 64MiB unless set), and the latency of the updates before and during the move.
set -eu
build=${1:-build/release} mib=${2:-1024}
VALUE_BYTES=${VALUE_BYTES:-1000} CONNECTIONS=${CONNECTIONS:-8} RATE=${RATE:-64MiB}
ostraka=${OSTRAKA:-$build/ostraka} bench=${BENCH:-$build/bench/sql_bench}
root=$(mktemp -d "${TMPDIR:-/var/tmp}/ostraka-move-XXXXXX") demo=''
end() {
  [ -n "$demo" ] && kill "$demo" 2>/dev/null && wait "$demo" 2>/dev/null
  rm -rf "$root"
}
trap end EXIT

port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
TMPDIR=$root "$ostraka" demo --nodes 4 --no-shell -o json --sql-port "$port" >"$root/out" 2>"$root/err" &
demo=$!
until grep -q '"ready": true' "$root/out"; do
  kill -0 $demo 2>/dev/null || { cat "$root/err" >&2; exit 1; }
  sleep 0.2
done
field() { sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\}.*/\\1/p" "$root/out"; }
mapfile -t sqls < <(field sql)
mapfile -t https < <(field http)
mapfile -t dirs < <(field data)
# Of range 2, as its leader tells: "LEADER VOTER VOTER VOTER", only while nothing is under way.
range() {
  local h
  for h in "${https[@]}"; do
    curl -s --max-time 10 "http://$h/status" |
      sed -n 's/.*"range":2,[^{}]*"leader":\([1-9]\)[^{}]*"voters":\[\([1-9]\),\([1-9]\),\([1-9]\)\],"outgoing":\[\].*/\1 \2 \3 \4/p'
  done | head -1
}
sql() { psql -qAt "host=127.0.0.1 port=${sqls[0]##*:} user=postgres dbname=postgres" -c "$1"; }
until [ -n "$(range)" ]; do sleep 1; done
sql "ALTER SYSTEM SET snapshot_rate = '$RATE'"
sql "ALTER SYSTEM SET auto_split = off" # one range, whatever the table's size
keys=$((mib * 1024 * 1024 / (VALUE_BYTES + 30)))
read -r leader _ < <(range)
"$bench" load --address "${sqls[leader - 1]}" --keys $keys --value-bytes "$VALUE_BYTES" --connections 4 --no-header

update() { # SECONDS
  "$bench" upsert --statement upsert --prepared --address "${sqls[leader - 1]}" --keys $keys --value-bytes "$VALUE_BYTES" \
    --connections "$CONNECTIONS" --seconds "$1" --no-header | awk '{ printf "%d/s, p50 %.0f us, p99 %.0f us", $4, $5, $6 }'
}
before=$(update 5)
read -r leader v1 v2 v3 < <(range)
from=$v1; [ "$from" = "$leader" ] && from=$v2
for to in 1 2 3 4; do case " $v1 $v2 $v3 " in *" $to "*) ;; *) break ;; esac; done
bytes() { du -sb "${dirs[$to - 1]}"/store1/lsm | cut -f1; }
b0=$(bytes)
update $((mib / 80 + 3)) >"$root/during" & # about as long as the move takes at 64 MiB/s
load=$!
t=$(date +%s.%N)
sql "ALTER RANGE 2 MOVE FROM $from TO $to" >/dev/null
until [[ " $(range) " == *" $to "* && "$(range)" != *" $from"* ]]; do sleep 0.1; done
seconds=$(awk -v a="$t" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')
moved=$(($(bytes) - b0))
wait $load
disk=$(dd if=/dev/zero of="$root/raw" bs=128k count=2048 oflag=direct conv=fdatasync 2>&1 | sed -n 's/.* \([0-9.]*\) s, .*/\1/p')
awk -v m=$moved -v s="$seconds" -v d="$disk" -v b="$before" -v n="$(cat "$root/during")" 'BEGIN {
  printf "moved: %.0f MB in %.1f s, %.0f MB/s; the disk takes %.0f MB/s\n", m / 1e6, s, m / s / 1e6, 268.4 / d
  printf "updates before: %s\nupdates meanwhile: %s\n", b, n }'
