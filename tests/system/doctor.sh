#!/bin/bash
# What `bootherd doctor` finds on networks and machines that are wrong in known ways, and that it finds nothing where all is
# well. The other DHCP servers are foreign ones.
#
#   doctor.sh [BOOTHERD]     the program to test, default build/src/bootherd
[ -n "${DOCTOR_MOUNTS-}" ] || exec env DOCTOR_MOUNTS=own unshare -m "$0" "$@" # what is hidden is so for us alone
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
# shellcheck source=tests/lib/lab.sh
. "$here/../lib/lab.sh"
need ip dnsmasq nft socat python3 setpriv
bootherd=$(realpath "${1:-$top/build/src/bootherd}")
export ASAN_OPTIONS=detect_leaks=0 # a process that gave up its privileges cannot look at itself

b() {
    timeout 60 "$bootherd" --root "$root" "$@"
}

# shellcheck disable=SC2120 # answers hands it its words
doctor() {
    lab_run timeout 60 "$bootherd" --root "$root" doctor --http-port "$port" "$@"
}
port=8080

# other OPTION...: a DHCP server on another host; $other is its process.
other() {
    ip netns exec "$LAB_NS-other" dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=br0 \
        --leasefile-ro --pid-file= --user=root "$@" >"$LAB_DIR/dnsmasq" 2>&1 </dev/null &
    other=$!
    for _ in {1..50}; do
        ip netns exec "$LAB_NS-other" ss -lunH 'sport = :67' | grep -q . && return
        sleep 0.1
    done
    diag "$(cat "$LAB_DIR/dnsmasq")"
}

# says LABEL PATTERN: a line of what the last run printed.
says() {
    check "$1" grep -qE -- "$2" "$LAB_DIR/out"
}

silent() {
    check_fails "$1" grep -qE -- "$2" "$LAB_DIR/out"
}

# What a run must not change: names, sizes, owners, times. The database's own files come and go.
picture() {
    find "$root" ! -name 'state.db*' ! -name 'state.lock' ! -path "$root" -printf '%p %s %u %m %T@\n' | sort
}

test_nothing() {
    root=$LAB_DIR/none answers "no folder yet" 0 'none is not there yet' doctor
    check_fails "and none is made" test -e "$LAB_DIR/none"
    says "interfaces are not asked around by" 'all were looked at and nothing was sent'
    says "no fleet" 'the fleet has no node'
    answers "no such interface" 1 'fault +interface e9 does not exist' doctor --interface e9
    says "which there are" 'fix: use one that this machine has: .*br0'
    answers "a word too many" 2 'too many' doctor x
}

test_well() {
    local before
    b image import "$LAB_DIR/image" --name linux >/dev/null 2>&1
    b network set lab --subnet 10.77.0.0/24 --gateway 10.77.0.254 --pool 10.77.0.100-10.77.0.120 >/dev/null
    b node set n1 --mac "$(lab_mac 1)" --ip 10.77.0.11 --image linux >/dev/null 2>&1
    before=$(picture)
    answers "all is well" 0 '^0 faults, ' doctor --interface br0
    is "nothing is changed" "$(picture)" "$before"
    says "interface" '^ok +br0 is up, has a link and the address 10.77.0.1/24'
    says "ports" '^ok +ports on br0: 67, 4011, 69, 8080: free'
    says "firewall" '^ok +.*firewall lets boot requests in on br0'
    says "no other server" '^ok +no other DHCP server answers on br0'
    says "image" '^ok +image linux is whole'
    says "loaders" '^ok +image linux has its boot loaders for: BIOS, UEFI, UEFI HTTP Boot machines'
    silent "no warning" '^(fault|warning)'
    answers "the network says which interface" 0 'no other DHCP server answers on br0' doctor
}

test_running() {
    local server lines start
    lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$root" serve --interface br0 --http-port 8080
    server=$LAB_PID
    check "a server runs" lab_wait "$LAB_DIR/serve.log" '^serving on br0' 30 "$server"
    lines=$(wc -l <"$LAB_DIR/serve.log")
    start=$(date +%s%N)
    answers "beside a running server" 0 'ports on br0: 67, 4011, 69, 8080: held by the bootherd' doctor --interface br0
    check "within 6 seconds" [ $((($(date +%s%N) - start) / 1000000)) -lt 6000 ]
    is "which hears nothing of it" "$(tail -n "+$((lines + 1))" "$LAB_DIR/serve.log")" ""
    kill -0 "$server" && ok "and still runs" || not_ok "and still runs"
    port=8081 answers "HTTP on another port" 0 '^ok +ports on br0: 8081: free' doctor --interface br0
    root=$LAB_DIR/none answers "to another folder it is a stranger" 1 \
        "^fault +UDP port 67 \(DHCP\) on br0 is taken by bootherd, pid [0-9]+" doctor --interface br0
    lab_stop "$server"
}

test_other_servers() {
    other --dhcp-range=10.77.0.150,10.77.0.160
    answers "another DHCP server" 1 '^fault +another DHCP server answers on br0: 10\.77\.0\.9 \([0-9a-f:]*\) offers 10\.77\.0\.1[56][0-9]' \
        doctor --interface br0
    says "its fix" 'fix: switch its DHCP off there, or .* bootherd network set lab --mode proxy'
    is "its MAC" "$(sed -n 's/^fault .*10\.77\.0\.9 (\(.*\)) offers.*/\1/p' "$LAB_DIR/out")" \
        "$(ip netns exec "$LAB_NS-other" cat /sys/class/net/br0/address)"
    silent "no option 60" 'option 60'
    b network set lab --mode proxy >/dev/null
    answers "the same, beside a proxy" 0 '^ok +DHCP server 10\.77\.0\.9 .* as mode proxy wants' doctor --interface br0
    lab_stop "$other"
    answers "a proxy without a DHCP server" 1 '^fault +network lab has mode proxy, and on br0 no DHCP server' doctor --interface br0

    other --dhcp-range=10.77.0.150,10.77.0.160 --dhcp-option-force=60,PXEClient
    answers "option 60 without 43" 1 '^fault +DHCP server 10\.77\.0\.9 .* sends option 60 "PXEClient" without option 43' \
        doctor --interface br0
    lab_stop "$other"
    other --dhcp-range=10.77.0.150,10.77.0.160 --dhcp-boot=undionly.kpxe
    answers "a boot file beside our own" 1 '^fault +DHCP server 10\.77\.0\.9 .* sends a boot file too, "undionly.kpxe"' \
        doctor --interface br0
    lab_stop "$other"
    b network set lab --mode dhcp >/dev/null
    other --dhcp-range=10.77.0.0,proxy --pxe-service=x86PC,boot,pxelinux
    answers "another ProxyDHCP server" 1 '^fault +another server says what to boot on br0: 10\.77\.0\.9' doctor --interface br0
    lab_stop "$other"
}

test_ports() {
    lab_spawn "$LAB_DIR/socat" socat UDP4-LISTEN:69 -
    lab_wait_port udp 69 10 "$LAB_PID"
    answers "a port that is taken" 1 "^fault +UDP port 69 \(TFTP\) on br0 is taken by socat, pid $LAB_PID\$" doctor --interface br0
    says "its fix" "fix: stop socat \(kill $LAB_PID"
    says "the others" '^ok +ports on br0: 67, 4011, 8080: free'
    lab_stop "$LAB_PID"
    lab_spawn "$LAB_DIR/socat" socat TCP6-LISTEN:8080,fork -
    lab_wait_port tcp 8080 10 "$LAB_PID"
    answers "by IPv6 too" 1 "^fault +TCP port 8080 \(HTTP\) on br0 is taken by socat, pid $LAB_PID\$" doctor --interface br0
    lab_stop "$LAB_PID"
    # On another interface it is in nobody's way.
    lab_run ip link add v0 type veth peer name v1
    lab_spawn "$LAB_DIR/socat" socat UDP4-LISTEN:69,so-bindtodevice=v0 -
    lab_wait_port udp 69 10 "$LAB_PID"
    answers "not on another interface" 0 '^ok +ports on br0: 67, 4011, 69, 8080: free' doctor --interface br0
    lab_stop "$LAB_PID"
}

test_interfaces() {
    answers "down" 1 '^fault +interface v0 is down' doctor --interface v0
    lab_run ip link set v0 up
    answers "no address" 1 '^fault +interface v0 has no IPv4 address' doctor --interface v0
    lab_run ip address add 10.78.0.1/24 dev v0
    answers "no link" 1 '^fault +interface v0 has no link' doctor --interface v0
    lab_run ip link delete v0
    lab_run ip link set br0 mtu 1400
    lab_run ip address add 10.78.0.1/24 dev br0
    answers "MTU" 0 '^warning +br0 has an MTU of 1400' doctor --interface br0
    says "two addresses" '^note +br0 has 2 addresses; .* 10\.77\.0\.1/24'
    lab_run ip link set br0 mtu 1500
    lab_run ip address del 10.78.0.1/24 dev br0
    answers "a port of the bridge" 1 '^fault +other-br0 is a port of br0' doctor --interface other-br0
    lab_run ip link add br0.20 link br0 type vlan id 20 2>/dev/null ||
        { ok "a VLAN # SKIP this kernel has none" && return; }
    lab_run ip address add 10.79.0.1/24 dev br0.20
    lab_run ip link set br0.20 up
    answers "a VLAN" 0 '^note +br0\.20 is VLAN 20 of br0' doctor --interface br0.20
    lab_run ip link delete br0.20
}

# The fix is what mends it: done as it is printed, one by one.
test_firewall() {
    lab_run nft 'table inet filter {
        set ports { type inet_service; elements = { 22, 67 }; }
        chain more { tcp dport 8080 ct state new accept; }
        chain input { type filter hook input priority 0; policy drop;
            ct state established,related accept;
            iifname lo accept;
            udp dport @ports accept;
            jump more; }; }'
    answers "a firewall" 1 '^fault +the firewall drops what machines send on br0 to UDP (69, 4011|4011, 69) \(chain inet filter input\)' \
        doctor --interface br0
    silent "what it lets in" 'TCP'
    sed -n 's/^ *fix: \(nft insert .*\); and the same.*/\1/p' "$LAB_DIR/out" >"$LAB_DIR/fix"
    check "its fix is a command" lab_run sh -e "$LAB_DIR/fix"
    answers "which mends it" 0 '^ok +.*firewall lets boot requests in on br0' doctor --interface br0
    lab_run nft flush ruleset
}

test_addresses() {
    ip -n "$LAB_NS-other" address add 10.77.0.11/24 dev br0
    answers "a node's address is in use" 0 "^warning +10\.77\.0\.11 is node n1's address, and somebody else has it now" \
        doctor --interface br0
    ip -n "$LAB_NS-other" address del 10.77.0.11/24 dev br0
    ip -n "$LAB_NS-other" link set br0 address "$(lab_mac 1)"
    ip -n "$LAB_NS-other" address add 10.77.0.11/24 dev br0
    answers "but not by the node itself" 0 "^ok +nobody else answers" doctor --interface br0
    ip -n "$LAB_NS-other" address del 10.77.0.11/24 dev br0
    b node set n1 --ip 10.77.0.1 >/dev/null 2>&1
    answers "our own address" 1 "^fault +10\.77\.0\.1 is this machine's own address on br0, and node n1" doctor --interface br0
    b node set n1 --ip 10.77.0.11 >/dev/null 2>&1
}

test_images() {
    local blob
    mount -t tmpfs none /usr/lib/shim
    mount -t tmpfs none /usr/lib/ipxe # or that would be the way
    answers "a loader that is not installed" 0 '^warning +boot loader grub-amd64 is not there, .* UEFI, UEFI HTTP Boot machines' \
        doctor_with_empty_loaders
    says "its fix" 'fix: apt-get install shim-signed'
    umount /usr/lib/shim /usr/lib/ipxe
    blob=$(b image show linux --json | python3 -c '
import json, sys
print(next(f["digest"][7:] for f in json.load(sys.stdin)["files"] if f["name"] == "initrd.gz"))')
    mv "$root/images/blobs/sha256/$blob" "$LAB_DIR/kept"
    answers "a file that was removed" 1 '^fault +image linux: initrd\.gz: .*missing.*; these boot it: n1' doctor
    mv "$LAB_DIR/kept" "$root/images/blobs/sha256/$blob"
    b node set n1 --files extra >/dev/null 2>&1
    answers "a folder of files that is missing" 1 "^fault +setting files names extra" doctor
    b node set n1 --files '' >/dev/null 2>&1
    b image remove linux --force >/dev/null 2>&1
    answers "an image that is gone" 1 '^fault +image linux is not in the store, and these boot it: n1' doctor
    b image import "$LAB_DIR/image" --name linux >/dev/null 2>&1
}

# A folder where no server ran, so that no loader is in the store.
doctor_with_empty_loaders() {
    local loader
    for loader in grub-amd64 grub-386 ipxe; do b image remove "$loader" --force >/dev/null 2>&1; done
    doctor
}

test_nodes() {
    b network remove lab >/dev/null
    b node set n2 --mac "$(lab_mac 2)" --ip 192.0.2.9 --image linux >/dev/null 2>&1
    b node set n3 --mac "$(lab_mac 3)" --image linux >/dev/null 2>&1
    b node set n4 >/dev/null 2>&1
    answers "an address outside" 1 '^fault +outside every subnet .* the address of n2$' doctor --interface br0
    says "no address" '^fault +no address for n3, n4'
    says "no image" '^fault +no image for n4'
    says "no MAC" '^fault +no MAC for n4'
    answers "as JSON" 1 '"faults": [1-9]' doctor --interface br0 --json
    check "which is sound" sh -c "sed 1d '$LAB_DIR/out' | python3 -c '
import json, sys
r = json.load(sys.stdin)
assert r[\"faults\"] == sum(f[\"level\"] == \"fault\" for f in r[\"findings\"]) > 0
assert all(f[\"fix\"] for f in r[\"findings\"] if f[\"level\"] in (\"fault\", \"warning\"))'"
}

as_user() {
    lab_run setpriv --reuid 12345 --regid 12345 --clear-groups "$LAB_DIR/bootherd" --root "$root" doctor --interface br0
}

test_user() {
    cp "$bootherd" "$LAB_DIR/bootherd"
    answers "an ordinary user" 0 'fix: run bootherd doctor as root' as_user
    says "may not read the fleet" 'the fleet could not be read: .*Permission denied'
    says "nor ask around" 'another DHCP server answers on br0 is not known: only root may ask'
    says "nor see the firewall" 'only root may read its rules'
    says "but the interface" 'br0 is up, has a link'
}

lab_open || exit 1
chmod 755 "$LAB_DIR"
root=$LAB_DIR/root
python3 "$here/../unit/image/kernels.py" "$LAB_DIR"
mkdir "$LAB_DIR/image"
mv "$LAB_DIR/k/bz64" "$LAB_DIR/image/vmlinuz"
mv "$LAB_DIR/k/initrd.gz" "$LAB_DIR/image/initrd.gz"
lab_host other br0 10.77.0.9/24
test_nothing
test_well
test_running
test_other_servers
test_ports
test_interfaces
test_firewall
test_addresses
test_images
test_nodes
test_user
tap_end
