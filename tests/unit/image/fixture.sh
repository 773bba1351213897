#!/bin/bash
# fixture.sh DIR: small media with the layout of ESXi 3.5 to 4.1, made by mtools, tar, gzip and the like.
#   DIR/bank  DIR/letters  DIR/bank35   files of a bootbank: 4.x, 4.1 by letters, 3.5 (without boot.cfg)
#   DIR/b.dd  DIR/letters.dd  DIR/b35.dd   the disk images
# The tests make the rest (archives, ISOs, damage) from these.
set -eu
cd "$1"
export PATH=$PATH:/usr/sbin:/sbin MTOOLS_SKIP_CHECK=1 TZ=UTC

# module FILE TEXT: a gzip'd file
module() {
    { echo "$2" && seq 5000; } | gzip -n >"$1"
}

# archive FILE PATH TEXT...: a gzip'd tar
archive() {
    local out=$1 tree
    shift
    tree=$(mktemp -d -p .)
    while [ $# -gt 1 ]; do
        mkdir -p "$tree/$(dirname "$1")"
        printf '%b' "$2" >"$tree/$1"
        shift 2
    done
    tar -C "$tree" --format=ustar --owner=0 --group=0 --mtime=@0 -cf - . | gzip -n >"$out"
    rm -r "$tree"
}

bank() {
    mkdir "$1"
    module "$1/$2" kernel
    module "$1/$3" vmkernel
    archive "$1/$4" etc/shadow 'root:old:1:0:99999:7:::\nvimuser:*:1::::::\n' etc/inetd.conf '#ssh stream tcp\n'
    module "$1/$5" cim
    archive "$1/oem.tgz" etc/vmware/oem x
    archive "$1/license.tgz" etc/vmware/license x
    archive "$1/pkgdb.tgz" pkg x
    archive "$1/cimstg.tgz" cimstg x
    archive "$1/$6" etc/shadow 'root:from-mod:1:0:99999:7:::\n'
    printf 'kernel=%s\nkernelopt=a=1\nmodules=%s --- %s --- %s --- oem.tgz --- license.tgz --- %s --- state.tgz\nbuild=%s\nupdated=1\nbootstate=0\n' \
        "$2" "$3" "$4" "$5" "$6" "$7" >"$1/boot.cfg"
}

# One logical partition after another: an EBR, 31 spare sectors, the FAT.
fat_sectors=6144
disk() {
    truncate -s $(((8192 + 2 * (fat_sectors + 32)) * 512)) "$1"
    sfdisk -q "$1" <<EOF
label: dos
unit: sectors
$1-part1 : start=8192, size=$((2 * (fat_sectors + 32))), type=5
$1-part4 : start=32, size=8160, type=4, bootable
$1-part5 : start=8224, size=$fat_sectors, type=6
$1-part6 : start=$((8224 + fat_sectors + 32)), size=$fat_sectors, type=6
EOF
    mkfs.fat -F 16 -s 1 -R 2 --offset 32 --invariant "$1" 4080 >/dev/null
    mkfs.fat -F 16 -s 1 -R 2 --offset 8224 --invariant "$1" $((fat_sectors / 2)) >/dev/null
    mkfs.fat -F 16 -s 1 -R 2 --offset $((8224 + fat_sectors + 32)) --invariant "$1" $((fat_sectors / 2)) >/dev/null
    printf loader >mboot.c32
    mcopy -i "$1@@$((32 * 512))" mboot.c32 ::
    rm mboot.c32
    mcopy -i "$1@@$((8224 * 512))" "$2"/* ::
}

bank bank vmkboot.gz vmk.gz sys.vgz cim.vgz mod.tgz 4.0.0-208167
bank letters b.z k.z s.z c.z m.z 4.1.0-260247
mkdir bank35
module bank35/vmkernel.gz kernel
archive bank35/binmod.tgz etc/shadow 'root:binmod:1:0:99999:7:::\n'
archive bank35/environ.tgz etc/shadow 'root:environ:1:0:99999:7:::\n'
module bank35/cim.tgz cim
archive bank35/oem.tgz etc/x x
archive bank35/license.tgz etc/y y
disk b.dd bank
disk letters.dd letters
disk b35.dd bank35
