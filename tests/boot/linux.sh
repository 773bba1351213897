#!/bin/bash
# Linux on every firmware and by every loader, up to a line that the booted system prints; memtest86+; an EFI program.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

own="a file of the operator's"

# boots LABEL N WANTED COMMAND...: up with address, name, the overlay, and the word WANTED.
boots() {
    local label=$1 number=$2 wanted=$3
    shift 3
    rack_boot "$label" "$number" "$rack_up" "$@"
    rack_said "$label: address, name, overlay, kernel options" "ip=$(rack_address "$number")" "hostname=n$number" \
        "node=n$number" "operator=$(echo "$own" | md5sum | cut -c 1-32)" "$wanted" console=ttyS0
}

rack_open linux memtest
mkdir -p "$LAB_DIR/root/files/own/opt" "$LAB_DIR/efi"
echo "$own" >"$LAB_DIR/root/files/own/opt/operator"
cp /usr/lib/ipxe/ipxe.efi "$LAB_DIR/efi/"
rack_do image import "$LAB_DIR/efi" --name efi >"$LAB_DIR/import.log" 2>&1 || bail "an EFI program is imported" "$LAB_DIR/import.log"
linux=(linux --kernel-options console=ttyS0 --files own)
rack_node 1 "${linux[@]}" --loader pxelinux
rack_node 2 "${linux[@]}" --loader lpxelinux
rack_node 3 "${linux[@]}"
rack_node 4 "${linux[@]}"
rack_node 5 "${linux[@]}"
rack_node 6 memtest --kernel-options console=ttyS0,115200
rack_node 7 memtest --kernel-options console=ttyS0,115200
rack_node 8 efi
rack_serve

boots "BIOS, pxelinux, e1000" 1 firmware=bios lab_machine e1000
boots "BIOS, lpxelinux, e1000" 2 firmware=bios lab_machine e1000
boots "BIOS, iPXE, virtio" 3 firmware=bios lab_machine virtio
boots "UEFI PXE" 4 firmware=efi lab_uefi pxe
boots "UEFI HTTP Boot" 5 firmware=efi lab_uefi http
rack_boot "BIOS: memtest86+ tests" 6 'Memtest86\+ v[0-9.]+' lab_machine e1000
rack_boot "UEFI: memtest86+ tests" 7 'Memtest86\+ v[0-9.]+' lab_uefi pxe -device VGA
rack_boot "UEFI: an EFI program runs" 8 'iPXE initialising devices' lab_uefi pxe
tap_end
