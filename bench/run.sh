#!/bin/bash
# What the log and consensus do alone, then puts and gets on three nodes of Ostraka and of etcd by the same closed
# loop, one hot row, and TPC-B beside PostgreSQL on one node, all on this machine's loopback and disk. Prints tables of
# medians and the ratios; leaves nothing behind.
#
#   bench/run.sh [quick]
#
# quick: one run of one second each, to see that it works. Environment:
#   OSTRAKA  the program                      (build/trained/ostraka; build/release/ostraka where that is not built)
#   BENCH    where the other programs are     (build/release/bench)
#   TMPDIR   on the disk to measure           (/var/tmp)
#   KEYS, VALUE_BYTES, SECONDS_PER_RUN, RUNS
#   PROTOCOL prepared or simple          (prepared)
#   STATEMENT what a put is: upsert or update (upsert)
#   TPCB_SCALES, TPCB_CLIENTS            ("1", 32); empty scales: no TPC-B
#   POSTGRES where PostgreSQL's programs are (/usr/lib/postgresql/15/bin; skipped when there are none)
#   SHAPES   connections x requests in flight on each  (1x1 16x1 1x16 64x1 4x16 256x1 16x16)
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/bench

[ -n "${OSTRAKA:-}" ] || OSTRAKA=$(ls build/trained/ostraka 2>/dev/null || echo build/release/ostraka)
OSTRAKA=$(realpath "$OSTRAKA")
BENCH=$(realpath "${BENCH:-build/release/bench}")
KEYS=${KEYS:-10000}
VALUE_BYTES=${VALUE_BYTES:-100}
SHAPES=${SHAPES:-1x1 16x1 1x16 64x1 4x16 256x1 16x16}
PROTOCOL=${PROTOCOL:-prepared}
STATEMENT=${STATEMENT:-upsert}
TPCB_SCALES=${TPCB_SCALES-1}
TPCB_CLIENTS=${TPCB_CLIENTS:-32}
POSTGRES=${POSTGRES:-/usr/lib/postgresql/15/bin}
sql_flags=()
[ "$PROTOCOL" = prepared ] && sql_flags+=(--prepared)
if [ "${1:-}" = quick ]; then
    RUNS=${RUNS:-1} SECONDS_PER_RUN=${SECONDS_PER_RUN:-1} WARMUP_MS=200
else
    RUNS=${RUNS:-3} SECONDS_PER_RUN=${SECONDS_PER_RUN:-5} WARMUP_MS=1000
fi
for program in "$OSTRAKA" "$BENCH"/{sql,etcd,log,raft}_bench etcd etcdctl curl psql; do
    command -v "$program" >/dev/null || { echo "run.sh: there is no $program" >&2; exit 1; }
done

root=$(mktemp -d "${TMPDIR:-/var/tmp}/ostraka-bench-XXXXXX")
started=()
cleanup() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$root"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

die() {
    echo "run.sh: $*" >&2
    exit 1
}

# ---- Ostraka ----

start_ostraka() {
    : >"$root/demo.out"
    TMPDIR=$root "$OSTRAKA" demo --no-shell -o json --sql-port 27432 \
        >"$root/demo.out" 2>"$root/demo.err" &
    started+=($!)
    for _ in $(seq 300); do
        grep -q '"ready": true' "$root/demo.out" && break
        kill -0 "${started[-1]}" 2>/dev/null || { cat "$root/demo.err" >&2; die "the demo ended"; }
        sleep 0.2
    done
    grep -q '"ready": true' "$root/demo.out" || die "the demo is not ready"
    ostraka_pids=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$root/demo.out" | paste -sd,)
}

# The node that leads most ranges of data: clients are sent to it, as they are to etcd's leader. Leadership may move
# on a busy machine, so it is looked for again before each part.
find_ostraka_leader() {
    local best=0 sql http count
    while read -r sql http; do
        count=$({ curl -s "http://$http/status" || true; } |
            grep -o '"range":[0-9]*,"epoch":[0-9]*,"role":"leader"' | grep -vc '"range":1,' || true)
        if [ "$count" -gt "$best" ]; then
            best=$count
            ostraka_leader=$sql
        fi
    done < <(sed -n 's/.*"sql": "\([^"]*\)", "http": "\([^"]*\)".*/\1 \2/p' "$root/demo.out")
    [ "$best" -gt 0 ] || die "no node of Ostraka leads"
}

# Whether ranges divide by themselves.
auto_split() { # on or off
    psql -X -q -h "${ostraka_leader%:*}" -p "${ostraka_leader##*:}" -U postgres -d postgres -c "ALTER SYSTEM SET auto_split = $1" ||
        die "auto_split cannot be set"
}

# ---- etcd ----

start_etcd() {
    local base=27379 cluster="" pids=() i
    local host=http://127.0.0.1 client peer
    for i in 0 1 2; do cluster+="${cluster:+,}n$i=$host:$((base + 10 * i + 1))"; done
    for i in 0 1 2; do
        client=$host:$((base + 10 * i))
        peer=$host:$((base + 10 * i + 1))
        etcd --name "n$i" --data-dir "$root/etcd$i" --listen-client-urls "$client" \
            --advertise-client-urls "$client" --listen-peer-urls "$peer" \
            --initial-advertise-peer-urls "$peer" --initial-cluster "$cluster" \
            --log-level warn --log-outputs stderr >"$root/etcd$i.log" 2>&1 &
        started+=($!)
        pids+=($!)
    done
    etcd_pids=$(IFS=,; echo "${pids[*]}")
    etcd_endpoints=127.0.0.1:$base,127.0.0.1:$((base + 10)),127.0.0.1:$((base + 20))
}

# The fields of a line: endpoint, id, version, size, is leader, ...
find_etcd_leader() {
    for _ in $(seq 150); do
        etcd_leader=$(ETCDCTL_API=3 etcdctl --endpoints "$etcd_endpoints" endpoint status \
            -w simple 2>/dev/null | awk -F', ' '$5 == "true" { print $1 }' || true)
        [ -n "$etcd_leader" ] && return
        sleep 0.2
    done
    die "etcd has no leader; see: $(tail -n 3 "$root"/etcd0.log)"
}

stop_etcd() {
    local pid
    for pid in ${etcd_pids//,/ }; do kill "$pid"; done
    for pid in ${etcd_pids//,/ }; do wait "$pid" 2>/dev/null || true; done
}

# ---- measuring ----

# one_run SYSTEM OP SHAPE: appends a row behind "SYSTEM OP SHAPE" to the rows.
one_run() {
    local system=$1 op=$2 program=$BENCH/etcd_bench workload=$2 address=$etcd_leader pids=$etcd_pids flags=()
    if [ "$system" = ostraka ]; then
        program=$BENCH/sql_bench address=$ostraka_leader pids=$ostraka_pids
        [ "$op" = put ] && workload=upsert
        flags=("${sql_flags[@]}" --statement "$STATEMENT")
    fi
    local row
    row=$("$program" "$workload" --address "$address" --pids "$pids" --connections "${3%x*}" --pipeline "${3#*x}" \
        --keys "$KEYS" --value-bytes "$VALUE_BYTES" --seconds "$SECONDS_PER_RUN" \
        --warmup-ms "$WARMUP_MS" --no-header "${flags[@]}") || die "$system $op $3 failed"
    echo "$system $op $3 $row" >>"$root/rows"
}

# Every column's own median over the runs. A row: system op shape | op conns pipe ops/s p50 p99
# p99.9 server client errors.
print_table() {
    awk '
    function median(list,    n, v, i, j, t) {
        n = split(list, v, " ")
        for (i = 2; i <= n; i++)
            for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {
                t = v[j]
                v[j] = v[j - 1]
                v[j - 1] = t
            }
        return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    }
    function ratio(key, f,    e) {
        e = median(data["etcd " key, f])
        return e > 0 ? sprintf("%.2f", median(data["ostraka " key, f]) / e) : "-"
    }
    {
        key = $2 " " $3
        if (!(key in seen)) { seen[key] = 1; order[++keys] = key }
        for (f = 7; f <= 12; f++) data[$1 " " key, f] = data[$1 " " key, f] " " $f
        errors[$1 " " key] += $13
    }
    END {
        line = "%-8s %-4s %8s %10s %10s %10s %10s %12s %12s %8s\n"
        printf line, "system", "op", "shape", "ops/s", "p50_us", "p99_us", "p99.9_us",
            "srv_cpu_us", "cli_cpu_us", "errors"
        for (i = 1; i <= keys; i++) {
            split(order[i], part, " ")
            for (s = 1; s <= 2; s++) {
                name = (s == 1 ? "ostraka" : "etcd") " " order[i]
                printf line, s == 1 ? "ostraka" : "etcd", part[1], part[2], median(data[name, 7]),
                    median(data[name, 8]), median(data[name, 9]), median(data[name, 10]),
                    median(data[name, 11]), median(data[name, 12]), errors[name]
            }
            printf line, "ratio", part[1], part[2], ratio(order[i], 7), ratio(order[i], 8),
                ratio(order[i], 9), ratio(order[i], 10), ratio(order[i], 11),
                ratio(order[i], 12), ""
        }
    }' "$root/rows"
}

run_shapes() {
    local shape op
    for shape in $SHAPES; do
        for op in put get; do
            for _ in $(seq "$RUNS"); do
                one_run ostraka "$op" "$shape"
                one_run etcd "$op" "$shape"
            done
        done
    done
    print_table
}

# 64 clients add to one row, all on its leader, then spread over the nodes. The last line: is the sum what was answered?
run_hot() {
    local where address
    echo "hot row, 64 clients"
    "$BENCH/sql_bench" hot --address "$ostraka_leader" --seconds 1 --warmup-ms 0 | head -n 1
    for where in one three; do
        address=$ostraka_leader
        [ "$where" = three ] && address=$(sed -n 's/.*"sql": "\([^"]*\)".*/\1/p' "$root/demo.out" | paste -sd,)
        for _ in $(seq "$RUNS"); do
            "$BENCH/sql_bench" hot --address "$address" --pids "$ostraka_pids" --connections 64 "${sql_flags[@]}" \
                --seconds "$SECONDS_PER_RUN" --warmup-ms "$WARMUP_MS" --no-header | sed "s/^hot      /$(printf '%-9s' "hot-$where")/"
        done
    done
}

# Puts under idempotency keys of their own, and with another SET in front, in turn.
run_keys() {
    local first
    echo "idempotency keys, 64 clients"
    for _ in $(seq "$RUNS"); do
        for first in set key anchored; do
            "$BENCH/sql_bench" upsert --address "$ostraka_leader" --pids "$ostraka_pids" --connections 64 --first "$first" \
                --statement "$STATEMENT" --keys "$KEYS" --value-bytes "$VALUE_BYTES" --seconds "$SECONDS_PER_RUN" \
                --warmup-ms "$WARMUP_MS" --no-header "${sql_flags[@]}" | sed "s/^upsert   /$(printf '%-9s' "put-$first")/"
        done
    done
}

stop_all() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    started=()
}

tpcb() { # SYSTEM SCALE
    "$here/tpcb.sh" fill "$2"
    for _ in $(seq "$RUNS"); do
        printf '%-10s scale %3s %4s clients ' "$1" "$2" "$TPCB_CLIENTS"
        "$here/tpcb.sh" run "$2" "$TPCB_CLIENTS" "$((SECONDS_PER_RUN * 2))"
    done
}

# As another user when this one is root: PostgreSQL refuses to run as root.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then setpriv --reuid postgres --regid postgres --init-groups "$@"; else "$@"; fi
}

# One node, SERIALIZABLE, everything else as it comes, with memory for the tables.
start_postgres() {
    local data=$root/postgres
    mkdir "$data"
    chmod 711 "$root"
    [ "$(id -u)" != 0 ] || chown postgres "$data"
    as_postgres "$POSTGRES/initdb" -D "$data" -U postgres -A trust >/dev/null
    as_postgres "$POSTGRES/postgres" -D "$data" -p 27632 -k "$data" -c listen_addresses=127.0.0.1 \
        -c default_transaction_isolation=serializable -c shared_buffers=512MB -c max_wal_size=4GB \
        >"$root/postgres.log" 2>&1 &
    started+=($!)
    for _ in $(seq 100); do
        "$POSTGRES/pg_isready" -q -h 127.0.0.1 -p 27632 && return
        sleep 0.2
    done
    cat "$root/postgres.log" >&2
    die "PostgreSQL is not ready"
}

run_tpcb() {
    local scale
    export PGHOST=127.0.0.1 PGUSER=postgres PGDATABASE=postgres PGPORT=${ostraka_leader##*:}
    printf 'TPC-B              %15s %10s %10s %8s\n' "" tps ms failed
    for scale in $TPCB_SCALES; do tpcb ostraka "$scale"; done
    stop_all
    [ -x "$POSTGRES/postgres" ] || return 0
    start_postgres
    PGPORT=27632
    for scale in $TPCB_SCALES; do tpcb postgres "$scale"; done
}

"$BENCH/log_bench" --directory "$root" --seconds "$SECONDS_PER_RUN"
"$BENCH/raft_bench" --directory "$root" --seconds "$SECONDS_PER_RUN"
start_ostraka
start_etcd
find_etcd_leader
find_ostraka_leader
echo "$("$OSTRAKA" version | head -n 1), $OSTRAKA; $(etcd --version | head -n 1); leaders $ostraka_leader" \
    "and $etcd_leader"
echo "$(nproc) cores, load $(cut -d" " -f1 /proc/loadavg); $KEYS keys, values of $VALUE_BYTES" \
    "bytes; $PROTOCOL statements; medians of $RUNS runs of $SECONDS_PER_RUN s"
auto_split off # one range against etcd's one group; two_ranges.sh, spread.sh and tpcb_ranges.sh measure several
"$BENCH/sql_bench" load --address "$ostraka_leader" --keys "$KEYS" --value-bytes "$VALUE_BYTES" \
    --connections 4 >/dev/null || die "Ostraka cannot be filled"
"$BENCH/etcd_bench" load --address "$etcd_leader" --keys "$KEYS" --value-bytes "$VALUE_BYTES" \
    --connections 64 >/dev/null || die "etcd cannot be filled"
run_shapes
stop_etcd
find_ostraka_leader
run_hot
find_ostraka_leader
run_keys
find_ostraka_leader
auto_split on
[ -z "$TPCB_SCALES" ] || run_tpcb
