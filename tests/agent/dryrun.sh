#!/bin/bash
# What `bootherd vm restore HOST --dry-run` says is what the agent of that host runs, word for word, here against the stand-ins of
# ESXi's programs. dryrun.sh BOOTHERD
set -u
bootherd=$(realpath "$1")
# shellcheck source=tests/agent/lib.sh
. "$(dirname "$0")/lib.sh"
need jq
root=$(mktemp -d)
trap 'finish; rm -rf "$root"' EXIT
# It leaks nothing of note, and drops privileges, which the leak checker cannot follow.
export ASAN_OPTIONS=detect_leaks=0

b() {
    "$bootherd" --root "$root/root" "$@" 2>"$root/said"
}

# image5, image4: the least that is taken for an ESXi of that age.
image5() {
    mkdir -p "$root/5/efi/boot"
    printf 'ESXi\nVersion: 6.7.0\n' >"$root/5/.DISCINFO"
    printf 'MZ' >"$root/5/efi/boot/bootx64.efi"
    echo b | tee "$root/5/b.b00" >"$root/5/m.v00"
    printf 'bootstate=0\ntitle=Loading\nkernel=/b.b00\nkernelopt=\nmodules=/m.v00\nbuild=6.7.0-14320388\nupdated=0\n' >"$root/5/boot.cfg"
    b image import "$root/5" --name esxi5
}

image4() {
    local each
    mkdir -p "$root/4"
    for each in vmkboot.gz vmk.gz sys.vgz cim.vgz; do
        echo "$each" | gzip >"$root/4/$each"
    done
    for each in oem.tgz license.tgz mod.tgz; do
        tar -czf "$root/4/$each" -T /dev/null
    done
    printf 'kernel=vmkboot.gz\nkernelopt=\nmodules=vmk.gz --- sys.vgz --- cim.vgz --- oem.tgz --- license.tgz --- mod.tgz\nbuild=4.0.0-208167\nbootstate=0\nupdated=1\n' \
        >"$root/4/boot.cfg"
    b image import "$root/4" --name esxi4
}

# told STEP: the commands of these steps as a shell takes their words, and with what the stand-ins have instead.
told() {
    local command
    b vm restore n1 --dry-run --json | jq -r ".. | objects | select(.step == \"$1\") | .command" | while IFS= read -r command; do
        eval "set -- $command"
        printf '%s\n' "$*"
    done | sed "s,/vmfs/volumes/,$STANDIN/volumes/,; s,VMID,N,"
}

# ran_like PATTERN: the commands that the agent ran.
ran_like() {
    grep -E -e "$1" "$STANDIN/log" | sed -E 's/(power\.on) [0-9]+$/\1 N/'
}

# same KIND MOUNT: of a host of this kind, whose mounts look so.
same() {
    local kind=$1 mount=$2
    fresh "$kind"
    share nas:/vms 'web 1/web [1].vmx' db/db.vmx "it's/q.vmx"
    share nas:/iso
    b node set n1 --mac 52:54:00:00:00:01 --ip 10.77.0.11 --image "$kind" --datastores 'vms=nas:/vms,my iso (1)=nas:/iso:ro' >/dev/null
    b vm forget n1 >/dev/null
    b vm set 'n1/web [1]' --add '[vms] web 1/web [1].vmx' --order 2 >/dev/null
    b vm set n1/db --add '[vms] db/db.vmx' --order 1 --delay 1 >/dev/null
    b vm set n1/q --add "[vms] it's/q.vmx" --power off >/dev/null
    list 'store|vms|nfs|nas|/vms|rw|read' 'store|my iso (1)|nfs|nas|/iso|ro|read' 'vm|vms|db/db.vmx|db|on|1|moved|' \
        'vm|vms|web 1/web [1].vmx|web [1]|on|0|moved|' "vm|vms|it's/q.vmx|q|off|0|moved|"
    boot
    check_step "$kind: all is restored" 'restored|||3 of 3 machines'
    is "$kind: it mounts by the commands that the dry run told" "$(ran_like "$mount" | sort)" "$(told mount | sort)"
    is "$kind: it registers so, in that order" "$(ran_like 'solo/registervm')" "$(told register)"
    is "$kind: it powers on so, in that order" "$(ran_like 'vmsvc/power.on')" "$(told start)"
    check "$kind: there was something to compare" [ "$(told mount | wc -l)-$(told register | wc -l)-$(told start | wc -l)" = 2-3-2 ]
}

{ b network set lab --subnet 10.77.0.0/24 && image5 && image4; } >"$root/log" 2>&1 || { echo "Bail out! $(cat "$root/said")" && exit 1; }
same esxi5 '^(esxcli|localcli) storage nfs add'
same esxi4 '^esxcfg-nas -a'
tap_end
