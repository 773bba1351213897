#!/bin/sh
# bench/fleet.sh N OUT.yaml [ranges]: writes a fleet of N nodes in racks of 100, for `bootherd apply`. Each node has a MAC, an
# address and a profile; with "ranges" a rack is one entry, else every node stands by itself.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 N OUT.yaml [ranges]" >&2; exit 2; }
awk -v n="$1" -v ranges="${3-}" 'BEGIN {
    print "networks:\n  boot:\n    subnet: 10.0.0.0/8\n    gateway: 10.255.255.254\n    pool: 10.255.0.1-10.255.15.254"
    print "profiles:\n  esxi:\n    image: esxi-4.0.0-208167\n    welcome: rack 1, call 4711\n  storage:\n    image: esxi-4.0.0-208167"
    print "nodes:"
    for (i = 0; i < n; i++) {
        rack = int(i / 100); node = i % 100
        profile = rack % 10 ? "esxi" : "storage"
        if (!ranges) {
            printf "  r%04dn%02d:\n    mac: \"52:54:%02x:%02x:%02x:01\"\n    ip: 10.%d.%d.%d\n    profile: %s\n", rack, node,
                int(rack / 256), rack % 256, node, int(rack / 256), rack % 256, node + 1, profile
        } else if (!node) {
            last = n - i < 100 ? n - i - 1 : 99
            printf "  r%04dn[00-%02d]:\n    mac: [", rack, last
            for (k = 0; k <= last; k++)
                printf "%s\"52:54:%02x:%02x:%02x:01\"", k ? ", " : "", int(rack / 256), rack % 256, k
            printf "]\n    ip: 10.%d.%d.1\n    profile: %s\n", int(rack / 256), rack % 256, profile
        }
    }
}' > "$2"
