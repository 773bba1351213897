#!/bin/bash
# Another DHCP server gives the addresses and ours the boot files: dnsmasq beside dhcp_io, and clients that do what UEFI
# and iPXE do, on the wire, behind a relay; and a network of ours on a tagged VLAN of the same interface.
# dhcp_proxy.sh DHCP_DRIVER BOOTHERD
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
need ip busybox dnsmasq dhcrelay python3 socat
[ "$(id -u)" = 0 ] || { echo "Bail out! network namespaces need root"; exit 1; }
driver_program=$1 bootherd=$2
seeds=$here/../fuzz/corpus/dhcp
work=$(mktemp -d)
log=$work/driver.out
srv=proxy$$s sw=proxy$$w cli=proxy$$c their=proxy$$t relay=proxy$$r far=proxy$$f
node=52:54:00:77:01:03
started=
finish() {
    # shellcheck disable=SC2086 # a list
    [ -z "$started" ] || kill -9 $started 2>/dev/null
    for ns in $srv $sw $cli $their $relay $far; do
        ip netns delete "$ns" 2>/dev/null
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# wire NS DEVICE ADDRESS: a device in NS, on the switch
wire() {
    ip -n $sw link add "to$2" type veth peer name "$2" netns "$1"
    ip -n $sw link set "to$2" master br0 up
    ip -n "$1" link set "$2" up
    [ -z "$3" ] || ip -n "$1" address add "$3/24" dev "$2"
}
# tagged NS DEVICE: VLAN 20 of it, by the kernel, or by a stand-in where the kernel has no VLANs
vlan_kind=kernel
tagged() {
    if ! ip -n "$1" link add link "$2" name "$2.20" type vlan id 20 2>/dev/null; then
        vlan_kind=stand-in
        ip netns exec "$1" python3 "$here/vlan_device.py" "$2" "$2.20" 20 >"$work/$2.20.out" 2>&1 </dev/null &
        started="$started $!"
        says "$work/$2.20.out" '^ready' || exit 1
    fi
    ip -n "$1" link set "$2.20" up
}
says() { # FILE PATTERN [SECONDS]: the pattern is in a line of it, now or soon
    for _ in $(seq $((${3-5} * 10))); do
        grep -q -e "$2" "$1" 2>/dev/null && return 0
        sleep 0.1
    done
    echo "no '$2' in:"
    tail -n 12 "$1"
    return 1
}
for ns in $srv $sw $cli $their $relay $far; do
    ip netns add "$ns" || exit 1
    ip -n "$ns" link set lo up
done
ip -n $sw link add br0 type bridge stp_state 0 forward_delay 0
ip -n $sw link set br0 up
wire $srv e0 10.77.0.1
wire $their t0 10.77.0.2
wire $relay r0 10.77.0.250
wire $cli c0 ''
ip -n $cli link set c0 address $node
tagged $srv e0
tagged $cli c0
ip -n $srv address add 10.20.0.1/24 dev e0.20
ip -n $relay link add r1 type veth peer name f0 netns $far address $node
ip -n $relay address add 10.77.9.1/24 dev r1
ip -n $relay link set r1 up
ip -n $far link set f0 up
ip netns exec $relay sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
for ns in $srv $their; do
    ip -n $ns route add 10.77.9.0/24 via 10.77.0.250
done

cat >"$work/fleet.yaml" <<'END'
networks:
  lab: {subnet: 10.77.0.0/24, mode: proxy, pool: 10.77.0.10-10.77.0.19}
  far: {subnet: 10.77.9.0/24, mode: proxy}
  tagged: {subnet: 10.20.0.0/24, pool: 10.20.0.100-10.20.0.109, lease: 1m}
nodes:
  rack01: {mac: "52:54:00:77:01:03", ip: 10.77.0.131}
END
cat >"$work/udhcpc" <<'END'
#!/bin/sh
[ "$1" != bound ] || echo "bound ip=$ip server=$serverid file=$boot_file" >>"$SAID"
END
chmod +x "$work/udhcpc"

spawn() { # NAME NS COMMAND...: in the background, output to $work/NAME.out; $pid
    spawn_name=$1 spawn_ns=$2
    shift 2
    ip netns exec "$spawn_ns" "$@" >"$work/$spawn_name.out" 2>&1 </dev/null &
    pid=$!
    started="$started $pid"
}
told() {
    says "$log" "$@"
}
boot() { # NS KIND DEVICE [GATEWAY]
    boot_ns=$1 boot_kind=$2 boot_device=$3
    shift 3
    ip -n "$boot_ns" address flush dev "$boot_device"
    ip netns exec "$boot_ns" python3 "$here/dhcp_boot_client.py" "$boot_kind" "$boot_device" $node "$seeds" "$@" 2>&1
}
udhcpc() { # DEVICE NAME
    : >"$work/$2"
    SAID=$work/$2 spawn "udhcpc-$2" $cli busybox udhcpc -f -q -i "$1" -s "$work/udhcpc" -t 5 -T 1
    says "$work/$2" '^bound' 10 >/dev/null
    cat "$work/$2"
}

# The real program, before the driver takes the ports.
spawn holder $srv socat -u UDP-RECV:4011 OPEN:/dev/null
holder=$pid
sleep 0.5
serve() {
    ip netns exec $srv timeout 20 "$bootherd" --root "$work/root" serve --interface "$1" >"$work/serve.out" 2>&1
}
serve e0
check 'serve: port 4011 is taken, by whom, what to do' grep -q \
    "PXE on e0: port 4011 is taken by another program (ss -ulpn 'sport = :4011' names it): stop it" "$work/serve.out"
kill $holder
wait $holder 2>/dev/null
spawn serve $srv "$bootherd" --root "$work/root" serve --interface e0 --interface e0.20
check 'serve: on an interface and its VLAN' says "$work/serve.out" '^serving on e0.20 (10.20.0.1/24)' 15
kill "$pid"
wait "$pid" 2>/dev/null

spawn driver $srv "$driver_program" "$work/fleet.yaml" 0 0 e0 e0.20
driver=$pid
check 'the driver is ready' told '^ready'
kill -0 $driver 2>/dev/null || { echo 'Bail out! the driver does not run'; exit 1; }
spawn dnsmasq $their dnsmasq -k --conf-file=/dev/null --port=0 --user=root --no-ping --log-dhcp --interface=t0 \
    --bind-interfaces --dhcp-leasefile="$work/leases" --pid-file= --dhcp-authoritative --log-facility=- \
    --dhcp-range=10.77.0.140,10.77.0.149,5m --dhcp-range=10.77.9.140,10.77.9.149,255.255.255.0,5m
check 'dnsmasq is ready' says "$work/dnsmasq.out" 'DHCP, IP range 10.77.9.140'

is 'UEFI PXE: address from dnsmasq, boot file from port 4011' "$(boot $cli ovmf c0 | sed 's/\.14[0-9] /.14x /')" \
    '10.77.0.14x pxelinux.0 10.77.0.1'
check 'the offer is told as what it is' told "^OFFER $node 0.0.0.0: boot file only; another server gives the address"
check 'and the answer of port 4011' told "^ACK $node 10.77.0.14[0-9]: boot file pxelinux.0"
is 'UEFI HTTP Boot: the URL with the offer' "$(boot $cli http c0 | sed 's/\.14[0-9] /.14x /')" \
    '10.77.0.14x http://10.77.0.1/boot.img 10.77.0.1'
is 'iPXE: by the offer alone' "$(boot $cli ipxe c0 | sed 's/\.14[0-9] /.14x /')" '10.77.0.14x pxelinux.0 10.77.0.1'
check 'its address was overheard' told "^REQUEST $node 10.77.0.14[0-9]"
is 'iPXE: asking on port 4011, from 68' "$(boot $cli ipxe_menu c0 | sed 's/\.14[0-9] /.14x /')" \
    '10.77.0.14x pxelinux.0 10.77.0.1'
ip -n $cli address flush dev c0
is 'the booted system: from dnsmasq, no boot file' "$(udhcpc c0 plain | sed 's/\.14[0-9] /.14x /')" \
    'bound ip=10.77.0.14x server=10.77.0.2 file='
check 'and is known to run' told "^booted $node 10.77.0.14[0-9]: booted system, udhcp"
is 'no lease was given, and none put on disk' "$(grep -c '^commit' "$log")" 0

spawn dhcrelay $relay dhcrelay -4 -d -id r1 -iu r0 10.77.0.2 10.77.0.1
check 'dhcrelay is ready' says "$work/dhcrelay.out" 'Sending on' 10
is 'behind a relay: UEFI PXE' "$(boot $far ovmf f0 10.77.9.1 | sed 's/\.14[0-9] /.14x /')" \
    '10.77.9.14x pxelinux.0 10.77.0.1'
is 'behind a relay: iPXE' "$(boot $far ipxe f0 10.77.9.1 | sed 's/\.14[0-9] /.14x /')" \
    '10.77.9.14x pxelinux.0 10.77.0.1'
is 'still no lease' "$(grep -c '^commit' "$log")" 0

is "a tagged VLAN ($vlan_kind): an address of ours" "$(udhcpc c0.20 tagged | sed 's/10.20.0.10[0-9]/10.20.0.10x/')" \
    'bound ip=10.20.0.10x server=10.20.0.1 file='
check 'which is committed' told '^commit bound 10.20.0.10[0-9]'
is 'one answer to a tagged DISCOVER' "$(boot $cli count c0.20)" 1
is 'one answer, and not ours, to one without a tag' "$(boot $cli count c0)" 1

driver_ends() {
    kill -TERM $driver
    wait $driver
    driver_status=$?
    grep -e Sanitizer -e 'runtime error' "$log" && return 1
    [ $driver_status = 0 ]
}
check 'the driver ends, nothing leaks' driver_ends
tap_end
