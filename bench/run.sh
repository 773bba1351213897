#!/bin/bash
# What `make bench` runs: the peers, then the benchmarks, as root: they make network namespaces.
set -eu
here=$(dirname "$(readlink -f "$0")")
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "bench: run this as root, or install sudo: it makes private networks" >&2; exit 1; }
    exec sudo "$0" "$@"
fi
"$here/peers.sh" "$here/../.cache/peers" >&2
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$here/bench.py" "$@"
