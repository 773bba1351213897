#!/bin/bash
# Roles by day and by night, as an operator sets them and machines see them: settings, node show, what boot ROMs are told,
# the moment a window ends, a boot that is for once. The machines are udhcpc in the words of a boot ROM, and curl.
#
#   roles.sh [BOOTHERD]     the program to test, default build/src/bootherd
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
export ASAN_OPTIONS=detect_leaks=0 # a process that gave up its privileges cannot look at itself
zone=Australia/Sydney

b() {
    "$bootherd" --root "$root" "$@"
}

# clock WHEN: on the wall in that zone, as date takes it.
clock() {
    TZ=$zone date -d "$1" +%H:%M
}

# rom NAME ARCHITECTURE: asks as a UEFI boot ROM; prints the boot file.
rom() {
    cat >"$LAB_DIR/rom.sh" <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev c0
ip addr add "$ip/$mask" dev c0
echo "told $boot_file"
END
    chmod +x "$LAB_DIR/rom.sh"
    on "$1" busybox udhcpc -f -n -q -t 3 -T 1 -i c0 -V "PXEClient:Arch:000$2:UNDI:003000" -x 0x5d:00"$2" -O bootfile \
        -s "$LAB_DIR/rom.sh" 2>/dev/null | sed -n 's/^told //p'
}

next_boot() {
    b node show "$@" | sed -n 's/^next boot: //p'
}

test_settings() {
    answers "the procedure's accounting machines" 0 '^\+ node acct20' b node set 'acct[01-20]' --image program --boot image \
        --between 19:00-06:00 --days mon-fri --time-zone Europe/Vienna
    is "by night the image, and when that ends" "$(next_boot acct07 --at '2026-11-23 22:00')" \
        "image program until Tue 06:00 (between 19:00-06:00 mon-fri, Europe/Vienna); then the local disk"
    is "by day the disk" "$(next_boot acct07 --at '2026-11-24 12:00')" \
        "the local disk until Tue 19:00 (outside 19:00-06:00 mon-fri, Europe/Vienna); then image program"
    is "over the week's end" "$(next_boot acct07 --at '2026-11-28 06:00')" \
        "the local disk until Mon 19:00 (outside 19:00-06:00 mon-fri, Europe/Vienna); then image program"
    is "a night without its hour from two to three" "$(b node show acct07 --json --at '2026-03-27 23:00' |
        jq -r '.next_boot | .since + " " + .until')" "2026-03-27T18:00:00Z 2026-03-28T05:00:00Z"
    is "in JSON" "$(b node show acct07 --json --at '2026-11-24 12:00' | jq -r '.next_boot | .boots + " " + .then')" "local image"
    b dump >"$LAB_DIR/dump.yaml"
    answers "dump and apply keep it" 0 '^no change' b apply "$LAB_DIR/dump.yaml"
    answers "explain for the day: no image" 0 "^boots the local disk until" b explain acct07 --at '2026-11-24 12:00'
    answers "explain for the night" 0 "^image program" b explain acct07 --firmware uefi --at '2026-11-24 22:00'
    answers "a zone that is none" 1 'did you mean Europe/Vienna' b node set acct01 --time-zone Europe/Wienna
    answers "hours that are none" 1 'write 19:00-06:00' b node set acct01 --between 19-6
    answers "an empty window" 1 'ends when it begins' b node set acct01 --between 06:00-06:00
    answers "once, by the clock" 1 'leave one of them out' b node set acct01 --boot once
    answers "a time that is none" 1 "write one as '2026" b node show acct01 --at noon
    answers "a word that is none" 1 'image, local, once' b node set acct01 --boot disk
    b node remove 'acct[01-20]' >/dev/null
}

# acct: now inside, now outside; a running server takes the change at once.
test_told() {
    local image disk=loader/grub-amd64/shimx64.efi
    b node set acct --mac "$(lab_mac 1)" --ip "$LAB_PREFIX.11" --image program --time-zone "$zone" \
        --between "$(clock '-1 hour')-$(clock '+1 hour')" >/dev/null 2>&1
    image=$(b explain acct --firmware uefi | sed -n 's/.*boot file \(image.*\)/\1/p')
    check "there is something to boot" [ -n "$image" ]
    is "inside the window, the image" "$(rom acct 07)" "$image"
    b node set acct --between "$(clock '+2 hours')-$(clock '+3 hours')" >/dev/null 2>&1
    is "outside, what sends it to its disk" "$(rom acct 07)" "$disk"
    answers "and its loader" 0 'starting from the local disk' fetch acct grub/grub.cfg
    is "where nothing can, an address alone" "$(rom acct 0b)" ""
    check "its story ends there" story acct 'local disk  .*sent to its own disk, outside'
    answers "and the server said so" 0 'ACK .*shimx64.efi: local disk, outside' cat "$LAB_DIR/serve.log"
    b node set acct --boot local --between '' >/dev/null 2>&1
    is "always" "$(rom acct 07)" "$disk"
    is "and back" "$(b node set acct --boot '' >/dev/null 2>&1 && rom acct 07)" "$image"
}

story() {
    b status | grep -q "^$1  .*$2"
}

# A window that ends at the next full minute but ten seconds at least from now.
test_the_end_of_a_window() {
    local image disk=loader/grub-amd64/shimx64.efi now ends
    now=$(date +%s) ends=$(((now + 70) / 60 * 60))
    b node set acct --loader grub --image tin --between "$(clock '-1 hour')-$(clock "@$ends")" >/dev/null 2>&1
    image=$(rom acct 07)
    is "the loader of the image" "$image" "$disk"
    answers "node show says when it ends" 0 "next boot: image tin until .*$(clock "@$ends")" b node show acct
    sleep $((ends - $(date +%s) + 1))
    fetch acct grub/grub.cfg >"$LAB_DIR/config"
    check "what began before the end goes on" grep -q "linux '/image/" "$LAB_DIR/config"
    rom acct 07 >/dev/null
    fetch acct grub/grub.cfg >"$LAB_DIR/config"
    check "and the next boot is another" grep -q "starting from the local disk" "$LAB_DIR/config"
}

test_once() {
    local image
    b node set acct --image program --loader '' --between '' --boot once >/dev/null 2>&1
    is "once" "$(next_boot acct)" "image program (boot is once); then the local disk"
    image=$(rom acct 07)
    fetch acct "$image" | cmp -s - "$LAB_DIR/program.efi"
    is "it gets the image" "$?" 0
    check "and then boot is local" within 5 now_local
    is "for the next boot" "$(rom acct 07)" loader/grub-amd64/shimx64.efi
    answers "its story says so" 0 'once +boot was once and is local from now on' cat "$LAB_DIR/serve.log"
    kill -TERM "$server" && wait "$server"
    is "audited as bootherd's own" "$(python3 - "$root/state.db" <<'END'
import sqlite3, sys
print(*sqlite3.connect(sys.argv[1]).execute("SELECT who, change FROM audit ORDER BY at_ms DESC LIMIT 1").fetchone())
END
    )" "bootherd ~ node acct: boot once -> local"
}
now_local() {
    next_boot acct | grep -q '^the local disk (boot is local)$'
}
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

lab_open || exit 1
trap 'clients_close; lab_close' EXIT
root=$LAB_DIR/root
chmod 755 "$LAB_DIR" # the import of a folder is done by another user
clients_open
cp /usr/lib/ipxe/ipxe.efi "$LAB_DIR/program.efi"
b image import "$LAB_DIR/program.efi" --name program >/dev/null 2>&1
b image import /boot/memtest86+x64.bin --name tin >/dev/null 2>&1 # a kernel of Linux's boot protocol
client acct 1
test_settings
lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$root" serve --interface br0 --http-port 8080
server=$LAB_PID
check "the server starts" lab_wait "$LAB_DIR/serve.log" '^serving on br0' 20 "$server"
test_told
test_the_end_of_a_window
test_once
tap_end
