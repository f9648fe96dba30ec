#!/bin/bash
# Starts a demo cluster, loads the Unicode character table into it with COPY, asks three questions, and
# leaves you in the SQL shell. Without a terminal it stops after the answers.
#
#   tests/demo_load.sh BINARY [demo flags]      UNICODE_DATA=FILE, BATCH_ROWS=N
set -euo pipefail

if [ $# -lt 1 ] || [ ! -x "$1" ]; then
    echo "usage: $0 BINARY [demo flags]" >&2
    exit 2
fi
binary=$1
shift
source_file=${UNICODE_DATA:-/usr/share/unicode/UnicodeData.txt}
batch_rows=${BATCH_ROWS:-4000} # a COPY is one transaction, and a transaction is limited to some MiB
if [ ! -r "$source_file" ]; then
    echo "$0: $source_file is missing; install the package unicode-data or set UNICODE_DATA" >&2
    exit 1
fi

work=$(mktemp -d)
demo=
cleanup() {
    trap - EXIT INT TERM
    if [ -n "$demo" ]; then
        kill -INT "$demo" 2>/dev/null || true
        wait "$demo" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_demo() {
    # Job control gives the demo its own process group: ^C in the shell below does not end it. (A shell without
    # job control starts background commands with SIGINT ignored.)
    set -m
    "$binary" demo --no-shell -o json "$@" </dev/null >"$work/demo" 2>"$work/log" &
    demo=$!
    set +m
    until grep -q '"ready"' "$work/demo"; do
        if ! kill -0 "$demo" 2>/dev/null; then
            cat "$work/log" >&2
            exit 1
        fi
        sleep 0.1
    done
    address=$(sed -n 's/.*"sql": "\([^"]*\)".*/\1/p' "$work/demo" | head -n 1)
    url="postgresql://postgres@$address/postgres"
}

sql() {
    "$binary" sql --url "$url" "$@"
}

# `;` separates the fields of the source and so occurs in none of them. An empty field is unknown, which COPY
# writes \N; a backslash would be COPY's escape character, so it is doubled.
to_copy_rows() {
    awk -F ';' -v OFS=';' '
        function decimal(hex,    i, n) {
            for (i = 1; i <= length(hex); i++) n = n * 16 + index("0123456789ABCDEF", substr(hex, i, 1)) - 1
            return n
        }
        {
            $1 = decimal($1)
            for (i = 2; i <= NF; i++) {
                gsub(/\\/, "&&", $i)
                if ($i == "") $i = "\\N"
            }
            print
        }' "$source_file"
}

show_progress() { # rows done, rows in all, milliseconds
    local text
    text=$(printf 'loaded %d of %d rows, %d %%, %d rows/s' "$1" "$2" $(($1 * 100 / $2)) \
        $(($1 * 1000 / ($3 > 0 ? $3 : 1))))
    if [ -t 1 ]; then printf '\r%s ' "$text"; fi
    if [ "$1" -lt "$2" ]; then return; fi
    if [ -t 1 ]; then echo; else echo "$text"; fi
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

load() {
    to_copy_rows >"$work/rows"
    local total began batch done_rows=0
    total=$(wc -l <"$work/rows")
    split -l "$batch_rows" -a 4 "$work/rows" "$work/batch."
    began=$(milliseconds)
    for batch in "$work"/batch.*; do
        {
            echo "COPY ucd FROM STDIN WITH (DELIMITER ';');"
            cat "$batch"
            echo '\.'
        } | sql -f - >"$work/copied"
        done_rows=$((done_rows + $(wc -l <"$batch")))
        show_progress "$done_rows" "$total" $(($(milliseconds) - began))
        rm "$batch"
    done
}

ask() {
    echo
    echo "$1"
    sql -e "$1"
}

start_demo "$@"
sql -e "CREATE TABLE ucd (code int PRIMARY KEY, name text, category char(2), combining int, bidi text,
        decomposition text, decimal_value text, digit text, numeric_value text, mirrored char(1),
        old_name text, comment text, upper text, lower text, title text)" >/dev/null
load
ask "SELECT category, count(*) FROM ucd GROUP BY category ORDER BY count(*) DESC LIMIT 10"
ask "SELECT code, name, category, old_name FROM ucd WHERE code = 9731"
ask "SELECT code, name FROM ucd WHERE name LIKE '%SNOWMAN%' ORDER BY code"
if [ -t 0 ]; then
    echo
    sql || true
fi
