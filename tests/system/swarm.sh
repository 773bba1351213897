#!/bin/bash
# A herd of simulated machines: against our server, against dnsmasq, against none; wrong words; nothing is left behind.
#
#   swarm.sh [BOOTHERD]     the program to test, default build/src/bootherd
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
# shellcheck source=tests/lib/lab.sh
. "$here/../lib/lab.sh"
bootherd=$(realpath "${1:-$top/build/src/bootherd}")
export ASAN_OPTIONS=detect_leaks=0 # a process that gave up its privileges cannot look at itself
need dnsmasq jq python3

on_herd() { # COMMAND...: where the machines are
    LAB_NS=$LAB_NS-herd lab_run "$@"
}
swarm() {
    on_herd timeout -k 5 120 "$bootherd" swarm --interface br0 "$@"
}
left_behind() { # how many addresses
    ip -n "$LAB_NS-herd" route show table local proto 98 | wc -l
}
nothing_left() {
    [ "$(left_behind)" = 0 ]
}
says() { # JQ-EXPRESSION SWARM-OPTION...: true of the report
    local expression=$1
    shift
    swarm --json "$@" >"$LAB_DIR/report.json"
    jq -e "$expression" "$LAB_DIR/report.json" || { cat "$LAB_DIR/report.json" && return 1; }
}

lab_open || exit 1
lab_host herd br0 "$LAB_PREFIX.2/24" || exit 1
root=$LAB_DIR/root
served=$LAB_DIR/served
mkdir "$served" "$served/pxelinux.cfg"
head -c 300000 /dev/urandom >"$served/big"
head -c 299999 "$served/big" >"$LAB_DIR/short"
{ head -c 200000 "$served/big" && head -c 100000 /dev/zero; } >"$LAB_DIR/other"

# --- words ---

answers "no interface" 2 'which network interface' on_herd "$bootherd" swarm
answers "an interface that is not there" 1 'does not exist' on_herd "$bootherd" swarm --interface none0
answers "a number that is none" 2 'a number from 1 to' swarm --machines many
answers "a firmware that is none" 2 'bios-ipxe' swarm --firmware bios,amiga
answers "a group's hardware address" 2 'hardware address of one machine' swarm --mac 01:00:5e:00:00:01
answers "--only and --fetch" 2 'do not go together' swarm --only dhcp --fetch x
answers "--only of something else" 2 'dhcp is all there is' swarm --only tftp
answers "a fetch without a server" 2 'which server' swarm --fetch x
answers "a server elsewhere" 1 'its own network only' swarm --server 192.0.2.1
answers "a URL elsewhere" 1 'not in the network of br0' swarm --fetch http://192.0.2.1/x
answers "no file to compare with" 1 'No such file' swarm --server "$LAB_PREFIX.1" --fetch x --expect "$LAB_DIR/none"
outside=$(ip -4 -br address | awk '$1 != "lo" && $2 == "UP" { sub("@.*", "", $1); print $1; exit }')
if [ -n "$outside" ]; then
    answers "an interface of the host" 1 'say --yes' "$bootherd" swarm --interface "$outside" --only dhcp
fi

# --- nobody answers ---

answers "no server: said after the last try" 1 'no answer' swarm --server "$LAB_PREFIX.1" --fetch big --timeout 50 --tries 2
check "nothing left behind" nothing_left

# --- a foreign server ---

cp /usr/lib/PXELINUX/pxelinux.0 "$served/"
cp /usr/lib/syslinux/modules/bios/ldlinux.c32 "$served/"
echo kernel >"$served/k"
echo initrd >"$served/i"
printf 'DEFAULT l\nLABEL l\n KERNEL k\n INITRD i\n' >"$served/pxelinux.cfg/default"
lab_spawn "$LAB_DIR/dnsmasq.log" dnsmasq --conf-file=/dev/null --no-daemon --user=root --port=0 --interface=br0 \
    --bind-interfaces --dhcp-authoritative --dhcp-range="$LAB_PREFIX.10,$LAB_PREFIX.250,1h" --no-ping --dhcp-boot=pxelinux.0 \
    --dhcp-leasefile="$LAB_DIR/leases" --enable-tftp --tftp-root="$served" --log-dhcp
foreign=$LAB_PID
lab_wait "$LAB_DIR/dnsmasq.log" 'TFTP root' 20 "$foreign"
check "dnsmasq: a file by TFTP, every byte" says '.booted == 20 and .failed == 0 and .bytes.tftp == 6000000' \
    --server "$LAB_PREFIX.1" --fetch big --expect "$served/big" --machines 20
check "with windows" says '.booted == 5' --server "$LAB_PREFIX.1" --fetch big --expect "$served/big" --machines 5 --windowsize 8
check "with loss" says '.booted == 3 and .tftp_timeouts > 0' --server "$LAB_PREFIX.1" --fetch big --expect "$served/big" \
    --machines 3 --loss 20000 --timeout 300 --tries 100
answers "shorter than it should be" 1 'other bytes' swarm --server "$LAB_PREFIX.1" --fetch big --expect "$LAB_DIR/short"
answers "other bytes" 1 'other bytes' swarm --server "$LAB_PREFIX.1" --fetch big --expect "$LAB_DIR/other"
answers "a file that it has not" 1 'no such file' swarm --server "$LAB_PREFIX.1" --fetch none
check "dnsmasq: addresses" says '.booted == 100 and .steps.ack.count == 100' --only dhcp --machines 100 --at-once 20
check "each has an address of its own" test "$(awk '{ print $3 }' "$LAB_DIR/leases" | sort -u | wc -l)" = 100
check "dnsmasq: whole boots" says '.booted_at_try[0] == 10 and .steps.file.count == 20 and .steps.boot.count == 10' --machines 10
check "nothing left behind" nothing_left
rm "$served/k"
check "a kernel that is missing stops them" says '.failed == 2 and .failures[0].cause == "a kernel or module: the server has none"' \
    --machines 2 --attempts 2
lab_stop "$foreign"

# --- HTTP ---

lab_spawn "$LAB_DIR/http.log" python3 -m http.server -d "$served" -b "$LAB_PREFIX.1" 8080
lab_wait_port "$LAB_PREFIX.1" 8080 20
check "a file by HTTP, every byte" says '.booted == 20 and .bytes.http == 6000000' --fetch "http://$LAB_PREFIX.1:8080/big" \
    --expect "$served/big" --machines 10 --repeat 2
check "a connection a file, unseen" says '.booted == 10 and .bytes.http == 3000000' --fetch "http://$LAB_PREFIX.1:8080/big" \
    --machines 10 --close
check "from addresses of their own" says '.booted == 10 and .bytes.http == 3000000' --fetch "http://$LAB_PREFIX.1:8080/big" \
    --machines 10 --from "$LAB_PREFIX.100"
check "the server saw them" test "$(grep -o "^$LAB_PREFIX.10[0-9] " "$LAB_DIR/http.log" | sort -u | wc -l)" = 10
answers "from addresses elsewhere" 1 'not in the network of br0' swarm --fetch "http://$LAB_PREFIX.1:8080/big" --machines 200 \
    --from "$LAB_PREFIX.100"
answers "a file that is not there by HTTP" 1 'HTTP status 404' swarm --fetch "http://$LAB_PREFIX.1:8080/none"
answers "nobody at the port" 1 'connection refused' swarm --fetch "http://$LAB_PREFIX.1:8081/none"

# --- our own server ---

"$top/tests/standin/make-iso.sh" "$LAB_DIR/standin.iso" >/dev/null &&
    "$bootherd" --root "$root" image import "$LAB_DIR/standin.iso" --name esxi4 >/dev/null 2>&1
"$bootherd" --root "$root" node set 'n[01-40]' --mac "$(for i in $(seq 1 40); do printf '02:be:00:00:00:%02x,' "$i"; done | sed 's/,$//')" \
    --ip "$LAB_PREFIX.[11-50]" --image esxi4 >/dev/null
lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$root" serve --interface br0
ours=$LAB_PID
lab_wait "$LAB_DIR/serve.log" '^serving on br0' 20 "$ours"
check "ours: BIOS, lpxelinux" says '.booted_at_try[0] == 20 and .bytes.http > 0 and .steps.file.count == 160' --machines 20
check "ours: the ROM that is iPXE" says '.booted_at_try[0] == 20' --machines 20 --firmware bios-ipxe
check "with delay and rate" says '.booted == 4 and .steps.offer.p50_us >= 10000 and .seconds > 0.5' --machines 4 --delay 10 --rate 20000000
check "machines that nobody knows" says '.failed == 1 and .failures[0].cause == "no OFFER"' --machines 1 --attempts 1 \
    --mac 02:be:00:00:99:01 --firmware bios-ipxe
answers "another herd on the same interface is refused" 1 'another herd' bash -c "
    ip netns exec $LAB_NS-herd '$bootherd' swarm --interface br0 --machines 2 --mac 02:be:00:00:99:01 --json >'$LAB_DIR/first.json' & sleep 1
    ip netns exec $LAB_NS-herd '$bootherd' swarm --interface br0; status=\$?; kill \$!; wait; exit \$status"
check "nothing left behind" nothing_left

# --- however it ends ---

# shellcheck disable=SC2317 # called by check
stopped_by() { # SIGNAL
    ip netns exec "$LAB_NS-herd" "$bootherd" swarm --interface br0 --machines 40 --repeat 50 --json \
        >"$LAB_DIR/stopped.json" 2>/dev/null &
    local herd=$!
    for _ in $(seq 200); do
        [ "$(left_behind)" -gt 0 ] && kill -s "$1" "$herd" && break
        sleep 0.1
    done
    wait "$herd"
    for _ in $(seq 50); do
        nothing_left && return
        sleep 0.1
    done
    return 1
}
check "SIGINT: nothing left" stopped_by INT
check "and a report of what there was" jq -e '.machines == 2000 and .booted < 2000' "$LAB_DIR/stopped.json"
check "SIGTERM: nothing left" stopped_by TERM
check "kill -9: nothing left" stopped_by KILL
ip -n "$LAB_NS-herd" route add local "$LAB_PREFIX.77/32" dev br0 table local proto 98
check "what was left is taken away by the next" says '.booted == 1' --machines 1
check "all of it" nothing_left
tap_end
