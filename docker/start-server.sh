# numba takes a cache of compiled kernels only where it can write, too, and the image can't be
# written where the root is read-only. Every container has a /dev/shm of its own: a copy goes there.
cp -r /opt/replay/kernels/. "$NUMBA_CACHE_DIR"
exec replay-server "$@"
