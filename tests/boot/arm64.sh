#!/bin/bash
# arm64: Debian's kernel by PXE and by HTTP Boot, with loaders that the operator added.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

# boots LABEL N MODE
boots() {
    rack_boot "$1" "$2" "$rack_up" lab_arm64 "$3"
    rack_said "$1: arm64, address, name, overlay" arch=aarch64 "ip=$(rack_address "$2")" "hostname=n$2" "node=n$2"
}

rack_open linux-arm64
"$rack_here/../guests/make.sh" grub-arm64 >"$LAB_DIR/make.log" 2>&1 || bail "the loaders can be had" "$LAB_DIR/make.log"
check "loader add" rack_do loader add "$rack_guests/grub-arm64" --name grub-arm64
rack_node 1 linux-arm64 --kernel-options console=ttyAMA0
rack_node 2 linux-arm64 --kernel-options console=ttyAMA0
rack_serve
boots "PXE" 1 pxe
boots "HTTP Boot" 2 http
tap_end
