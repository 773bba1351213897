#!/bin/bash
# What a running server does about malformed packets, a store that is damaged under it and a disk that fills up: it says
# so, goes on for everybody else, and is well again when the cause is gone, without a restart.
#
#   badserve.sh [BOOTHERD]     the program to test, default build/src/bootherd
[ -n "${BADSERVE_MOUNTS-}" ] || exec env BADSERVE_MOUNTS=own unshare -m "$0" "$@" # the small file system is ours alone
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

b() {
    timeout 60 "$bootherd" --root "$root" "$@"
}

# logs LABEL PATTERN: a line of the server's since `mark`.
mark() {
    marked=$(wc -l <"$LAB_DIR/serve.log")
}

logs() {
    local try
    for try in {1..30}; do
        if tail -n "+$((marked + 1))" "$LAB_DIR/serve.log" | grep -qE -- "$2"; then
            ok "$1"
            return
        fi
        sleep 0.1
    done
    not_ok "$1"
    diag "no line like '$2' within $((try / 10)) s; there are:"
    diag "$(tail -n "+$((marked + 1))" "$LAB_DIR/serve.log" | tail -n 8 | cat -v)"
}

# serves LABEL NAME N: that machine still gets its address, configuration and kernel.
serves() {
    local label=$1 config
    is "$label: DHCP" "$(lease "$2")" "$LAB_PREFIX.1$3 n$3"
    config=$(fetch "$2" "$(config_path "$3")" | grep -o 'APPEND image/.*' )
    check "$label: TFTP" [ -n "$config" ]
    is "$label: HTTP" "$(on "$2" curl -s --max-time 20 -o /dev/null -w '%{http_code}' "http://$LAB_PREFIX.1:8080/pxelinux.0")" 200
}

# The file of the store that holds FILE of IMAGE.
blob() {
    echo "$root/images/blobs/sha256/$(b image show "$1" --json | python3 -c '
import json, sys
print(next(f["digest"][7:] for f in json.load(sys.stdin)["files"] if f["name"] == sys.argv[1]))' "$2")"
}

# manifest NAME: the file of the store that holds the manifest of that image.
manifest() {
    python3 -c '
import json, sys
for m in json.load(open(sys.argv[1] + "/images/index.json"))["manifests"]:
    if m["annotations"]["org.opencontainers.image.ref.name"] == sys.argv[2]:
        print(sys.argv[1] + "/images/blobs/" + m["digest"].replace(":", "/"))' "$root" "$1"
}

start_server() {
    lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$root" serve --interface br0 --http-port 8080
    server=$LAB_PID
    lab_wait "$LAB_DIR/serve.log" '^serving on br0' 20 "$server"
}

no_controls() {
    ! LC_ALL=C grep -P '[\x01-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1" | cat -v | head -n 5 | grep .
}

test_packets() {
    check "malformed packets are sent" on one python3 "$here/badpackets.py" c0 "$(lab_mac 1)" "$LAB_PREFIX.1" "$top/tests/fuzz/corpus"
    serves "after malformed packets" one 1
    b status >"$LAB_DIR/status" 2>&1
    b status --json >>"$LAB_DIR/status" 2>&1
    b status n1 >>"$LAB_DIR/status" 2>&1
    check "no control character reaches the log" no_controls "$LAB_DIR/serve.log"
    check "or the status" no_controls "$LAB_DIR/status"
    check_fails "nobody got a file of the system's" grep -q 'root:' "$LAB_DIR/status"
}

# damage COMMAND...: done while no server has the store open.
damage() {
    lab_stop "$server"
    cat "$LAB_DIR/serve.log" >>"$LAB_DIR/all.log"
    "$@"
    check "the server starts all the same" start_server
}

# damaged LABEL PATTERN: n2 cannot boot and the reason is told, by all who are asked; n1 can.
damaged() {
    mark
    is "$1: no configuration" "$(fetch two "$(config_path 2)")" ""
    logs "$1: the log says why" "$2"
    answers "$1: explain says it" 1 "^bootherd: .*$2" b explain n2
    answers "$1: so does status" 0 "$2" b status n2
    serves "$1: the other node" one 1
}

test_store() {
    local file path kept=$LAB_DIR/kept
    cp -a "$root/images" "$kept"
    file=$(blob other environ.tgz)
    damage rm "$file"
    damaged "a blob that is gone" "image other: environ\.tgz: its blob sha256:[0-9a-f]{12} is missing; import the image again"
    cp -a "$kept/blobs/sha256/${file##*/}" "$file"
    serves "the blob put back" two 2
    damage truncate -s 0 "$file"
    damaged "an empty blob" "environ\.tgz: its blob .* has 0 bytes, expected [0-9]+; import the image again"
    cp -a "$kept/blobs/sha256/${file##*/}" "$file"
    path=$(b explain n2 | sed -n 's/^ *[0-9]* *\(image[^ ]*environ\.tgz\) .*/\1/p')
    serves "the blob put back" two 2
    # The server has it open by now.
    truncate -s 100 "$file"
    mark
    check_fails "a blob cut while it is open is no complete answer by TFTP" on two curl -s --max-time 20 -o "$LAB_DIR/got" "tftp://$LAB_PREFIX.1/$path"
    check_fails "nor by HTTP" on two curl -sf --max-time 20 -o "$LAB_DIR/got" "http://$LAB_PREFIX.1:8080/$path"
    logs "and the log says why" "environ\.tgz .*the file is shorter than it should be"
    cp -a "$kept/blobs/sha256/${file##*/}" "$file"
    file=$(manifest other)
    damage cp /etc/hostname "$file"
    damaged "a manifest that is garbage" "images/blobs/sha256/.* is damaged: .* import the image again"
    cp "$kept/blobs/sha256/${file##*/}" "$file"
    serves "the manifest put back" two 2
    echo '{"schemaVersion": 2,' >"$root/images/index.json"
    mark
    is "an index that is garbage: no configuration" "$(fetch two "$(config_path 2)")" ""
    logs "the log says why" 'images/index.json:[0-9]+:[0-9]+: .* restore it from a backup'
    answers "explain says it" 1 '^bootherd: .*images/index.json:' b explain n2
    check "the server keeps running" kill -0 "$server"
    cp "$kept/index.json" "$root/images/index.json"
    serves "the index put back" two 2
    serves "for all" one 1
}

test_full_disk() {
    local before
    before=$(lease two)
    head -c 100M /dev/zero >"$root/filler" 2>/dev/null
    mark
    is "a full disk: no ACK" "$(lease two)" ""
    logs "the log says why" 'the disk is full: free some space.*no ACK|no ACK.*disk is full'
    check_fails "no ACK went out" grep -q 'lease of' "$LAB_DIR/udhcpc.log"
    check "reading needs no space" [ -n "$(fetch two "$(config_path 2)")" ]
    answers "a change is refused" 1 '^bootherd: .*state.db: .*the disk is full: free some space' b node set n3 --mac "$(lab_mac 3)"
    answers "and so is an import" 1 '^bootherd: .*No space left' b image import "$LAB_DIR/media/letters.dd" --name full
    answers "the node was not kept" 1 'n3' b node show n3
    check "the server keeps running" kill -0 "$server"
    rm "$root/filler"
    is "with space again it leases, without a restart" "$(lease two)" "$before"
    answers "and takes changes" 0 'node n3' b node set n3 --mac "$(lab_mac 3)"
    is "no staging folder stays" "$(find "$root/images" -name '.staging*')" ""
    answers "the store is whole" 0 'every file is what its digest says' b image verify
}

test_stop() {
    kill -TERM "$server"
    wait "$server"
    is "the server ends in order" "$?" 0
    check_fails "no sanitizer had anything to report" grep -hE 'runtime error|Sanitizer' "$LAB_DIR/serve.log" "$LAB_DIR/all.log"
}

lab_open || exit 1
trap 'clients_close; umount -l "$root"; lab_close' EXIT
clients_open
chmod 755 "$LAB_DIR"
root=$LAB_DIR/root
mkdir "$root" "$LAB_DIR/media"
mount -t tmpfs -o size=24m,mode=755 tmpfs "$root" || exit 1
"$here/../unit/image/fixture.sh" "$LAB_DIR/media" 2>/dev/null
b image import "$LAB_DIR/media/b.dd" --name good >/dev/null 2>&1
b image import "$LAB_DIR/media/b35.dd" --name other >/dev/null 2>&1
b node set n1 --mac "$(lab_mac 1)" --ip "$LAB_PREFIX.11" --image good >/dev/null 2>&1
b node set n2 --mac "$(lab_mac 2)" --ip "$LAB_PREFIX.12" --image other >/dev/null 2>&1
client one 1
client two 2
check "the server starts" start_server
serves "a machine" one 1
serves "and another" two 2
test_packets
test_store
test_full_disk
test_stop
tap_end
