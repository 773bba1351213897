#!/bin/bash
# Three networks, one server: its own; one behind a router with a DHCP relay; one in a tagged VLAN.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

far=10.77.9 tagged=10.77.7

# br1, where the server has no card, behind a router that relays.
build_far() {
    lab_bridge br1 && lab_host router br0 "$LAB_PREFIX.250/24" && lab_host router br1 "$far.1/24" &&
        LAB_NS=$LAB_NS-router lab_run sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' &&
        lab_run ip route add "$far.0/24" via "$LAB_PREFIX.250" || return 1
    LAB_NS=$LAB_NS-router lab_spawn "$LAB_DIR/relay.log" dhcrelay -4 -d -a -id br1 -iu br0 "$LAB_PREFIX.1"
    lab_wait "$LAB_DIR/relay.log" 'Sending on' 10 "$LAB_PID"
}

# br7, without tags, is VLAN 7 of br0, where the server has the interface br0.7.
build_tagged() {
    # Else the address of br0 is answered for on the cable's other end, too.
    lab_run sh -c 'echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore'
    lab_bridge br7 && lab_run ip link add trunk type veth peer name port && lab_run ip link set trunk master br0 up &&
        lab_run ip link set port up && lab_run ip link add link port name port.7 type vlan id 7 &&
        lab_run ip link set port.7 master br7 up && lab_run ip link add link br0 name br0.7 type vlan id 7 &&
        lab_run ip address add "$tagged.1/24" dev br0.7 && lab_run ip link set br0.7 up
}

# network NAME PREFIX OPTION...
network() {
    local name=$1 prefix=$2
    shift 2
    rack_do network set "$name" --subnet "$prefix.0/24" "$@" >"$LAB_DIR/network.log" 2>&1 ||
        bail "network $name is set" "$LAB_DIR/network.log"
}

rack_open linux
build_far >"$LAB_DIR/build.log" 2>&1 || bail "a relayed network can be built" "$LAB_DIR/build.log" "$LAB_DIR/relay.log"
interfaces=(--interface br0)
if build_tagged >"$LAB_DIR/build.log" 2>&1; then interfaces+=(--interface br0.7); fi
network near "$LAB_PREFIX"
network far "$far" --gateway "$far.1"
network tagged "$tagged"
rack_ip=([2]=$far.12 [3]=$far.13 [4]=$tagged.14)
for number in 1 2 3 4; do
    rack_node "$number" linux --kernel-options console=ttyS0 --files own
done
rack_serve "${interfaces[@]}"
rack_boots "the server's own network" 1 "" lab_machine e1000
LAB_BRIDGE=br1
rack_boots "behind a relay, BIOS" 2 "" lab_machine e1000
rack_boots "behind a relay, UEFI PXE" 3 "" lab_uefi pxe
if [ ${#interfaces[@]} -gt 2 ]; then
    LAB_BRIDGE=br7
    rack_boots "in a tagged VLAN" 4 "" lab_machine virtio
else
    ok "in a tagged VLAN # SKIP this kernel has no VLANs: $(tail -n 1 "$LAB_DIR/build.log")"
fi
tap_end
