#!/bin/bash
# pgbench's TPC-B on any server that speaks its protocol: makes the tables, fills them, runs the transaction and
# says whether the sums agree.
#
#   bench/tpcb.sh fill SCALE            tables of SCALE branches (100,000 accounts each)
#   bench/tpcb.sh split SCALE RANGES    of Ostraka: each table gets ranges of its own, RANGES in all, most of them the accounts
#   bench/tpcb.sh run SCALE CLIENTS SECONDS
#
# The server is that of PGHOST, PGPORT, PGUSER and PGDATABASE; the tables' names begin with PREFIX (pgbench_). Run prints one
# line: transactions per second, mean latency in ms, failed transactions. Errors that a client would have to repeat the
# transaction for are failures: nothing is repeated here (--max-tries 1).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
p=${PREFIX:-pgbench_}

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | grep -v '^set' >&2
    exit 2
}

rows() { # FIRST LAST DIVISOR: key, its branch, 0, an empty filler
    seq "$1" "$2" | awk -v d="$3" '{ printf "%d\t%d\t0\t\n", $1, int(($1 - 1) / d) + 1 }'
}

copy() { psql -q -v ON_ERROR_STOP=1 -c "COPY $1 FROM STDIN"; }

fill() {
    local scale=$1 i
    psql -q -v ON_ERROR_STOP=1 <<SQL
SET client_min_messages = warning;
DROP TABLE IF EXISTS ${p}branches;
DROP TABLE IF EXISTS ${p}tellers;
DROP TABLE IF EXISTS ${p}accounts;
DROP TABLE IF EXISTS ${p}history;
CREATE TABLE ${p}branches (bid int PRIMARY KEY, bbalance int, filler char(88));
CREATE TABLE ${p}tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
CREATE TABLE ${p}accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
CREATE TABLE ${p}history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
SQL
    seq 1 "$scale" | awk '{ print $1 "\t0\t" }' | copy ${p}branches
    rows 1 $((scale * 10)) 10 | copy ${p}tellers
    for ((i = 0; i < scale * 10; i++)); do # a transaction each: none may be too large
        rows $((i * 10000 + 1)) $((i * 10000 + 10000)) 100000 | copy ${p}accounts
    done
}

split() {
    local last=$(($1 * 100000)) parts=$(($2 - 3)) bounds="(0)" i
    for ((i = 1; i <= parts; i++)); do bounds+=", ($((i * last / parts + 1)))"; done # history lies behind the last one
    psql -q -v ON_ERROR_STOP=1 -c "ALTER TABLE ${p}branches SPLIT AT VALUES (0)" -c "ALTER TABLE ${p}tellers SPLIT AT VALUES (0)" \
        -c "ALTER TABLE ${p}accounts SPLIT AT VALUES $bounds" >/dev/null
}

sums() {
    psql -qAt -v ON_ERROR_STOP=1 -c "SELECT sum(bbalance) FROM ${p}branches" \
        -c "SELECT sum(tbalance) FROM ${p}tellers" -c "SELECT coalesce(sum(delta), 0) FROM ${p}history" | sort -u
}

run() {
    local out script
    script=$(mktemp)
    sed "s/pgbench_/$p/g" "$here/tpcb.sql" >"$script"
    out=$(pgbench -n -M prepared -f "$script" -s "$1" -c "$2" -T "$3" 2>&1) || { echo "$out" >&2; exit 1; }
    rm -f "$script"
    echo "$out" | awk '/^tps/ { tps = $3 } /^latency average/ { ms = $4 } /failed transactions/ { failed = $5 }
        END { printf "%10.0f %10.2f %8d\n", tps, ms, failed }'
    [ "$(sums | wc -l)" = 1 ] || { echo "tpcb.sh: the sums differ: $(sums | paste -sd' ')" >&2; exit 1; }
}

case "${1:-}" in
fill) [ $# = 2 ] || usage; fill "$2" ;;
split) [ $# = 3 ] && [ "$3" -ge 4 ] || usage; split "$2" "$3" ;;
run) [ $# = 4 ] || usage; run "$2" "$3" "$4" ;;
*) usage ;;
esac
