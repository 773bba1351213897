#!/bin/bash
# A boot storm: a herd of a thousand simulated machines behind one link that is full. All boot, none more than twice, in
# little more time than the link needs for the bytes; a machine that hardly reads starves nobody; storage goes first.
#
#   storm.sh [BOOTHERD]     the program to test, default build/src/bootherd
#
# STORM_MBIT: the link's rate, default 160: two cores carry server, herd and their sanitizers. STORM_KB: of files a machine,
# default 400; for 1000 Mb/s 2000. STORM_MACHINES: default 1000.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
# shellcheck source=tests/lib/lab.sh
. "$here/../lib/lab.sh"
bootherd=$(realpath "${1:-$top/build/src/bootherd}")
export ASAN_OPTIONS=detect_leaks=0 # a process that gave up its privileges cannot look at itself
mbit=${STORM_MBIT:-160}
machines=${STORM_MACHINES:-1000}
image_kb=${STORM_KB:-400}
ramp=100 # machines switched on in a second

need python3 tc
lab_open || exit 1
herd=$LAB_NS-herd
ip netns add "$herd" && lab_hosts+=("$herd")
lab_run ip link add storm0 type veth peer name herd0 netns "$herd"
lab_run ip address add 10.80.0.1/16 dev storm0
lab_run ip link set storm0 up
ip -n "$herd" address add 10.80.0.2/16 dev herd0
ip -n "$herd" link set herd0 up
ip -n "$herd" link set lo up
if ! lab_run tc qdisc add dev storm0 root tbf rate "${mbit}mbit" burst 64kb limit 2mb 2>"$LAB_DIR/tbf"; then
    echo "1..0 # SKIP no tbf in this kernel: $(head -1 "$LAB_DIR/tbf")"
    exit 0
fi
root=$LAB_DIR/root

b() {
    "$bootherd" --root "$root" "$@"
}

mac() {
    printf '02:be:00:00:%02x:%02x' $(($1 / 256)) $(($1 % 256))
}

# A Linux image of $image_kb, and a node for each machine: four of ten load by HTTP, the others by TFTP.
make_fleet() {
    mkdir "$LAB_DIR/media"
    mkdir "$LAB_DIR/k"
    python3 "$top/tests/unit/image/kernels.py" "$LAB_DIR/k" >/dev/null
    cp "$LAB_DIR/k/k/bz64" "$LAB_DIR/media/vmlinuz"
    head -c $((image_kb * 1024)) /dev/urandom | gzip -1 >"$LAB_DIR/media/initrd.gz"
    b image import "$LAB_DIR/media" --name linux >/dev/null || return 1
    {
        printf 'networks:\n  storm:\n    subnet: 10.80.0.0/16\n'
        printf 'profiles:\n  tftp:\n    image: linux\n    loader: pxelinux\n    overlay: off\n'
        printf '  http:\n    image: linux\n    loader: lpxelinux\n    overlay: off\nnodes:\n'
        local i profile
        for ((i = 1; i <= machines + 1; i++)); do
            profile=tftp
            [ $((i % 10)) -ge 4 ] || profile=http
            printf '  n%d:\n    mac: "%s"\n    ip: 10.80.%d.%d\n    profile: %s\n' "$i" "$(mac "$i")" \
                $((1 + i / 200)) $((10 + i % 200)) $profile
            [ "$i" -gt "$((machines - 8))" ] && [ "$i" -le "$machines" ] && printf '    priority: high\n'
        done
    } >"$LAB_DIR/fleet.yaml"
    b apply "$LAB_DIR/fleet.yaml" >/dev/null
}

# Asks for the initrd, and reads a kilobyte a second from then on.
slow_client() {
    ip netns exec "$herd" python3 -c '
import socket, sys, time
s = socket.create_connection(("10.80.0.1", 80))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.sendall(b"GET /" + sys.argv[1].encode() + b" HTTP/1.0\r\n\r\n")
while s.recv(1024):
    time.sleep(1)
' "$1" &
    slow=$!
}

value() { # KEY: of the report
    python3 -c 'import json, sys; print(eval("r" + sys.argv[2], {"r": json.load(open(sys.argv[1]))}))' "$LAB_DIR/report" "$1"
}

# The whole storm; sets took_s and need_s, the time that the link needs for the bytes of the files with all headers.
storm() {
    local before
    before=$(date +%s.%N)
    LAB_NS=$herd lab_run "$bootherd" swarm --interface herd0 --server 10.80.0.1 --machines "$machines" --ramp "$ramp" \
        --firmware bios --json >"$LAB_DIR/report" 2>"$LAB_DIR/herd.err"
    storm_status=$?
    took_s=$(value '["seconds"]')
    need_s=$(python3 -c "print(($(value '["bytes"]["tftp"]') * 1.04 + $(value '["bytes"]["http"]') * 1.05) * 8 / $mbit / 1e6)")
    echo "# $machines machines, ${mbit} Mb/s: $took_s s; the link needs $need_s s; all in $(date +%s.%N | python3 -c "print(round(float(input()) - $before, 1))") s"
}

at_most() { # A B: numbers
    python3 -c "import sys; sys.exit(not $1 <= $2)"
}

# When the machine had all its files, in ms since 1970.
done_ms() { # NODE
    b status "$1" --json | python3 -c '
import json, sys
steps = json.load(sys.stdin)["nodes"][0]["steps"]
print(max([s["last_ms"] for s in steps if s["kind"] == "all-files"] or [0]))'
}

storage_first() {
    local i high=0 normal=0 at
    for ((i = machines - 7; i <= machines; i++)); do
        at=$(done_ms "n$i")
        [ "$at" -gt 0 ] || { echo "n$i did not finish"; return 1; }
        [ "$at" -le "$high" ] || high=$at
    done
    for i in $((machines - 8)) $((machines - 9)) $((machines - 10)); do
        at=$(done_ms "n$i")
        [ "$at" -le "$normal" ] || normal=$at
    done
    echo "the last of storage at $high, of their neighbours at $normal"
    [ "$high" -lt "$normal" ]
}

make_fleet || { echo "Bail out! no fleet" && exit 1; }
lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$root" serve --interface storm0
server=$LAB_PID
lab_wait "$LAB_DIR/serve.log" '^serving on storm0' 60 "$server" || { echo "Bail out! it does not serve" && exit 1; }
image=$(b explain n1 | grep -o 'image/[0-9a-f]*' | head -1)
slow_client "$image/initrd.gz"
storm
plan 7
is "the herd is content" "$storm_status" 0
is "all booted" "$(value '["booted"]')" "$machines"
is "none more than twice" "$(value '["booted_at_try"][2:]')" "[0, 0, 0, 0, 0, 0]"
check "in at most 1.1 of the time that the link needs" at_most "$took_s" "1.1 * $need_s"
check "a machine that asked last, with priority, was done before its neighbours" storage_first
check "somebody waited, and the story says why" grep -q 'its OFFER waits: [0-9]* machines are loading' "$LAB_DIR/serve.log"
check "the slow client still has its connection" kill -0 "$slow"
kill "$slow" 2>/dev/null
tap_end
