#!/usr/bin/env bash
# Fails when the tables of tests/sim/scenario/README.md speak of something that is not there: a file, a test (a name, or its beginning
# and "..."), a deliberate bug, a script of sessions; or when a scenario that is promised has no line.
#
#   check_scenarios.sh ROOT
set -u
cd "${1:?usage: check_scenarios.sh ROOT}" || exit 1
readme=tests/sim/scenario/README.md
failures=0
fail() { echo "$readme: $*"; failures=$((failures + 1)); }

tables=$(sed -n '/^## The table/,/^## Running/p' $readme | grep '^|')
tests=$(grep -rhoE '^TEST\([a-z0-9_]+, [a-z0-9_]+' tests --include='*.c' | sed 's/.*, //')

for file in $(grep -oE '`[^` ]+\.(c|sh|py|txt)`' <<<"$tables" | tr -d '`' | sort -u); do
  case $file in
    */*) [ -e "$file" ] || [ -e "tests/sim/scenario/$file" ] || fail "there is no $file" ;;
    *) [ -n "$(find tests -name "$file" -print -quit)" ] || fail "there is no $file" ;;
  esac
done
for name in $(grep -oE '\b[a-z0-9]+(_[a-z0-9]+)+\.\.\.' <<<"$tables" | sed 's/\.\.\.//' | sort -u); do
  grep -q "^$name" <<<"$tests" || fail "no test's name begins with $name"
done
for name in $(grep -oE 'mutants? (`[a-z0-9_]+`(, )?)+' <<<"$tables" | grep -oE '`[a-z0-9_]+`' | tr -d '`' | sort -u); do
  grep -rqF "MUTANT(\"$name\")" raft wal shard txn sql src || fail "there is no mutant $name"
done
for name in $(grep -oE '`tests/isolation/`:? [a-z0-9_, *]+' <<<"$tables" | sed 's/.*`:* //' | tr ', ' '\n\n' | sort -u); do
  case $name in and|what|follows) continue ;; esac
  compgen -G "tests/data/isolation/$name.iso" >/dev/null || fail "there is no tests/data/isolation/$name.iso"
done
for number in $(seq 1 5) $(seq 7 28) $(seq 51 74) 76 77 79 81; do
  grep -qE "^\| ([0-9]+, )*$number(, [0-9]+)* \|" <<<"$tables" || fail "scenario $number has no line"
done

[ $failures = 0 ] && echo "the tables of scenarios and anomalies name what is there"
exit $((failures > 0))
