#!/bin/bash
# What the boot tests boot, made of Debian's packages, which are only unpacked: nothing is installed. Each product is a
# folder for `bootherd image import`, or `bootherd loader add`, in $GUESTS_BUILD (default: .cache/guests), made once.
#
#   make.sh linux             a kernel and a small initrd (tests/guests/init) that says LINUX READY
#   make.sh xen               the same as dom0, with Xen: DOM0 READY
#   make.sh memtest           memtest86+, in the form of a kernel
#   make.sh vm                what runs in virtual machines: a kernel, unpacked, and an initrd (tests/guests/vm), for Xen and QEMU
#   make.sh kvm-host          linux, with QEMU and KVM, that starts what its overlay brings
#   make.sh xen-host          xen, with xl, that starts what its overlay brings
#   make.sh nfs-server        nfs-ganesha, for tests/lib/nfs.sh
#   make.sh installer         the Debian installer
#   make.sh linux-arm64 grub-arm64
set -euo pipefail
shopt -s inherit_errexit

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${GUESTS_BUILD:-$top/.cache/guests}
# One date for everything, so that equal packages give equal products.
export SOURCE_DATE_EPOCH=1700000000 TZ=UTC LC_ALL=C
drivers="net/ethernet/intel/e1000/e1000 net/virtio_net net/net_failover virtio/virtio virtio/virtio_ring virtio/virtio_pci
    virtio/virtio_pci_legacy_dev virtio/virtio_pci_modern_dev xen/xenfs/xenfs xen/xen-privcmd"

# fetch ARCHITECTURE PACKAGE...: into the current folder. Another architecture has package lists of its own, in the cache;
# the machine's dpkg hears nothing of it.
fetch() {
    local architecture=$1 lists=$cache/apt-$1
    shift
    if [ "$architecture" = amd64 ]; then
        "$top/scripts/download.sh" "$@"
        return
    fi
    mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
    touch "$lists/status"
    cat >"$lists/apt.conf" <<CONF
APT { Architecture "$architecture"; Architectures { "$architecture"; }; };
Dir { State "$lists"; State::status "$lists/status"; Cache "$lists/cache"; };
CONF
    APT_CONFIG=$lists/apt.conf apt-get update -qq
    APT_CONFIG=$lists/apt.conf "$top/scripts/download.sh" "$@"
}

# kernel_package ARCHITECTURE: linux-image-ARCHITECTURE is empty and depends on today's kernel.
kernel_package() {
    rm -f linux-image-*.deb
    fetch "$1" "linux-image-$1" >&2
    dpkg-deb -f linux-image-*.deb Depends | sed 's/ .*//'
    rm linux-image-*.deb
}

# unpack FOLDER PACKAGE PATTERN...: of the package fetched, the files that match.
unpack() {
    local folder=$1 package=$2
    shift 2
    mkdir -p "$folder"
    # Not every kernel has every driver as a module; a pattern without a match is no failure.
    dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x -C "$folder" --wildcards "$@" 2>tar.log ||
        ! grep -v -e 'Not found in archive' -e 'Exiting with failure' tar.log
}

# archive FOLDER: it as a newc archive, as root's. By way of a tar, so that it is equal for equal content.
archive() {
    (cd "$1" && find . -mindepth 1 -printf '%P\n' | sort |
        tar --format=ustar --no-recursion --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - -T -) |
        bsdtar --format newc -cf - @-
}

# modules PACKAGE ROOT NAME...: these modules of that kernel, and all that they need, into an initrd.
modules() {
    local package=$1 root=$2 version name all=() file
    shift 2
    unpack modules "$package" './lib/modules/*'
    version=$(basename modules/lib/modules/*)
    busybox depmod -b modules "$version"
    while [ $# -gt 0 ]; do
        # Names are written with - and _ alike; what is built in has no file.
        name=${1//[-_]/[-_]}
        shift
        while read -r file; do
            case " ${all[*]-} " in
            *" $file "*) continue ;;
            esac
            all+=("$file")
            install -D -m 644 "modules/lib/modules/$version/$file" "$root/lib/modules/$version/$file"
            # shellcheck disable=SC2046 # a list
            set -- "$@" $(sed -n "s,^$file: *,,p" "modules/lib/modules/$version/modules.dep" | tr ' ' '\n' | sed 's,.*/,,; s,\.ko$,,')
        done < <(sed -nE "s,^(.*/)?($name\.ko):.*,\1\2,p" "modules/lib/modules/$version/modules.dep")
    done
    busybox depmod -b "$root" "$version"
}

# unpack_kernel VMLINUZ: the kernel itself, without what unpacks it at each start; Debian's is in xz.
unpack_kernel() {
    local offset
    for offset in $(LC_ALL=C grep -abo $'\xfd7zXZ' "$1" | cut -d: -f1); do
        ! xz -dc --single-stream 2>/dev/null < <(tail -c "+$((offset + 1))" "$1") || return 0
    done
    echo "no kernel found in $1" >&2
    return 1
}

# build_linux OUT ARCHITECTURE: kernel and initrd.
build_linux() {
    local out=$1 package driver members=()
    package=$(kernel_package "$2")
    fetch "$2" "$package" busybox-static
    for driver in $drivers; do
        members+=("*/kernel/drivers/$driver.ko")
    done
    unpack kernel "$package" './boot/vmlinuz-*' '*/kernel/net/core/failover.ko' "${members[@]}"
    unpack root busybox-static ./bin/busybox
    mkdir root/sbin
    install -m 755 "$here/init" root/init
    install -m 755 "$here/lease" root/sbin/lease
    cp -r kernel/lib root/
    busybox depmod -b root "$(basename kernel/lib/modules/*)"
    archive root | gzip -9n >"$out/initrd.img"
    cp kernel/boot/vmlinuz-* "$out/vmlinuz"
}

make_linux() {
    build_linux "$1" amd64
}

make_linux_arm64() {
    build_linux "$1" arm64
}

make_xen() {
    (make_one linux)
    cp "$cache"/linux/* "$1/"
    fetch amd64 xen-hypervisor-4.17-amd64
    unpack xen xen-hypervisor-4.17-amd64 './boot/xen-*.gz'
    cp xen/boot/xen-*.gz "$1/xen.gz"
    cat >"$1/grub.cfg" <<'CONFIG'
menuentry 'Xen' {
    multiboot2 /xen.gz dom0_mem=256M,max:256M dom0_max_vcpus=1 com1=115200,8n1 console=com1 noreboot
    module2 /vmlinuz console=hvc0
    module2 /initrd.img
}
CONFIG
}

make_vm() {
    local package
    package=$(kernel_package amd64)
    fetch amd64 "$package" busybox-static
    unpack kernel "$package" './boot/vmlinuz-*'
    unpack root busybox-static ./bin/busybox
    mkdir root/sbin
    ln -s ../bin/busybox root/sbin/modprobe
    install -m 755 "$here/vm" root/init
    modules "$package" root ext4 crc32c_generic virtio_pci virtio_blk xen-blkfront xen-netfront
    archive root | gzip -9n >"$1/initrd.img"
    unpack_kernel kernel/boot/vmlinuz-* >"$1/vmlinux"
}

make_kvm_host() {
    local package library
    package=$(kernel_package amd64)
    fetch amd64 "$package" busybox-static
    unpack kernel "$package" './boot/vmlinuz-*'
    unpack root busybox-static ./bin/busybox
    mkdir -p root/sbin root/etc root/usr/bin root/usr/share/qemu root/usr/share/seabios
    # The kernel calls it there, for file systems.
    ln -s ../bin/busybox root/sbin/modprobe
    install -m 755 "$here/init" root/init
    install -m 755 "$here/lease" root/sbin/lease
    install -m 755 "$here/kvm-host" root/etc/start
    modules "$package" root virtio_net virtio_pci e1000 kvm-amd kvm-intel nfsv3 nfsv4 virtio_rng
    # QEMU is the one that the tests run with.
    cp "$(command -v qemu-system-x86_64)" root/usr/bin/
    ldd root/usr/bin/qemu-system-x86_64 | grep -o '/[^ ]*' | while read -r library; do
        install -D "$library" "root$library"
    done
    cp -L /usr/share/qemu/{pvh.bin,linuxboot_dma.bin,kvmvapic.bin} root/usr/share/qemu/
    cp -L /usr/share/seabios/bios-256k.bin root/usr/share/seabios/
    archive root | gzip -6n >"$1/initrd.img"
    cp kernel/boot/vmlinuz-* "$1/vmlinuz"
}

# libraries ROOT UNPACKED PROGRAM...: what these programs want: of the packages unpacked, else the machine's own, which is a Debian 12.
libraries() {
    local root=$1 unpacked=$2 library
    shift 2
    LD_LIBRARY_PATH=$unpacked/usr/lib/x86_64-linux-gnu ldd "$@" | grep -o '/[^ ]*\.so[^ ]*' | sort -u | while read -r library; do
        install -D "$library" "$root/${library#"$unpacked"}"
    done
}

make_xen_host() {
    local package part
    package=$(kernel_package amd64)
    fetch amd64 "$package" busybox-static xen-hypervisor-4.17-amd64 xen-utils-4.17 xenstore-utils libxenmisc4.17 libxencall1 \
        libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenstore4 libxentoollog1 libxentoolcore1 libxendevicemodel1 \
        libxenhypfs1 libyajl2 libgcc-s1
    unpack kernel "$package" './boot/vmlinuz-*'
    unpack root busybox-static ./bin/busybox
    unpack xen xen-hypervisor-4.17-amd64 './boot/xen-*.gz'
    for part in xen-utils-4.17_*.deb xenstore-utils_*.deb lib*.deb; do
        dpkg-deb -x "$part" unpacked
    done
    mkdir -p root/sbin root/etc/xen/scripts root/usr/bin root/lib/x86_64-linux-gnu
    ln -s ../bin/busybox root/sbin/modprobe
    install -m 755 "$here/init" root/init
    install -m 755 "$here/lease" root/sbin/lease
    install -m 755 "$here/xen-host" root/etc/start
    install -m 755 "$here/xen-block" root/etc/xen/scripts/block
    echo 'autoballoon="off"' >root/etc/xen/xl.conf
    # Where they look for each other.
    install -D -t root/usr/lib/xen-4.17/bin unpacked/usr/lib/xen-4.17/bin/{xl,xenstored,xenconsoled,xen-init-dom0}
    ln -s ../lib/xen-4.17/bin/xl root/usr/bin/xl
    install unpacked/usr/bin/xenstore root/usr/bin/
    ln -s xenstore root/usr/bin/xenstore-read
    ln -s xenstore root/usr/bin/xenstore-write
    libraries root "$PWD/unpacked" root/usr/lib/xen-4.17/bin/* root/usr/bin/xenstore
    # Threads want it when they end, and no program says so.
    cp unpacked/lib/x86_64-linux-gnu/libgcc_s.so.1 root/lib/x86_64-linux-gnu/
    modules "$package" root virtio_net virtio_pci e1000 xenfs xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xen-blkback loop \
        nfsv3 nfsv4
    archive root | gzip -6n >"$1/initrd.img"
    cp kernel/boot/vmlinuz-* "$1/vmlinuz"
    cp xen/boot/xen-*.gz "$1/xen.gz"
    cat >"$1/grub.cfg" <<'CONFIG'
menuentry 'Xen' {
    multiboot2 /xen.gz dom0_mem=512M,max:512M dom0_max_vcpus=1 com1=115200,8n1 console=com1 noreboot
    module2 /vmlinuz console=hvc0
    module2 /initrd.img
}
CONFIG
}

make_nfs_server() {
    local package
    fetch amd64 nfs-ganesha nfs-ganesha-vfs libntirpc4.3 liburcu8 libnfsidmap1 libwbclient0 rpcbind
    for package in *.deb; do
        dpkg-deb -x "$package" "$1"
    done
}

make_memtest() {
    fetch amd64 memtest86+
    unpack memtest memtest86+ ./boot/memtest86+x64.bin
    cp memtest/boot/memtest86+x64.bin "$1/"
}

make_installer() {
    fetch amd64 debian-installer-12-netboot-amd64
    unpack netboot debian-installer-12-netboot-amd64 '*/amd64/text/*'
    cp -r netboot/usr/lib/debian-installer/images/12/amd64/text/. "$1/"
}

make_grub_arm64() {
    fetch arm64 shim-signed grub-efi-arm64-signed grub-efi-arm64-bin
    unpack grub shim-signed ./usr/lib/shim/shimaa64.efi.signed
    unpack grub grub-efi-arm64-signed './usr/lib/grub/arm64-efi-signed/*'
    unpack grub grub-efi-arm64-bin './usr/lib/grub/arm64-efi/*'
    mkdir "$1/disk" "$1/arm64-efi"
    cp grub/usr/lib/shim/shimaa64.efi.signed "$1/shimaa64.efi"
    cp grub/usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed "$1/grubaa64.efi"
    cp grub/usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed "$1/disk/grubaa64.efi"
    cp grub/usr/lib/grub/arm64-efi/*.{mod,lst} "$1/arm64-efi/"
}

# make_one PRODUCT: unless it is there and no older than what it is made by.
make_one() {
    local out=$cache/$1 source stale=no
    for source in "$here"/*; do
        [ ! "$source" -nt "$out" ] || stale=yes
    done
    [ $stale = yes ] || return 0
    mkdir -p "$work/$1/out"
    cd "$work/$1"
    "make_${1//-/_}" "$work/$1/out" >>"$work/log" 2>&1
    rm -rf "$out"
    touch "$work/$1/out"
    mv "$work/$1/out" "$out"
}

finish() {
    local status=$?
    [ $status = 0 ] || tail -n 20 "$work/log" | sed 's/^/make.sh: /' >&2
    rm -rf "$work"
}

mkdir -p "$cache"
exec 8>"$cache/lock"
flock 8
work=$(mktemp -d "$cache/work.XXXXXX")
trap finish EXIT
for product; do
    make_one "$product"
done
