#!/bin/bash
# The agent's functions for Xen's xl (agents/linux.sh, xl.sh) under busybox ash, against a stand-in that prints as xl 4.17 does
# and keeps its domains in a folder. The real one: tests/boot/vms_xen.sh.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$top/tests/lib/tap.sh"
need busybox

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
vms=$work/stores/vms
mkdir -p "$work"/{etc,run,bin,domains,stores/vms/a,"stores/vms/b c"}
cp "$top/agents/linux.sh" "$work/etc/host.sh"
cp "$top/agents/xl.sh" "$work/etc/host-xl.sh"
# domains/NAME holds "ID STATE".
cat >"$work/bin/xl" <<'END'
#!/bin/sh
case $1 in
list)
    [ ! -e "$WORK/away" ] || { echo "xencall: error: Could not obtain handle on privileged command interface" >&2; exit 1; }
    echo "Name                                        ID   Mem VCPUs	State	Time(s)"
    echo "Domain-0                                     0   512     1     r-----      26.1"
    for file in "$WORK"/domains/*; do
        [ -f "$file" ] || continue
        read -r id state <"$file"
        printf '%-40s %5d %5d %5d     %s %10s\n' "${file##*/}" "$id" 112 1 "$state" 7.8
    done
    ;;
create)
    echo "Parsing config from $2"
    [ ! -e "$WORK/refuses" ] || { cat "$WORK/refuses" >&2; exit 1; }
    name=$(sed -n 's/^name *= *"\(.*\)"/\1/p' "$2")
    [ ! -e "$WORK/domains/$name" ] || { echo "libxl: error: Domain with name \"$name\" already exists." >&2; exit 1; }
    echo "7 r-----" >"$WORK/domains/$name"
    ;;
esac
END
chmod +x "$work/bin/xl"

# shellcheck disable=SC2016 # for the inner shell
host() {
    PATH=$work/bin:$PATH WORK=$work AGENT_STORES=$work/stores AGENT_FOLDER=$work/etc AGENT_RUN=$work/run AGENT_MOUNTS=$work/mounts \
        AGENT_LIST=$work/run/list busybox ash -c '
            agent_within() { shift; "$@"; }
            agent_encode() { printf %s "$1" | sed "s/%/%25/g; s/|/%7C/g"; }
            . "$AGENT_FOLDER/host.sh"
            "$@"' host "$@"
}

# says LABEL STATUS TEXT COMMAND...: status and what is printed, all of it.
says() {
    local label=$1 status=$2 text=$3 got
    shift 3
    got=$("$@" 2>&1)
    is "$label" "$? $got" "$status $text"
}

echo "server $vms nfs rw 0 0" >"$work/mounts"
printf '%s\n' 'bootherd|1' 'vm|vms|a/a.cfg|web 1|on|0|none|' 'end|2' >"$work/run/list"
echo 'name = "web 1"' >"$vms/a/a.cfg"

says "no machines" 0 "" host host_list
says "registered: the handle is its path" 0 "$vms/a/a.cfg" host host_register vms a/a.cfg "web 1"
says "it is off" 0 "$vms/a/a.cfg|off|vms|a/a.cfg|web 1|" host host_list
says "no such file" 1 "no file x.cfg there" host host_register vms x.cfg x
says "started" 0 "" host host_start "$vms/a/a.cfg" vms a/a.cfg
says "it is on, its name has a blank" 0 "$vms/a/a.cfg|on|vms|a/a.cfg|web 1|" host host_list
says "started again: no harm" 0 "" host host_start "$vms/a/a.cfg" vms a/a.cfg

printf "%s\n" "  name='by|hand' # as some write it" >"$vms/b c/b.cfg"
echo "8 -b----" >"$work/domains/by|hand"
says "by hand: found by its name, which is encoded" 0 "$vms/b c/b.cfg|on|vms|b c/b.cfg|by%7Chand|
$vms/a/a.cfg|on|vms|a/a.cfg|web 1|" host host_list
rm "$work/domains/by|hand"
says "by hand, now off: it belongs to this host" 0 "$vms/a/a.cfg|on|vms|a/a.cfg|web 1|
$vms/b c/b.cfg|off|vms|b c/b.cfg|by%7Chand|" host host_list
echo "9 --p---" >"$work/domains/by|hand"
check "paused" grep -qxF "$vms/b c/b.cfg|paused|vms|b c/b.cfg|by%7Chand|" <(host host_list)
echo "9 ---s--" >"$work/domains/by|hand"
check "on its way down: off" grep -qxF "$vms/b c/b.cfg|off|vms|b c/b.cfg|by%7Chand|" <(host host_list)
rm "$work/domains/by|hand" "$vms/b c/b.cfg"
says "its file is gone, so it is" 0 "$vms/a/a.cfg|on|vms|a/a.cfg|web 1|" host host_list

echo "10 r-----" >"$work/domains/loose"
check "without a file: told, on no datastore" grep -qxF "domain 10|on|||loose|" <(host host_list)
echo 'name = "loose"' | tee "$vms/one.cfg" >"$vms/two.cfg"
check "two files of one name, both unknown: nobody knows which" grep -qxF "domain 10|on|||loose|" <(host host_list)
host host_register vms two.cfg loose >/dev/null
check "the one that is this host's" grep -qxF "$vms/two.cfg|on|vms|two.cfg|loose|" <(host host_list)

echo 'libxl: error: libxl_device.c:1111:device_backend_callback: Domain 11:unable to add device' >"$work/refuses"
rm "$work/domains/loose"
check "refused: as xl says it" grep -q "unable to add device" <(host host_start "$vms/two.cfg" vms two.cfg)
: >"$work/away"
host host_list >/dev/null 2>&1
check "xl does not answer: nothing is believed" [ $? = 1 ]
check "and it is not ready, which it says" grep -q "privileged command interface" <(host host_ready)
tap_end
