#!/bin/bash
# How the agent mounts on Linux and Xen (agents/linux.sh), under busybox ash, against stand-ins for mount, mount.nfs, findfs and
# iscsistart that write down how they were called. What the kernel takes is known from tests/boot/vms_*.sh. No root, no network.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$top/tests/lib/tap.sh"
need busybox

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{etc,run,bin,stores}
cp "$top"/agents/talk.sh "$work/etc/"
cp "$top/agents/linux.sh" "$work/etc/host.sh"

# program NAME LINE...: a stand-in that notes how it was called, and does that.
program() {
    local name=$1
    shift
    printf '%s\n' '#!/bin/sh' "echo \"$name \$*\" >>$work/calls" "$@" >"$work/bin/$name"
    chmod +x "$work/bin/$name"
}

host() {
    rm -f "$work/calls"
    AGENT_STORES=$work/stores AGENT_FOLDER=$work/etc AGENT_RUN=$work/run AGENT_MOUNTS=$work/mounts PATH=$work/bin:/usr/bin:/bin \
        busybox ash -c '
            agent_run=$AGENT_RUN
            . "$AGENT_FOLDER/talk.sh"
            agent_scripts
            . "$AGENT_FOLDER/host.sh"
            PATH=${PATH%%:/usr*}:$AGENT_RUN/tools
            "$@"' host "$@"
}

# says LABEL STATUS TEXT COMMAND...: status and what is printed, all of it.
says() {
    local label=$1 status=$2 text=$3 got
    shift 3
    got=$("$@" 2>&1)
    is "$label" "$? $got" "$status $text"
}

# called LABEL LINE...: what the stand-ins noted.
called() {
    local label=$1
    shift
    is "$label" "$(cat "$work/calls" 2>/dev/null)" "$(printf '%s\n' "$@")"
}

# Nothing but busybox's tools, so that what a test's machine has installed makes no difference.
mkdir "$work/run/tools"
for applet in cat echo grep ls mkdir mktemp printf rm sed sh sleep test tr true; do
    ln -s "$(command -v busybox)" "$work/run/tools/$applet"
done
stores=$work/stores
program mount 'exit 0'
program modprobe 'exit 0'
program ip 'echo "10.77.0.1 dev eth0 src 10.77.0.11 uid 0"'

: >"$work/mounts"
says "not mounted: no folder" 0 "" host host_folder vms
says "NFS 3" 0 "" host host_mount vms nfs 10.77.0.1 /srv/vms rw
called "by the kernel alone" "mount -t nfs -o rw,hard,nolock,tcp,mountproto=tcp,vers=3,addr=10.77.0.1 10.77.0.1:/srv/vms $stores/vms"
says "NFS 4.1, read-only" 0 "" host host_mount iso nfs41 10.77.0.1 "/srv/my isos" ro
called "with the address that the server calls back" "ip route get 10.77.0.1" \
    "mount -t nfs4 -o ro,hard,vers=4.1,addr=10.77.0.1,clientaddr=10.77.0.11 10.77.0.1:/srv/my isos $stores/iso"
says "IPv6" 0 "" host host_mount vms nfs fd00::1 /srv/vms rw
called "an address in brackets" "mount -t nfs -o rw,hard,nolock,tcp,mountproto=tcp,vers=3,addr=fd00::1 [fd00::1]:/srv/vms $stores/vms"
program getent 'echo "10.77.0.9     STREAM nas"' 'echo "10.77.0.9     DGRAM"'
says "a name" 0 "" host host_mount vms nfs nas /srv/vms rw
called "by its first address" "getent ahosts nas" \
    "mount -t nfs -o rw,hard,nolock,tcp,mountproto=tcp,vers=3,addr=10.77.0.9 nas:/srv/vms $stores/vms"
rm "$work/bin/getent"
program nslookup 'printf "Server:\t10.77.0.1\nAddress:\t10.77.0.1:53\n\nName:\tnas\nAddress: 10.77.0.8\n"'
says "a name, with busybox alone" 0 "" host host_mount vms nfs nas /srv/vms rw
called "not the name server's address" "nslookup nas" \
    "mount -t nfs -o rw,hard,nolock,tcp,mountproto=tcp,vers=3,addr=10.77.0.8 nas:/srv/vms $stores/vms"
program nslookup 'echo "** server cannot find nas: NXDOMAIN"' 'exit 1'
says "a name without an address" 1 "no address for nas" host host_mount vms nfs nas /srv/vms rw

program mount 'echo "mount: mounting $5 on $6 failed: Connection refused" >&2' 'exit 255'
says "why it failed" 255 "mount: mounting 10.77.0.1:/srv/vms on $stores/vms failed: Connection refused" \
    host host_mount vms nfs 10.77.0.1 /srv/vms rw
program mount 'case $* in *addr=10.77.0.2*) exit 0 ;; esac' 'echo "no route"' 'exit 32'
says "several addresses: the first that answers" 0 "no route" host host_mount vms nfs41 10.77.0.1,10.77.0.2,10.77.0.3 /srv/vms rw
is "no more than needed" "$(grep -c '^mount' "$work/calls")" 2

program mount.nfs 'exit 0'
says "with mount.nfs" 0 "" host host_mount vms nfs nas /srv/vms rw
called "which does it all" "mount.nfs nas:/srv/vms $stores/vms -o rw,hard,vers=3"
program mount.nfs 'case $* in *nolock*) exit 0 ;; esac' 'echo "mount.nfs: rpc.statd is not running but is required for remote locking."' 'exit 32'
says "without rpc.statd" 0 "" host host_mount vms nfs nas /srv/vms rw
called "without locks of the network" "mount.nfs nas:/srv/vms $stores/vms -o rw,hard,vers=3" \
    "mount.nfs nas:/srv/vms $stores/vms -o rw,hard,nolock,vers=3"
program mount.nfs 'echo "mount.nfs: access denied by server while mounting nas:/srv/vms"' 'exit 32'
says "denied" 1 "mount.nfs: access denied by server while mounting nas:/srv/vms" host host_mount vms nfs nas /srv/vms rw

printf '%s\n' "rootfs / rootfs rw 0 0" "nas:/srv/vms $stores/vms nfs rw 0 0" "nas:/srv/x $stores/my\\040vms\\134 nfs rw 0 0" >"$work/mounts"
says "mounted: its folder" 0 "$stores/vms" host host_folder vms
says "mounted: nothing is done" 0 "" host host_mount vms nfs nas /srv/vms rw
called "nothing at all"
says "a label with a blank and a backslash" 0 "$stores/my vms\\" host host_folder 'my vms\'
says "half a label" 0 "" host host_folder vm

program mount 'exit 0'
program findfs 'exit 1'
says "iSCSI without its program" 1 "iscsistart is not installed" host host_mount lun iscsi 10.77.0.1:3260 iqn.2020-01.test:lun rw
program iscsistart 'exit 0'
# The initiator's name is the machine's own here; most have none.
if [ ! -e /etc/iscsi/initiatorname.iscsi ]; then
    says "iSCSI without a name of its own" 1 "/etc/iscsi/initiatorname.iscsi names no initiator" \
        host host_mount lun iscsi 10.77.0.1:3260 iqn.2020-01.test:lun rw
fi
program findfs 'echo /dev/sda1'
says "iSCSI that is logged in" 0 "" host host_mount lun iscsi 10.77.0.1:3260 iqn.2020-01.test:lun ro
called "by its volume's label" "findfs LABEL=lun" "findfs LABEL=lun" "mount -o ro /dev/sda1 $stores/lun"
says "a disk of the host's own" 1 "Linux mounts no datastore of kind vmfs" host host_mount local vmfs '' '' rw
# Which kind of host it is: libvirt's functions are looked at first, and nothing of them is left where virsh is not installed.
sed 's/command -v virsh/command -v virsh-is-not-here/' "$top/agents/virsh.sh" >"$work/etc/host-virsh.sh"
cp "$top/agents/qemu.sh" "$work/etc/host-qemu.sh"
program "qemu-system-$(uname -m)" 'exit 0'
for applet in cp mv touch uname; do
    ln -s "$(command -v busybox)" "$work/run/tools/$applet"
done
mkdir -p "$stores/vms/a"
echo '[name]' >"$stores/vms/a/a.cfg"
: >"$work/run/machines"
# shellcheck disable=SC2016 # for the inner shell
says "without virsh it is a host of plain QEMU" 0 "$stores/vms/a/a.cfg" env AGENT_STORES="$stores" AGENT_FOLDER="$work/etc" AGENT_RUN="$work/run" \
    AGENT_MOUNTS="$work/mounts" PATH="$work/bin:$work/run/tools" "$(command -v busybox)" ash -c '
        agent_run=$AGENT_RUN
        . "$AGENT_FOLDER/talk.sh"
        agent_scripts
        . "$AGENT_FOLDER/host.sh"
        host_register vms a/a.cfg a'
tap_end
