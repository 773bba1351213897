# shellcheck shell=bash disable=SC2154 # LAB_NS, LAB_DIR and LAB_PREFIX are lab.sh's
# Machines that are a network namespace each, on the bridge of lab.sh, with foreign DHCP and TFTP clients. After lab_open:
# clients_open; clients_close before lab_close.

clients=()

clients_open() {
    cat >"$LAB_DIR/udhcpc" <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev c0
ip addr add "$ip/$mask" dev c0
echo "got $ip $hostname"
END
    chmod +x "$LAB_DIR/udhcpc"
}

clients_close() {
    local ns
    for ns in "${clients[@]}"; do ip netns delete "$ns" 2>/dev/null; done
}

# client NAME N: namespace $LAB_NS-NAME with card c0 that has MAC lab_mac N.
client() {
    ip netns add "$LAB_NS-$1" && clients+=("$LAB_NS-$1")
    ip link add "v$1" netns "$LAB_NS" type veth peer name c0 netns "$LAB_NS-$1"
    lab_run ip link set "v$1" master br0 up
    ip -n "$LAB_NS-$1" link set c0 address "$(lab_mac "$2")" up
    ip -n "$LAB_NS-$1" link set lo up
}

# on NAME COMMAND...: in that machine.
on() {
    local name=$1
    shift
    ip netns exec "$LAB_NS-$name" "$@"
}

# lease NAME: asks by DHCP, takes the address, prints it and the host name.
lease() {
    on "$1" busybox udhcpc -f -n -q -t 3 -T 1 -i c0 -s "$LAB_DIR/udhcpc" 2>"$LAB_DIR/udhcpc.log" | sed -n 's/^got //p'
}

# fetch NAME PATH: by TFTP, to standard output.
fetch() {
    on "$1" curl -s --max-time 20 "tftp://$LAB_PREFIX.1/$2"
}

# config_path N: of the configuration that pxelinux asks for first.
config_path() {
    echo "pxelinux.cfg/01-$(lab_mac "$1" | tr : -)"
}
