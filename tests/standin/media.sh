# shellcheck shell=bash disable=SC2154 # the variables are make-iso.sh's
# Sourced by make-iso.sh: the disk image, with the partition table that `fdisk -lu` prints in the procedure, and the
# ISO around it.

disk_sectors=1843200 # 900 MiB

# put_entry FILE SECTOR SLOT FLAG TYPE START COUNT: a partition entry of the MBR or EBR in SECTOR, and its signature.
# By hand, for sfdisk puts the EBR of the second logical partition into the last sector of the first.
put_entry() {
    local file=$1 sector=$2 slot=$3 value entry
    entry=$(printf '\\x%02x\\xfe\\xff\\xff\\x%02x\\xfe\\xff\\xff' "$4" "$5")
    for value in "$6" "$7"; do
        entry+=$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((value & 255)) $((value >> 8 & 255)) $((value >> 16 & 255)) \
            $((value >> 24 & 255)))
    done
    put_bytes "$file" $((sector * 512 + 446 + (slot - 1) * 16)) "$entry"
    put_bytes "$file" $((sector * 512 + 510)) '\x55\xaa'
}

# put_bytes FILE OFFSET ESCAPES
put_bytes() {
    printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

write_partition_table() {
    local disk=$1 extended=8192
    put_entry "$disk" 0 1 0 0x05 8192 1835008
    put_entry "$disk" 0 4 0x80 0x04 32 8160
    # Each EBR: the partition, from the EBR itself on, and the next EBR, from the extended partition on.
    put_entry "$disk" 8192 1 0 0x06 32 511968
    put_entry "$disk" 8192 2 0 0x05 $((520192 - extended)) 512000
    put_entry "$disk" 520192 1 0 0x06 32 511968
    put_entry "$disk" 520192 2 0 0x05 $((1032192 - extended)) 225280
    put_entry "$disk" 1032192 1 0 0xfc 32 225248
    put_entry "$disk" 1032192 2 0 0x05 $((1257472 - extended)) 585728
    put_entry "$disk" 1257472 1 0 0x06 32 585696
}

# format DISK START SECTORS LABEL CLUSTER: a FAT16 with so many sectors a cluster; VMware keeps a second reserved sector, with its own signature.
format() {
    mkfs.fat -F 16 -R 2 -s "$5" -g 64/32 -h "$2" -i 56d50b00 -n "$4" --invariant --offset "$2" "$1" $(($3 / 2))
    put_bytes "$1" $((($2 + 1) * 512)) 'VMWARE FAT16    '
}

# put_files DISK START FILE...
put_files() {
    local disk=$1 start=$2
    shift 2
    touch -d "@$SOURCE_DATE_EPOCH" "$@"
    mcopy -m -i "$disk@@$((start * 512))" "$@" ::
}

# bootbank DIR: the files of the first bootbank, under the names of the version.
bootbank() {
    local bank=$1 name names
    case $version in
    3.5) names="vmkernel.gz binmod.tgz environ.tgz cim.tgz oem.tgz license.tgz" ;;
    4.0) names="vmkboot.gz vmk.gz sys.vgz cim.vgz oem.tgz license.tgz mod.tgz cimstg.tgz pkgdb.tgz" ;;
    4.1) names="b.z k.z s.z c.z oem.tgz license.tgz m.z cimstg.tgz pkgdb.tgz" ;;
    esac
    for name in $names; do
        case $name in
        vmkboot.gz | b.z) cp "$parts/vmkboot.gz" "$bank/$name" ;;
        vmk.gz | k.z) cp "$parts/vmk.gz" "$bank/$name" ;;
        vmkernel.gz) cp "$parts/vmkernel.gz" "$bank/$name" ;;
        s.z) cp "$work/sys.vgz" "$bank/$name" ;;
        c.z) cp "$work/cim.vgz" "$bank/$name" ;;
        m.z) cp "$work/mod.tgz" "$bank/$name" ;;
        cim.tgz) cp "$work/cim.vgz" "$bank/$name" ;;
        *) cp "$work/$name" "$bank/$name" ;;
        esac
    done
    case $version in
    # ESXi 3.5's has none: its order is the importer's knowledge.
    4.0) boot_cfg vmkboot.gz "vmk.gz sys.vgz cim.vgz oem.tgz license.tgz mod.tgz" 4.0.0-208167 0 1 >"$bank/boot.cfg" ;;
    4.1) boot_cfg b.z "k.z s.z c.z oem.tgz license.tgz m.z" 4.1.0-260247 0 1 >"$bank/boot.cfg" ;;
    esac
}

# boot_cfg KERNEL MODULES BUILD BOOTSTATE UPDATED
boot_cfg() {
    printf 'kernel=%s\nkernelopt=\nmodules=%s\nbuild=%s\nupdated=%s\nbootstate=%s\n' "$1" "${2// / --- }" "$3" "$5" "$4"
}

build_disk() {
    local disk=$work/disk.dd bank=$work/bank spare=$work/spare
    rm -rf "$disk" "$bank" "$spare"
    mkdir -p "$bank" "$spare"
    truncate -s $((disk_sectors * 512)) "$disk"
    write_partition_table "$disk"
    format "$disk" 32 8160 HYPERVISOR0 1
    format "$disk" 8224 511968 HYPERVISOR1 8
    format "$disk" 520224 511968 HYPERVISOR2 8
    format "$disk" 1257504 585696 HYPERVISOR3 16
    cp "$parts"/debian/usr/lib/syslinux/modules/bios/mboot.c32 "$spare/" && put_files "$disk" 32 "$spare/mboot.c32" || return 1
    bootbank "$bank" && put_files "$disk" 8224 "$bank"/* || return 1
    # The second bootbank is for upgrades: its boot.cfg says that it holds nothing valid.
    boot_cfg vmkboot.gz vmk.gz "$(build_number)" 3 0 >"$spare/boot.cfg"
    put_files "$disk" 520224 "$spare/boot.cfg"
}

build_number() {
    case $version in
    3.5) echo 3.5.0-110271 ;;
    4.0) echo 4.0.0-208167 ;;
    4.1) echo 4.1.0-260247 ;;
    esac
}

compress_disk() {
    local program=bzip2
    command -v lbzip2 >/dev/null && program=lbzip2
    "$program" -9c "$work/disk.dd" >"$work/disk.dd.bz2"
}

# The disk image inside a gzip'd tar, as 3.5 and 4.0 have it.
pack_installer() {
    local root=$work/installer name
    case $version in
    3.5) name=VMware-VMvisor-big-3.5.0-110271.i386.dd.bz2 ;;
    *) name=VMware-VMvisor-big-4.0.0-208167-x86_64.dd.bz2 ;;
    esac
    rm -rf "$root"
    mkdir -p "$root/usr/lib/vmware/installer"
    ln "$work/disk.dd.bz2" "$root/usr/lib/vmware/installer/$name"
    archive "$root" | gzip -1n
    rm -rf "$root"
}

build_iso() {
    local root=$work/iso.d
    rm -rf "$root"
    mkdir -p "$root"
    cp "$parts/vmkboot.gz" "$parts/vmk.gz" "$work/sys.vgz" "$work/cim.vgz" "$root/"
    cp "$parts"/debian/usr/lib/ISOLINUX/isolinux.bin "$parts"/debian/usr/lib/syslinux/modules/bios/{ldlinux,libcom32,mboot}.c32 "$root/"
    "root_of_${version/./_}" "$root" || return 1
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    xorriso -report_about WARNING -as mkisofs -quiet -V "STANDIN-$version" -R -J -b isolinux.bin -c boot.cat \
        -no-emul-boot -boot-load-size 4 -boot-info-table -o "$work/media.iso" "$root"
}

root_of_3_5() {
    rm "$1/vmkboot.gz" "$1/vmk.gz" "$1/sys.vgz" "$1/cim.vgz"
    cp "$parts/vmkernel.gz" "$work/binmod.tgz" "$work/environ.tgz" "$1/"
    cp "$work/cim.vgz" "$1/cim.tgz"
    pack_installer >"$1/install.tgz"
    isolinux_cfg "ThinESX Installer" vmkernel.gz "binmod.tgz environ.tgz cim.tgz install.tgz" >"$1/isolinux.cfg"
}

root_of_4_0() {
    mv "$1/vmk.gz" "$1/vmkernel.gz"
    pack_installer >"$1/image.tgz"
    readme "VMware ESXi [version] 4.0" >"$1/README.txt"
    isolinux_cfg "VMware VMvisor Boot Menu" vmkboot.gz "vmkernel.gz sys.vgz cim.vgz image.tgz" >"$1/isolinux.cfg"
}

root_of_4_1() {
    mv "$1/vmk.gz" "$1/vmkernel.gz"
    cp "$work/cimstg.tgz" "$1/"
    # The installer's own, never to be loaded on a stateless machine.
    cp "$work/oem.tgz" "$1/ienviron.vgz" && cp "$work/oem.tgz" "$1/install.vgz"
    ln "$work/disk.dd.bz2" "$1/imagedd.bz2"
    (cd "$1" && md5sum imagedd.bz2 >imagedd.md5)
    readme "VMware ESXi [version] 4.1" >"$1/README.txt"
    isolinux_cfg "VMware VMvisor Boot Menu" vmkboot.gz "vmkernel.gz sys.vgz cim.vgz ienviron.vgz install.vgz" \
        >"$1/isolinux.cfg"
}

readme() {
    printf '%s\r\n\r\nThis is a stand-in with the layout of that product. It contains nothing of VMware'"'"'s.\r\n' "$1"
}

# isolinux_cfg TITLE KERNEL MODULES
isolinux_cfg() {
    printf 'DEFAULT install\nMENU TITLE %s\nLABEL install\n  KERNEL mboot.c32\n  APPEND %s --- %s\n' "$1" "$2" "${3// / --- }"
}

build_media() {
    step "disk image, 900 MiB, sparse" "$work/disk.dd" "$work/*gz.ok" "$parts/*.gz.ok" "$here/media.sh" -- build_disk
    step "disk image compressed by bzip2" "$work/disk.dd.bz2" "$work/disk.dd.ok" -- compress_disk
    step "ISO" "$work/media.iso" "$work/disk.dd.bz2.ok" -- build_iso
}
