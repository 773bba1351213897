#!/bin/bash
# Beside somebody else's DHCP server, which says nothing of booting: that one gives the addresses, bootherd what to boot.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

# The other one gives node N this address.
address_of() {
    echo "$LAB_PREFIX.$((50 + $1))"
}

start_dhcp() {
    local number hosts=()
    for number in 1 2 3 4; do
        hosts+=("--dhcp-host=$(lab_mac "$number"),$(address_of "$number")")
    done
    lab_host dhcp br0 "$LAB_PREFIX.2/24" || return 1
    LAB_NS=$LAB_NS-dhcp lab_spawn "$LAB_DIR/dhcp.log" dnsmasq --no-daemon --conf-file=/dev/null --port=0 --user=root \
        --interface=br0 --bind-interfaces --dhcp-leasefile="$LAB_DIR/leases" --no-ping --log-dhcp \
        --dhcp-range="$LAB_PREFIX.0,static,1h" "${hosts[@]}"
    LAB_NS=$LAB_NS-dhcp lab_wait_port udp 67 10 "$LAB_PID"
}

# node N OPTION...: without an address of ours.
node() {
    local number=$1
    shift
    rack_do node set "n$number" --mac "$(lab_mac "$number")" --image linux --kernel-options console=ttyS0 "$@" \
        >"$LAB_DIR/node.log" 2>&1 || bail "n$number is set" "$LAB_DIR/node.log"
}

# boots LABEL N FIRMWARE COMMAND...
boots() {
    local label=$1 number=$2 firmware=$3
    shift 3
    rack_boot "$label" "$number" "$rack_up" "$@"
    rack_said "$label: the other server's address, our system and overlay" "ip=$(address_of "$number")" "firmware=$firmware" \
        "node=n$number" "hostname=n$number"
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
boots "BIOS, PXELINUX" 1 bios lab_machine e1000
boots "BIOS, iPXE" 2 bios lab_machine virtio
boots "UEFI PXE" 3 efi lab_uefi pxe
boots "UEFI HTTP Boot" 4 efi lab_uefi http
tap_end
