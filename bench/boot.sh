#!/bin/bash
# One boot of a 70 MB hypervisor in the shape of ESXi 4.0 (tests/standin) in QEMU without KVM: boot.sh bootherd|tftpd-hpa PEERS
# Prints "loading S boot S mb N": the seconds from the first 1 MB to the last that came in by the machine's card, those
# from power on to the line that the booted system prints, and the MB.
set -u
server=$1 peers=$2
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/.." && pwd)
products=${STANDIN_BUILD:-$top/.cache/standin} versions=4.0 password="walnut 4 Harbour"
# shellcheck source=tests/lib/lab.sh
. "$top/tests/lib/lab.sh"
# shellcheck source=tests/boot/reference.sh
. "$top/tests/boot/reference.sh"

die() {
    echo "bench: $1" >&2
    shift
    tail -n 20 "$@" >&2
    exit 1
}

address_of() { # for reference.sh
    echo "$LAB_PREFIX.$((10 + $1))"
}

start_bootherd() {
    local root=$LAB_DIR/root program=$top/build/src/bootherd
    "$program" --root "$root" image import "$LAB_DIR/esxi.iso" --name esxi4 >"$LAB_DIR/import.log" 2>&1 || die "import" "$LAB_DIR/import.log"
    "$program" --root "$root" node set n1 --mac "$(lab_mac 1)" --ip "$(address_of 1)" --image esxi4 >/dev/null || exit 1
    lab_spawn "$LAB_DIR/server.log" "$program" --root "$root" serve --interface br0
    lab_wait "$LAB_DIR/server.log" '^serving on br0' 30 "$LAB_PID" || die "bootherd serve" "$LAB_DIR/server.log"
}

# As the page of manual steps has it: DHCP that names pxelinux.0, and tftpd-hpa with the files.
start_by_hand() {
    reference_loaders && reference_overlay >/dev/null 2>&1 || exit 1
    reference_files 4.0 "$products/4.0-full/disk.dd" || exit 1
    reference_config 1 4.0 vmkboot.gz "vmk.gz sys.vgz cim.vgz oem.tgz license.tgz ../own.tgz cimstg.tgz"
    chmod -R a+rX "$LAB_DIR"
    lab_spawn "$LAB_DIR/dhcp.log" dnsmasq --no-daemon --conf-file=/dev/null --port=0 --user=root --interface=br0 \
        --bind-interfaces --dhcp-leasefile="$LAB_DIR/leases" --no-ping --dhcp-host="$(lab_mac 1),$(address_of 1),n1" \
        --dhcp-range="$LAB_PREFIX.0,static,1h" --dhcp-boot=pxelinux.0
    lab_wait_port udp 67 10 "$LAB_PID" || die "dnsmasq" "$LAB_DIR/dhcp.log"
    lab_spawn "$LAB_DIR/tftp.log" "$peers/usr/sbin/in.tftpd" --foreground --user root --address "$LAB_PREFIX.1:69" --secure "$LAB_DIR/tftp"
    lab_wait_port udp 69 10 "$LAB_PID" || die "in.tftpd" "$LAB_DIR/tftp.log"
}

came_in() { # bytes that left for the machine
    lab_run cat /sys/class/net/tap0/statistics/tx_bytes
}

lab_open || exit 1
: >"$LAB_DIR/key.pub"
: >"$LAB_DIR/welcome"
"$top/tests/standin/make-iso.sh" "$LAB_DIR/esxi.iso" --size full >"$LAB_DIR/make.log" 2>&1 || die "the stand-in" "$LAB_DIR/make.log"
if [ "$server" = bootherd ]; then start_bootherd; else start_by_hand; fi
began=$(date +%s%N) first=0 last=0 before=0
lab_machine n1 1 e1000 -m 768
machine=$LAB_PID
until grep -qaE 'STANDIN (READY|STOPPED)|Kernel panic' "$LAB_DIR/n1.serial" 2>/dev/null; do
    kill -0 "$machine" 2>/dev/null || die "the machine ended" "$LAB_DIR/n1.serial" "$LAB_DIR/n1.qemu"
    [ $(($(date +%s%N) - began)) -lt 300000000000 ] || die "no boot within 300 s" "$LAB_DIR/n1.serial" "$LAB_DIR/"*.log
    bytes=$(came_in) now=$(date +%s%N)
    [ "$first" = 0 ] && [ "$bytes" -ge 1000000 ] && first=$now
    # What trickles in later is the booted system's own.
    [ "$bytes" -gt $((before + 20000)) ] && last=$now && before=$bytes
    sleep 0.02
done
grep -qa 'STANDIN READY' "$LAB_DIR/n1.serial" || die "the boot failed" "$LAB_DIR/n1.serial"
awk -v b="$began" -v f="$first" -v l="$last" -v n="$now" -v s="$before" \
    'BEGIN { printf "loading %.2f boot %.2f mb %.1f\n", (l - f) / 1e9, (n - b) / 1e9, s / 1e6 }'
