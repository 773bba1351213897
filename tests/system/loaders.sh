#!/bin/bash
# Boot loaders with the real program: those of the packages, the operator's own, and what a machine is sent after one failed.
#
#   loaders.sh [BOOTHERD]     the program to test, default build/src/bootherd
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
# shellcheck source=tests/lib/lab.sh
. "$here/../lib/lab.sh"
# shellcheck source=tests/lib/clients.sh
. "$here/../lib/clients.sh"
bootherd=$(realpath "${1:-$top/build/src/bootherd}")
export ASAN_OPTIONS=detect_leaks=0 # a process that gave up its privileges cannot look at itself

b() {
    "$bootherd" --root "$root" "$@"
}

start_server() {
    lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$root" serve --interface br0 --http-port 8080
    server=$LAB_PID
    lab_wait "$LAB_DIR/serve.log" '^serving on br0' 20 "$server"
}

stop_server() {
    kill -TERM "$server"
    wait "$server"
}

# served PATH FILE: by TFTP and by HTTP, the bytes of FILE.
served() {
    check "$1 by TFTP" cmp <(fetch one "$1") "$2"
    check "$1 by HTTP" cmp <(on one curl -s "http://$LAB_PREFIX.1:8080/$1") "$2"
}

# The boot file that a BIOS at PXE is told; it takes the address, too.
boot_file() {
    on "$1" busybox udhcpc -f -n -q -t 3 -T 1 -i c0 -s "$LAB_DIR/udhcpc" -V PXEClient:Arch:00000:UNDI:002001 \
        2>"$LAB_DIR/udhcpc.log" | sed -n 's/^got //p'
}

# --- tests ---

test_packages() {
    check "serve starts" start_server
    check "it says what it took" grep -q '^boot loader grub-amd64: GRUB 2\.[0-9]*, taken from Debian packages shim-signed' \
        "$LAB_DIR/serve.log"
    check "and what is there and what is not" \
        grep -q '^loaders: pxelinux 6.04, ipxe 1.0.0, grub-amd64 2.*; missing: pxelinux-3.86, ' "$LAB_DIR/serve.log"
    served pxelinux.0 /usr/lib/PXELINUX/pxelinux.0
    served loader/ipxe/undionly.kpxe /usr/lib/ipxe/undionly.kpxe
    served loader/grub-amd64/shimx64.efi /usr/lib/shim/shimx64.efi.signed
    served loader/grub-amd64//grubx64.efi /usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed
    served grub/x86_64-efi/http.mod /usr/lib/grub/x86_64-efi/http.mod
    stop_server
    check "serve starts again" start_server
    check_fails "and takes nothing" grep -q 'taken from' "$LAB_DIR/serve.log"
    check "the store is whole" b image verify
}

# A pxelinux.0 of that version, as far as it says so.
fake_pxelinux() {
    printf 'x\0PXELINUX %s 2010-04-01 \0' "$1"
}

test_own() {
    local before
    fake_pxelinux 3.86 >"$LAB_DIR/pxelinux-386.bin"
    fake_pxelinux 4.05 >"$LAB_DIR/pxelinux.0"
    answers "PXELINUX 3.86 is known by what it says" 0 'added as pxelinux-3.86, for chain pxelinux3' \
        b loader add "$LAB_DIR/pxelinux-386.bin"
    served loader/pxelinux-3.86/pxelinux.0 "$LAB_DIR/pxelinux-386.bin"
    served loader/pxelinux-3.86/ldlinux.c32 /usr/lib/syslinux/modules/bios/ldlinux.c32 # from the root: it has none
    answers "another version needs a name" 1 'this is pxelinux-4.05: say with --name' b loader add "$LAB_DIR/pxelinux.0"
    answers "and is warned of" 0 'VMware.s mboot.c32 works with SYSLINUX 3.86 only' \
        b loader add "$LAB_DIR/pxelinux.0" --name pxelinux-3.86
    served loader/pxelinux-3.86/pxelinux.0 "$LAB_DIR/pxelinux.0"
    mkdir -p "$LAB_DIR/own" "$LAB_DIR/isos"
    cp /usr/lib/ipxe/snponly.efi "$LAB_DIR/own/"
    answers "an own iPXE" 0 'without undionly.kpxe: BIOS machines cannot be given iPXE' b loader add "$LAB_DIR/own"
    before=$(b loader list)
    touch "$LAB_DIR/isos/a.iso"
    : >"$LAB_DIR/empty"
    echo text >"$LAB_DIR/text"
    answers "a folder of ISOs is none" 1 'isos has no boot loader \(it has a\.iso\)' b loader add "$LAB_DIR/isos"
    answers "an ISO is none" 1 'is no boot loader but ISO 9660' b loader add "$LAB_DIR/standin.iso"
    answers "an empty file is none" 1 'empty file' b loader add "$LAB_DIR/empty"
    answers "a text is none" 1 'is a text, no boot loader' b loader add "$LAB_DIR/text"
    answers "a program is none" 1 'is an ELF program' b loader add /bin/busybox
    answers "a part is none" 1 'has parts of grub-amd64, but lacks grubnetx64.efi.signed' b loader add /usr/lib/shim
    answers "no such name" 1 'the names are pxelinux, pxelinux-3.86, ipxe' b loader add "$LAB_DIR/pxelinux.0" --name other
    is "all that changed nothing" "$(b loader list)" "$before"
    answers "the list tells whose" 0 '^ipxe .* 1 files +ipxe +from own$' b loader list
    answers "and how to get the others" 0 '^grub-386 +is missing, for grub disk: apt-get install' b loader list
    check "as JSON" sh -c "'$bootherd' --root '$root' loader list --json | python3 -c '
import json, sys
own = {l[\"name\"]: l for l in json.load(sys.stdin)}
assert own[\"ipxe\"][\"chains\"] == [\"ipxe\"] and own[\"ipxe\"][\"files\"] == 1
assert not own[\"grub-arm64\"][\"present\"]'"
    stop_server
    check "serve starts" start_server
    check "and leaves the operator's alone" grep -q ', ipxe 1.0.0 (your own), ' "$LAB_DIR/serve.log"
    answers "an image is no loader" 1 'bootherd image remove esxi4' b loader remove esxi4
    answers "loaders are removed" 0 'removed ipxe: .* chain ipxe is without it' b loader remove ipxe
    answers "once" 1 'no boot loader ipxe' b loader remove ipxe
    stop_server
    check "serve starts" start_server
    check "and takes the packages' again" grep -q '^boot loader ipxe: iPXE 1.0.0, taken from' "$LAB_DIR/serve.log"
}

test_failure() {
    is "a BIOS is sent lpxelinux first" "$(boot_file one)" lpxelinux.0
    sleep 3
    is "the next time it asks without having fetched a kernel, pxelinux" "$(boot_file one)" pxelinux.0
    check "the story says why" grep -q 'n1 .*boot file pxelinux.0, since lpxelinux did not get it to its kernel' \
        "$LAB_DIR/serve.log"
    is "another machine is sent lpxelinux" "$(boot_file two)" lpxelinux.0
    fetch one "$(config_path 1)" >"$LAB_DIR/config"
    fetch one "$(sed -n 's/^ *APPEND \([^ ]*\) .*/\1/p' "$LAB_DIR/config")" >"$LAB_DIR/kernel"
    check "its kernel is fetched" test -s "$LAB_DIR/kernel"
    sleep 3
    is "so it is sent the same again" "$(boot_file one)" pxelinux.0
}

need busybox curl tftp cmp python3
lab_open || exit 1
trap 'clients_close; lab_close' EXIT
root=$LAB_DIR/root
chmod 755 "$LAB_DIR" # a folder is read by another user
clients_open
cat >"$LAB_DIR/udhcpc" <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev c0
ip addr add "$ip/$mask" dev c0
echo "got $boot_file"
END
client one 1 && client two 2
"$here/../standin/make-iso.sh" "$LAB_DIR/standin.iso" | sed 's/^/# /'
b image import "$LAB_DIR/standin.iso" --name esxi4 2>&1 | sed 's/^/# /'
b node set n1 --mac "$(lab_mac 1)" --ip "$LAB_PREFIX.11" --image esxi4 2>&1 | sed 's/^/# /'
b node set n2 --mac "$(lab_mac 2)" --ip "$LAB_PREFIX.12" --image esxi4 2>&1 | sed 's/^/# /'
on one ip addr add "$LAB_PREFIX.99/24" dev c0
test_packages
test_own
test_failure
stop_server
tap_end
