#!/bin/bash
# Xen with Linux as its dom0, up to a line that dom0 prints: on BIOS, with two kinds of network card, and on UEFI.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

dom0="DOM0 xen=4.17 is=control_d console=hvc0"
rack_open xen
rack_node 1 xen --files own --loader pxelinux
rack_node 2 xen --files own --loader lpxelinux
rack_node 3 xen --files own
rack_node 4 xen --files own
rack_node 5 xen --files own
rack_serve
rack_boots "BIOS, e1000, pxelinux" 1 "$dom0" lab_machine e1000 -m 768
rack_boots "BIOS, virtio, lpxelinux" 2 "$dom0" lab_machine virtio -m 768
rack_boots "BIOS, e1000, iPXE" 3 "$dom0" lab_machine e1000 -m 768
rack_boots "UEFI PXE" 4 "$dom0" lab_uefi pxe -m 768
rack_boots "UEFI HTTP Boot" 5 "$dom0" lab_uefi http -m 768
tap_end
