#!/bin/bash
# UEFI Secure Boot with Microsoft's keys: Debian's signed shim, GRUB and kernel start, by PXE and by HTTP Boot; what nobody
# signed does not.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

rack_open linux
rack_import unsigned /usr/lib/ipxe/ipxe.efi
rack_node 1 linux --secure-boot on --kernel-options console=ttyS0 --files own
rack_node 2 linux --secure-boot on --kernel-options console=ttyS0 --files own
rack_node 3 unsigned
rack_serve
rack_boots "PXE" 1 secureboot=enabled lab_uefi secure-pxe
rack_boots "HTTP Boot" 2 secureboot=enabled lab_uefi secure-http
rack_boot "an unsigned program is refused" 3 'Access Denied' lab_uefi secure-pxe
check_fails "it does not start" grep -q 'iPXE initialising' "$LAB_DIR/n3.serial"
tap_end
