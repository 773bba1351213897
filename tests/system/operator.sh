#!/bin/bash
# What an operator does and meets, with the real program and foreign clients: wrong words, wrong input, a running server
# that takes changes at once, another machine's overlay, a removed image, kill -9, full disks.
#
#   operator.sh [BOOTHERD]     the program to test, default build/src/bootherd
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
export OPERATORS_OWN=secret
export ASAN_OPTIONS=detect_leaks=0 # a process that gave up its privileges cannot look at itself

b() {
    "$bootherd" --root "$root" "$@"
}

# What of the store must not change when an import fails.
store_picture() {
    (cd "$root/images" && find . -type f ! -name .lock -exec sha256sum {} + | sort)
}

start_server() {
    lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$root" serve --interface br0 --http-port 8080 "$@"
    server=$LAB_PID
    lab_wait "$LAB_DIR/serve.log" '^serving on br0' 20 "$server"
}

# --- tests ---

test_words() {
    answers "an unknown command is wrong usage, with a hint" 2 'did you mean "serve"' b sevre
    answers "a group without its second word" 2 'help node lists' b node
    answers "an unknown option" 2 'no option of "node set"' b node set n1 --imgae x
    answers "a missing value" 2 'needs a value' b node set n1 --mac
    answers "a word too many" 2 'one word too many' b dump all
    answers "serve wants an interface" 2 'which network interface' b serve
    answers "help" 0 'bootherd image import SOURCE' b help
    answers "the version" 0 '^bootherd [0-9]' b --version
}

test_imports() {
    local before
    answers "the stand-in is imported" 0 'imported as esxi4' b image import "$LAB_DIR/standin.iso" --name esxi4
    before=$(store_picture)
    answers "no such file" 1 'No such file' b image import "$LAB_DIR/none.iso"
    answers "a device is no image" 1 'neither a file nor a folder' b image import /dev/null
    head -c 9000000 "$LAB_DIR/standin.iso" >"$LAB_DIR/short.iso"
    answers "a truncated ISO" 1 'short\.iso.*cut short' b image import "$LAB_DIR/short.iso"
    answers "an ISO of something else" 1 'bootherd' b image import "$(dpkg -L grub-rescue-pc | grep '\.iso$' | head -1)"
    answers "a bad name" 1 'name' b image import "$LAB_DIR/standin.iso" --name '../x'
    answers "inspect tells the same of a truncated ISO" 1 'short\.iso' b image inspect "$LAB_DIR/short.iso"
    "$bootherd" --root "$root" image import "$LAB_DIR/standin.iso" --name killed >/dev/null 2>&1 &
    local pid=$!
    sleep 0.4
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    sleep 0.2
    is "failed and killed imports leave the store as it was" "$(store_picture | grep -v '\.staging')" "$before"
    "$bootherd" --root "$root" image import "$LAB_DIR/standin.iso" --name stopped >/dev/null 2>"$LAB_DIR/stopped" &
    pid=$!
    sleep 0.4
    kill -TERM "$pid" 2>/dev/null
    wait "$pid"
    is "an import that is stopped fails" "$?" 1
    check "and says by what" grep -q 'stopped by signal 15' "$LAB_DIR/stopped"
    is "and leaves no staging folder of its own" "$(find "$root/images" -maxdepth 1 -name '.staging*' | wc -l)" 1
    is "inspect's JSON has the partition table" \
        "$(b image inspect "$LAB_DIR/standin.iso" --json 2>/dev/null | tr -d ' \n' | grep -o '"number":5,[^}]*')" \
        '"number":5,"boot":false,"start":8224,"sectors":511968,"id":6,"type":"FAT16"'
    b image verify >/dev/null
    is "verify finds nothing to complain of" "$?" 0
    is "and says so in JSON" "$(b image verify --json | tr -d ' \n')" "[]"
    answers "what a killed import left goes with the next one" 0 'imported' b image import "$LAB_DIR/standin.iso" --name again
    is "no staging folder stays" "$(find "$root/images" -maxdepth 1 -name '.staging*' | wc -l)" 0
    is "two names share their blobs" "$(b image remove again --json | tr -d ' \n')" '{"removed":"again","freed_bytes":0}'
}

# ESXi 5 and later: into the store, and to each kind of machine what it can boot.
test_esxi5() {
    "$top/tests/unit/image/esxi5.sh" "$LAB_DIR/esxi8" 8.0.2 22380479
    xorriso -as mkisofs -quiet --norock -iso-level 1 -o "$LAB_DIR/esxi8.iso" "$LAB_DIR/esxi8"
    answers "an ISO of ESXi 8 is inspected" 0 'VMware ESXi 8\.0\.2 build 22380479 \(esxi_bootcfg, amd64\)' b image inspect "$LAB_DIR/esxi8.iso"
    answers "its modules are listed in order" 0 'module +112 +imgdb\.tgz' b image inspect "$LAB_DIR/esxi8.iso"
    answers "and imported under a name made of them" 0 'imported as esxi-8\.0\.2-22380479' b image import "$LAB_DIR/esxi8.iso"
    answers "the store has it whole" 0 '' b image verify esxi-8.0.2-22380479
    b node set late --mac "$(lab_mac 99)" --image esxi-8.0.2-22380479 >/dev/null 2>&1
    answers "explain says which loader a BIOS machine needs" 1 'boot loader pxelinux-3\.86 is not in the store: .*bootherd loader add FILE' \
        b explain late --firmware bios
    answers "and what a UEFI machine gets" 0 'chain mboot.*boot file image/[0-9a-f]*/mboot\.efi' b explain late --firmware uefi
    b node remove late >/dev/null 2>&1
    answers "and it can be removed" 0 'given back' b image remove esxi-8.0.2-22380479
}

# In a mount namespace of its own: a store on a file system of 6 MB.
test_full_disk() {
    answers "an import that fills the disk says so" 1 'No space left' unshare -m sh -c "
        mkdir -p '$LAB_DIR/small' && mount -t tmpfs -o size=6m tmpfs '$LAB_DIR/small' && chmod 755 '$LAB_DIR/small' &&
        '$bootherd' --root '$LAB_DIR/small' image import '$LAB_DIR/standin.iso'; status=\$?
        find '$LAB_DIR/small/images' -type f -size +100k | grep . && status=9
        exit \$status"
}

# A --root of its own, and what must not become one.
test_roots() {
    local home=$LAB_DIR/home
    mkdir "$home" && echo x >"$home/.bashrc"
    answers "a folder of root's with other things in it is not taken" 1 'holds \.bashrc' "$bootherd" --root "$home" node list
    is "and stays root's" "$(stat -c %u "$home")" 0
    (umask 077 && "$bootherd" --root "$LAB_DIR/mask" image import "$LAB_DIR/standin.iso" --name esxi4 >/dev/null 2>&1 &&
        "$bootherd" --root "$LAB_DIR/mask" node set n1 --mac "$(lab_mac 1)" --image esxi4 >/dev/null 2>&1)
    answers "whatever the umask, the processes can read the store" 0 'vmkboot' "$bootherd" --root "$LAB_DIR/mask" explain n1
    rm -r "$LAB_DIR/mask"
    answers "a full standard output is an error" 1 'No space left' sh -c "'$bootherd' --root '$root' image verify >/dev/full"
    answers "a closed one is, too" 1 'standard output' sh -c "'$bootherd' --root '$root' image list >&-"
}

test_fleet() {
    printf 'nodes:\n  n1:\n    mac: 52:54:00:77:00:01\n    ip: 10.77.0.300\n' >"$LAB_DIR/bad.yaml"
    answers "a bad value is named with file, line and column" 1 'bad\.yaml:4:9: ' b apply "$LAB_DIR/bad.yaml"
    printf 'nodes:\n  n1:\n    imgae: esxi4\n' >"$LAB_DIR/bad.yaml"
    answers "an unknown key, with a hint" 1 'bad\.yaml:3:5: .*image' b apply "$LAB_DIR/bad.yaml"
    : >"$LAB_DIR/empty.yaml"
    answers "an empty file removes nothing" 1 'nothing was changed' b apply "$LAB_DIR/empty.yaml"
    cat >"$LAB_DIR/fleet.yaml" <<END
profiles:
  esxi: {image: esxi4}
nodes:
  n[1-3]:
    mac: [$(lab_mac 1), $(lab_mac 2), $(lab_mac 3)]
    ip: $LAB_PREFIX.[11-13]
    profile: esxi
END
    answers "the example in docs/ is taken" 0 '^\+ node esx03' b apply "$top/docs/fleet.yaml" --dry-run
    answers "a dry run prints the difference" 0 '^\+ node n3' b apply "$LAB_DIR/fleet.yaml" --dry-run
    is "and changes nothing" "$(b dump)" ""
    answers "apply" 0 '^\+ node n3' b apply "$LAB_DIR/fleet.yaml"
    b dump >"$LAB_DIR/dump.yaml"
    answers "dump is taken back unchanged" 0 '^no change' b apply "$LAB_DIR/dump.yaml"
    answers "an address twice" 1 'n2' b node set n1 --ip "$LAB_PREFIX.12"
    printf 'walnut 4 Harbour\n' >"$LAB_DIR/password"
    answers "a weak hash is told" 0 'MD5' b profile set esxi --password-file "$LAB_DIR/password"
    answers "an empty password is refused" 1 'empty' b profile set esxi --password-file /dev/null
    check_fails "the password is nowhere on disk" grep -rq 'walnut' "$root"
    answers "one with a byte that nobody types is refused" 1 'control character' \
        sh -c "printf 'a\\0b\\n' | '$bootherd' --root '$root' node set n1 --password-file -"
    answers "a datastore as help writes it" 0 'datastores set' b node set n2 --datastores "$(b help node set |
        sed -n '/--datastores/{n;s/.*e\.g\. "\{0,1\}\([^"]*\).*/\1/p}')"
    answers "a machine of no node" 1 'node set NAME --mac 52:54:00:77:00:ff' b explain 52:54:00:77:00:ff
    answers "what others use is not removed" 1 'profile esxi is still needed' b profile remove esxi
    answers "a password is not shown" 0 'root_password_hash: \(set\)' b profile show esxi
}

# prompted ANSWERS: sets a password at the prompt; see prompt.py.
prompted() {
    timeout 60 "$here/prompt.py" "$1" "$bootherd" --root "$root" node set n1 --password
}

test_prompt() {
    answers "the password is asked for twice" 0 '^status 0' prompted 'chestnut 5/chestnut 5'
    check_fails "and not shown" grep -q chestnut "$LAB_DIR/out"
    check_fails "nor kept" grep -rq chestnut "$root"
    answers "a slip of the finger is noticed" 0 'the two passwords differ' prompted 'chestnut 5/chestnut'
    answers "interrupted, it ends" 0 '^status -2' prompted '^C'
    check "and the terminal shows again what is typed" grep -q '^echo on' "$LAB_DIR/out"
}

test_server_starts() {
    answers "an interface that does not exist" 1 'nix does not exist; this machine has .*br0' \
        lab_run "$bootherd" --root "$root" serve --interface nix
    lab_run ip link add bare type bridge
    lab_run ip link set bare up
    answers "an interface without an address" 1 'ip addr add' lab_run "$bootherd" --root "$root" serve --interface bare
    lab_spawn "$LAB_DIR/nc.log" socat -u UDP-RECV:69 /dev/null
    lab_wait_port udp 69 5
    answers "a port that is taken" 1 'port 69 is taken' lab_run "$bootherd" --root "$root" serve --interface br0
    lab_stop "$LAB_PID"
    check "the server starts" start_server
    answers "a second server on the same folder" 1 'runs on this --root already' \
        lab_run "$bootherd" --root "$root" serve --interface br0
}

# Every child of the server: the user nobody (or bootherd), no capabilities, no way back.
test_privileges() {
    local pid name children
    children=$(cat "/proc/$server/task/$server/children")
    is "two processes work for the parent" "$(echo "$children" | wc -w)" 2
    for pid in $children; do
        name=$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -d' ' -f1)
        check_fails "$name is not root" grep -q '^Uid:.*\b0\b' "/proc/$pid/status"
        check "$name has no capabilities" grep -q '^CapEff:.*0000000000000000$' "/proc/$pid/status"
        check_fails "$name sees nothing of the operator's environment" grep -q OPERATORS_OWN "/proc/$pid/environ"
        check "$name can gain none" grep -q '^NoNewPrivs:.*1$' "/proc/$pid/status"
        check_fails "$name has a root folder of its own" test "$(readlink "/proc/$pid/root")" = /
    done
}

test_live_changes() {
    client one 1
    client two 2
    client four 4
    is "a node gets its address and name" "$(lease one)" "$LAB_PREFIX.11 n1"
    is "another node gets its own" "$(lease two)" "$LAB_PREFIX.12 n2"
    is "a machine that nobody knows gets nothing" "$(lease four)" ""
    answers "and is reported, with the command that adds it" 0 "node set .* --mac $(lab_mac 4)" b status
    b node set n4 --mac "$(lab_mac 4)" --ip "$LAB_PREFIX.14" --image esxi4 >/dev/null 2>&1
    is "once added, it gets an address at once" "$(lease four)" "$LAB_PREFIX.14 n4"
    check_fails "no option yet" sh -c "ip netns exec '$LAB_NS-one' curl -s 'tftp://$LAB_PREFIX.1/$(config_path 1)' | grep -q 'noACPI'"
    b node set n1 --kernel-options noACPI >/dev/null 2>&1
    fetch one "$(config_path 1)" >"$LAB_DIR/config"
    check "a changed option is in the next config" grep -q 'vmkboot.gz noACPI ---' "$LAB_DIR/config"
    b explain n1 >"$LAB_DIR/explained"
    check "explain prints that config byte for byte" grep -qF "$(grep APPEND "$LAB_DIR/config")" "$LAB_DIR/explained"
}

# The path of the overlay and the digest that explain promises.
overlay_of() {
    b explain "$1" --json | python3 -c '
import json, sys
for f in json.load(sys.stdin)["files"]:
    if f["overlay"]: print(f["path"], f["sha256"])'
}

test_overlay() {
    local path wanted
    read -r path wanted < <(overlay_of n1)
    is "the node gets its overlay by TFTP, as explained" "$(fetch one "$path" | sha256sum | cut -d' ' -f1)" "$wanted"
    is "and by HTTP" "$(on one curl -s "http://$LAB_PREFIX.1:8080/$path" | sha256sum | cut -d' ' -f1)" "$wanted"
    is "another node is refused by TFTP" "$(fetch two "$path" | wc -c)" 0
    is "and by HTTP" "$(on two curl -s -o /dev/null -w '%{http_code}' "http://$LAB_PREFIX.1:8080/$path")" 403
    sleep 0.5
    check "the refusal is told" grep -q 'refused' "$LAB_DIR/serve.log"
    answers "and is in the story of the one who asked" 0 'refused' b status n2
    # An address that was taken, not leased, is nobody's.
    on two ip addr flush dev c0
    on two ip addr add "$LAB_PREFIX.99/24" dev c0
    is "an address without a lease is refused" "$(on two curl -s -o /dev/null -w '%{http_code}' "http://$LAB_PREFIX.1:8080/$path")" 403
}

test_doors() {
    local path sum
    path=$(b explain n1 | sed -n 's/^ *[0-9]* *\(image[^ ]*sys.vgz\) .*/\1/p')
    sum=$(b explain n1 | sed -n 's/.*sys.vgz .*sha256:\([0-9a-f]*\)/\1/p')
    is "a module by TFTP" "$(fetch one "$path" | sha256sum | cut -d' ' -f1)" "$sum"
    is "the same by HTTP" "$(on one curl -s "http://$LAB_PREFIX.1:8080//$path" | sha256sum | cut -d' ' -f1)" "$sum"
    is "what is not there is 404" "$(on one curl -s -o /dev/null -w '%{http_code}' "http://$LAB_PREFIX.1:8080/image/000000000000/x")" 404
    is "and nothing outside can be named" "$(on one curl -s --path-as-is -o /dev/null -w '%{http_code}' "http://$LAB_PREFIX.1:8080/../state.db")" 400
}

test_removal() {
    local path sum
    answers "an image in use is not removed" 1 'still named by' b image remove esxi4
    path=$(b explain n1 | sed -n 's/^ *[0-9]* *\(image[^ ]*vmk.gz\) .*/\1/p')
    sum=$(b explain n1 | sed -n 's/.*vmk.gz .*sha256:\([0-9a-f]*\)/\1/p')
    on one curl -s --limit-rate 2M -o "$LAB_DIR/slow" "http://$LAB_PREFIX.1:8080/$path" &
    local slow=$!
    sleep 0.7
    answers "unless it is forced" 0 'removed esxi4' b image remove esxi4 --force
    wait "$slow"
    is "a transfer that runs is finished" "$(sha256sum <"$LAB_DIR/slow" | cut -d' ' -f1)" "$sum"
    is "and a machine in the middle of its boot goes on" "$(fetch one "$path" | sha256sum | cut -d' ' -f1)" "$sum"
    answers "but no boot begins any more" 1 'not in the store' b explain n1
    b image import "$LAB_DIR/standin.iso" --name esxi4 >/dev/null 2>&1
    answers "until the image is back" 0 'APPEND' b explain n1
}

test_kill() {
    local before pid children
    b network set lab --subnet "$LAB_PREFIX.0/24" --pool "$LAB_PREFIX.100-$LAB_PREFIX.199" >/dev/null
    client five 5
    before=$(lease five)
    check "a machine that nobody knows gets an address from the pool" grep -q "^$LAB_PREFIX\.1[0-9][0-9]" <<<"$before"
    children=$(cat "/proc/$server/task/$server/children")
    # shellcheck disable=SC2086
    kill -9 $children "$server"
    wait "$server" 2>/dev/null
    for pid in $children; do
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    done
    check "after kill -9 of all, the server starts" start_server
    is "and the machine keeps its address" "$(lease five)" "$before"
    read -r pid _ <"/proc/$server/task/$server/children"
    kill -9 "$pid"
    sleep 2
    check_fails "when one process dies, all end" kill -0 "$server"
    check "and the log says which" grep -q 'was ended by signal 9' "$LAB_DIR/serve.log"
}

# A reader that takes nothing: the pipe fills up with the story, and machines are still answered.
test_stopped_reader() {
    local i
    mkfifo "$LAB_DIR/story"
    exec 9<>"$LAB_DIR/story" # open for reading, never read
    # Filled to the brim before the server starts, but for what it says until it is ready.
    head -c 60000 /dev/zero >&9
    lab_spawn "$LAB_DIR/story" "$bootherd" --root "$root" serve --interface br0 --http-port 8080
    server=$LAB_PID
    lab_wait_port udp 67 20 "$server"
    # A line of the story for each: far more than there is room for.
    for i in {1..150}; do fetch one "$(config_path "${i/*/1}")" >/dev/null; done
    is "a reader of the story that stopped stops nothing" "$(lease one)" "$LAB_PREFIX.11 n1"
    kill -TERM "$server"
    wait "$server"
    exec 9>&-
}

test_stop() {
    check "the server starts again" start_server
    kill -TERM "$server"
    wait "$server"
    is "TERM ends it in order" "$?" 0
    check_fails "its socket is gone" test -e "$root/control.sock"
    answers "commands work without a server" 0 'n1' b node list
}

lab_open || exit 1
trap 'clients_close; lab_close' EXIT
root=$LAB_DIR/root
chmod 755 "$LAB_DIR" # the import of a folder is done by another user
clients_open
"$here/../standin/make-iso.sh" "$LAB_DIR/standin.iso" | sed 's/^/# /'
test_words
test_imports
test_esxi5
test_full_disk
test_roots
test_fleet
test_prompt
test_server_starts
test_privileges
test_live_changes
test_overlay
test_doors
test_removal
test_kill
test_stopped_reader
test_stop
tap_end
