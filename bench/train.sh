#!/bin/bash
# What a program that counts is run with (./dev build trained): three nodes under loads of all kinds, most of them short
# transactions, then stopped in order, so that each writes down what it counted.
#
#   bench/train.sh       OSTRAKA, BENCH and TMPDIR as in cluster.sh; SECONDS_PER_RUN (1)
cd "$(dirname "$0")/.." || exit 1
. bench/cluster.sh
seconds=${SECONDS_PER_RUN:-1} keys=10000

asked=() # where clients are
load() { # WORKLOAD CONNECTIONS FLAGS...
    "$BENCH/sql_bench" "$1" --address "$(joined "${asked[@]}")" --connections "$2" --keys $keys --seconds "$seconds" --no-header "${@:3}" \
        >/dev/null || die "$*"
}
single_rows() {
    load upsert 64 --prepared --statement upsert
    load upsert 16 --prepared --statement update
    load upsert 16 --statement update
    load get 64 --prepared
    load get 16
    load insert 32 --prepared
    load hot 16 --prepared
    load upsert 32 --prepared --statement upsert --first anchored
    load upsert 16 --prepared --statement upsert --first key
}

two_ranges() {
    sql 1 "SET client_min_messages = warning" "DROP TABLE IF EXISTS cas" "CREATE TABLE cas (k bigint PRIMARY KEY, n bigint, v text)" \
        "ALTER TABLE cas SPLIT AT VALUES ($((keys / 2 + 1)))" "INSERT INTO cas SELECT i, 0, '' FROM generate_series(1, $keys) i" >/dev/null || die "cas"
    load cas 64 --prepared
    sql 1 "UPDATE cas SET n = 0" >/dev/null || die "cas"
    load cas 16 --prepared
}

statements() {
    sql 1 "SELECT count(*), min(v), max(v) FROM kv" "SELECT k % 10, count(*), sum(length(v)) FROM kv GROUP BY 1 ORDER BY 2 DESC" \
        "SELECT a.k, b.v FROM kv a JOIN cas b ON a.k = b.k WHERE a.k BETWEEN 100 AND 2000 ORDER BY a.v LIMIT 10" "UPDATE kv SET v = v || '!' WHERE k % 3 = 0" \
        "BEGIN; UPDATE cas SET n = n + 1 WHERE k = 7; UPDATE cas SET n = n - 1 WHERE k = 9007; INSERT INTO kv VALUES (90000001, 'new'); COMMIT" \
        "DELETE FROM kv WHERE k BETWEEN 1000 AND 1999" >/dev/null || die "statements"
}

# Statement by statement, four clients at once, each with rows of its own.
transactions() {
    local i clients=()
    for i in 0 1 2 3; do
        seq $((i * 1000 + 1)) $((i * 1000 + 400)) | awk '{
            printf "BEGIN; UPDATE cas SET n = n + 1 WHERE k = %d; SELECT v FROM kv WHERE k = %d; UPDATE cas SET n = n - 1 WHERE k = %d;", $1, $1, $1 + 5000
            printf "INSERT INTO kv VALUES (%d, %cnew%c); COMMIT;\n", $1 + 91000000, 39, 39
        }' | psql -Xq -v ON_ERROR_STOP=1 "host=${sqls[1]%:*} port=${sqls[1]#*:} user=postgres dbname=postgres" >/dev/null &
        clients+=($!)
    done
    for i in "${clients[@]}"; do wait "$i" || die "transactions"; done
}

away_and_back() {
    asked=("${sqls[1]}")
    stop_node 3 TERM
    load upsert 16 --prepared --statement upsert
    start_node 3
    whole 1
}

stop_all() {
    local i
    for i in 2 3 1; do stop_node $i TERM; done
}

start_cluster 3
asked=("${sqls[@]}")
"$BENCH/sql_bench" load --address "${sqls[1]}" --keys $keys --connections 4 --no-header >/dev/null || die "kv"
single_rows
two_ranges
statements
transactions
away_and_back
two_ranges
stop_all
