# For the scripts of this directory: what they check, and what the server does not offer (0A000 says so).
failures=0
checks=0

# same NAME EXPECTED ACTUAL
same() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] && return
    failures=$((failures + 1))
    printf 'FAILED %s\n--- expected\n%s\n--- got\n%s\n---\n' "$1" "$2" "$3"
}

# says NAME PATTERN ACTUAL: an extended regular expression somewhere in it
says() {
    checks=$((checks + 1))
    printf '%s' "$3" | grep -Eq -- "$2" && return
    failures=$((failures + 1))
    printf 'FAILED %s\n--- expected something with\n%s\n--- got\n%s\n---\n' "$1" "$2" "$3"
}

# offered NAME SQL: false, and a line that says so, when the server refuses the statement as not supported
offered() {
    local answer
    answer=$(psql -XqAt -v VERBOSITY=sqlstate -c "$2" 2>&1) && return
    case $answer in *0A000*) echo "not offered by the server, so not tried: $1"; return 1 ;; esac
}

finish_checks() {
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
    exit
}
