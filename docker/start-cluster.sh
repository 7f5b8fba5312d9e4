# A node of Ray in this container, for a cluster of replay servers:
#
#   head NAME [OPTION ...]   the first node, and `replay-server cluster` on it; NAME is how others
#                            reach it
#   node HEAD                one more, which joins the one of that name
set -eu
cp -r /opt/replay/kernels/. "$NUMBA_CACHE_DIR" # see start-server.sh

address_of() {
    python -c 'import socket, sys; print(socket.gethostbyname(sys.argv[1]))' "$1"
}

role=$1
name=$2
shift 2
# Nothing of ours goes through Ray's store of objects: the smallest that there can be.
options="--num-cpus=1 --object-store-memory=80000000 --disable-usage-stats"
case $role in
head)
    ray start --head --port=6379 --node-ip-address="$(address_of "$name")" \
        --include-dashboard=false $options
    exec replay-server cluster --address auto "$@"
    ;;
node)
    exec ray start --block --address="$name:6379" \
        --node-ip-address="$(address_of "$(hostname)")" $options
    ;;
*)
    echo "start-cluster.sh: head or node, not $role" >&2
    exit 2
    ;;
esac
