#!/bin/bash
# The peers from Debian's packages, for benchmarks: peers.sh DIR. They are unpacked into DIR and never installed: a machine that is a
# boot server must not get four more DHCP and TFTP servers that start by themselves. Nothing is done when they are there already.
set -eu
dir=$1
wanted="nginx-light wrk tftpd-hpa atftpd dnsmasq-base kea-dhcp4-server isc-dhcp-server"
mark=$dir/unpacked
[ "$(cat "$mark" 2>/dev/null)" = "$wanted" ] && exit 0
echo "Unpacking the peers from Debian's packages: $wanted"
rm -rf "$dir"
mkdir -p "$dir/packages/partial" "$dir/root"
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
# What it needs and the system has not comes along; --reinstall, for one that the system has. One at a time: two TFTP servers exclude
# each other.
fetch() {
    $as_root apt-get install -y -qq --no-install-recommends --download-only --reinstall -o Dir::Cache::archives="$dir/packages" \
        -o APT::Sandbox::User=root "$1" >"$dir/log" 2>&1
}
for package in $wanted; do
    fetch "$package" || { $as_root apt-get update -qq && fetch "$package"; } ||
        { tail -20 "$dir/log" >&2; echo "peers: apt-get could not download $package" >&2; exit 1; }
done
for package in "$dir"/packages/*.deb; do
    dpkg-deb -x "$package" "$dir/root"
done
rm -rf "$dir/packages"
echo "$wanted" >"$mark"
