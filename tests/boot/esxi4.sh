#!/bin/bash
# The proof: a diskless machine boots the ESXi 4.0 stand-in over the network and takes the operator's password, by SSH
# and on its console; another password opens neither; and a node without SSH offers none.
#
#   esxi4.sh [BOOTHERD]     the program to test, default build/src/bootherd
#   REFERENCE=1 esxi4.sh    the procedure by hand with dnsmasq instead (needs dnsmasq and busybox)
#   NICS="e1000 virtio"     the network cards to boot with
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
# shellcheck source=tests/lib/lab.sh
. "$here/../lib/lab.sh"
# shellcheck source=tests/boot/reference.sh
. "$here/reference.sh"

bootherd=${1:-$top/build/src/bootherd}
nics=${NICS:-e1000 virtio}
boot_limit_s=300 # about 35 s on a quiet machine
password="walnut 4 Harbour"

address_of() {
    echo "$LAB_PREFIX.$((10 + $1))"
}

# One image and three nodes: n1 and n2 as an operator wants them, n3 with nothing of its own.
start_bootherd() {
    local root=$LAB_DIR/root node
    printf '%s\n' "$password" >"$LAB_DIR/password"
    "$bootherd" --root "$root" image import "$LAB_DIR/standin.iso" --name esxi4 || return 1
    for node in 1 2; do
        "$bootherd" --root "$root" node set "n$node" --mac "$(lab_mac $node)" --ip "$(address_of $node)" \
            --image esxi4 --password-file "$LAB_DIR/password" || return 1
    done
    "$bootherd" --root "$root" node set n3 --mac "$(lab_mac 3)" --ip "$(address_of 3)" --image esxi4 --ssh off || return 1
    lab_spawn "$LAB_DIR/server.log" "$bootherd" --root "$root" serve --interface br0
    lab_wait_port udp 67 30 "$LAB_PID" && lab_wait_port udp 69 30 "$LAB_PID"
}

start_server() {
    if [ -n "${REFERENCE-}" ]; then
        start_reference "$standin/disk.dd" "$password"
    else
        start_bootherd
    fi
}

# boot NUMBER NIC: the machine of node NUMBER, until the stand-in says that it is up, or why it is not.
boot() {
    local started=$SECONDS serial=$LAB_DIR/n$1.serial
    lab_machine "n$1" "$1" "$2"
    lab_wait "$serial" 'STANDIN (READY|STOPPED)|VMK: stopped|Kernel panic' "$boot_limit_s" "$LAB_PID"
    diag "n$1, $2: $((SECONDS - started)) s"
    tr -d '\r' <"$serial" >"$LAB_DIR/n$1.text"
    ready=$(grep -a '^STANDIN READY' "$LAB_DIR/n$1.text")
    [ -n "$ready" ] || tail -n 20 "$LAB_DIR/server.log" | sed 's/^/# server: /'
}

# The archives that reached the machine, but for the one that the server may replace.
arrived() {
    sed -n 's/^STANDIN MODULE [0-9]* \([^ ]*\) size=\([0-9]*\) md5=\([0-9a-f]*\).*/\1 \2 \3/p' "$LAB_DIR/n$1.text" |
        grep -E '^(sys|cim|oem|license)\.'
}

shipped() {
    local name sum
    for name in sys.vgz cim.vgz oem.tgz license.tgz; do
        sum=$(gunzip -c "$standin/bank/$name" | md5sum)
        echo "$name $(gunzip -c "$standin/bank/$name" | wc -c) ${sum%% *}"
    done
}

# says LABEL WANTED COMMAND...: the command's exit status.
says() {
    local label=$1 wanted=$2 status
    shift 2
    "$@" >"$LAB_DIR/said" 2>&1
    status=$?
    is "$label" "$status" "$wanted"
    [ "$status" = "$wanted" ] || diag "$(tail -n 10 "$LAB_DIR/said")"
}

test_node() {
    local number=$1 nic=$2 address
    address=$(address_of "$number")
    boot "$number" "$nic"
    is "$nic: the machine is up, at its address, with its name, SSH on" "${ready% modules=*}" \
        "STANDIN READY ip=$address hostname=n$number ssh=on"
    is "$nic: the image's archives arrived whole and in order" "$(arrived "$number")" "$(shipped)"
    says "$nic: SSH takes the chosen password" 0 lab_ssh "$address" root "$password" true
    says "$nic: SSH refuses another password" 5 lab_ssh "$address" root "${password}x" true
    says "$nic: SSH refuses an empty password" 5 lab_ssh "$address" root "" true
    says "$nic: SSH refuses an account without a password" 5 lab_ssh "$address" daemon "$password" true
    says "$nic: the console takes the chosen password" 0 lab_console "n$number" unsupported "$password" 60
    says "$nic: the console refuses another password" 1 lab_console "n$number" root "${password}x" 60
    lab_stop "$LAB_PID"
}

test_bare_node() {
    local address
    address=$(address_of 3)
    boot 3 e1000
    is "without SSH: the machine is up" "${ready% modules=*}" "STANDIN READY ip=$address hostname=n3 ssh=off"
    says "without SSH: the port is closed" 255 lab_ssh "$address" root "$password" true
    check "without SSH: the connection is refused, not lost" grep -q 'Connection refused' "$LAB_DIR/said"
    says "without a password: the console refuses root" 1 lab_console n3 root "$password" 60
    lab_stop "$LAB_PID"
}

lab_open || exit 1
standin=${STANDIN_BUILD:-$top/.cache/standin}/4.0-small
if ! "$here/../standin/make-iso.sh" "$LAB_DIR/standin.iso" | sed 's/^/# /' || [ ! -s "$LAB_DIR/standin.iso" ]; then
    not_ok "the stand-in's ISO is built"
    tap_end
    exit
fi
if ! start_server >"$LAB_DIR/start.log" 2>&1; then
    not_ok "the server starts"
    diag "$(tail -n 20 "$LAB_DIR/start.log" "$LAB_DIR/server.log" 2>/dev/null)"
    tap_end
    exit
fi
number=1
for nic in $nics; do
    test_node "$number" "$nic"
    number=$((number + 1))
done
test_bare_node
tap_end
