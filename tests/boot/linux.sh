#!/bin/bash
# Linux on BIOS and UEFI by every loader, up to a line that the booted system prints; memtest86+; an EFI program.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

rack_open linux memtest
rack_import efi /usr/lib/ipxe/ipxe.efi
linux=(linux --kernel-options console=ttyS0 --files own)
rack_node 1 "${linux[@]}" --loader pxelinux
rack_node 2 "${linux[@]}" --loader lpxelinux
rack_node 3 "${linux[@]}"
rack_node 4 "${linux[@]}"
rack_node 5 "${linux[@]}"
rack_node 6 "${linux[@]}" --loader ipxe
rack_node 7 memtest --kernel-options console=ttyS0,115200
rack_node 8 memtest --kernel-options console=ttyS0,115200
rack_node 9 efi
rack_node 10 efi
rack_serve
rack_boots "BIOS, pxelinux" 1 "firmware=bios console=ttyS0" lab_machine e1000
rack_boots "BIOS, lpxelinux" 2 "firmware=bios console=ttyS0" lab_machine e1000
rack_boots "BIOS, iPXE" 3 "firmware=bios console=ttyS0" lab_machine virtio
rack_boots "UEFI PXE" 4 "firmware=efi console=ttyS0" lab_uefi pxe
rack_boots "UEFI HTTP Boot" 5 "firmware=efi console=ttyS0" lab_uefi http
rack_boots "UEFI PXE, iPXE" 6 "firmware=efi console=ttyS0" lab_uefi pxe
rack_boot "BIOS: memtest86+ is there" 7 'Memtest86\+ v[0-9.]+' lab_machine e1000
rack_boot "UEFI: memtest86+ is there" 8 'Memtest86\+ v[0-9.]+' lab_uefi pxe -device VGA
rack_boot "UEFI PXE: an EFI program runs" 9 'iPXE initialising devices' lab_uefi pxe
rack_boot "UEFI HTTP Boot: an EFI program runs" 10 'iPXE initialising devices' lab_uefi http
tap_end
