#!/usr/bin/env bash
# What a put costs when the table lies in many ranges: bench/spread.sh [BUILD [SECONDS [RANGES...]]]
# For each number of ranges: three nodes of `demo`, whose first table is divided evenly from the start, and
# prepared puts of random keys (1 to KEYS) from CONNECTIONS clients, a third of them on each node. Prints throughput, latency, CPU of the
# three servers per put, and where perf counts: instructions, those of the kernel included. RATE=N puts a second are the same load for all;
# without it the load is what each can take, and then more ranges are compared at fewer puts to a group write.
set -u
build=${1:-build/release}; seconds=${2:-10}; shift $(($# < 2 ? $# : 2))
[ $# -eq 0 ] && set -- 1 8 64 1000
RATE=${RATE:-0} KEYS=${KEYS:-100000} CONNECTIONS=${CONNECTIONS:-64} RUNS=${RUNS:-3} WARM_SECONDS=${WARM_SECONDS:-10}
ostraka=${OSTRAKA:-$build/ostraka} bench=${BENCH:-$build/bench/sql_bench}
root='' demo=''

end() {
  [ -n "$demo" ] && kill "$demo" 2>/dev/null && wait "$demo" 2>/dev/null
  [ -n "$root" ] && rm -rf "$root"
  root='' demo=''
}
trap end EXIT

begin() { # RANGES: sets pids, addresses, https
  root=$(mktemp -d "${TMPDIR:-/var/tmp}/ostraka-spread-XXXXXX")
  local port
  port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
  TMPDIR=$root "$ostraka" demo --no-shell -o json --sql-port "$port" --ranges "$1" --range-rows $((KEYS / $1)) \
    >"$root/out" 2>"$root/err" &
  demo=$!
  until grep -q '"ready": true' "$root/out"; do
    kill -0 $demo 2>/dev/null || { cat "$root/err" >&2; exit 1; }
    sleep 0.2
  done
  field() { sed -n "s/.*\"$1\": \"\\{0,1\\}\\([^\",]*\\)\"\\{0,1\\}.*/\\1/p" "$root/out" | paste -sd,; }
  pids=$(field pid) addresses=$(field sql) https=$(field http)
  local first=${https%%,*}
  until [ "$(curl -s --max-time 10 "http://$first/status" |
    grep -o '"voters":\[[123],[123],[123]\],"outgoing":\[\]' | wc -l)" -gt "$1" ]; do sleep 1; done
}

put() { # SECONDS: a row of sql_bench
  "$bench" upsert --statement upsert --prepared --address "$addresses" --keys "$KEYS" --connections "$CONNECTIONS" \
    --seconds "$1" --rate "$RATE" --warmup-ms 0 --pids "$pids" --no-header
}

# After a founding leaders move until the nodes are even.
elections() { for h in ${https//,/ }; do curl -s "http://$h/metrics"; done | awk '$1 == "ostraka_elections_total" { s += $2 } END { print s }'; }
leaders_rest() {
  local before now
  before=$(elections)
  for _ in $(seq 20); do
    sleep 3
    now=$(elections)
    [ "$now" = "$before" ] && return
    before=$now
  done
}

counted() { # sets instructions, or -
  instructions=$(awk -F, '/instructions/ { s += $1 } END { print (s > 0 ? s : "-") }' "$root/perf" 2>/dev/null)
}

printf '%7s %9s %9s %9s %11s %9s %12s\n' ranges ops/s p50_us p99_us srv_cpu_us errors instructions
for ranges; do
  begin "$ranges"
  "$bench" load --address "${addresses%%,*}" --keys 1 --no-header >"$root/load" || { cat "$root/load"; exit 1; }
  put "$WARM_SECONDS" >"$root/warm"
  leaders_rest
  for _ in $(seq "$RUNS"); do
    perf stat -x, -e instructions -p "$pids" -o "$root/perf" -- sleep "$seconds" 2>/dev/null &
    counter=$!
    row=$(put "$seconds")
    wait $counter
    counted
    awk -v r="$ranges" -v row="$row" -v i="$instructions" -v s="$seconds" 'BEGIN { split(row, c, " ");
      printf "%7d %9d %9.0f %9.0f %11s %9s %12s\n", r, c[4], c[5], c[6], c[8], c[10],
        i == "-" ? "-" : sprintf("%.0f", i / (c[4] * s)) }'
  done
  end
done
