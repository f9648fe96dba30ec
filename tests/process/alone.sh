#!/bin/sh
# Runs a program where nobody else takes ports: in a network of its own, or where none can be made, while no other program
# that was started so runs.
#
#   alone.sh LOCK PROGRAM [ARGUMENT...]
lock=${1:?usage: alone.sh LOCK PROGRAM [ARGUMENT...]}
shift
for flags in -n -rn; do
    if unshare $flags ip link set lo up 2>/dev/null; then
        exec unshare $flags sh -c 'ip link set lo up && exec "$@"' sh "$@"
    fi
done
exec flock -o "$lock" "$@"
