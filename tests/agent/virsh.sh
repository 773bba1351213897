#!/bin/bash
# The agent's functions for libvirt (agents/linux.sh, virsh.sh) under busybox ash, against libvirt's own test driver: a real
# virsh and a real libvirtd, whose machines do not exist. No root, no network.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$top/tests/lib/tap.sh"
PATH=$PATH:/usr/sbin
need virsh libvirtd busybox

work=$(mktemp -d)
mkdir -p "$work"/{etc,run,stores/vms/web,fake}
cp "$top/agents/talk.sh" "$work/etc/"
cp "$top/agents/linux.sh" "$work/etc/host.sh"
cp "$top/agents/virsh.sh" "$work/etc/host-virsh.sh"
export LIBVIRT_DEFAULT_URI="test+unix:///default?socket=$work/libvirt-sock"
daemon=
finish() {
    exec 8>&-
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT

# host FUNCTION ARGUMENT...: as the agent calls it.
host() {
    AGENT_STORES=$work/stores AGENT_FOLDER=$work/etc AGENT_RUN=$work/run AGENT_MOUNTS=$work/mounts AGENT_LIST=$work/run/list \
        AGENT_LIBVIRT=$work/none busybox ash -c '
            agent_run=$AGENT_RUN
            . "$AGENT_FOLDER/talk.sh"
            agent_scripts
            . "$AGENT_FOLDER/host.sh"
            "$@"' host "$@"
}

# domain FILE NAME UUID DISK: its XML; no UUID with "".
domain() {
    cat >"$1" <<END
<domain type='test'><name>$2</name>${3:+<uuid>$3</uuid>}<memory>65536</memory><os><type arch='i686'>hvm</type></os>
<devices><disk type='file' device='cdrom'><source file='$work/stores/iso/cd.iso'/><target dev='hdc'/></disk>
<disk type='file' device='disk'><source file='$4'/><target dev='vda'/></disk></devices></domain>
END
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
    local label=$1 pattern=$2
    shift 2
    local said
    said=$("$@" 2>&1) && not_ok "$label" && return
    check "$label" grep -q -e "$pattern" <<<"$said"
}

echo "server $work/stores/vms nfs rw 0 0" >"$work/mounts"
echo 'bootherd|1' >"$work/run/list"
one=11111111-1111-4111-8111-111111111111
two=22222222-2222-4222-8222-222222222222
web=$work/stores/vms/web

check_fails "no libvirtd: not ready" host host_ready
check_fails "no libvirtd: no list" host host_list

cat >"$work/conf" <<END
unix_sock_dir = "$work"
auth_unix_rw = "none"
auth_unix_ro = "none"
END
# Without its drivers, which would look at the machine and change its network, it has the built-in test driver alone.
LIBVIRT_DRIVER_DIR=$work/fake libvirtd -f "$work/conf" -p "$work/pid" >"$work/log" 2>&1 </dev/null &
daemon=$!
for _ in {1..100}; do
    [ ! -S "$work/libvirt-sock" ] || break
    sleep 0.1
done
# The driver forgets everything with its last connection.
exec 8> >(exec virsh >/dev/null 2>&1)
echo uri >&8
check "ready" host host_ready
for _ in {1..50}; do
    virsh -q destroy test >/dev/null 2>&1 && virsh -q undefine test >/dev/null 2>&1
    sleep 0.1
    virsh -q list --all --name | grep -q . || break
done
says "no machines" 0 "" host host_list

domain "$web/web.xml" web "$one" "$web/disk.img"
says "registered: the handle is its UUID" 0 "$one" host host_register vms web/web.xml web
says "it is off, and where it came from" 0 "$one|off|vms|web/web.xml|web|$one" host host_list
says "registered again: no harm" 0 "$one" host host_register vms web/web.xml web
says "started" 0 "" host host_start "$one" vms web/web.xml
says "it is on" 0 "$one|on|vms|web/web.xml|web|$one" host host_list
says "started again: no harm" 0 "" host host_start "$one" vms web/web.xml
virsh -q suspend web >/dev/null
says "paused" 0 "$one|paused|vms|web/web.xml|web|$one" host host_list
is "its file is as it was" "$(wc -l <"$web/web.xml")" 3
virsh -q destroy web >/dev/null
virsh -q undefine web >/dev/null
says "undefined: gone" 0 "" host host_list

domain "$web/odd.xml" " we b'1|%ä &lt;&amp;&quot;[x] " "" "$web/disk.img"
odd=$(host host_register vms web/odd.xml x)
says "a name with blanks, quotes and UTF-8" 0 "$odd|off|vms|web/odd.xml| we b'1%7C%25ä <&\"[x] |$odd" host host_list
says "without a UUID of its own it is registered once" 0 "$odd" host host_register vms web/odd.xml x
virsh -q undefine "$odd" >/dev/null

refuses "no such file" 'No such file' host host_register vms web/none.xml none
echo '[name]' >"$web/bad.xml"
refuses "no XML" 'Start tag expected' host host_register vms web/bad.xml bad
domain "$web/other.xml" web "$two" "$web/disk.img"
host host_register vms web/web.xml web >/dev/null
refuses "its name is another's: says whose" "$one" host host_register vms web/other.xml web
refuses "a machine that is not there does not start" 'failed to get domain' host host_start "$two" vms web/other.xml
virsh -q undefine web >/dev/null

# Defined by hand.
domain "$work/hand.xml" hand "$two" "$work/stores/vms/a&amp;b/c d.img"
: >"$work/mounts"
virsh -q define "$work/hand.xml" >/dev/null
says "by hand, its datastore is not mounted: no place" 0 "$two|off|||hand|$two" host host_list
check "and nothing is written there" [ ! -e "$work/stores/vms/bootherd" ]
echo "server $work/stores/vms nfs rw 0 0" >"$work/mounts"
mkdir -p "$work/stores/vms/bootherd"
domain "$work/stores/vms/bootherd/hand.xml" hand "$one" /another/hosts
says "by hand: kept on its disk's datastore, not over another host's" 0 \
    "$two|off|vms|bootherd/hand $two.xml|hand|$two" host host_list
is "another's is as it was" "$(grep -c "$one" "$work/stores/vms/bootherd/hand.xml")" 1
kept="$work/stores/vms/bootherd/hand $two.xml"
is "for root alone: passwords may be in it" "$(stat -c %a "$kept")" 600
virsh -q undefine hand >/dev/null
rm "$work/stores/vms/bootherd/hand.xml" "$kept"
virsh -q define "$work/hand.xml" >/dev/null
rm -r "$work/run/domains"
kept=$work/stores/vms/bootherd/hand.xml
says "by hand, the only one of that name" 0 "$two|off|vms|bootherd/hand.xml|hand|$two" host host_list
sed -i 's/65536/32768/' "$work/hand.xml"
virsh -q define "$work/hand.xml" >/dev/null
host host_list >/dev/null
check "changed by hand: so is what is kept" grep -q 32768 "$kept"
virsh -q undefine hand >/dev/null
rm -r "$work/run/domains"
says "a boot later it comes back from there" 0 "$two" host host_register vms bootherd/hand.xml hand
says "as the same" 0 "$two|off|vms|bootherd/hand.xml|hand|$two" host host_list
virsh -q undefine hand >/dev/null
domain "$web/mine.xml" mine "$one" "$web/mine.img"
virsh -q define "$web/mine.xml" >/dev/null
says "by hand, from a file beside its disk: that file" 0 "$one|off|vms|web/mine.xml|mine|$one" host host_list
is "which stays as it was" "$(wc -l <"$web/mine.xml")" 3
rm -r "$work/run/domains"
printf '#!/bin/sh\necho "mv: read-only file system" >&2\nexit 1\n' >"$work/fake/cp"
chmod +x "$work/fake/cp"
virsh -q undefine mine >/dev/null
virsh -q define "$work/hand.xml" >/dev/null
rm "$kept"
PATH=$work/fake:$PATH says "a datastore that cannot be written: no place" 0 "$two|off|||hand|$two" host host_list
rm "$work/fake/cp"
virsh -q undefine hand >/dev/null

# More than one call of virsh can be asked for.
for ((i = 0; i < 250; i++)); do
    domain "$work/many$i.xml" "many $i" "" /elsewhere
    echo "define $work/many$i.xml"
done | virsh >/dev/null 2>&1
host host_list >"$work/many"
is "250 machines" "$(wc -l <"$work/many")" 250
is "each with its own name" "$(cut -d'|' -f 5 "$work/many" | sort -u | wc -l)" 250

# What real hypervisors say, the test driver does not: a virsh that does.
cat >"$work/fake/virsh" <<'END'
#!/bin/sh
case $* in
*'list --all --uuid'*) printf '%s\n' a b ;;
*domstate*) printf 'web\nrunning\n' ;;
*start*) cat "$FAKE"; exit "$STATUS" ;;
esac
END
chmod +x "$work/fake/virsh"
export FAKE=$work/said STATUS=1
# refused LABEL TEXT SAID...: what host_start makes of these words.
refused() {
    local label=$1 text=$2
    shift 2
    printf '%s\n' "$@" >"$FAKE"
    PATH=$work/fake:$PATH says "$label" 1 "$text" host host_start "$one" vms web/web.xml
}
check_fails "a machine ended while they were listed: nothing is believed" env PATH="$work/fake:$PATH" bash -c "$(declare -f host); work=$work; host host_list"
refused "a locked disk" "a disk is in use, maybe by another host: error: Failed to start domain 'web' error: internal error: process exited while connecting to monitor: qemu-system-x86_64: -blockdev {...}: Failed to get \"write\" lock Is another process using the image [/datastores/vms/web.img]?" \
    "error: Failed to start domain 'web'" "error: internal error: process exited while connecting to monitor: qemu-system-x86_64: -blockdev {...}: Failed to get \"write\" lock" \
    "Is another process using the image [/datastores/vms/web.img]?"
refused "a saved state that cannot be restored" "its saved state cannot be restored (virsh managedsave-remove gives it up): error: Failed to start domain 'web' error: operation failed: managed save image is corrupted" \
    "error: Failed to start domain 'web'" "error: operation failed: managed save image is corrupted"
STATUS=0 refused "an error with exit status 0" "error: Failed to start domain 'web' error: unable to find any master var store" \
    "error: Failed to start domain 'web'" "error: unable to find any master var store"
tap_end
