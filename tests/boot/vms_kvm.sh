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

rack_open kvm-host
"$rack_here/../guests/make.sh" vm nfs-server >"$LAB_DIR/make.log" 2>&1 || bail "guests can be made" "$LAB_DIR/make.log"
mkdir -p "$LAB_DIR/vms/boot"
cp "$rack_guests"/vm/* "$LAB_DIR/vms/boot/"
guest vm1
guest vm2
nfs_open "$rack_guests/nfs-server" || bail "an NFS server" "$LAB_DIR/nfs/ganesha.out"
cp -r /tmp/kvm5/own "$LAB_DIR/root/files/kvm"
cp $rack_top/agents/linux.sh "$LAB_DIR/root/files/kvm/etc/bootherd/host.sh"
cp $rack_top/agents/qemu.sh "$LAB_DIR/root/files/kvm/etc/bootherd/host-qemu.sh"
rack_node 1 kvm-host --kernel-options console=ttyS0 --files kvm
rack_serve
start() {
rack_start 1 lab_machine e1000 -m 1024 -cpu max
rack_wait "host is up" 1 "$rack_up"
rack_wait "vm1" 1 'GUEST vm1 UP.*'
echo "# $said"
rack_wait "vm2" 1 'GUEST vm2 UP.*'
echo "# $said"
rack_wait "vm1" 1 'GUEST vm1 beat=[0-9]+'
rack_wait "vm2" 1 'GUEST vm2 beat=[0-9]+'
}
start
kill -9 "${rack_pid[1]}"
wait "${rack_pid[1]}"
cp $LAB_DIR/n1.serial /tmp/kvm5/first.serial
rm "$LAB_DIR"/n1.port.*
start
cp $LAB_DIR/n1.serial /tmp/kvm5/second.serial
tap_end
