# shellcheck shell=bash disable=SC2154 # LAB_DIR and address_of are the caller's
# The procedure by hand, with dnsmasq as the server: tells a fault of the stand-in from a fault of bootherd. Sourced by
# esxi4.sh for REFERENCE=1.

# Steps 1 to 8 of the procedure; mtools does what the loop mount does there.
reference_files() {
    local tftp=$LAB_DIR/tftp disk=$1
    mkdir -p "$tftp/esxi4" "$tftp/pxelinux.cfg"
    cp /usr/lib/PXELINUX/pxelinux.0 /usr/lib/syslinux/modules/bios/{ldlinux,libcom32,mboot}.c32 "$tftp/"
    mcopy -i "$disk@@$((8224 * 512))" '::*' "$tftp/esxi4/"
}

# Step 9: mod.tgz.
reference_overlay() {
    local root=$LAB_DIR/tmpdir hash
    mkdir -p "$root/etc/vmware/init/init.d"
    cat >"$root/etc/vmware/init/init.d/47.enable-ssh" <<'SCRIPT'
#!/bin/sh
sed -ie 's/#ssh/ssh/' /etc/inetd.conf #ssh is too nice not to have
return ${SUCCESS}
SCRIPT
    hash=$(busybox mkpasswd -m sha512 "$1")
    echo "root:$hash:13358:0:99999:7:::" >"$root/etc/shadow"
    tar -C "$root" --owner=0 --group=0 -czf "$LAB_DIR/tftp/esxi4/own.tgz" etc/
}

# reference_config NUMBER OVERLAY
reference_config() {
    local modules="vmk.gz sys.vgz cim.vgz oem.tgz license.tgz $2 cimstg.tgz" mac
    modules=" $modules"
    mac=$(lab_mac "$1")
    printf 'DEFAULT n\nLABEL n\nKERNEL /mboot.c32\nAPPEND /esxi4/vmkboot.gz%s\nIPAPPEND 2\n' \
        "${modules// / --- /esxi4/}" >"$LAB_DIR/tftp/pxelinux.cfg/01-${mac//:/-}"
}

# start_reference DISK PASSWORD
start_reference() {
    local number hosts=()
    reference_files "$1" && reference_overlay "$2" || return 1
    reference_config 1 own.tgz
    reference_config 2 own.tgz
    reference_config 3 mod.tgz # the vendor's, which is empty
    for number in 1 2 3; do
        hosts+=("--dhcp-host=$(lab_mac "$number"),$(address_of "$number"),n$number")
    done
    lab_spawn "$LAB_DIR/server.log" dnsmasq --no-daemon --conf-file=/dev/null --port=0 --user=root --interface=br0 \
        --bind-interfaces --dhcp-leasefile="$LAB_DIR/leases" --no-ping --log-dhcp "${hosts[@]}" \
        --dhcp-range="$LAB_PREFIX.0,static,1h" --dhcp-boot=pxelinux.0 --enable-tftp --tftp-root="$LAB_DIR/tftp"
    lab_wait_port udp 67 10 "$LAB_PID" && lab_wait_port udp 69 10 "$LAB_PID"
}
