#!/bin/sh
# node_pg_test.js with Debian's modules, unless NODE_PATH names others.
command -v node >/dev/null || { echo "node is missing (Debian: nodejs); skipped"; exit 77; }
NODE_PATH=${NODE_PATH:-/usr/share/nodejs:/usr/lib/nodejs} exec node --no-deprecation "$(dirname "$0")/node_pg_test.js"
