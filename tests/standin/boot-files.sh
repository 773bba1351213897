# shellcheck shell=bash disable=SC2154 # the variables are make-iso.sh's
# Sourced by make-iso.sh: the boot files, from Debian's packages to sys.vgz and its companions.

packages=(busybox-static dropbear-bin inetutils-inetd libc6 libcrypt1 libgmp10 libtomcrypt1 libtommath1 zlib1g
    isolinux syslinux-common gnu-efi)
package_set=2 # a number for every change of the list, so that it is fetched again
drivers=(drivers/net/ethernet/intel/e1000/e1000 drivers/net/virtio_net drivers/net/net_failover net/core/failover
    drivers/virtio/virtio drivers/virtio/virtio_ring drivers/virtio/virtio_pci
    drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci_modern_dev)

# linux-image-amd64 is empty and depends on today's kernel.
kernel_package() {
    apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\).*/\1/p'
}

fetch_packages() {
    [ -n "$(kernel_package)" ] || apt-get update -qq
    cd "$debs" || return 1
    rm -f ./*.deb
    "$here/../../scripts/download.sh" "$(kernel_package)" "${packages[@]}"
}

unpack_packages() {
    local deb driver members=()
    rm -rf "$parts/debian" "$parts/kernel"
    mkdir -p "$parts/debian" "$parts/kernel"
    for deb in "$debs"/*.deb; do
        case $deb in
        */linux-image*) continue ;;
        esac
        dpkg-deb -x "$deb" "$parts/debian" || return 1
    done
    for driver in "${drivers[@]}"; do
        members+=("*/kernel/$driver.ko")
    done
    # The kernel package is 400 MB unpacked; a dozen files of it are wanted.
    dpkg-deb --fsys-tarfile "$debs"/linux-image*.deb |
        tar -x -C "$parts/kernel" --wildcards './boot/vmlinuz-*' "${members[@]}"
}

# archive DIR: a tar of the directory's content on standard output, equal for equal content, as root's.
archive() {
    (cd "$1" && find . -mindepth 1 -printf '%P\n' | sort |
        tar --format=ustar --no-recursion --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - -T -)
}

build_ramdisk() {
    local root=$parts/ramdisk.d
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/mods"
    cp "$parts/debian/bin/busybox" "$root/bin/busybox" && install -m 755 "$here/ramdisk/init" "$root/init" || return 1
    archive "$root" >"$parts/ramdisk.tar"
    bsdtar -cf - --format=newc "@$parts/ramdisk.tar" | gzip -9n >"$parts/ramdisk.gz"
}

# compile_vmkboot OUTPUT.gz [FLAG...]
compile_vmkboot() {
    local source=$here/vmkboot output=$1
    shift
    gcc -m32 -std=gnu17 -Os -Wall -Wextra -Werror -ffreestanding -fno-pic -no-pie -fno-stack-protector \
        -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -mno-sse -mgeneral-regs-only \
        -DRAMDISK="\"$parts/ramdisk.gz\"" -nostdlib -static -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
        -Wl,--no-warn-rwx-segments -T "$source/vmkboot.ld" -o "$parts/vmkboot" "$@" "$source"/*.S "$source"/*.c || return 1
    strip "$parts/vmkboot" && gzip -9nc "$parts/vmkboot" >"$output"
}

build_vmkboot() {
    compile_vmkboot "$parts/vmkboot.gz"
}

# ESXi 3.5 has no vmkboot: one file is both.
build_vmkernel() {
    compile_vmkboot "$parts/vmkernel.gz" -DKERNEL="\"$(echo "$parts"/kernel/boot/vmlinuz-*)\""
}

build_kernel() {
    gzip -9nc "$parts"/kernel/boot/vmlinuz-* >"$parts/vmk.gz"
}

install_programs() {
    local root=$1 library modules=$parts/kernel/lib/modules
    mkdir -p "$root/sbin" "$root/lib64" "$root/lib/x86_64-linux-gnu" "$root/lib/modules"
    install -m 755 "$parts"/debian/usr/sbin/{dropbear,inetutils-inetd} "$parts/debian/usr/bin/dropbearkey" "$root/sbin/"
    mv "$root/sbin/inetutils-inetd" "$root/sbin/inetd"
    for library in ld-linux-x86-64.so.2 libc.so.6 libcrypt.so.1 libz.so.1 libgmp.so.10 libtomcrypt.so.1 \
        libtommath.so.1; do
        find "$parts"/debian/lib "$parts"/debian/usr/lib -name "$library" -exec cp -L {} "$root/lib/x86_64-linux-gnu/" \;
        [ -s "$root/lib/x86_64-linux-gnu/$library" ] || { echo "no $library in the packages" && return 1; }
    done
    ln -s ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/lib64/"
    cp -r "$modules/." "$root/lib/modules/"
    "$parts/debian/bin/busybox" depmod -b "$root" "$(basename "$modules"/*)"
}

# Bytes that do not compress, the same each time: of the vendor's size, without the vendor's content.
filler() {
    mkdir -p "$(dirname "$1")"
    cat "$debs"/linux-image*.deb | tail -c "+$2" | head -c "$3" >"$1"
}

product() {
    case $version in
    3.5) echo "VMware ESX Server 3i 3.5.0 (stand-in)" ;;
    4.0) echo "VMware ESXi 4.0.0 (stand-in)" ;;
    4.1) echo "VMware ESXi 4.1.0 (stand-in)" ;;
    esac
}

# Each archive carries etc/vmware/load-order: the file that remains on the booted machine tells which came last.
stamp() {
    mkdir -p "$1/etc/vmware"
    echo "$2" >"$1/etc/vmware/load-order"
}

build_sys() {
    local root=$work/sys.d
    rm -rf "$root"
    cp -r "$here/sys" "$root" && install_programs "$root" || return 1
    sed -i "s/@PRODUCT@/$(product)/" "$root/etc/vmware/welcome"
    find "$root/etc" -type f -exec chmod 644 {} +
    chmod 755 "$root"/sbin/* "$root/etc/udhcpc.script" "$root/etc/vmware/init/run"
    chmod 600 "$root/etc/shadow"
    stamp "$root" sys.vgz
    [ "$version" = 4.1 ] || rm "$root/sbin/vim-cmd"
    [ "$size" = small ] || filler "$root/usr/lib/vmware/filler" 1 40000000
    archive "$root" | gzip -6n >"$work/sys.vgz"
    [ "$version" = 3.5 ] || return 0
    # The same in the two archives that 3.5 has for it.
    mkdir -p "$work/environ.d"
    rm -rf "$work/environ.d/etc" && mv "$root/etc" "$work/environ.d/"
    archive "$root" | gzip -6n >"$work/binmod.tgz"
    archive "$work/environ.d" | gzip -6n >"$work/environ.tgz"
}

build_companions() {
    local name root
    for name in cim.vgz oem.tgz license.tgz cimstg.tgz pkgdb.tgz; do
        root=$work/${name%.*}.d
        rm -rf "$root"
        stamp "$root" "$name"
        [ "$name $size" = "cim.vgz full" ] && filler "$root/usr/lib/cim/filler" 45000000 16000000
        archive "$root" | gzip -9n >"$work/$name" || return 1
    done
    # The vendor's mod.tgz is an archive without entries, not an empty file.
    tar -cf - -T /dev/null | gzip -9n >"$work/mod.tgz"
}

build_shared_files() {
    step "packages of Debian fetched" "$debs/complete-$package_set" -- fetch_packages
    step "packages unpacked" "$parts/unpacked" "$debs/complete-$package_set.ok" "$here/boot-files.sh" -- unpack_packages
    step "ram disk with busybox and init" "$parts/ramdisk.gz" "$parts/unpacked.ok" "$here/ramdisk/*" -- build_ramdisk
    step "vmkboot.gz, a multiboot kernel" "$parts/vmkboot.gz" "$parts/ramdisk.gz.ok" "$here/vmkboot/*" -- build_vmkboot
    step "vmk.gz, a Linux kernel" "$parts/vmk.gz" "$parts/unpacked.ok" -- build_kernel
}

build_boot_files() {
    [ "$version" != 3.5 ] ||
        step "vmkernel.gz, the two in one" "$parts/vmkernel.gz" "$parts/ramdisk.gz.ok" "$here/vmkboot/*" -- build_vmkernel
    step "sys.vgz, the system" "$work/sys.vgz" "$parts/unpacked.ok" "$here/sys/*/*" "$here/sys/etc/vmware/*" \
        "$here/sys/etc/vmware/init/init.d/*" -- build_sys
    step "cim.vgz, oem.tgz, license.tgz and others" "$work/mod.tgz" "$here/boot-files.sh" -- build_companions
}
