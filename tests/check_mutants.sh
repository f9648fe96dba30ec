#!/usr/bin/env bash
# Fails when a deliberate bug (MUTANT site) has nothing that catches it, when tests/mutants.txt speaks of one that
# is not there, or when a trap of K1 to K35 has neither. With --list: the whole table.
set -u
root=${1:?usage: check_mutants.sh ROOT [--list]}
list=${2:-}
cd "$root" || exit 1

failures=0
fail() { echo "$*"; failures=$((failures + 1)); }

mapfile -t sites < <(grep -rhoE 'MUTANT\("[^"]+"\)' raft wal shard txn sql src --include='*.c' --include='*.h' |
                     sed 's/.*"\(.*\)".*/\1/' | sort -u)
declare -A site=() entry=() named=()
for name in "${sites[@]}"; do site[$name]=1; done
while read -r name rest; do
  case $name in ''|'#'*) continue ;; esac
  entry[$name]=$rest
  case $name in K[0-9]*) continue ;; esac
  [ -n "${site[$name]:-}" ] || fail "tests/mutants.txt: there is no site \"$name\""
done < tests/mutants.txt

# Which test programs name a site: they select it and demand that they notice.
while IFS=: read -r file name; do
  name=${name//\"/}
  [ -n "${site[$name]:-}" ] && named[$name]=$file
done < <(grep -rnoHE '"[a-z][a-z0-9_]+"' tests --include='*.c' | awk -F: '{print $1 ":" $3}' | sort -u)

gaps=0
for name in "${sites[@]}"; do
  what=${entry[$name]:-}
  if [ -n "${named[$name]:-}" ]; then
    [ "${what#gap:}" = "$what" ] || what=
    what="${named[$name]}${what:+, $what}"
  fi
  case $what in
    '') fail "no test catches \"$name\" (name it in a test, or in tests/mutants.txt)" ;;
    gap:*) gaps=$((gaps + 1)) ;;
  esac
  case $what in
    scenario_*)
      read -r program filter <<<"$what"
      source=tests/sim/scenario/${program#scenario_}.c
      grep -qF "TEST(${filter%%.*}, ${filter#*.}" "$source" 2>/dev/null ||
        grep -qF "TEST(${filter}," "$source" 2>/dev/null || fail "\"$name\": $source has no $filter" ;;
  esac
  [ "$list" = --list ] && printf '%-34s %s\n' "$name" "$what"
done

for number in $(seq 1 35); do
  found=
  for name in "${sites[@]}"; do case $name in k${number}_*) found=1 ;; esac; done
  [ -n "$found" ] || [ -n "${entry[K$number]:-}" ] || fail "trap K$number has no site and no reason in tests/mutants.txt"
done

if [ "$failures" -gt 0 ]; then
  echo "$failures mutant(s) unaccounted for"
  exit 1
fi
echo "${#sites[@]} mutants, $gaps of them with nothing that catches them yet"
