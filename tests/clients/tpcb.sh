#!/bin/bash
# pgbench's TPC-B in all three protocol modes, unmodified, on tables of our own: with_cluster.sh BINARY tpcb.sh
# No transaction fails, and all money is accounted for. SECONDS_PER_RUN, CLIENTS, SCALE change the size.
set -u
. "$(dirname "$0")/lib.sh"
pgbench=$(command -v pgbench || ls /usr/lib/postgresql/*/bin/pgbench 2>/dev/null | tail -n 1)
[ -n "$pgbench" ] || { echo "pgbench is missing (Debian: postgresql-15); skipped"; exit 77; }
scale=${SCALE:-1} clients=${CLIENTS:-4} seconds=${SECONDS_PER_RUN:-3}
accounts_per_branch=10000 # pgbench takes 100,000 for granted and asks for no more than its scale: see -D below
sql() { psql -XqAt -v ON_ERROR_STOP=1 "$@"; }

# pgbench draws aid from 1 to 100000 * scale; its own script is kept word for word but for that number.
script=$OSTRAKA_WORK/tpcb.sql
"$pgbench" --show-script=tpcb-like 2>&1 | sed "s/100000 \* :scale/$accounts_per_branch * :scale/" >"$script"
grep -q "$accounts_per_branch \* :scale" "$script" || { echo "pgbench's script is another one now"; exit 1; }

sql <<'SQL' || exit 1
CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));
CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
SQL
for ((b = 1; b <= scale; b++)); do
    sql -c "INSERT INTO pgbench_branches VALUES ($b, 0)" || exit 1
    for ((t = 1; t <= 10; t++)); do printf '%d\t%d\t0\t\n' $(((b - 1) * 10 + t)) "$b"; done |
        sql -c 'COPY pgbench_tellers FROM STDIN' || exit 1
    seq $(((b - 1) * accounts_per_branch + 1)) $((b * accounts_per_branch)) | sed "s/\$/\t$b\t0\t/" |
        sql -c 'COPY pgbench_accounts FROM STDIN' || exit 1
done

done_before=0
for mode in simple extended prepared; do
    output=$("$pgbench" -n -M "$mode" -c "$clients" -j 2 -T "$seconds" -D scale="$scale" -f "$script" 2>&1)
    same "exit status of -M $mode" 0 $?
    printf '%s: %s\n' "$mode" "$(printf '%s\n' "$output" | grep -E '^tps' )"
    same "failed transactions of -M $mode" "number of failed transactions: 0 (0.000%)" \
        "$(printf '%s\n' "$output" | grep 'failed transactions' | sort -u)"
    done_now=$(printf '%s\n' "$output" | sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p')
    done_before=$((done_before + ${done_now:-0}))
    same "transactions of -M $mode" "t" "$( [ "${done_now:-0}" -gt 0 ] && echo t)"
done

total=$(sql -c 'SELECT sum(delta) FROM pgbench_history')
for sum in 'sum(abalance) FROM pgbench_accounts' 'sum(tbalance) FROM pgbench_tellers' 'sum(bbalance) FROM pgbench_branches'; do
    same "$sum" "$total" "$(sql -c "SELECT $sum")"
done
same "rows of the history" "$done_before" "$(sql -c 'SELECT count(*) FROM pgbench_history')"
same "timestamps are recent" "0" "$(sql -c "SELECT count(*) FROM pgbench_history WHERE mtime < now() - interval '1 hour' OR mtime > now()")"
finish_checks
