#!/usr/bin/env bash
# The same seeds in two builds (say -O2, and with sanitizers): every event and every byte on every disk must be the
# same, which the printed hashes tell (scenario 90).
set -u
first=${1:?usage: check_determinism.sh BUILD BUILD [SEEDS]} second=${2:?usage: check_determinism.sh BUILD BUILD [SEEDS]}
seeds=${3:-1..6}

hashes() { "$1/ostraka-sim" --seeds "$seeds" --seconds 4 --keep-going | grep -oE '^seed=[0-9]+ hash=[0-9a-f]+ [a-zA-Z]+'; }

a=$(hashes "$first")
b=$(hashes "$second")
if [ -z "$a" ] || [ "$a" != "$b" ]; then
  echo "the builds differ:"
  diff <(echo "$a") <(echo "$b")
  exit 1
fi
echo "$(wc -l <<<"$a") seeds, the same in both builds"
