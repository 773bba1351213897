#!/bin/bash
# The proof: a diskless machine boots the stand-in for ESXi over the network and takes the operator's password, by SSH and
# on its console; another password opens neither; and a node for which no login was asked offers none.
#
#   esxi4.sh [BOOTHERD]             the program to test, default build/src/bootherd
#   NODES="1 3" esxi4.sh            only some of the boots below
#   REFERENCE=1 esxi4.sh            the procedure by hand with dnsmasq instead (needs dnsmasq and busybox)
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
# shellcheck source=tests/lib/lab.sh
. "$here/../lib/lab.sh"
# shellcheck source=tests/boot/reference.sh
. "$here/reference.sh"

bootherd=$(realpath "${1:-$top/build/src/bootherd}")
products=${STANDIN_BUILD:-$top/.cache/standin}
versions="4.0 4.1 3.5"
boot_limit_s=300 # 20 s on a quiet machine
password="walnut 4 Harbour"
welcome="Rack 7, node two"

address_of() {
    echo "$LAB_PREFIX.$((10 + $1))"
}

# set_node NUMBER IMAGE OPTION...
set_node() {
    local number=$1 image=$2
    shift 2
    "$bootherd" --root "$LAB_DIR/root" node set "n$number" --mac "$(lab_mac "$number")" --ip "$(address_of "$number")" \
        --image "$image" "$@"
}

set_nodes() {
    local secret=(--password-file "$LAB_DIR/password")
    set_node 1 esxi4.0 "${secret[@]}" --datastores "vms=NAS:/srv//vms/,iso=$LAB_PREFIX.2:/srv/iso:ro" &&
        set_node 2 esxi4.0 "${secret[@]}" --authorized-keys-file "$LAB_DIR/key.pub" --welcome-file "$LAB_DIR/welcome" &&
        set_node 3 esxi4.0 --ssh off &&
        set_node 4 esxi4.1 "${secret[@]}" &&
        set_node 5 esxi3.5 "${secret[@]}"
}

start_bootherd() {
    local version
    printf '%s\n' "$password" >"$LAB_DIR/password"
    for version in $versions; do
        "$bootherd" --root "$LAB_DIR/root" image import "$LAB_DIR/$version.iso" --name "esxi$version" || return 1
    done
    set_nodes || return 1
    lab_spawn "$LAB_DIR/server.log" "$bootherd" --root "$LAB_DIR/root" serve --interface br0
    lab_wait "$LAB_DIR/server.log" '^serving on br0' 30 "$LAB_PID"
}

start_server() {
    ssh-keygen -q -t ecdsa -N '' -C '' -f "$LAB_DIR/key" || return 1
    printf '%s\n' "$welcome" >"$LAB_DIR/welcome"
    if [ -n "${REFERENCE-}" ]; then start_reference; else start_bootherd; fi
}

# boot NUMBER NIC: the machine of node NUMBER, until the stand-in says that it is up, or why it is not. Sets `ready`.
boot() {
    local started=$SECONDS serial=$LAB_DIR/n$1.serial
    lab_machine "n$1" "$1" "$2"
    lab_wait "$serial" 'STANDIN (READY|STOPPED)|VMK: stopped|Kernel panic' "$boot_limit_s" "$LAB_PID"
    diag "n$1, $2: $((SECONDS - started)) s"
    tr -d '\r' <"$serial" >"$LAB_DIR/n$1.text"
    ready=$(grep -a '^STANDIN READY' "$LAB_DIR/n$1.text")
    [ -n "$ready" ] || tail -n 20 "$LAB_DIR/server.log" | sed 's/^/# server: /'
}

# The archives of a version in load order, but for the one whose place the overlay takes.
archives_of() {
    case $1 in
    3.5) echo "binmod.tgz environ.tgz cim.tgz oem.tgz license.tgz" ;;
    4.0) echo "sys.vgz cim.vgz oem.tgz license.tgz cimstg.tgz" ;;
    4.1) echo "s.z c.z oem.tgz license.tgz cimstg.tgz" ;;
    esac
}

shipped() {
    local name sum
    for name in $(archives_of "$1"); do
        sum=$(gunzip -c "$products/$1-small/bank/$name" | md5sum)
        echo "$name $(gunzip -c "$products/$1-small/bank/$name" | wc -c) ${sum%% *}"
    done
}

# arrived NUMBER VERSION: what the machine says of the same archives.
arrived() {
    local names
    names=$(archives_of "$2")
    sed -n 's/^STANDIN MODULE [0-9]* \([^ ]*\) size=\([0-9]*\) md5=\([0-9a-f]*\).*/\1 \2 \3/p' "$LAB_DIR/n$1.text" |
        grep -E "^(${names// /|}) "
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

# test_login NUMBER NIC VERSION: the whole of what a node with a password promises.
test_login() {
    local number=$1 nic=$2 version=$3 address label="n$1, ESXi $3, $2"
    address=$(address_of "$number")
    boot "$number" "$nic"
    is "$label: up, at its address, with its name, SSH on" "${ready% modules=*}" \
        "STANDIN READY ip=$address hostname=n$number ssh=on"
    is "$label: the image's archives arrived whole and in order" "$(arrived "$number" "$version")" "$(shipped "$version")"
    says "$label: SSH takes the chosen password" 0 lab_ssh "$address" root "$password" true
    says "$label: SSH refuses another password" 5 lab_ssh "$address" root "${password}x" true
    says "$label: SSH refuses an empty password" 5 lab_ssh "$address" root "" true
    says "$label: SSH refuses an account without a password" 5 lab_ssh "$address" daemon "$password" true
    says "$label: the console takes the chosen password" 0 lab_console "n$number" unsupported "$password" 60
    says "$label: the console refuses another password" 1 lab_console "n$number" root "${password}x" 60
}

# Node 2 has a key and a welcome text besides.
test_extras() {
    says "n2: SSH takes the key" 0 lab_run ssh -i "$LAB_DIR/key" -o BatchMode=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null "root@$(address_of 2)" true
    check "n2: the console shows the welcome text" grep -qxF "$welcome" "$LAB_DIR/n2.text"
}

# Node 1 has datastores, which its agent mounts; ESXi's host and path are told as they are kept.
test_datastores() {
    local label
    for label in iso vms; do
        lab_wait "$LAB_DIR/n1.serial" "STANDIN DATASTORE $label" 120 "$LAB_PID"
    done
    is "n1: its agent mounts its datastores" "$(tr -d '\r' <"$LAB_DIR/n1.serial" | grep -ao 'STANDIN DATASTORE .*' | sort)" \
        "STANDIN DATASTORE iso is /srv/iso from $LAB_PREFIX.2 (read only)
STANDIN DATASTORE vms is /srv/vms from nas"
    check "n1: its agent tells the server" told_mounted n1 2
}

# told_mounted NODE COUNT: within a minute.
told_mounted() {
    local try
    for try in {1..60}; do
        "$bootherd" --root "$LAB_DIR/root" status "$1" >"$LAB_DIR/said"
        [ "$(grep -c 'mounted' "$LAB_DIR/said")" -lt "$2" ] || return 0
        sleep 1
    done
    diag "after $try s: $(cat "$LAB_DIR/said")"
    return 1
}

# Node 3 was given no password and no SSH.
test_bare() {
    local address
    address=$(address_of 3)
    boot 3 e1000
    is "n3, nothing asked for: up, without SSH" "${ready% modules=*}" "STANDIN READY ip=$address hostname=n3 ssh=off"
    says "n3: no SSH" 255 lab_ssh "$address" root "$password" true
    check "n3: the connection is refused, not lost" grep -q 'Connection refused' "$LAB_DIR/said"
    says "n3: the console refuses root" 1 lab_console n3 root "$password" 60
}

test_node() {
    case $1 in
    1) test_login 1 e1000 4.0 && { [ -n "${REFERENCE-}" ] || test_datastores; } ;;
    2) test_login 2 virtio 4.0 && test_extras ;;
    3) test_bare ;;
    4) test_login 4 e1000 4.1 ;;
    5) test_login 5 virtio 3.5 ;;
    esac
    lab_stop "$LAB_PID"
}

# bail LABEL [FILE...]: nothing else can be tested.
bail() {
    not_ok "$1"
    shift
    diag "$(tail -n 20 "$@" 2>/dev/null)"
    tap_end
    exit 1
}

lab_open || exit 1
for version in $versions; do
    "$here/../standin/make-iso.sh" "$LAB_DIR/$version.iso" --version "$version" >"$LAB_DIR/iso.log" 2>&1 ||
        bail "the stand-in for $version is built" "$LAB_DIR/iso.log"
done
start_server >"$LAB_DIR/start.log" 2>&1 || bail "the server starts" "$LAB_DIR/start.log" "$LAB_DIR/server.log"
for node in ${NODES:-1 2 3 4 5}; do
    test_node "$node"
done
tap_end
