#!/bin/bash
# ESXi 5 to 8: a diskless machine boots the stand-in through VMware's way, which is boot.cfg and modules, by UEFI PXE, UEFI
# HTTP Boot, iPXE and BIOS. Every module arrives, in order and intact, none of the installer's, the node's overlay last; the
# booted system has the node's name and takes its password and key.
#
#   esxi5.sh [BOOTHERD]             the program to test, default build/src/bootherd
#   NODES="1 3" esxi5.sh            only some of the boots below
#
# VMware's loaders cannot be had: tests/standin/mboot stands in for mboot.efi, mboot_client.py for PXELINUX 3.86 and mboot.c32.
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
products=${STANDIN_BUILD:-$top/.cache/standin}
versions="5.5 6.7 7.0 8.0"
boot_limit_s=300 # 40 s on a quiet machine
password="walnut 4 Harbour"

address_of() {
    echo "$LAB_PREFIX.$((10 + $1))"
}

# set_node NUMBER VERSION OPTION...
set_node() {
    local number=$1 version=$2
    shift 2
    "$bootherd" --root "$LAB_DIR/root" node set "n$number" --mac "$(lab_mac "$number")" --ip "$(address_of "$number")" \
        --image "esxi$version" --password-file "$LAB_DIR/password" "$@"
}

set_nodes() {
    set_node 1 6.7 --authorized-keys-file "$LAB_DIR/key.pub" &&
        set_node 2 8.0 --leave-out tools --datastores "vms=nfs41:$LAB_PREFIX.3,$LAB_PREFIX.2:/srv/vms,iso=NAS.:/srv/iso:ro" &&
        set_node 3 8.0 --authorized-keys-file "$LAB_DIR/key.pub" &&
        set_node 4 7.0 --loader ipxe &&
        set_node 5 5.5 --authorized-keys-file "$LAB_DIR/key.pub" &&
        set_node 6 6.7
}

start_server() {
    local version
    printf '%s\n' "$password" >"$LAB_DIR/password"
    ssh-keygen -q -t ecdsa -N '' -C '' -f "$LAB_DIR/key" || return 1
    # What the operator must have, and Debian has not; only these words of it are ever looked at.
    printf 'PXELINUX 3.86 stand-in' >"$LAB_DIR/pxelinux.0"
    "$bootherd" --root "$LAB_DIR/root" loader add "$LAB_DIR/pxelinux.0" || return 1
    for version in $versions; do
        "$bootherd" --root "$LAB_DIR/root" image import "$LAB_DIR/$version.iso" --name "esxi$version" || return 1
    done
    set_nodes || return 1
    lab_spawn "$LAB_DIR/server.log" "$bootherd" --root "$LAB_DIR/root" serve --interface br0
    lab_wait "$LAB_DIR/server.log" '^serving on br0' 30 "$LAB_PID"
}

# start_bios NUMBER [OPTION]: what the machine's loaders would have fetched, handed to QEMU's own multiboot loader.
start_bios() {
    local number=$1 arguments
    shift
    client "n$number" "$number"
    on "n$number" python3 "$here/mboot_client.py" c0 "$LAB_DIR/n$number.files" "$@" >"$LAB_DIR/n$number.loader" 2>&1 ||
        { diag "$(tail -n 5 "$LAB_DIR/n$number.loader")" && return 1; }
    ip netns delete "$LAB_NS-n$number" # its card would be there twice
    mapfile -t arguments <"$LAB_DIR/n$number.files/qemu"
    lab_machine "n$number" "$number" e1000 "${arguments[@]}"
}

start_machine() {
    case $1 in
    1 | 2 | 4) lab_uefi "n$1" "$1" pxe ;;
    3) lab_uefi n3 3 http ;;
    5) start_bios 5 ;;
    6) start_bios 6 --root-slash ;;
    esac
}

# boot NUMBER: until the stand-in says that it is up, or somebody why it is not. Sets `ready`.
boot() {
    local started=$SECONDS serial=$LAB_DIR/n$1.serial
    ready='' LAB_PID=''
    : >"$LAB_DIR/n$1.text"
    start_machine "$1" || return 0
    lab_wait "$serial" 'STANDIN (READY|STOPPED)|VMK: stopped|Fatal error|Kernel panic' "$boot_limit_s" "$LAB_PID"
    diag "n$1: $((SECONDS - started)) s"
    tr -d '\r' <"$serial" >"$LAB_DIR/n$1.text"
    ready=$(grep -a '^STANDIN READY' "$LAB_DIR/n$1.text")
    [ -n "$ready" ] || tail -n 20 "$LAB_DIR/server.log" | sed 's/^/# server: /'
}

# shipped VERSION NAME...: place, name, size and sum of each module that a stateless machine needs, unpacked; without the kernel,
# which is no file then. The names: what is left out besides.
shipped() {
    local bank=$products/$1-small number=0 name sum out="weaselin|imgpayld"
    [ "${1%%.*}" != 5 ] || out="$out|imgdb"
    shift
    while [ $# -gt 0 ]; do out="$out|$1" && shift; done
    for name in $(sed -n 's/^modules=//p' "$bank/iso.d/boot.cfg" | sed 's, --- /,\n,g; s,^/,,' | grep -vE "^($out)\."); do
        number=$((number + 1))
        [ "$name" != k.b00 ] || continue
        sum=$(gunzip -c "$bank/modules.d/$name" | md5sum)
        printf '%03d %s %d %s\n' "$number" "$name" "$(gunzip -c "$bank/modules.d/$name" | wc -c)" "${sum%% *}"
    done
    printf '%03d bootherd.tgz\n' $((number + 1))
}

# arrived NUMBER: what the machine says of its modules; of the node's own, the name.
arrived() {
    sed -n 's/^STANDIN MODULE \([0-9]*\) \([^ ]*\) size=\([0-9]*\) md5=\([0-9a-f]*\).*/\1 \2 \3 \4/p' "$LAB_DIR/n$1.text" |
        sed 's/ bootherd\.tgz .*/ bootherd.tgz/'
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

# test_node NUMBER LABEL VERSION [NAME]: NAME is a module that the node leaves out.
test_node() {
    local number=$1 label=$2 address
    shift 2
    address=$(address_of "$number")
    boot "$number"
    is "$label: up, at its address, with its name, SSH on" "${ready% modules=*}" \
        "STANDIN READY ip=$address hostname=n$number ssh=on"
    check "$label: all modules in order and intact, the node's last" diff <(arrived "$number") <(shipped "$@")
    says "$label: SSH takes the chosen password" 0 lab_ssh "$address" root "$password" true
    says "$label: SSH refuses another password" 5 lab_ssh "$address" root "${password}x" true
    case $number in
    1 | 3 | 5) says "$label: SSH takes the key" 0 lab_run ssh -i "$LAB_DIR/key" -o BatchMode=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null "root@$address" true ;;
    esac
    [ "$number" != 2 ] || test_datastores
    [ -z "$LAB_PID" ] || lab_stop "$LAB_PID"
}

# Node 2's agent mounts its datastores, and tells the server.
test_datastores() {
    local try label
    for label in iso vms; do
        lab_wait "$LAB_DIR/n2.serial" "STANDIN DATASTORE $label" 120 "$LAB_PID"
    done
    is "n2: its agent mounts its datastores" "$(tr -d '\r' <"$LAB_DIR/n2.serial" | grep -ao 'STANDIN DATASTORE .*' | sort)" \
        "STANDIN DATASTORE iso is /srv/iso from nas by nfs (read only)
STANDIN DATASTORE vms is /srv/vms from $LAB_PREFIX.2,$LAB_PREFIX.3 by nfs41"
    check "n2: outgoing HTTP is let through before" grep -qa 'STANDIN ESXCLI .*--ruleset-id=httpClient --enabled=true' "$LAB_DIR/n2.serial"
    for try in {1..60}; do
        "$bootherd" --root "$LAB_DIR/root" status n2 >"$LAB_DIR/said"
        [ "$(grep -c 'mounted' "$LAB_DIR/said")" -lt 2 ] || break
        sleep 1
    done
    check "n2: its agent tells the server" test "$try" -lt 60
}

test_numbered() {
    case $1 in
    1) test_node 1 "6.7, UEFI PXE" 6.7 ;;
    2) test_node 2 "8.0, UEFI PXE, without tools" 8.0 tools ;;
    3) test_node 3 "8.0, UEFI HTTP Boot" 8.0 ;;
    4) test_node 4 "7.0, UEFI iPXE" 7.0 ;;
    5) test_node 5 "5.5, BIOS" 5.5 ;;
    6) test_node 6 "6.7, BIOS" 6.7 ;;
    esac
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
clients_open
trap 'status=$?; clients_close; (exit "$status"); lab_close' EXIT
for version in $versions; do
    "$here/../standin/make-iso.sh" "$LAB_DIR/$version.iso" --version "$version" >"$LAB_DIR/iso.log" 2>&1 ||
        bail "the stand-in for $version is built" "$LAB_DIR/iso.log"
done
start_server >"$LAB_DIR/start.log" 2>&1 || bail "the server starts" "$LAB_DIR/start.log" "$LAB_DIR/server.log"
for node in ${NODES:-1 2 3 4 5 6}; do
    test_numbered "$node"
done
tap_end
