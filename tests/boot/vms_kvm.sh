#!/bin/bash
# A diskless KVM host whose machines come back: booted by bootherd with their files on an NFS server, it starts two guests on
# QEMU, loses its power, and boots again. KVM is that of QEMU's emulated AMD processor, so no KVM is needed here.
set -u
# shellcheck source=tests/boot/rack.sh
. "$(dirname "$0")/rack.sh"
# shellcheck source=tests/lib/nfs.sh
. "$rack_here/../lib/nfs.sh"
need mkfs.ext4

# guest NAME: a machine's file and its empty disk, on the datastore.
guest() {
    local folder=$LAB_DIR/vms/$1
    mkdir "$folder"
    truncate -s 64M "$folder/disk.img"
    mkfs.ext4 -q "$folder/disk.img"
    cat >"$folder/$1.cfg" <<END
[name]
  guest = "$1"
[machine]
  type = "pc"
  accel = "kvm"
  graphics = "off"
  kernel = "../boot/vmlinux"
  initrd = "../boot/initrd.img"
  append = "console=ttyS0 quiet vm=$1 cryptomgr.notests mitigations=off"
[memory]
  size = "112M"
[drive "disk"]
  file = "disk.img"
  if = "none"
  format = "raw"
[device]
  driver = "virtio-blk-pci"
  drive = "disk"
[chardev "console"]
  backend = "file"
  path = "/run/console/$1"
[device]
  driver = "isa-serial"
  chardev = "console"
END
}

# heard LABEL PATTERN: the server tells it. An agent reports once a minute.
heard() {
    check "$1" lab_wait "$LAB_DIR/server.log" "$2" 150
}

rack_open kvm-host
"$rack_here/../guests/make.sh" vm nfs-server >"$LAB_DIR/make.log" 2>&1 || bail "guests can be made" "$LAB_DIR/make.log"
mkdir -p "$LAB_DIR/vms/boot"
cp "$rack_guests"/vm/* "$LAB_DIR/vms/boot/"
guest vm1
guest vm2
nfs_open "$rack_guests/nfs-server" || bail "an NFS server" "$LAB_DIR/nfs/ganesha.out"

# A host that knows of no machines; people start two there.
rack_node 1 kvm-host --kernel-options console=ttyS0 --datastores "vms=nfs41:$LAB_PREFIX.1:/srv/vms:probe=write"
rack_serve
rack_start 1 lab_machine e1000 -m 1024 -cpu max
rack_wait "a diskless host boots" 1 "$rack_up"
for name in vm1 vm2; do
    lab_type n1 "until cd /datastores/vms/$name; do sleep 1; done; qemu-system-x86_64 -readconfig $name.cfg -nodefaults -display none -daemonize"
    sleep 1
done
for name in vm1 vm2; do
    rack_wait "$name is started by hand" 1 "GUEST $name UP boot=1 data=new"
    rack_wait "$name works" 1 "GUEST $name beat=[0-9]+"
done
heard "the server hears of vm1" 'machines +vm1 \(\[vms\] vm1/vm1.cfg\) is new, on'
heard "and of vm2" 'machines +vm2 \(\[vms\] vm2/vm2.cfg\) is new, on'

# The plug.
kill -KILL "${rack_pid[1]}"
wait "${rack_pid[1]}" 2>/dev/null
declare -A last
for name in vm1 vm2; do
    last[$name]=$(tr -d '\r' <"$LAB_DIR/n1.serial" | sed -n "s/.*GUEST $name beat=\([0-9]*\)$/\1/p" | tail -n 1)
done
rm "$LAB_DIR"/n1.port.*
rack_start 1 lab_machine e1000 -m 1024 -cpu max
for name in vm1 vm2; do
    rack_wait "after a power cut $name is there again, its disk intact" 1 "GUEST $name UP boot=2 data=intact lastbeat=[0-9]+"
    check "with all that it had written" [ "${said##*=}" -ge "${last[$name]}" ]
    rack_wait "$name works" 1 "GUEST $name beat=[0-9]+"
done
heard "all of them are restored" 'restored +2 of 2 machines'
diag "$(rack_do status n1 2>&1)"
tap_end
