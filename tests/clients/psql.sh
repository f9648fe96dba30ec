#!/bin/bash
# psql as people use it: with_cluster.sh BINARY psql.sh
set -u
. "$(dirname "$0")/lib.sh"
cd "$OSTRAKA_WORK" || exit 1
p() { psql -X "$@" 2>&1; }
at() { p -At "$@"; }

# ---- -c, -f, standard input, exit statuses ----
same "several -c" $'CREATE TABLE\nINSERT 0 3\n3' \
    "$(at -c 'CREATE TABLE t (a int PRIMARY KEY, b text)' -c "INSERT INTO t VALUES (1, 'x'), (2, NULL), (3, E'tab\\there')" \
        -c 'SELECT count(*) FROM t')"
same "a table" $' a | b \n---+---\n 1 | x\n 2 | \n(2 rows)' "$(p -c 'SELECT a, b FROM t WHERE a < 3 ORDER BY a')"
same "expanded, null shown" $'-[ RECORD 1 ]\na | 2\nb | (null)' "$(p -x -P null='(null)' -c 'SELECT a, b FROM t WHERE a = 2')"
same "csv" $'a,b\n1,x\n2,' "$(p --csv -c 'SELECT a, b FROM t WHERE a < 3 ORDER BY a')"
printf 'SELECT 1;\nSELECT nothing;\nSELECT 2;\n' >script.sql
same "-f goes on after an error" $'1\npsql:script.sql:2: ERROR:  column "nothing" does not exist\nLINE 1: SELECT nothing;\n               ^\n2' \
    "$(at -f script.sql)"
at -v ON_ERROR_STOP=1 -f script.sql >/dev/null; same "ON_ERROR_STOP" 3 $?
at -c 'SELECT nothing' >/dev/null; same "exit status of a failed -c" 1 $?
same "-1 is all or nothing" "1" "$(at -1 -c 'INSERT INTO t VALUES (4)' -c 'INSERT INTO t VALUES (4)' >/dev/null; at -c 'SELECT count(*) = 3 FROM t' | sed 's/t/1/')"
same "several statements in one text" $'1\n2' "$(at -c 'SELECT 1; SELECT 2' <<<'')"
same "an empty statement" "" "$(at -c ';')"

# ---- errors ----
says "a syntax error has a position" '^ERROR:  syntax error at or near "FORM".LINE 1: SELECT . FORM t.                 \^' "$(p -c 'SELECT * FORM t' | tr '\n' '.')"
same "SQLSTATE and fields" $'ERROR:  23505: duplicate key value violates unique constraint "t_pkey"\nDETAIL:  Key (a)=(1) already exists.' \
    "$(p -v VERBOSITY=verbose -c 'INSERT INTO t VALUES (1)' | grep -v -e LOCATION -e NAME)"
same "\\errverbose" "ERROR:  22012: division by zero" "$(at <<<$'SELECT 1/0;\n\\errverbose' | tail -n 1 | sed 's/^psql[^ ]*: //')"

# ---- what psql keeps for itself ----
same "variables" "x y'z" "$(at -v one=x -v two="y'z" <<<"SELECT :'one' || ' ' || :'two';")"
same "\\gset and \\if" "one is 1" "$(at <<<$'SELECT 1 AS one \\gset\n\\if :one\n\\echo one is :one\n\\endif')"
same "\\gexec" $'1\n2' "$(at <<<$'SELECT \'SELECT 1\', \'SELECT 2\' \\gexec')"
says "\\timing" '^1.Time: [0-9.,]+ ms' "$(at <<<$'\\timing on\nSELECT 1;' | tail -n 2 | tr '\n' '.')"
says "\\conninfo" "connected to database \"postgres\" as user \"postgres\"" "$(p -c '\conninfo')"
same "\\encoding" "UTF8" "$(at -c '\encoding')"

# ---- transactions ----
same "AUTOCOMMIT off, rolled back" "3" "$(at <<<$'\\set AUTOCOMMIT off\n\\set QUIET on\nINSERT INTO t VALUES (9);\nROLLBACK;\nSELECT count(*) FROM t;' | tail -n 1)"
same "AUTOCOMMIT off, left" "3" "$(at <<<$'\\set AUTOCOMMIT off\nINSERT INTO t VALUES (9);' >/dev/null; at -c 'SELECT count(*) FROM t')"
same "the prompt's state" $'BEGIN\nERROR:  division by zero\nERROR:  current transaction is aborted, commands ignored until end of transaction block\nROLLBACK' \
    "$(at <<<$'BEGIN;\nSELECT 1/0;\nSELECT 1;\nCOMMIT;' )"
if offered "ON_ERROR_ROLLBACK (savepoints)" 'BEGIN; SAVEPOINT s; COMMIT'; then
    same "ON_ERROR_ROLLBACK" "2" "$(at -q <<<$'\\set ON_ERROR_ROLLBACK on\nBEGIN;\nSELECT 1/0;\nSELECT 2;\nCOMMIT;' | tail -n 1)"
fi

# ---- COPY ----
printf '10\tten\n11\t\\N\n12\ta\\tb\n' >rows.txt
same "\\copy from a file" $'COPY 3\n10=ten 11= 12=a\tb ' \
    "$(at -c '\copy t FROM rows.txt'; at -R ' ' -F = -c 'SELECT * FROM t WHERE a >= 10 ORDER BY a' | tr '\n' ' ')"
printf 'a,b\n20,"quoted, text"\n21,\n' >rows.csv
same "\\copy from csv" $'COPY 2\n20|quoted, text\n21|' "$(at -c "\\copy t FROM rows.csv CSV HEADER" -c 'SELECT * FROM t WHERE a >= 20 ORDER BY a')"
same "COPY from standard input" "COPY 1" "$(printf '30\tx\n' | at -c 'COPY t FROM STDIN')"
says "a bad row says where" 'invalid input syntax for type integer: "x".CONTEXT:  COPY t, line 1, column a: "x"' "$(printf 'x\ty\n' | at -c 'COPY t FROM STDIN' | tr '\n' '.')"
if offered "COPY TO" "COPY (SELECT 1) TO STDOUT"; then
    same "\\copy to a file" $'10\tten\n11\t\\N\n12\ta\\tb' "$(at -q -c '\copy (SELECT a, b FROM t WHERE a BETWEEN 10 AND 12 ORDER BY a) TO out.txt'; cat out.txt)"
    same "\\copy to csv" $'a,b\n20,"quoted, text"\n21,' "$(at -c 'COPY (SELECT a, b FROM t WHERE a IN (20, 21) ORDER BY a) TO STDOUT CSV HEADER')"
fi

# ---- cursors behind FETCH_COUNT ----
if offered "FETCH_COUNT (DECLARE CURSOR)" 'BEGIN; DECLARE c CURSOR FOR SELECT 1; COMMIT'; then
    same "FETCH_COUNT" $'1\n2\n3\n10\n11\n12\n20\n21\n30' "$(at -v FETCH_COUNT=2 -c 'SELECT a FROM t ORDER BY a')"
    same "FETCH_COUNT with an error in the middle" "ERROR:  division by zero" "$(at -v FETCH_COUNT=2 -c 'SELECT 1 / (a - 12) FROM t ORDER BY a' | grep -o 'ERROR.*')"
fi
if offered "\\gdesc" "SELECT name FROM (VALUES ('a', '23'::pg_catalog.oid, -1)) s(name, tp, tpm)"; then
    same "\\gdesc" $'a|integer\nb|text' "$(at <<<'SELECT a, b FROM t \gdesc')"
fi

# ---- connecting ----
same "a URI" "1" "$(psql -XAt "postgresql://postgres@$PGHOST:$PGPORT/postgres?application_name=me" -c "SELECT 1")"
same "application_name" "me" "$(PGAPPNAME=me at -c 'SHOW application_name')"
same "options" "5s" "$(PGOPTIONS='-c statement_timeout=5s' at -c 'SHOW statement_timeout')"
same "options with dashes" "6s" "$(PGOPTIONS='--statement-timeout=6s' at -c 'SHOW statement_timeout')"
says "an option that does not exist" 'unrecognized configuration parameter "nonesuch"' "$(PGOPTIONS='-c nonesuch=1' at -c 'SELECT 1')"
says "an option without a value" 'c nonesuch requires a value' "$(PGOPTIONS='-c nonesuch' at -c 'SELECT 1')"
says "an option of another kind" 'invalid command-line argument for server process: -x' "$(PGOPTIONS='-x' at -c 'SELECT 1')"
same "options with blanks" "a b" "$(PGOPTIONS='-c application_name=a\ b  -cextra_float_digits=2' PGAPPNAME= at -c 'SHOW application_name')"
says "replication" 'replication connections are not offered' "$(psql -XAt 'replication=database' -c 'SELECT 1' 2>&1)"
says "a database that does not exist" 'database "nonesuch" does not exist' "$(PGDATABASE=nonesuch at -c 'SELECT 1')"
for encoding in UTF8 utf-8 unicode SQL_ASCII; do
    same "client_encoding $encoding" "1" "$(PGCLIENTENCODING=$encoding at -c 'SELECT 1')"
done
pg_isready -q; same "pg_isready" 0 $?
finish_checks
