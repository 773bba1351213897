#!/bin/bash
# DHCP: foreign clients and a foreign relay against dhcp_io, in network namespaces. dhcp.sh DHCP_DRIVER
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
need ip busybox dhclient dhcrelay arping python3
[ "$(id -u)" = 0 ] || { echo "Bail out! network namespaces need root"; exit 1; }
driver_program=$1
seeds=$here/../fuzz/corpus/dhcp
work=$(mktemp -d)
log=$work/log
srv=dhcp$$s cli=dhcp$$c two=dhcp$$t other=dhcp$$o relay=dhcp$$r far=dhcp$$f
started=
finish() {
    # shellcheck disable=SC2086 # a list
    [ -z "$started" ] || kill -9 $started 2>/dev/null
    for ns in $srv $cli $two $other $relay $far; do
        ip netns delete "$ns" 2>/dev/null
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# wire NS DEVICE MAC: a device in NS, on the server's bridge
wire() {
    ip -n $srv link add "to$2" type veth peer name "$2" netns "$1" address "$3"
    ip -n $srv link set "to$2" master br0 up
    ip -n "$1" link set "$2" up
}
for ns in $srv $cli $two $other $relay $far; do
    ip netns add "$ns" || exit 1
    ip -n "$ns" link set lo up
done
ip -n $srv link add br0 type bridge stp_state 0 forward_delay 0
ip -n $srv address add 10.77.0.1/24 dev br0
ip -n $srv link set br0 up
wire $cli c0 52:54:00:77:02:01
wire $two d0 52:54:00:77:02:02
wire $other o0 02:00:00:00:00:0e
wire $relay r0 02:00:00:00:00:0f
ip -n $relay address add 10.77.0.250/24 dev r0
ip -n $relay link add r1 type veth peer name f0 netns $far address 02:00:00:00:00:f1
ip -n $relay address add 10.77.9.1/24 dev r1
ip -n $relay link set r1 up
ip -n $far link set f0 up
ip netns exec $relay sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip -n $srv route add 10.77.9.0/24 via 10.77.0.250

cat >"$work/fleet.yaml" <<'END'
networks:
  lab:
    subnet: 10.77.0.0/24
    gateway: 10.77.0.254
    dns: [10.77.0.1, 10.77.0.2]
    domain: lab.example.com
    ntp: 10.77.0.3
    pool: 10.77.0.100-10.77.0.109
    lease: 1m
  far:
    subnet: 10.77.9.0/24
    gateway: 10.77.9.1
    pool: 10.77.9.50-10.77.9.59
    lease: 1m
nodes:
  rack01: {mac: "52:54:00:77:01:03", ip: 10.77.0.131}
  rack02: {mac: "52:54:00:77:02:01", ip: 10.77.0.12}
  rack03: {mac: "52:54:00:77:02:02", ip: 10.77.0.13}
  rack08: {mac: "52:54:00:77:01:08", ip: 10.77.0.18}
END

# udhcpc's script: what it was told, as one line; and the address put on the device, as a system would.
cat >"$work/udhcpc" <<'END'
#!/bin/sh
case $1 in
bound | renew)
    ip address flush dev "$interface"
    ip address add "$ip/$mask" dev "$interface"
    [ -z "$router" ] || ip route replace default via "$router" dev "$interface" ;;
deconfig) ip address flush dev "$interface" ;;
esac
echo "$1 ip=$ip mask=$mask router=$router dns=$dns domain=$domain ntp=$ntpsrv hostname=$hostname lease=$lease" \
    "server=$serverid file=$boot_file siaddr=$siaddr" >>"$SAID"
END
# dhclient's: the same, and DECLINE (status 2) for an address that somebody answers at.
cat >"$work/dhclient" <<'END'
#!/bin/sh
case $reason in
BOUND | RENEW | REBIND | REBOOT)
    [ "$reason" = RENEW ] || [ "$reason" = REBIND ] ||
        arping -q -D -c 2 -w 2 -I "$interface" "$new_ip_address" || { echo "taken $new_ip_address" >>"$SAID"; exit 2; }
    ip address flush dev "$interface"
    ip address add "$new_ip_address/24" dev "$interface" ;;
PREINIT) ip address flush dev "$interface" ;;
esac
echo "$reason ip=$new_ip_address hostname=$new_host_name file=$new_filename" >>"$SAID"
END
chmod +x "$work/udhcpc" "$work/dhclient"
cat >"$work/dhclient.conf" <<'END'
request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers, host-name, ntp-servers;
timeout 20; retry 2; select-timeout 0; initial-interval 1; backoff-cutoff 2; reboot 3;
END

spawn() { # NAME NS COMMAND...: in the background, output to $work/NAME.out; $pid
    spawn_name=$1 spawn_ns=$2
    shift 2
    ip netns exec "$spawn_ns" "$@" >"$work/$spawn_name.out" 2>&1 </dev/null &
    pid=$!
    started="$started $pid"
}
spawn driver $srv "$driver_program" "$work/fleet.yaml" 100 1 br0
driver=$pid
log=$work/driver.out

# says FILE PATTERN [SECONDS]: the pattern is in a line of it, now or soon
says() {
    for _ in $(seq $((${3-5} * 10))); do
        grep -q -e "$2" "$1" 2>/dev/null && return 0
        sleep 0.1
    done
    echo "no '$2' in:"
    tail -n 12 "$1"
    return 1
}
told() {
    says "$log" "$@"
}
count_is() { # PATTERN NUMBER
    [ "$(grep -c -e "$1" "$log")" = "$2" ] || { echo "not $2 times '$1':"; tail -n 12 "$log"; return 1; }
}
udhcpc() { # NAME NS DEVICE OPTION...
    udhcpc_name=$1 udhcpc_ns=$2 udhcpc_device=$3
    shift 3
    : >"$work/$udhcpc_name"
    SAID=$work/$udhcpc_name spawn "udhcpc-$udhcpc_name" "$udhcpc_ns" busybox udhcpc -f -i "$udhcpc_device" \
        -s "$work/udhcpc" -t 5 -T 1 -O hostname -O ntpsrv -O domain -O bootfile "$@"
}
dhclient_run() { # NAME NS DEVICE
    SAID=$work/$1 spawn "dhclient-$1" "$2" dhclient -4 -d -v -cf "$work/dhclient.conf" -lf "$work/$1.leases" \
        -pf "$work/$1.pid" -sf "$work/dhclient" -e "SAID=$work/$1" "$3"
}
stop() { # PID
    kill "$1"
    wait "$1" 2>/dev/null
    return 0
}
misbehave() {
    ip netns exec $two python3 "$here/dhcp_client.py" d0 "$1" "$seeds"
}

check 'the driver is ready' told '^ready'
kill -0 $driver 2>/dev/null || { echo 'Bail out! the driver does not run'; exit 1; }

# dhclient, whose renewals reach nobody, so that it comes to rebinding: it runs beside all the rest.
dhclient_run rebind $two d0
rebind=$pid
check 'dhclient: DISCOVER to ACK' says "$work/rebind" '^BOUND ip=10.77.0.13 hostname=rack03 file=$' 15
ip -n $two route add blackhole 10.77.0.1

check 'the first commit failed' told '^commit bound .* fails'
udhcpc first $cli c0
first=$pid
check 'udhcpc: address, name, servers, no boot file' says "$work/first" 'bound ip=10.77.0.12 mask=24 router=10.77.0.254 dns=10.77.0.1 10.77.0.2 domain=lab.example.com ntp=10.77.0.3 hostname=rack02 lease=60 server=10.77.0.1 file= siaddr=' 15
check 'the boot is over' told '^booted 52:54:00:77:02:01 10.77.0.12: booted system, udhcp'
kill -USR1 $first
check 'udhcpc: renews' says "$work/first" '^renew ip=10.77.0.12'
check 'a renewal is committed, and is no second boot' count_is '^commit bound 10.77.0.12' 2
check 'one boot' count_is '^booted 52:54:00:77:02:01' 1
kill -USR2 $first
check 'udhcpc: releases' told '^RELEASE 52:54:00:77:02:01 10.77.0.12'
check 'the release is committed' told '^commit released 10.77.0.12'
stop $first

ip -n $other address add 10.77.0.12/24 dev o0
udhcpc declines $cli c0 -a -A 1
declines=$pid
check 'udhcpc: finds its address taken' told '^DECLINE 52:54:00:77:02:01 10.77.0.12: somebody else answers' 15
check 'udhcpc: gets another one instead' says "$work/declines" '^bound ip=10.77.0.10[0-9]' 15
stop $declines
ip -n $cli link set c0 down
ip -n $cli link set c0 address 02:00:00:00:00:77
ip -n $cli link set c0 up

udhcpc stranger $cli c0
stranger=$pid
check 'an unknown machine: from the pool' says "$work/stranger" '^bound ip=10.77.0.10[0-9] .*hostname= ' 15
check 'an unknown machine: the command' told '^unknown machine 02:00:00:00:00:77 .*bootherd node set NAME --mac 02:00:00:00:00:77 --image IMAGE'
stop $stranger

# dhclient again: what it keeps in its lease file makes it start with INIT-REBOOT.
dhclient_run reboot $cli c0
check 'dhclient: an address of the pool' says "$work/reboot" '^BOUND ip=10.77.0.10[0-9]' 15
stop $pid
: >"$work/reboot"
dhclient_run reboot $cli c0
check 'dhclient: INIT-REBOOT, the same address' says "$work/reboot" '^REBOOT ip=10.77.0.10[0-9]' 15
stop $pid
sed -i 's/fixed-address .*/fixed-address 192.168.7.7;/' "$work/reboot.leases"
: >"$work/reboot"
dhclient_run reboot $cli c0
check 'dhclient: INIT-REBOOT from another network, NAK' says "$work/dhclient-reboot.out" '^DHCPNAK' 15
check 'dhclient: then a new one' says "$work/reboot" '^BOUND ip=10.77.0.10[0-9]' 15
stop $pid
taken=$(sed -n 's/^BOUND ip=\([0-9.]*\).*/\1/p' "$work/reboot")
ip -n $other address add "$taken/24" dev o0
rm "$work/reboot.leases"
: >"$work/reboot"
dhclient_run reboot $cli c0
check 'dhclient: its address is taken' says "$work/reboot" "^taken $taken" 15
check 'dhclient: DECLINE' told "^DECLINE 02:00:00:00:00:77 $taken" 15
check 'dhclient: another one' says "$work/reboot" '^BOUND ip=10.77.0.10[0-9]' 30
stop $pid

spawn dhcrelay $relay dhcrelay -4 -d -a -id r1 -iu r0 10.77.0.1
check 'dhcrelay is ready' says "$work/dhcrelay.out" 'Sending on' 10
udhcpc far $far f0
farpid=$pid
check 'dhcrelay with option 82: an address of the far network' says "$work/far" '^bound ip=10.77.9.5[0-9] mask=24 router=10.77.9.1' 15
kill -USR1 $farpid
check 'a renewal through the router' says "$work/far" '^renew ip=10.77.9.5[0-9]'
stop $farpid

check 'iPXE: every copy has the same answer' misbehave copies
check 'copies of a REQUEST: one ACK' misbehave one_commit
check 'copies of a REQUEST: one commit' count_is '^commit bound 10.77.0.131' 1
check 'OVMF: by broadcast' misbehave broadcast
check 'malformed packets' misbehave malformed
check 'they are told, seldom' sh -c "grep -c 'malformed DHCP' '$log' | grep -q -x -e '[1-9]' -e '1[0-9]'"

# dhclient calls it RENEW all the same; by unicast it cannot have been.
check 'dhclient: renewing is not heard, rebinding is' says "$work/rebind" '^RE[A-Z]* ip=10.77.0.13' 70
check 'it asked by unicast in vain' says "$work/dhclient-rebind.out" '^send_packet: Invalid argument'
check 'no NAK for it' count_is '^NAK 52:54:00:77:02:02' 0
stop $rebind

driver_ends() {
    kill -TERM $driver
    wait $driver
    driver_status=$?
    grep -e Sanitizer -e 'runtime error' "$log" && return 1
    [ $driver_status = 0 ]
}
check 'the driver ends, nothing leaks' driver_ends
tap_end
