#!/bin/bash
# UEFI Secure Boot with Microsoft's keys: Debian's signed shim, GRUB and kernel start, by PXE and by HTTP Boot; what nobody
# signed does not.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

# boots LABEL N MODE
boots() {
    rack_boot "$1" "$2" "$rack_up" lab_uefi "$3"
    rack_said "$1: Secure Boot is on; address, name, overlay" secureboot=enabled "ip=$(rack_address "$2")" "hostname=n$2" "node=n$2"
}

rack_open linux
mkdir "$LAB_DIR/efi"
cp /usr/lib/ipxe/ipxe.efi "$LAB_DIR/efi/"
rack_do image import "$LAB_DIR/efi" --name unsigned >"$LAB_DIR/import.log" 2>&1 || bail "ipxe.efi is imported" "$LAB_DIR/import.log"
rack_node 1 linux --secure-boot on --kernel-options console=ttyS0
rack_node 2 linux --secure-boot on --kernel-options console=ttyS0
rack_node 3 unsigned
rack_serve
boots "PXE" 1 secure-pxe
boots "HTTP Boot" 2 secure-http
rack_boot "an unsigned program is refused" 3 'Access Denied' lab_uefi secure-pxe
check_fails "it does not start" grep -q 'iPXE initialising' "$LAB_DIR/n3.serial"
tap_end
