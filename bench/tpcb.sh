#!/bin/bash
# pgbench's TPC-B on any server that speaks its protocol: makes the tables, fills them, runs the transaction and
# says whether the sums agree.
#
#   bench/tpcb.sh fill SCALE            tables of SCALE branches (100,000 accounts each)
#   bench/tpcb.sh run SCALE CLIENTS SECONDS
#
# The server is that of PGHOST, PGPORT, PGUSER and PGDATABASE. Prints one line: transactions per second, mean latency
# in ms, failed transactions. Errors that a client would have to repeat the transaction for are failures: nothing is
# repeated here (--max-tries 1).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

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
    psql -q -v ON_ERROR_STOP=1 <<'SQL'
SET client_min_messages = warning;
DROP TABLE IF EXISTS pgbench_branches;
DROP TABLE IF EXISTS pgbench_tellers;
DROP TABLE IF EXISTS pgbench_accounts;
DROP TABLE IF EXISTS pgbench_history;
CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));
CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
SQL
    seq 1 "$scale" | awk '{ print $1 "\t0\t" }' | copy pgbench_branches
    rows 1 $((scale * 10)) 10 | copy pgbench_tellers
    for ((i = 0; i < scale * 10; i++)); do # a transaction each: none may be too large
        rows $((i * 10000 + 1)) $((i * 10000 + 10000)) 100000 | copy pgbench_accounts
    done
}

sums() {
    psql -qAt -v ON_ERROR_STOP=1 -c "SELECT sum(bbalance) FROM pgbench_branches" \
        -c "SELECT sum(tbalance) FROM pgbench_tellers" -c "SELECT coalesce(sum(delta), 0) FROM pgbench_history" | sort -u
}

run() {
    local out
    out=$(pgbench -n -M prepared -f "$here/tpcb.sql" -s "$1" -c "$2" -T "$3" 2>&1) || { echo "$out" >&2; exit 1; }
    echo "$out" | awk '/^tps/ { tps = $3 } /^latency average/ { ms = $4 } /failed transactions/ { failed = $5 }
        END { printf "%10.0f %10.2f %8d\n", tps, ms, failed }'
    [ "$(sums | wc -l)" = 1 ] || { echo "tpcb.sh: the sums differ: $(sums | paste -sd' ')" >&2; exit 1; }
}

case "${1:-}" in
fill) [ $# = 2 ] || usage; fill "$2" ;;
run) [ $# = 4 ] || usage; run "$2" "$3" "$4" ;;
*) usage ;;
esac
