#!/bin/bash
# Beside somebody else's DHCP server, which says nothing of booting: that one gives the addresses, bootherd what to boot.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

start_dhcp() {
    local number hosts=()
    for number in 1 2 3 4; do
        hosts+=("--dhcp-host=$(lab_mac "$number"),$(rack_address "$number")")
    done
    lab_host dhcp br0 "$LAB_PREFIX.2/24" || return 1
    LAB_NS=$LAB_NS-dhcp lab_spawn "$LAB_DIR/dhcp.log" dnsmasq --no-daemon --conf-file=/dev/null --port=0 --user=root \
        --interface=br0 --bind-interfaces --dhcp-leasefile="$LAB_DIR/leases" --no-ping --log-dhcp \
        --dhcp-range="$LAB_PREFIX.0,static,1h" "${hosts[@]}"
    LAB_NS=$LAB_NS-dhcp lab_wait_port udp 67 10 "$LAB_PID"
}

# node N OPTION...: without an address of its own.
node() {
    local number=$1
    shift
    rack_do node set "n$number" --mac "$(lab_mac "$number")" --image linux --kernel-options console=ttyS0 --files own "$@" \
        >"$LAB_DIR/node.log" 2>&1 || bail "n$number is set" "$LAB_DIR/node.log"
}

rack_open linux
rack_do network set lab --subnet "$LAB_PREFIX.0/24" --mode proxy >"$LAB_DIR/network.log" 2>&1 ||
    bail "the network is set" "$LAB_DIR/network.log"
node 1 --loader lpxelinux
node 2
node 3
node 4
start_dhcp >"$LAB_DIR/start.log" 2>&1 || bail "the other DHCP server starts" "$LAB_DIR/start.log" "$LAB_DIR/dhcp.log"
rack_serve
rack_boots "BIOS, PXELINUX" 1 firmware=bios lab_machine e1000
rack_boots "BIOS, iPXE" 2 firmware=bios lab_machine virtio
rack_boots "UEFI PXE" 3 firmware=efi lab_uefi pxe
rack_boots "UEFI HTTP Boot" 4 firmware=efi lab_uefi http
tap_end
