#!/bin/bash
# arm64: Debian's kernel by PXE and by HTTP Boot, with loaders that the operator added.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

rack_open linux-arm64
"$rack_here/../guests/make.sh" grub-arm64 >"$LAB_DIR/make.log" 2>&1 || bail "the loaders can be had" "$LAB_DIR/make.log"
check "loader add" rack_do loader add "$rack_guests/grub-arm64" --name grub-arm64
rack_node 1 linux-arm64 --kernel-options console=ttyAMA0 --files own
rack_node 2 linux-arm64 --kernel-options console=ttyAMA0 --files own
rack_serve
rack_boots "PXE" 1 "arch=aarch64 firmware=efi console=ttyAMA0" lab_arm64 pxe
rack_boots "HTTP Boot" 2 "arch=aarch64 firmware=efi console=ttyAMA0" lab_arm64 http
tap_end
