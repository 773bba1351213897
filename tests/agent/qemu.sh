#!/bin/bash
# The agent's functions for plain QEMU (agents/linux.sh, qemu.sh) under busybox ash, against a real QEMU, whose machines find
# nothing to boot. No root, no network.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$top/tests/lib/tap.sh"
need qemu-system-x86_64 busybox

work=$(mktemp -d)
mkdir -p "$work"/{etc,run,stores/vms,proc}
cp "$top/agents/talk.sh" "$work/etc/"
cp "$top/agents/linux.sh" "$work/etc/host.sh"
cp "$top/agents/qemu.sh" "$work/etc/host-qemu.sh"
# Only machines of this test, on whatever it runs.
started=()
finish() {
    [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

# processes: the proc of a machine that runs nothing but the QEMU of this test.
processes() {
    local file pid
    rm -rf "$work/proc"
    mkdir "$work/proc"
    started=()
    for file in $(grep -l "$work" /proc/[0-9]*/cmdline 2>/dev/null); do
        pid=${file#/proc/}
        pid=${pid%/cmdline}
        grep -q '^qemu' "/proc/$pid/comm" || continue
        started+=("$pid")
        ln -s "/proc/$pid" "$work/proc/$pid"
    done
}

host() {
    processes
    AGENT_STORES=$work/stores AGENT_FOLDER=$work/etc AGENT_RUN=$work/run AGENT_MOUNTS=$work/mounts AGENT_LIST=$work/run/list \
        AGENT_PROC=$work/proc busybox ash -c '
            agent_run=$AGENT_RUN
            . "$AGENT_FOLDER/talk.sh"
            agent_scripts
            . "$AGENT_FOLDER/host.sh"
            "$@"' host "$@"
}

# machine FILE NAME [DISK]: a file for -readconfig.
machine() {
    mkdir -p "${1%/*}"
    printf '[name]\n  guest = "%s"\n[machine]\n  type = "pc"\n  accel = "tcg"\n  graphics = "off"\n' "$2" >"$1"
    [ -z "${3-}" ] || printf '[drive "d"]\n  file = "%s"\n  if = "none"\n  format = "raw"\n[device]\n  driver = "virtio-blk-pci"\n  drive = "d"\n' \
        "$3" >>"$1"
}

# says LABEL STATUS TEXT COMMAND...: status and what is printed, all of it.
says() {
    local label=$1 status=$2 text=$3 got
    shift 3
    got=$("$@" 2>&1)
    is "$label" "$? $got" "$status $text"
}

# refuses LABEL PATTERN COMMAND...: it fails, and says why.
refuses() {
    local label=$1 pattern=$2 said
    shift 2
    said=$("$@" 2>&1) && not_ok "$label" && return
    check "$label" grep -q -e "$pattern" <<<"$said"
}

# power_off PATH: of the machine that was started with it.
power_off() {
    local pid
    processes
    for pid in "${started[@]}"; do
        if tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF "$1"; then
            kill "$pid"
            while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
        fi
    done
}

echo "server $work/stores/vms nfs rw 0 0" >"$work/mounts"
printf '%s\n' 'bootherd|1' 'vm|vms|web 1/web.cfg|web|on|0|none|' 'end|2' >"$work/run/list"
vms=$work/stores/vms
web="$vms/web 1/web.cfg"

check "ready" host host_ready
says "no machines" 0 "" host host_list
machine "$web" "web|1%" disk.img
truncate -s 1M "$vms/web 1/disk.img"
says "registered: the handle is its path" 0 "$web" host host_register vms "web 1/web.cfg" web
says "it is off" 0 "$web|off|vms|web 1/web.cfg|web%7C1%25|" host host_list
says "started, its disk beside its file" 0 "" host host_start "$web" vms "web 1/web.cfg"
says "it is on" 0 "$web|on|vms|web 1/web.cfg|web%7C1%25|" host host_list
says "started again: no harm" 0 "" host host_start "$web" vms "web 1/web.cfg"
processes
is "and no other" "${#started[@]}" 1
refuses "no such file" 'no file none.cfg there' host host_register vms none.cfg none

machine "$vms/two.cfg" two "$vms/web 1/disk.img"
says "a second machine with its disk" 0 "$vms/two.cfg" host host_register vms two.cfg two
refuses "is refused by the disk's lock" 'a disk is in use, maybe by another host: .*lock' host host_start "$vms/two.cfg" vms two.cfg
machine "$vms/two.cfg" two "$vms/absent.img"
refuses "a disk that is not there: as QEMU says it" 'absent.img.*No such file' host host_start "$vms/two.cfg" vms two.cfg
echo nonsense >"$vms/two.cfg"
refuses "a file that is none" 'two.cfg:1:' host host_start "$vms/two.cfg" vms two.cfg
rm "$vms/two.cfg"
says "its file is gone, so it is" 0 "$web|on|vms|web 1/web.cfg|web%7C1%25|" host host_list

power_off "$web"
says "powered off" 0 "$web|off|vms|web 1/web.cfg|web%7C1%25|" host host_list
: >"$work/mounts"
says "its datastore is away: it stays" 0 "$web|off|vms|web 1/web.cfg|web%7C1%25|" host host_list
echo "server $work/stores/vms nfs rw 0 0" >"$work/mounts"

# By hand: a path from where it was started; as a daemon; without a file on a datastore; without a file.
machine "$vms/hand/hand.cfg" "by hand" ./hand.img
truncate -s 1M "$vms/hand/hand.img"
(cd "$vms/hand" && exec qemu-system-x86_64 -readconfig ./hand.cfg -nodefaults -display none -name x -pidfile "$work/x.pid") \
    >/dev/null 2>&1 </dev/null &
sleep 1
host host_list >"$work/said"
check "by hand: found by its command line" grep -qxF "$vms/hand/hand.cfg|on|vms|hand/hand.cfg|x|" "$work/said"
kill $!
wait $! 2>/dev/null
says "by hand, now off: it belongs to this host" 0 "$web|off|vms|web 1/web.cfg|web%7C1%25|
$vms/hand/hand.cfg|off|vms|hand/hand.cfg|by hand|" host host_list
(cd "$vms/hand" && qemu-system-x86_64 -readconfig hand.cfg -nodefaults -display none -daemonize -pidfile "$work/x.pid")
host host_list >"$work/said"
check "by hand, as a daemon: found by its disk" grep -qxF "$vms/hand/hand.cfg|on|vms|hand/hand.cfg|by hand|" "$work/said"
kill "$(cat "$work/x.pid")"
qemu-system-x86_64 -M none -accel tcg -name guest=loose,debug-threads=on -nodefaults -display none -daemonize -pidfile "$work/x.pid"
host host_list >"$work/said"
check "without a file: told, on no datastore" grep -qE '^pid [0-9]+\|on\|\|\|loose\|$' "$work/said"
kill "$(cat "$work/x.pid")"

sleep 0.1
printf '%s\n' 'bootherd|1' 'held|vms|hand/hand.cfg|by hand|another has it' 'end|2' >"$work/run/list"
says "a newer list without a machine that is off: it is another's, or forgotten" 0 \
    "$vms/hand/hand.cfg|off|vms|hand/hand.cfg|by hand|" host host_list
tap_end
