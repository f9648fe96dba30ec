#!/usr/bin/env bash
# What idle ranges cost: bench/ranges.sh [BUILD [RANGES [SECONDS]]]
# Founds a cluster of three processes with so many ranges and waits until each has three voters. Prints CPU and memory
# of all three while nothing happens, then how long it takes until every range has a leader again after one of them
# was killed, the elections and Raft messages that took, and how long its restart takes, and that of all three.
set -u
build=${1:-build}; ranges=${2:-1000}; seconds=${3:-30}
bound=60 # seconds that each of the last parts may take
program=$build/ostraka
data=$(mktemp -d)
pids=()
trap 'disown -a; kill -9 "${pids[@]}" 2>/dev/null; rm -rf "$data"' EXIT

port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }
peers=("$(port)" "$(port)" "$(port)"); sqls=("$(port)" "$(port)" "$(port)"); https=("$(port)" "$(port)" "$(port)")
join=$(printf '127.0.0.1:%s,' "${peers[@]}")

start() { # NODE
  "$program" start --data "$data/$1" --listen "127.0.0.1:${peers[$1]}" --sql "127.0.0.1:${sqls[$1]}" \
    --http "127.0.0.1:${https[$1]}" --join "${join%,}" --memory=256MiB >>"$data/$1.log" 2>&1 &
  pids[$1]=$!
}
status() { curl -s --max-time 10 "http://127.0.0.1:${https[$1]}/status"; }
metric() { curl -s --max-time 10 "http://127.0.0.1:${https[$1]}/metrics" | awk -v m="$2" '$1 == m { s += $2 } END { print s + 0 }'; }
ready() { curl -s -o /dev/null -w '%{http_code}' --max-time 2 "http://127.0.0.1:${https[$1]}/readyz"; }
# /status lists but some of many ranges; the counts are of all.
but() { local n u; n=$(metric "$1" ostraka_ranges); u=$(metric "$1" "$2"); echo $((n - u)); } # ranges there without those
whole() { but 0 ostraka_ranges_under_replicated; } # with all their voters
led() { but "$1" ostraka_ranges_without_leader; } # of which that node knows a leader
ticks() { local sum=0; for p in "${pids[@]}"; do sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$p/stat"))); done; echo $sum; }
resident() { awk '/VmRSS/ { print $2 }' "/proc/${pids[$1]}/status"; }

start 0
until "$program" init --host "127.0.0.1:${peers[0]}" --ranges "$ranges" >/dev/null 2>&1; do sleep 0.2; done
t=$(now)
for i in 1 2; do
  start $i
  until [ "$(ready $i)" = 200 ]; do sleep 0.1; done
done
all=$((ranges + 1))
while [ "$(whole)" -lt $all ]; do sleep 2; done
printf 'formed: %s ranges with three voters each in %s s\n' $all "$(since "$t")"
sleep 40 # leaders are levelled, logs of idle ranges cut: then there is nothing left to do
before=$(ticks); m0=$(metric 0 ostraka_raft_messages_sent_total); sleep "$seconds"; after=$(ticks); m1=$(metric 0 ostraka_raft_messages_sent_total)
awk -v t=$((after - before)) -v s="$seconds" -v hz="$(getconf CLK_TCK)" -v m=$((m1 - m0)) \
  'BEGIN { printf "idle: %.1f%% of one core in all, %.1f Raft messages a second from node 1\n", 100 * t / hz / s, m / s }'
memory() { # WHEN
  for i in 0 1 2; do
    awk -v r="$(resident $i)" -v n=$all -v i=$((i + 1)) -v w="$1" \
      'BEGIN { printf "node %d, %s: %d KiB resident, %.1f KiB per replica\n", i, w, r, r / n }'
  done
}
memory 'founded'

both() { echo $(($(metric 1 "$1") + $(metric 2 "$1"))); }
# Waits until COMMAND... says that many ranges, at most BOUND seconds after t; prints what it waited for.
until_all() { # WHAT COMMAND...
  local what=$1 n=0; shift
  while n=$("$@"); [ "$n" -lt $all ]; do
    if awk -v s="$(since "$t")" -v b="$bound" 'BEGIN { exit !(s > b) }'; then
      printf '%s: only %s of %s ranges after %s s\n' "$what" "$n" $all "$(since "$t")"
      return
    fi
    sleep 0.2
  done
  printf '%s: all %s ranges after %s s\n' "$what" $all "$(since "$t")"
}
led_elsewhere() { both ostraka_leaders; }
lost=$(metric 0 ostraka_leaders)
e=$(both ostraka_elections_total); m=$(both ostraka_raft_messages_sent_total)
kill -9 "${pids[0]}"; wait "${pids[0]}" 2>/dev/null
t=$(now)
until_all 'node 1 killed, led again' led_elsewhere
printf '  it led %s ranges; the other two: %s elections, %s Raft messages, highest term %s\n' "$lost" \
  $(($(both ostraka_elections_total) - e)) $(($(both ostraka_raft_messages_sent_total) - m)) \
  "$(status 1 | grep -o '"term":[0-9]*' | cut -d: -f2 | sort -n | tail -1)"
sleep 5
before=$(awk '{ print $14 + $15 }' "/proc/${pids[1]}/stat"); sleep 10; after=$(awk '{ print $14 + $15 }' "/proc/${pids[1]}/stat")
awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "while it is down: node 2 uses %.1f%% of one core\n", 100 * t / hz / 10 }'
t=$(now); start 0
until [ "$(ready 0)" = 200 ]; do sleep 0.1; done
printf 'node 1 started: ready after %s s\n' "$(since "$t")"
until_all '  knows the leaders of' led 0
kill -9 "${pids[@]}"; wait "${pids[@]}" 2>/dev/null
t=$(now)
for i in 0 1 2; do start $i; done
for i in 0 1 2; do until [ "$(ready $i)" = 200 ]; do sleep 0.1; done; done
printf 'all three killed and started: ready after %s s\n' "$(since "$t")"
until_all '  led' led 0
sleep 40 # groups at rest give memory back
memory 'started again'
