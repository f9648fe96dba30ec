#!/bin/bash
# --clock interval on a machine whose clock source cannot be trusted is refused in plain words, and two nodes that then have
# different sources say so: the log, status and /readyz.
#
#   clock_source.sh BINARY      77: mounts of its own cannot be made here
set -u
binary=$1
source_file=/sys/devices/system/clocksource/clocksource0/current_clocksource
work=$(mktemp -d)
base=$((20000 + $$ % 10000 + RANDOM % 1000))
failures=0
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT

case $(cat $source_file 2>/dev/null) in tsc | arch_sys_counter) ;; *) echo "the clock source of this machine is not to be trusted itself"; exit 77 ;; esac
echo kvm-clock >"$work/fake"
unshare -m mount --bind "$work/fake" $source_file 2>/dev/null || { echo "no mounts of one's own here"; exit 77; }

flags() { # NUMBER
    local p=$((base + 10 * $1))
    echo --data "$work/n$1" --listen 127.0.0.1:$p --sql 127.0.0.1:$((p + 1)) --http 127.0.0.1:$((p + 2)) --clock interval
}
http() { echo 127.0.0.1:$((base + 10 * $1 + 2)); }
says() { # NAME WORDS COMMAND...: within ten seconds its output has the words
    local name=$1 words=$2
    shift 2
    for _ in $(seq 100); do
        "$@" 2>&1 | grep -qe "$words" && { echo "ok     $name"; return; }
        sleep 0.1
    done
    failures=$((failures + 1))
    echo "FAILED $name: no \"$words\" in:"
    "$@" 2>&1 | sed 's/^/    /'
}

# shellcheck disable=SC2046,SC2016
unshare -m sh -c 'mount --bind "$1" "$2"; shift 2; exec "$@"' sh "$work/fake" $source_file "$binary" start $(flags 1) >"$work/log1" 2>&1 &
says "a refused source is logged" '--clock interval is refused.*source=kvm-clock' cat "$work/log1"
says "there are no leases there" 'no leases' cat "$work/log1"
says "a cluster is made" 'cluster created\|exists' "$binary" init --host 127.0.0.1:$((base + 10))
says "status tells that it is refused" 'its clock source is kvm-clock' "$binary" status --host "$(http 1)"
# shellcheck disable=SC2046
"$binary" start $(flags 2) --join 127.0.0.1:$((base + 10)) >"$work/log2" 2>&1 &
says "the one with the other source says so" 'clock master has another source.*here=interval' cat "$work/log2"
says "the master tells who has another one" 'node has another source.*node=2 here=oracle' cat "$work/log1"
says "status tells that they differ" 'which uses interval' "$binary" status --host "$(http 2)"
says "it is not ready" 'has another source' curl -s "http://$(http 2)/readyz"
[ $failures = 0 ]
