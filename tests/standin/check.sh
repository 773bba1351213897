#!/bin/bash
# The stand-in's media against the procedure and the vendor's layout, read with fdisk, bsdtar, bunzip2 and mtools.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

dir=$(mktemp -d "${TMPDIR:-/tmp}/standin.XXXXXX")
trap 'rm -rf "$dir"' EXIT
dd_name=usr/lib/vmware/installer/VMware-VMvisor-big-4.0.0-208167-x86_64.dd.bz2

make_iso() {
    "$here/make-iso.sh" "$dir/$1.iso" --version "$1" | sed 's/^/# /' && [ -s "$dir/$1.iso" ]
}

# Number, boot flag, start, end and type of each partition, as the procedure's step 5 prints them.
procedure_table() {
    cat <<'TABLE'
1   8192 1843199 5
4 * 32 8191 4
5   8224 520191 6
6   520224 1032191 6
7   1032224 1257471 fc
8   1257504 1843199 6
TABLE
}

image_table() {
    fdisk -lu -o device,boot,start,end,id "$1" | sed -n 's/.*\.dd\([0-9]\)  *\([*]\{0,1\}\) *\([0-9]\)/\1 \2 \3/p' | tr -s ' '
}

bootbank() {
    MTOOLS_SKIP_CHECK=1 mtype -i "$dir/image.dd@@$((8224 * 512))" "::$1"
}

if make_iso 4.0; then
    is "4.0: README.txt names the product" "$(bsdtar -xOf "$dir/4.0.iso" README.txt | sed -n '1s/\r//p')" \
        "VMware ESXi [version] 4.0"
    bsdtar -xOf "$dir/4.0.iso" image.tgz | tar -xzO -f - $dd_name | bunzip2 >"$dir/image.dd"
    is "4.0: the partition table is the procedure's" "$(image_table "$dir/image.dd")" "$(procedure_table | tr -s ' ')"
    is "4.0: the bootbank holds the procedure's ten files" \
        "$(mdir -b -i "$dir/image.dd@@$((8224 * 512))" :: | sed 's,::/,,' | sort | xargs)" \
        "boot.cfg cim.vgz cimstg.tgz license.tgz mod.tgz oem.tgz pkgdb.tgz sys.vgz vmk.gz vmkboot.gz"
    is "4.0: mod.tgz is an archive without entries" "$(bootbank mod.tgz | tar -tzf - | wc -l)" 0
    check "4.0: vmkboot.gz is a multiboot kernel" grep -qa "$(printf '\x02\xb0\xad\x1b')" <(bootbank vmkboot.gz | gunzip)
    is "4.0: no account of sys.vgz can log in" \
        "$(bootbank sys.vgz | tar -xzO -f - etc/shadow | cut -d: -f2 | grep -vc '^[*!]')" 0
    is "4.0: SSH is commented out" "$(bootbank sys.vgz | tar -xzO -f - etc/inetd.conf | grep -c '^[^#]')" 0
else
    not_ok "4.0: the ISO is built"
fi
if make_iso 4.1; then
    is "4.1: imagedd.md5 is imagedd.bz2's" "$(bsdtar -xOf "$dir/4.1.iso" imagedd.bz2 | md5sum | cut -d' ' -f1)" \
        "$(bsdtar -xOf "$dir/4.1.iso" imagedd.md5 | cut -d' ' -f1)"
    is "4.1: the boot files are in the root" \
        "$(bsdtar -tf "$dir/4.1.iso" | grep -cxE 'vmkboot.gz|vmkernel.gz|sys.vgz|cim.vgz')" 4
else
    not_ok "4.1: the ISO is built"
fi
if make_iso 3.5; then
    check "3.5: isolinux.cfg names the installer" grep -q "ThinESX Installer" <(bsdtar -xOf "$dir/3.5.iso" isolinux.cfg)
    is "3.5: install.tgz holds the disk image" "$(bsdtar -xOf "$dir/3.5.iso" install.tgz | tar -tzf - | tail -n 1)" \
        "usr/lib/vmware/installer/VMware-VMvisor-big-3.5.0-110271.i386.dd.bz2"
else
    not_ok "3.5: the ISO is built"
fi

# modules VERSION: the modules of the medium's boot.cfg, as it spells them.
modules() {
    bsdtar -xOf "$dir/$1.iso" "$2" | sed -n 's/^modules=//p' | sed 's/ --- /\n/g'
}

# names VERSION BOOT.CFG: how many of them, with the slash, the medium has in any case.
names() {
    modules "$1" "$2" | sed 's,^/,,' | grep -cixFf <(bsdtar -tf "$dir/$1.iso" | tr _ "${3:-_}")
}

if make_iso 8.0; then
    is "8.0: a name in lower case" "$(bsdtar -tf "$dir/8.0.iso" | grep -c '[a-z]')" 0
    is "8.0: modules, each a file" "$(names 8.0 BOOT.CFG)" "$(modules 8.0 BOOT.CFG | wc -l)"
    check "8.0: more than 90 of them" [ "$(names 8.0 BOOT.CFG)" -gt 90 ]
    is "8.0: modules without a slash before the name" "$(modules 8.0 BOOT.CFG | grep -vc '^/')" 0
    is "8.0: bootx64.efi and crypto64.efi are programs" \
        "$(for name in BOOTX64 CRYPTO64; do bsdtar -xOf "$dir/8.0.iso" EFI/BOOT/$name.EFI | head -c 2; done)" MZMZ
else
    not_ok "8.0: the ISO is built"
fi
if make_iso 5.0; then
    is "5.0: modules, each a file but for dash and underscore" "$(names 5.0 BOOT.CFG -)" "$(modules 5.0 BOOT.CFG | wc -l)"
    check "5.0: some of them spelt so" [ "$(names 5.0 BOOT.CFG)" -lt "$(names 5.0 BOOT.CFG -)" ]
else
    not_ok "5.0: the ISO is built"
fi
tap_end
