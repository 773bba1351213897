#!/bin/bash
# Xen with Linux as its dom0, up to a line that dom0 prints: BIOS with two kinds of network card, UEFI.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

# boots LABEL N COMMAND...
boots() {
    local label=$1 number=$2
    shift 2
    rack_boot "$label" "$number" "$rack_up" "$@" -m 768
    rack_said "$label: dom0 of Xen, with address, name and overlay" DOM0 xen=4.17 is=control_d "ip=$(rack_address "$number")" \
        "hostname=n$number" "node=n$number" console=hvc0
}

rack_open xen
rack_node 1 xen
rack_node 2 xen
rack_node 3 xen
rack_node 4 xen --loader pxelinux
rack_serve
boots "BIOS, e1000" 1 lab_machine e1000
boots "BIOS, virtio" 2 lab_machine virtio
boots "BIOS, pxelinux" 4 lab_machine e1000
boots "UEFI PXE" 3 lab_uefi pxe
tap_end
