#!/bin/bash
# Transactions of two reads and two writes (BEGIN, SELECT, SELECT, UPDATE, UPDATE, COMMIT) whose rows lie in one range, beside
# the same ones whose rows lie in two: alternately, and what the second kind costs.
#
#   bench/two_ranges.sh CLIENTS SECONDS [ROUNDS]
#
# The server is that of PGHOST, PGPORT, PGUSER and PGDATABASE; the table two_ranges is made there.
set -euo pipefail
rows=20000

[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | grep -v '^set' >&2; exit 2; }
clients=$1 seconds=$2 rounds=${3:-3}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

transaction() { # FILE FROM TO: the second row
    cat >"$1" <<SQL
\set a random(1, $rows)
\set b random($2, $3)
BEGIN;
SELECT v FROM two_ranges WHERE k = :a;
SELECT v FROM two_ranges WHERE k = :b;
UPDATE two_ranges SET v = v + 1 WHERE k = :a;
UPDATE two_ranges SET v = v - 1 WHERE k = :b;
END;
SQL
}
transaction "$dir/one" $((rows + 1)) $((2 * rows))
transaction "$dir/two" $((2 * rows + 1)) $((3 * rows))

psql -q -v ON_ERROR_STOP=1 <<SQL
SET client_min_messages = warning;
DROP TABLE IF EXISTS two_ranges;
CREATE TABLE two_ranges (k int PRIMARY KEY, v int);
ALTER TABLE two_ranges SPLIT AT VALUES (0), ($((2 * rows + 1)));
INSERT INTO two_ranges SELECT i, 0 FROM generate_series(1, $((3 * rows))) i;
SQL

run() { # WHICH: transactions a second, median ms, failed ones
    local out
    rm -f "$dir"/log*
    out=$(cd "$dir" && pgbench -n -M prepared -f "$dir/$1" -c "$clients" -T "$seconds" -l --log-prefix=log 2>&1) || { echo "$out" >&2; exit 1; }
    local median
    median=$(cat "$dir"/log* | awk '{ print $3 }' | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] / 1000 }')
    echo "$out" | awk -v p50="$median" '/^tps/ { tps = $3 } /failed transactions/ { failed = $5 } END { print tps, p50, failed + 0 }'
}

echo "       one range            two ranges"
echo "      tps     p50 ms       tps     p50 ms   failed   tps      p50"
for ((i = 0; i < rounds; i++)); do
    echo "$(run one) $(run two)" | awk '{ printf "%9.0f %10.2f %9.0f %10.2f %8d %5.0f%% %7.2fx\n", $1, $2, $4, $5, $3 + $6, 100 * $4 / $1, $5 / $2 }'
done
[ "$(psql -qAt -c 'SELECT sum(v) FROM two_ranges')" = 0 ] || { echo "two_ranges.sh: the sum is not 0" >&2; exit 1; }
