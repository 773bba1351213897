# shellcheck shell=bash disable=SC2154 # LAB_DIR and what is named in capitals or called address_of is the caller's
# The procedure by hand, with dnsmasq as the server: tells a fault of the stand-in from a fault of bootherd. Sourced by
# esxi4.sh for REFERENCE=1.

reference_loaders() {
    mkdir -p "$LAB_DIR/tftp/pxelinux.cfg"
    cp /usr/lib/PXELINUX/pxelinux.0 /usr/lib/syslinux/modules/bios/{ldlinux,libcom32,mboot}.c32 "$LAB_DIR/tftp/"
}

# Steps 1 to 8 of the procedure for one version; mtools does what the loop mount does there.
reference_files() {
    mkdir -p "$LAB_DIR/tftp/$1" && mcopy -i "$2@@$((8224 * 512))" '::*' "$LAB_DIR/tftp/$1/"
}

# Step 9: mod.tgz, with a key and a welcome text besides.
reference_overlay() {
    local root=$LAB_DIR/tmpdir hash
    mkdir -p "$root/etc/vmware/init/init.d" "$root/.ssh"
    cat >"$root/etc/vmware/init/init.d/47.enable-ssh" <<'SCRIPT'
#!/bin/sh
sed -ie 's/#ssh/ssh/' /etc/inetd.conf #ssh is too nice not to have
return ${SUCCESS}
SCRIPT
    hash=$(busybox mkpasswd -m sha512 "$password")
    echo "root:$hash:13358:0:99999:7:::" >"$root/etc/shadow"
    cp "$LAB_DIR/key.pub" "$root/.ssh/authorized_keys"
    cp "$LAB_DIR/welcome" "$root/etc/vmware/welcome"
    tar -C "$root" --owner=0 --group=0 -czf "$LAB_DIR/tftp/own.tgz" etc/ .ssh/
}

# reference_config NUMBER FOLDER KERNEL MODULES; paths of modules may lead out of the folder.
reference_config() {
    local modules=" $4" mac
    mac=$(lab_mac "$1")
    printf 'DEFAULT n\nLABEL n\nKERNEL /mboot.c32\nAPPEND /%s/%s%s\nIPAPPEND 2\n' "$2" "$3" \
        "${modules// / --- \/$2\/}" | sed 's,/[^/ ]*/\.\./,/,g' >"$LAB_DIR/tftp/pxelinux.cfg/01-${mac//:/-}"
}

reference_configs() {
    local v40="vmk.gz sys.vgz cim.vgz oem.tgz license.tgz"
    reference_config 1 4.0 vmkboot.gz "$v40 ../own.tgz cimstg.tgz"
    reference_config 2 4.0 vmkboot.gz "$v40 ../own.tgz cimstg.tgz"
    reference_config 3 4.0 vmkboot.gz "$v40 mod.tgz cimstg.tgz" # the vendor's mod.tgz, which is empty
    reference_config 4 4.1 b.z "k.z s.z c.z oem.tgz license.tgz ../own.tgz cimstg.tgz"
    reference_config 5 3.5 vmkernel.gz "binmod.tgz environ.tgz cim.tgz oem.tgz license.tgz ../own.tgz"
}

start_reference() {
    local number version hosts=()
    reference_loaders && reference_overlay || return 1
    for version in $versions; do
        reference_files "$version" "$products/$version-small/disk.dd" || return 1
    done
    reference_configs
    for number in 1 2 3 4 5; do
        hosts+=("--dhcp-host=$(lab_mac "$number"),$(address_of "$number"),n$number")
    done
    lab_spawn "$LAB_DIR/server.log" dnsmasq --no-daemon --conf-file=/dev/null --port=0 --user=root --interface=br0 \
        --bind-interfaces --dhcp-leasefile="$LAB_DIR/leases" --no-ping --log-dhcp "${hosts[@]}" \
        --dhcp-range="$LAB_PREFIX.0,static,1h" --dhcp-boot=pxelinux.0 --enable-tftp --tftp-root="$LAB_DIR/tftp"
    lab_wait_port udp 67 10 "$LAB_PID" && lab_wait_port udp 69 10 "$LAB_PID"
}
