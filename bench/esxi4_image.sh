#!/bin/bash
# Makes the medium that imports are measured with: an ISO as ESXi 4.0's is laid out (image.tgz in it holds a disk of
# 900 MiB as .dd.bz2, whose fifth partition is the bootbank), of the vendor's sizes. Nothing in it boots: the files are
# gzip of text made from a cipher's key stream, so that they pack, unpack and inflate as such files do, and are the same
# on every machine with the same tools. Of its 228 bzip2 blocks 62 reach to the last file of the second bootbank.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: esxi4_image.sh OUT.iso" >&2; exit 2; }
out=$1
here=$(cd "$(dirname "$0")" && pwd)
export SOURCE_DATE_EPOCH=1257552000 TZ=UTC LC_ALL=C
work=$(mktemp -d "${TMPDIR:-/tmp}/esxi4-image-XXXXXX")
trap 'rm -rf "$work"' EXIT
name=VMware-VMvisor-big-4.0.0-208167-x86_64.dd.bz2

# The partition table, formatting and boot.cfg are the stand-in's.
# shellcheck source=tests/standin/media.sh
. "$here/../tests/standin/media.sh"

# noise SEED BYTES
noise() {
    openssl enc -aes-128-ctr -K "$(printf %032x "$1")" -iv 0 -nopad </dev/zero 2>/dev/null | head -c "$2" || true
}

# module SEED KIB: gzip of about that size. A third of it is words that repeat, the rest is digits.
module() {
    { noise "$1" $(($2 * 512)) | base64 -w 76 && noise "$1" $(($2 * 160)) | od -An -tx1 -v && noise "$1" $(($2 * 64)) |
        base64 -w 8 | sed 's/.*/static int & = open("&");/'; } | gzip -1n
}

make_bank() {
    local bank=$work/bank
    mkdir -p "$bank"
    module 1 16 >"$bank/vmkboot.gz"
    module 2 1400 >"$bank/vmk.gz"
    (cd "$work" && module 3 30000 | gzip -dc >sys && tar --format=ustar --sort=name --mtime=@$SOURCE_DATE_EPOCH \
        --owner=0 --group=0 --numeric-owner -cf - sys | gzip -1n >"$bank/sys.vgz" && rm sys)
    module 4 23400 >"$bank/cim.vgz"
    module 5 1000 >"$bank/oem.tgz"
    module 6 4 >"$bank/license.tgz"
    module 7 4 >"$bank/mod.tgz"
    module 8 900 >"$bank/cimstg.tgz"
    module 9 4 >"$bank/pkgdb.tgz"
    boot_cfg vmkboot.gz "vmk.gz sys.vgz cim.vgz oem.tgz license.tgz mod.tgz cimstg.tgz" 4.0.0-208167 0 1 \
        >"$bank/boot.cfg"
}

make_disk() {
    local disk=$work/disk.dd
    mkdir -p "$work/spare" "$work/store"
    truncate -s $((disk_sectors * 512)) "$disk"
    write_partition_table "$disk"
    format "$disk" 32 8160 HYPERVISOR0 1
    format "$disk" 8224 511968 HYPERVISOR1 8
    format "$disk" 520224 511968 HYPERVISOR2 8
    format "$disk" 1257504 585696 HYPERVISOR3 16
    noise 10 60000 >"$work/mboot.c32" && put_files "$disk" 32 "$work/mboot.c32"
    put_files "$disk" 8224 "$work"/bank/*
    boot_cfg vmkboot.gz vmk.gz 4.0.0-208167 3 0 >"$work/spare/boot.cfg"
    put_files "$disk" 520224 "$work/spare/boot.cfg"
    # What is behind the bootbanks: discs with the guests' tools, agents.
    noise 11 123000000 >"$work/store/tools.iso"
    module 12 18000 >"$work/store/vpx.tgz"
    put_files "$disk" 1257504 "$work"/store/*
    rm -r "$work/store" "$work/bank"
}

make_iso() {
    local root=$work/iso.d packed=$work/tar.d/usr/lib/vmware/installer
    mkdir -p "$root" "$packed"
    bzip2 -9c "$work/disk.dd" >"$packed/$name"
    rm "$work/disk.dd"
    tar --format=ustar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner -C "$work/tar.d" \
        -cf - usr | gzip -1n >"$root/image.tgz"
    module 13 1400 >"$root/vmkernel.gz"
    printf 'VMware ESXi [version] 4.0\r\n\r\nA stand-in for measurements: nothing in it is of VMware.\r\n' >"$root/README.txt"
    xorriso -report_about WARNING -as mkisofs -quiet -V ESX-4 -R -J -o "$out" "$root" 2>/dev/null
}

make_bank
make_disk
make_iso
ls -l "$out"
