#!/bin/bash
# A diskless Xen host whose machines come back: booted by bootherd, with their files on an NFS server, it starts two guests with
# xl, and a third is started by hand; its power goes, and it comes back with all three and what was on their disks. Another host
# that claims one of them is refused. In the end it restores from its overlay alone, since the boot server is gone.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"
# shellcheck source=tests/lib/nfs.sh
. "$rack_here/../lib/nfs.sh"
need mkfs.ext4 jq

# guest NAME: a machine's file and its empty disk, on the datastore.
guest() {
    local folder=$LAB_DIR/vms/$1
    mkdir "$folder"
    truncate -s 32M "$folder/disk.img"
    mkfs.ext4 -q "$folder/disk.img"
    cat >"$folder/$1.cfg" <<END
name = "$1"
type = "pv"
kernel = "/datastores/vms/boot/vmlinux"
ramdisk = "/datastores/vms/boot/initrd.img"
extra = "console=hvc0 vm=$1 quiet cryptomgr.notests mitigations=off"
memory = 112
disk = [ "format=raw,vdev=xvda,access=rw,target=/datastores/vms/$1/disk.img" ]
END
}

start_host() {
    rm -f "$LAB_DIR"/n1.port.*
    rack_start 1 lab_machine e1000 -m 1280
    rack_wait "$1: dom0 is up" 1 "$rack_up"
}

# guests_up BOOT DATA NAME...: each was started so often, and its data is so.
guests_up() {
    local boot=$1 data=$2 name
    shift 2
    for name; do
        rack_wait "$name runs" 1 "GUEST $name UP .*"
        rack_said "$name: its disk" "boot=$boot" "data=$data"
        rack_wait "$name works" 1 "GUEST $name beat=[0-9]+"
    done
}

# rack_until LABEL SECONDS PATTERN COMMAND...: until the command prints a line that matches.
rack_until() {
    local label=$1 deadline=$((SECONDS + $2)) pattern=$3
    shift 3
    until "$@" 2>&1 | grep -qE -- "$pattern"; do
        if [ $SECONDS -ge $deadline ]; then
            not_ok "$label"
            diag "$("$@" 2>&1 | tail -n 20)"
            return
        fi
        sleep 1
    done
    ok "$label"
}

# The last number that a guest had on its disk when it said so.
last_beat() {
    tr -d '\r' <"$LAB_DIR/n1.serial" | grep -ao "GUEST $1 beat=[0-9]*" | tail -n 1 | sed 's/.*=//'
}

# unplug: power is cut, in the middle of everything.
unplug() {
    kill -9 "${rack_pid[1]}"
    wait "${rack_pid[1]}" 2>/dev/null
    for each in vm1 vm2 vm3; do
        beats[$each]=$(last_beat "$each")
    done
}
declare -A beats

# nothing_lost: what a guest read from its disk is what it had said last, or newer.
nothing_lost() {
    local name read
    for name; do
        read=$(tr -d '\r' <"$LAB_DIR/n1.serial" | grep -ao "GUEST $name UP .*lastbeat=[0-9]*" | sed 's/.*=//')
        check "$name: nothing that it had written is lost (${beats[$name]-none} said, ${read:-none} read)" [ "${read:-0}" -ge "${beats[$name]:-0}" ]
    done
}

rack_open xen-host
"$rack_here/../guests/make.sh" vm nfs-server >"$LAB_DIR/make.log" 2>&1 || bail "guests can be made" "$LAB_DIR/make.log"
mkdir -p "$LAB_DIR/vms/boot"
cp "$rack_guests"/vm/* "$LAB_DIR/vms/boot/"
for each in vm1 vm2 vm3; do
    guest $each
done
nfs_open "$rack_guests/nfs-server" || bail "an NFS server" "$LAB_DIR/nfs/ganesha.out"
rack_node 1 xen-host --datastores "vms=$LAB_PREFIX.1:/srv/vms"
rack_node 2 xen-host --datastores "vms=$LAB_PREFIX.1:/srv/vms"
for each in vm1 vm2; do
    answers "$each is to run on n1" 0 '' rack_do vm set "n1/$each" --add "[vms] $each/$each.cfg"
done
rack_serve
server=$LAB_PID

start_host "first boot"
guests_up 1 new vm1 vm2
lab_type n1 "xl create /datastores/vms/vm3/vm3.cfg"
guests_up 1 new vm3
# Between two of the agent's reports lies a minute.
rack_until "the server hears of vm3" 100 '^n1 +vm3 +on/on .* ok' rack_do vm list n1
# Another host may not have what runs here.
answers "n2 is not given vm1" 1 'n1' rack_do vm move n1/vm1 --to n2
answers "n2 may be told to run it" 0 '' rack_do vm set n2/vm1 --add '[vms] vm1/vm1.cfg'
answers "and would leave it out" 0 'leave out.*n1' rack_do vm restore n2 --dry-run
unplug

start_host "second boot"
guests_up 2 intact vm1 vm2 vm3
nothing_lost vm1 vm2 vm3
answers "the restore is part of the boot's story" 0 'restored 3 of 3 machines' rack_do status n1
unplug

# The server goes when it has given the overlay.
start_host "third boot"
kill -9 "$server"
wait "$server" 2>/dev/null
guests_up 3 intact vm1 vm2 vm3
nothing_lost vm1 vm2 vm3
lab_type n1 "cat /var/run/bootherd/steps"
rack_wait "its agent knows that it is alone" 1 "works from the list that came with the boot"
tap_end
