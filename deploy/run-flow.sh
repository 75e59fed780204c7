#!/bin/sh
# Run a flow with recovery state in a folder, made on first use.
#   [FLOW=dataflows.security] sh deploy/run-flow.sh FOLDER [further arguments of bytewax.run]
set -eu
state=$1
shift
ls "$state"/part-*.sqlite3 >/dev/null 2>&1 || python -m dataflows.new_folder "$state"
exec python -m bytewax.run "${FLOW:-dataflows.login}" -r "$state" -s 1 -b 0 "$@"
