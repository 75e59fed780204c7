#!/bin/sh
# Run one process of a cluster of them: they share the input's partitions, and stop together.
#   [FLOW=dataflows.security] NAME=flow-1 PROCESSES=2 ADDRESSES='127.0.0.1:210%d' sh deploy/run-process.sh FOLDER [arguments]
# Which one it is says the number at the end of NAME, from 0 on, as a StatefulSet names its pods;
# with that number in place of %d, ADDRESSES says where each process listens for the others.
# Process 0 keeps the recovery state of all in its FOLDER. The folders of the others stay empty, so
# that any number of processes can go on from that state.
set -eu
state=$1
shift
number=${NAME##*-}

address() {
    # shellcheck disable=SC2059 # the addresses are a format
    printf "$ADDRESSES" "$1"
}

addresses=$(address 0)
other=1
while [ "$other" -lt "$PROCESSES" ]; do
    addresses="$addresses;$(address "$other")"
    other=$((other + 1))
done

if [ "$number" -eq 0 ] && ! ls "$state"/part-*.sqlite3 >/dev/null 2>&1; then
    python -m dataflows.new_folder "$state"
fi

# A new pod's name takes a while to be known. The engine waits for the others' names, not for its own.
own=$(address "$number")
until python -c "import socket, sys; socket.getaddrinfo(sys.argv[1], None)" "${own%:*}" 2>/dev/null; do
    echo "waiting until the name ${own%:*} is known" >&2
    sleep 1
done
# Each epoch ends with all processes waiting for each other: seldom, then (docs/adr/0011-epochs-of-a-cluster.md).
exec python -m bytewax.run "${FLOW:-dataflows.login}" -r "$state" -s 10 -b 0 -i "$number" -a "$addresses" "$@"
