#!/bin/bash
# DHCP in a storm: a thousand machines at once, and kill -9 of the server in the middle of others. What was ACKed is in
# the database, and no address has two machines. dhcp_storm.sh BOOTHERD DHCP_STORM
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
need ip python3 mountpoint
[ "$(id -u)" = 0 ] || { echo "Bail out! network namespaces need root"; exit 1; }
bootherd=$1 storm=$2
work=$(mktemp -d)
srv=storm$$s cli=storm$$c
server=
children_of() {
    cat "/proc/$1/task/$1/children"
}
kill_server() { # all processes at once, children first: none of them may get to say a last word
    [ -n "$server" ] || return 0
    # shellcheck disable=SC2046 # a list
    kill -9 $(children_of "$server") "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}
finish() {
    kill_server
    ip netns delete $srv 2>/dev/null
    ip netns delete $cli 2>/dev/null
    ! mountpoint -q "$work/small" || umount "$work/small"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

for ns in $srv $cli; do
    ip netns add "$ns" && ip -n "$ns" link set lo up || exit 1
done
ip -n $srv link add s0 type veth peer name c0 netns $cli
ip -n $srv address add 10.78.0.1/16 dev s0
ip -n $srv link set s0 up
ip -n $cli link set c0 up

# Nodes with reservations, whose story is written, too; all other machines are from the pool.
root=$work/root
python3 - >"$work/fleet.yaml" <<'END'
print("networks:\n  storm: {subnet: 10.78.0.0/16, pool: 10.78.64.1-10.78.127.254, lease: 1h}\nnodes:")
for i in range(1000):
    print(f'  n{i:04}: {{mac: "02:00:01:00:{i >> 8:02x}:{i & 255:02x}", ip: 10.78.{8 + (i >> 8)}.{i & 255 or 256 - 1}}}'
          if i & 255 not in (0, 255) else f'  n{i:04}: {{mac: "02:00:01:00:{i >> 8:02x}:{i & 255:02x}"}}')
END
mkdir "$root"
check "a fleet of 1,000" "$bootherd" --root "$root" apply "$work/fleet.yaml"

start_server() {
    ip netns exec $srv "$bootherd" --root "$root" serve --interface s0 >"$work/serve.out" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        grep -q '^serving on' "$work/serve.out" && return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/serve.out"
    return 1
}
storm() { # MACHINES AT_ONCE FIRST_MAC ACKS
    ip netns exec $cli "$storm" c0 "$1" "$2" "$3" "$4"
}
# Every ACK of the files is a row of the database, and no address was given to two machines.
cat >"$work/compare.py" <<'END'
import sqlite3, sys
leases = {}
for line in (line for path in sys.argv[2:] for line in open(path) if line.endswith("\n")):
    ip, mac = line.split()
    if leases.setdefault(ip, mac) != mac:
        sys.exit(f"{ip} was given to {leases[ip]} and {mac}")
if not leases:
    sys.exit("there was no ACK")
rows = dict(sqlite3.connect(sys.argv[1]).execute("SELECT ip, mac FROM lease WHERE state = 'bound'"))
lost = [ip for ip, mac in leases.items() if rows.get(ip) != mac]
if lost:
    sys.exit(f"{len(lost)} of {len(leases)} ACKed leases are not on disk, the first is {lost[0]}")
print(len(leases), "leases")
END
compare() {
    python3 "$work/compare.py" "$root/state.db" "$@"
}

check "the server starts" start_server
is "1,000 nodes at once: all bound, none had to ask twice" \
    "$(storm 1000 1000 02:00:01:00:00:00 "$work/acks-nodes" | cut -d' ' -f1-3)" "bound=1000 unbound=0 resent=0"
is "1,000 strangers at once: the same" \
    "$(storm 1000 1000 02:00:02:00:00:00 "$work/acks-pool" | cut -d' ' -f1-3)" "bound=1000 unbound=0 resent=0"
kill_server
check "each of these leases is on disk" compare "$work/acks-nodes" "$work/acks-pool"

lost=
for round in 1 2 3 4 5; do
    start_server >/dev/null || { lost="round $round: it did not start: $(tail -n 2 "$work/serve.out")"; break; }
    : >"$work/acks-$round"
    storm 20000 300 "02:00:1$round:00:00:00" "$work/acks-$round" >/dev/null &
    client=$!
    for _ in $(seq 250); do
        [ "$(wc -l <"$work/acks-$round")" -lt $((200 * round)) ] || break
        sleep 0.02
    done
    kill_server
    # shellcheck disable=SC2046 # the program is the child of ip netns exec, unless that became it
    kill -TERM $(children_of "$client") "$client" 2>/dev/null
    wait "$client" 2>/dev/null
    diag "round $round: $(wc -l <"$work/acks-$round") ACKs before kill -9"
    lost=$(compare "$work"/acks-* 2>&1 >/dev/null) || break
done
is "kill -9 in a storm loses no ACKed lease, and no address is given twice" "$lost" ""
check "and the server starts again" start_server
kill_server

# What was written is still there after kill -9, synced or not; what could not be written is not. On a disk that gets
# full in the middle of a storm, ACKs end with the last commit that went well.
root=$work/small
mkdir "$root" && mount -t tmpfs -o size=2m none "$root" || exit 1
"$bootherd" --root "$root" network set storm --subnet 10.78.0.0/16 --pool 10.78.64.1-10.78.127.254 >/dev/null
check "a server on a small disk" start_server
dd if=/dev/zero of="$root/ballast" bs=1k 2>/dev/null count=$(($(df --output=avail -k "$root" | tail -n 1) - 300))
storm 5000 300 02:00:20:00:00:00 "$work/full" >/dev/null &
client=$!
for _ in $(seq 100); do
    ! grep -q 'no ACK is sent' "$work/serve.out" || break
    sleep 0.1
done
sleep 0.5
# shellcheck disable=SC2046
kill -TERM $(children_of "$client") "$client" 2>/dev/null
wait "$client" 2>/dev/null
check "the disk gets full" grep -q 'no ACK is sent' "$work/serve.out"
kill_server
rm "$root/ballast"
check "no ACK left whose lease was not written" compare "$work/full"
tap_end
