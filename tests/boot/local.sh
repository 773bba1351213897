#!/bin/bash
# Roles: a machine with a disk of its own starts from it when its node's boot is local, and from the image when not, by each
# firmware and loader; and the disk stays as it was. The disk has a boot sector of a few bytes for BIOS, and shim and GRUB of
# Debian for UEFI; both say LOCAL DISK READY.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"

disk_up='LOCAL DISK READY'
# A ROM that is left says that it has no more devices; firmware that does not go on shows its menu.
rack_down='Kernel panic|grub> $|iPXE> $|boot: $|PXE-E[0-9]+|Boot Manager|No bootable'

# A boot sector that writes its line to the first serial port and waits.
boot_sector() {
    as --32 -o "$LAB_DIR/mbr.o" - <<'END' && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$1" "$LAB_DIR/mbr.o"
    .code16
    .globl _start
_start:
    xor %ax, %ax
    mov %ax, %ds
    mov $text, %si
    mov $0x3f8, %dx
    cld
1:  lodsb
    test %al, %al
    jz 2f
    out %al, %dx
    jmp 1b
2:  hlt
    jmp 2b
text:
    .asciz "\r\nLOCAL DISK READY, drive by BIOS\r\n"
END
}

# make_disk FILE: 64 MB, GPT with an EFI system partition; code for BIOS in its first sector.
make_disk() {
    local esp=$LAB_DIR/esp
    truncate -s 64M "$1" && boot_sector "$LAB_DIR/mbr" && [ "$(stat -c %s "$LAB_DIR/mbr")" -le 440 ] &&
        printf 'label: gpt\nstart=2048, size=122880, type=uefi, name=esp\n' | sfdisk -q "$1" &&
        dd if="$LAB_DIR/mbr" of="$1" conv=notrunc status=none &&
        truncate -s 60M "$esp" && mformat -i "$esp" -F :: && mmd -i "$esp" ::EFI ::EFI/BOOT ::EFI/debian &&
        cat >"$LAB_DIR/disk.cfg" <<'END' &&
if serial --unit=0 --speed=115200; then
  terminal_output console serial
fi
echo "LOCAL DISK READY, by $cmdpath"
sleep 600
END
        mcopy -i "$esp" "$LAB_DIR/disk.cfg" ::EFI/debian/grub.cfg &&
        mcopy -i "$esp" /usr/lib/shim/shimx64.efi.signed ::EFI/debian/shimx64.efi &&
        mcopy -i "$esp" /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed ::EFI/debian/grubx64.efi &&
        mcopy -i "$esp" /usr/lib/shim/shimx64.efi.signed ::EFI/BOOT/BOOTX64.EFI &&
        mcopy -i "$esp" /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed ::EFI/BOOT/grubx64.efi &&
        dd if="$esp" of="$1" bs=1M seek=1 conv=notrunc status=none && rm "$esp"
}

# A machine with that disk, which comes behind the network in its firmware's boot order.
with_disk() {
    local kind=$1 name=$2 number=$3 mode=$4
    shift 4
    "$kind" "$name" "$number" "$mode" "$@" -drive "if=none,id=disk,format=raw,file=$disk" -device virtio-blk-pci,drive=disk,bootindex=2
}
bios() {
    with_disk lab_machine "$1" "$2" e1000,bootindex=1
}
uefi() {
    lab_uefi_card=virtio-net-pci,romfile=,bootindex=1 with_disk lab_uefi "$@"
}

uefi_rom() {
    lab_uefi_card=virtio-net-pci,bootindex=1 with_disk lab_uefi "$@"
}

# way LABEL N COMMAND...: the disk, then the image, each with the disk's bytes unchanged.
way() {
    local label=$1 number=$2
    shift 2
    [[ " ${NODES-$number} " == *" $number "* ]] || return 0
    rack_do node set "n$number" --boot local >"$LAB_DIR/node.log" 2>&1
    rack_boot "$label: its own disk" "$number" "$disk_up.*" "$@"
    check "$label: its story ends there" rack_story "$number" 'sent to its own disk, boot is local'
    rm -f "$LAB_DIR/n$number".port.*
    [ -z "${LOCAL_ONLY-}" ] || return 0
    rack_do node set "n$number" --boot image >"$LAB_DIR/node.log" 2>&1
    rack_boot "$label: the image" "$number" "$rack_up" "$@"
    rm -f "$LAB_DIR/n$number".port.*
}
rack_story() {
    rack_do status "n$1" | tail -n 1 | grep -q "$2"
}

if [ -n "${LOCAL_ONLY-}" ]; then rack_open; else rack_open linux; fi
disk=$LAB_DIR/disk
make_disk "$disk" >"$LAB_DIR/disk.log" 2>&1 || bail "a disk can be made" "$LAB_DIR/disk.log"
before=$(sha256sum <"$disk")
linux=(linux --kernel-options console=ttyS0 --files own)
rack_node 1 "${linux[@]}" --loader lpxelinux
rack_node 2 "${linux[@]}" --loader pxelinux
for number in 3 4 5 6 7 8; do rack_node "$number" "${linux[@]}"; done
rack_do node set 'n[7-8]' --secure-boot on >"$LAB_DIR/node.log" 2>&1
rack_serve
way "BIOS, lpxelinux" 1 bios
way "BIOS, pxelinux" 2 bios
way "BIOS, iPXE" 3 bios
way "UEFI PXE" 4 uefi pxe
way "UEFI HTTP Boot" 5 uefi http
way "UEFI, iPXE as the card's ROM" 6 uefi_rom pxe
way "UEFI PXE, Secure Boot" 7 uefi secure-pxe
way "UEFI HTTP Boot, Secure Boot" 8 uefi secure-http
is "the disk is as it was" "$(sha256sum <"$disk")" "$before"
tap_end
