#!/usr/bin/env bash
# Every line of tests/mutants.txt that names a program: with the deliberate bug the program must fail. A canary
# comes first: a seed that fails must be reported, by words and by exit status. PART and PARTS share the lines out among
# several runs at a time.
set -u
root=${1:?usage: run_mutants.sh ROOT BUILD [PART PARTS]} build=${2:?usage: run_mutants.sh ROOT BUILD [PART PARTS]}
part=${3:-1} parts=${4:-1}
failures=0 line=0

if output=$("$build/ostraka-sim" --seeds 1..3 --no-crashes --mutant refresh 2>&1); then
  echo "the canary was not reported"
  failures=1
elif ! grep -q FAILED <<<"$output"; then
  echo "the canary failed without a word: $output"
  failures=1
fi

# A run of the simulator passes as it is, and fails with the bug: at the seed that is given, or at one of the first
# hundred.
declare -A passes # arguments of runs that passed without a bug
sim_notices() {
  local name=$1 seed=$2
  shift 2
  if [ -z "${passes[$seed $*]:-}" ] && ! "$build/ostraka-sim" --seed "$seed" "$@"; then
    echo "seed $seed $* fails without $name" >&3
    return 1
  fi
  passes[$seed $*]=1
  ! "$build/ostraka-sim" --seed "$seed" --mutant "$name" "$@" || ! "$build/ostraka-sim" --seeds 1..100 --mutant "$name" "$@"
}

while read -r name program filter; do
  case $name in ''|'#'*|K[0-9]*) continue ;; esac
  [ "$program" = gap: ] && continue
  [ $((line++ % parts + 1)) -eq "$part" ] || continue
  if [ "$program" = ostraka-sim ]; then
    read -ra arguments <<<"$filter"
    if ! sim_notices "$name" "${arguments[@]}" 3>&1 >/dev/null 2>&1; then
      echo "$name is not caught by $program $filter"
      failures=$((failures + 1))
    fi
    continue
  fi
  path=$(find "$build/tests" -name "$program" -type f -perm -u+x -print -quit)
  [ -n "$path" ] || { echo "there is no program $program"; failures=$((failures + 1)); continue; }
  # A child of the shell: an abort is expected and not to be announced.
  (OSTRAKA_MUTANT=$name OSTRAKA_TEST_SIZE=normal "$path" "$filter") >/dev/null 2>&1
  if [ $? -eq 0 ]; then
    echo "$name is not caught by $program $filter"
    failures=$((failures + 1))
  fi
done < "$root/tests/mutants.txt" 2>/dev/null

[ "$failures" -eq 0 ] && echo "every one of them was caught"
exit $((failures > 0))
