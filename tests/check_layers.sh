#!/usr/bin/env bash
# Fails when a file includes something its module may not know (README, Layers).
set -u
root=${1:?usage: check_layers.sh ROOT}
cd "$root" || exit 1

# module -> folder -> modules it may include (transitively closed by hand: the list is the allow-list).
declare -A folder=([base]=src/base [io]=src/io [net]=src/net [wal]=wal [lsm]=src/lsm [raft]=raft
                   [shard]=shard [txn]=txn [sql]=sql [node]=src/node [cli]=src/cli)
declare -A knows=(
  [base]="base" [io]="base io" [net]="base io net" [wal]="base io wal" [lsm]="base io lsm"
  [raft]="base raft"
  [shard]="base io net wal lsm raft shard"
  [txn]="base io net wal lsm raft shard txn"
  [sql]="base io net wal lsm raft shard txn sql"
  [node]="base io net wal lsm raft shard txn sql node"
  [cli]="base io net wal lsm raft shard txn sql node cli")

failures=0
for module in "${!folder[@]}"; do
  dir=${folder[$module]}
  [ -d "$dir" ] || continue
  while IFS=: read -r file line text; do
    path=${text#*\"}; path=${path%%\"*}
    included=${path%%/*}
    case "$path" in
      */*) ;;
      *) echo "$file:$line: include by full path, not \"$path\""; failures=$((failures + 1)); continue ;;
    esac
    case " ${knows[$module]} " in
      *" $included "*) ;;
      *) echo "$file:$line: $module may not know $included (\"$path\")"; failures=$((failures + 1)) ;;
    esac
    case "$path" in
      *_int.h)
        [ "$included" = "$module" ] || { echo "$file:$line: private header of $included"; failures=$((failures + 1)); } ;;
    esac
  done < <(grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' "$dir"/*.c "$dir"/*.h 2>/dev/null)
done
if [ "$failures" -gt 0 ]; then
  echo "$failures layer violation(s)"
  exit 1
fi
echo "layers hold"
