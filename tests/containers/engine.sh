#!/bin/sh
# A container engine that leaves nothing behind on this machine, for root: sh engine.sh FOLDER
# It has its own process, mount and network namespaces, and keeps its data in memory. When they end, which
# SIGTERM or the end of this process brings about, the kernel ends every container, and removes each mount,
# bridge and firewall rule. Only FOLDER and empty cgroups are left for this script to remove.
# Its name is also that of the cgroup of all containers.
#   FOLDER/docker.sock  where the engine listens
#   FOLDER/namespaces   the process id by which nsenter finds its network
set -eu
folder=$1
cgroups=$(basename "$folder")

if [ "${2-}" = inside ]; then
    mount -t tmpfs -o mode=711 tmpfs "$folder/data"
    mkdir "$folder/data/etc" "$folder/data/work" "$folder/data/docker"
    # The engine writes to /etc/docker, /run and /opt.
    mount -t overlay -o "lowerdir=/etc,upperdir=$folder/data/etc,workdir=$folder/data/work" overlay /etc
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /opt
    ip link set lo up
    # Without exec: this shell is process 1 and reaps what the containers leave behind.
    dockerd --host "unix://$folder/docker.sock" --data-root "$folder/data/docker" \
        --exec-root /run/docker --pidfile /run/docker.pid --cgroup-parent "/$cgroups"
    exit
fi

remove() {
    # Its child is process 1 of the namespaces: all others end with it.
    xargs kill -KILL <"/proc/$namespaces/task/$namespaces/children" 2>/dev/null || true
    wait "$namespaces" || true
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        # A cgroup can be removed once its last process is gone.
        find /sys/fs/cgroup -depth -type d -path "*/$cgroups*" -exec rmdir {} + 2>/dev/null || true
        [ -z "$(find /sys/fs/cgroup -type d -name "$cgroups")" ] && break
        sleep 1
    done
    rm -rf "$folder"
}

mkdir -p "$folder/data"
setpriv --pdeathsig KILL unshare --pid --fork --kill-child --mount --mount-proc --propagation private \
    --net sh "$0" "$folder" inside &
namespaces=$!
echo "$namespaces" >"$folder/namespaces"
trap remove EXIT
trap 'exit 0' TERM INT
wait "$namespaces"
