# Clusters of real processes for the scripts here: sourced, not run. The caller's environment:
#   OSTRAKA  the program                    (build/trained/ostraka; build/release/ostraka where that is not built)
#   BENCH    where the other programs are   (build/release/bench)
#   TMPDIR   on the disk to measure         (/var/tmp)
# Nodes of Ostraka are numbered from 1 as they are started, which is their node id, too, when each waits for the one
# before; those of etcd from 1.
set -uo pipefail
[ -n "${OSTRAKA:-}" ] || OSTRAKA=$(ls build/trained/ostraka 2>/dev/null || echo build/release/ostraka)
OSTRAKA=$(realpath "$OSTRAKA")
BENCH=$(realpath "${BENCH:-build/release/bench}")
wants() { # PROGRAMS...
    local program
    for program in "$@"; do command -v "$program" >/dev/null || { echo "$0: there is no $program" >&2; exit 1; }; done
}
wants "$OSTRAKA" "$BENCH/sql_bench" curl psql python3
root=$(mktemp -d "${TMPDIR:-/var/tmp}/ostraka-bench-XXXXXX") || exit 1
start_flags=() # of every node
pids=() peers=() sqls=() https=() etcd_pids=() etcd_clients=() etcd_peers=()
trap 'kill -9 "${pids[@]}" "${etcd_pids[@]}" 2>/dev/null; rm -rf "$root"' EXIT
trap 'exit 1' INT TERM

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}
free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
joined() { # WORDS...: with commas between them
    local IFS=,
    echo "$*"
}
now_ms() { echo $(($(date +%s%N) / 1000000)); }
machine() { echo "$(nproc) cores, load $(cut -d" " -f1 /proc/loadavg); $("$OSTRAKA" version | head -n 1), $OSTRAKA"; }
# Of numbers on stdin: median, worst.
median_worst() { sort -n | awk '{ v[NR] = $1 } END { printf "median %s, worst %s", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2, v[NR] }'; }

# ---- Ostraka ----

start_node() { # NODE
    local i=$1 join=()
    if [ -z "${peers[$i]:-}" ]; then
        peers[$i]=127.0.0.1:$(free_port) sqls[$i]=127.0.0.1:$(free_port) https[$i]=127.0.0.1:$(free_port)
    fi
    [ "$i" -gt 1 ] && join=(--join "${peers[1]}")
    "$OSTRAKA" start --data "$root/node$i" --listen "${peers[$i]}" --sql "${sqls[$i]}" --http "${https[$i]}" \
        --memory 256MiB "${join[@]}" "${start_flags[@]}" </dev/null >>"$root/node$i.log" 2>&1 &
    pids[$i]=$!
    disown "${pids[$i]}" # nothing is said of it when it is killed
}
# Of one node, without labels: 0 when there is none.
metric() { curl -s --max-time 5 "http://${https[$1]}/metrics" | awk -v m="ostraka_$2" '$1 == m { v = $2 } END { print v + 0 }'; }
sql() { # NODE STATEMENT...: bare rows
    local i=$1
    shift
    psql -XAtq -v ON_ERROR_STOP=1 "host=${sqls[$i]%:*} port=${sqls[$i]#*:} user=postgres dbname=postgres connect_timeout=5" "${@/#/-c}"
}
retry() { # SECONDS COMMAND...
    local until=$(($(now_ms) + $1 * 1000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$until" ] || return 1
        sleep 0.1
    done
}
is_ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "http://${https[$1]}/readyz")" = 200 ]; }
can_lose() { curl -s --max-time 5 "http://${https[$1]}/status" | grep -q "\"can_lose\":$2"; }
whole() { retry 60 can_lose "$1" 1 || die "the cluster does not become whole"; } # as node NODE sees it, of three replicas
start_cluster() { # COUNT
    local i
    start_node 1
    "$OSTRAKA" init --host "${peers[1]}" >/dev/null || die "init"
    for ((i = 2; i <= $1; i++)); do
        start_node "$i"
        retry 30 is_ready "$i" || die "node $i is not ready: $(tail -n 3 "$root/node$i.log")"
    done
    [ "$1" -lt 3 ] || whole 1
}
stop_node() { # NODE [SIGNAL]
    kill "-${2:-9}" "${pids[$1]}"
    while kill -0 "${pids[$1]}" 2>/dev/null; do sleep 0.005; done
}
leader_of() { sql "$1" "SELECT leader FROM ostraka.ranges WHERE range = $2"; } # as node NODE knows, range RANGE
transfer() { # ASKED RANGE TO
    [ "$(leader_of "$1" "$2")" = "$3" ] || sql "$1" "ALTER RANGE $2 TRANSFER TO $3"
}
leads() { [ "$(leader_of "$1" "$2")" = "$3" ]; } # ASKED RANGE NODE
put_leader() { # ASKED RANGE NODE: has that node lead that range
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        leads "$1" "$2" "$3" && return
        sql "$1" "ALTER RANGE $2 TRANSFER TO $3" >/dev/null 2>&1
        sleep 0.1
    done
    die "node $3 does not get to lead range $2"
}
# The last range of table kv, which sql_bench makes.
range_of_kv() { sql "$1" "SELECT range FROM ostraka.ranges ORDER BY range DESC LIMIT 1"; }
bench_sql() { # WORKLOAD ADDRESSES FLAGS...
    "$BENCH/sql_bench" "$1" --address "$2" --prepared --statement upsert --no-header "${@:3}"
}

# ---- etcd ----

start_etcd_node() { # NODE
    local i=$1 cluster=()
    local k
    for k in 1 2 3; do
        [ -n "${etcd_peers[$k]:-}" ] || etcd_peers[$k]=127.0.0.1:$(free_port) etcd_clients[$k]=${etcd_clients[$k]:-127.0.0.1:$(free_port)}
        cluster+=("n$k=http://${etcd_peers[$k]}")
    done
    etcd --name "n$i" --data-dir "$root/etcd$i" --listen-client-urls "http://${etcd_clients[$i]}" \
        --advertise-client-urls "http://${etcd_clients[$i]}" --listen-peer-urls "http://${etcd_peers[$i]}" \
        --initial-advertise-peer-urls "http://${etcd_peers[$i]}" --initial-cluster "$(joined "${cluster[@]}")" \
        --log-level warn --log-outputs stderr </dev/null >>"$root/etcd$i.log" 2>&1 &
    etcd_pids[$i]=$!
    disown "${etcd_pids[$i]}"
}
etcd_status() { ETCDCTL_API=3 etcdctl --endpoints "$(joined "${etcd_clients[@]}")" endpoint status -w simple 2>/dev/null; }
# The fields of a line: endpoint, id, version, size, is leader, ...
etcd_leader() {
    local address i
    address=$(etcd_status | awk -F', ' '$5 == "true" { print $1 }')
    for i in 1 2 3; do [ "${etcd_clients[$i]}" = "$address" ] && echo "$i"; done
}
etcd_is_whole() { [ "$(etcd_status | wc -l)" = 3 ] && [ -n "$(etcd_leader)" ]; }
start_etcd() {
    local i
    wants "$BENCH/etcd_bench" etcd etcdctl
    for i in 1 2 3; do start_etcd_node $i; done
    retry 30 etcd_is_whole || die "etcd does not start: $(tail -n 3 "$root"/etcd1.log)"
}
