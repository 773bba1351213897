#!/bin/bash
# Damaged, hostile and wrong media, as an operator meets them: each is refused by `image import` and `image inspect` with
# one line that says what, where and what to do, and the store stays as it was. And what the commands say of a store and
# a database that are damaged.
#
#   badinput.sh [BOOTHERD]     the program to test, default build/src/bootherd
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
bootherd=$(realpath "${1:-$top/build/src/bootherd}")
export ASAN_OPTIONS=detect_leaks=0 # a process that gave up its privileges cannot look at itself
seconds_max=60                     # for one command, with sanitizers

b() {
    timeout "$seconds_max" "$bootherd" --root "$root" "$@"
}

picture() {
    (cd "$root/images" && find . ! -name .lock -printf '%p %y\n' -type f -exec sha256sum {} + | sort)
}

# said PATTERN: the output in $dir/out and $dir/err is one line of an error that matches (grep -E), notes besides, and
# nothing that a terminal would take for a command.
said() {
    local problem=
    [ "$(grep -c '^bootherd: ' "$dir/err")" = 1 ] || problem="not one line beginning 'bootherd: '"
    grep -vqE '^(bootherd|note): |^(import|inspect): .* read' "$dir/err" && problem="other lines than errors and notes"
    grep -qE -- "^bootherd: .*$1" "$dir/err" || problem="no line like: $1"
    LC_ALL=C grep -qP '[\x01-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$dir/out" "$dir/err" && problem="control characters"
    grep -qE 'runtime error|Sanitizer' "$dir/err" && problem="a sanitizer's report"
    [ -z "$problem" ] || diag "$problem"
    [ -z "$problem" ]
}

# refused LABEL PATTERN COMMAND...: exit status 1 in time, and what `said` asks.
refused() {
    local label=$1 pattern=$2 status
    shift 2
    "$@" >"$dir/out" 2>"$dir/err" </dev/null
    status=$?
    if [ "$status" = 1 ] && said "$pattern"; then
        ok "$label"
    else
        not_ok "$label"
        diag "status $status: $(cat -v "$dir/err")"
    fi
}

# bad LABEL SOURCE PATTERN: both commands refuse the source, and the store is what it was.
bad() {
    refused "$1" "$3" b image import "$2" --name bad
    refused "$1: inspect" "$3" b image inspect "$2"
    [ "$(picture)" = "$before" ] || not_ok "$1: the store changed"
}

# taken LABEL SOURCE PATTERN: imported, with a line like the pattern.
taken() {
    b image import "$2" --name taken >"$dir/out" 2>"$dir/err" </dev/null
    is "$1" "$? $(cat "$dir/out" "$dir/err" | grep -cE -- "$3")" "0 1"
    LC_ALL=C grep -qP '[\x01-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$dir/out" "$dir/err" && not_ok "$1: control characters"
    b image remove taken >/dev/null
}

dd_name=VMware-VMvisor-big-4.0.0-208167-x86_64.dd.bz2

test_truncated() {
    bad "an ISO cut in its first bytes" cut0.iso 'cut0.iso is none of the media known'
    bad "an ISO cut in its descriptors" cut1.iso 'says it is 395264 bytes long, but only 34816 are there: .* download'
    bad "an ISO cut in the middle" cut2.iso 'but only 197632 are there'
    bad "an ISO without its last byte" cut3.iso 'but only 395263 are there'
    bad "a tgz of five bytes" cut0.tgz 'cut0.tgz: ends early, after 5 bytes, in gzip data: .* download'
    bad "a tgz cut in the middle" cut1.tgz 'cut1.tgz: ends early, after [0-9]+ bytes, in gzip'
    bad "a tgz without its trailer" cut2.tgz 'cut2.tgz: ends early'
    bad "a tgz without its last byte" cut3.tgz 'cut3.tgz: ends early'
    bad "three bytes of a bz2" cut0.dd.bz2 'none of the media known'
    bad "four bytes of a bz2" cut1.dd.bz2 'cut1.dd.bz2'
    bad "a bz2 cut in the middle" cut2.dd.bz2 'cut2.dd.bz2: ends early, after [0-9]+ bytes, in bzip2 data'
    bad "a bz2 without its last byte" cut3.dd.bz2 'cut3.dd.bz2: ends early, after [0-9]+ bytes, in bzip2 data'
    bad "a disk image of 100 bytes" cut0.dd 'none of the media known'
    bad "a disk image cut at its first partition" cut1.dd 'partition 4 .* begins at sector 32, but .* cut short'
    bad "a disk image cut in the bootbank" cut2.dd 'cut2.dd: partition 5: ends early, after 20480 bytes'
    bad "a disk image cut in an EBR" cut3.dd 'ends early, after [0-9]+ bytes, in an extended boot record'
    bad "a cut bz2 in a whole tgz in a whole ISO" bz2cut.iso "image.tgz: usr/.*/$dd_name: ends early, .* bzip2 data"
    bad "a cut tgz in a whole ISO" tgzcut.iso 'tgzcut.iso: image.tgz: ends early, .* gzip data'
    bad "a cut tar in a whole tgz" tarcut.iso 'tarcut.iso: image.tgz: near byte 8000: .* cut short'
    bad "a cut disk image in whole archives" ddcut.iso "$dd_name: partition 5: ends early"
}

test_bits() {
    bad "a flipped bit in a bz2 block" bz2flip.iso "$dd_name: the bzip2 data is damaged before byte [0-9]+ .*checksum"
    bad "a flipped bit in image.tgz" gzipflip.iso 'image.tgz: the gzip data is damaged before byte [0-9]+ .* download'
    bad "a flipped bit in its checksum" crcflip.iso 'image.tgz: the gzip data is damaged before byte [0-9]+ .*check'
    bad "a flipped bit in a module" module.dd 'partition 5: vmk.gz: is damaged gzip data .* get the image again'
    bad "a flipped bit in one FAT" fatflip.dd 'partition 5: vmk.gz: cluster [0-9]+ is linked differently in the two'
    bad "a flipped bit in both FATs" fatboth.dd 'partition 5: vmk.gz: .*cluster [0-9]+ .* get the image again'
    bad "a flipped bit in an EBR's mark" ebrflip.dd 'boot record at sector 8192 does not end in 55 aa: .* get the image'
    bad "a flipped bit in an EBR's type" ebrtype.dd 'no bootbank of ESXi .* give the vendor'
    check "and the partition that was passed over is noted" grep -q '^note: .*partition 5 .* only FAT' "$dir/err"
}

test_tables() {
    bad "an EBR that links to the first one" ebrloop.dd 'links to sector 8192, which is not behind it: .* get the image'
    bad "an EBR that links to itself" ebrself.dd 'sector 8192 links to sector 8192, which is not behind it'
    bad "a partition outside the image" outside.dd 'partition 2 .* begins at sector 30000, but .* has only 20544'
    bad "a logical partition too large" beyond.dd 'partition 6 .* does not lie in the extended partition'
    bad "overlapping partitions" overlap.dd 'partition 2 \(sectors 4000 to 8999\) overlaps partition'
    bad "a partition within another" twice.dd 'partition 2 \(sectors 8224 to 8323\) overlaps partition'
}

test_fats() {
    bad "a FAT loop" fatloop.dd 'partition 5: vmk.gz: cluster [0-9]+ comes twice, the chain is a loop: .* get the image'
    bad "a chain that ends early" fatshort.dd 'vmk.gz: has [0-9]+ bytes, but its chain from cluster [0-9]+ on holds only'
    bad "a chain that leaves the FAT" fatfar.dd 'vmk.gz: cluster 65504 does not exist'
    bad "a size larger than the chain" toolong.dd 'vmk.gz: has 2147483647 bytes, but its chain from cluster [0-9]+ on'
    bad "two files that share clusters" cross.dd 'cluster [0-9]+ belongs to two files'
}

test_names() {
    bad "a tar that leads out" dots.tgz 'dots.tgz: the name "\.\./etc/passwd" leads out of its container'
    bad "and one that does so inside" inside.tgz 'the name "usr/\.\./\.\./x" leads out'
    bad "a tar with an absolute name" absolute.tgz 'the name "/etc/passwd" is absolute'
    bad "an ISO that leads out" dots.iso 'dots.iso: the name "\.\./\.\./xy" leads out'
    bad "an ISO with an absolute name" absolute.iso 'the name "/etc/pwd" is absolute'
    bad "control characters in a tar" escape.tgz 'the name "\?\[31mred.*holds control characters'
    bad "in an ISO" escape.iso 'holds control characters'
    bad "in a FAT" escape.dd 'escape.dd: partition 5: the name .* holds control characters'
    bad "in the names of a link" link.tar 'no bootbank'
    bad "names that are no UTF-8" notutf8.tgz 'It holds \?\?\?31m'
    bad "UTF-8 is shown as it is" strange.tgz 'It holds grün-東京'
    taken "a control character of two bytes that nobody asks for" c1.tgz '^imported as taken'
    bad "control characters in the source's own name" $'\e[31mtext' '\?\[31mtext is none of the media'
    taken "which is no reason to refuse a good one" $'\e[31mred\xc2\x9b\n.dd' '^imported as taken'
}

test_contents() {
    local iso name
    for iso in $(dpkg -L grub-rescue-pc | grep '\.iso$'); do
        name=${iso##*/}
        bad "$name" "$iso" "$name is none of the media known here \(ISO 9660 .* can import: ESXi"
    done
    for iso in $(dpkg -L memtest86+ | grep '\.iso$'); do
        taken "${iso##*/}, whose EFI loader is a kernel" "$iso" '^imported as taken'
    done
    bad "an empty file" empty 'empty is an empty file: download'
    bad "a text" text.txt 'text.txt is none of the media known'
    bad "an archive of something else" unknown.tgz 'no bootbank .* It holds etc/motd, srv/data.bin'
    bad "an empty folder" none 'none is none of the media known here'
    bad "a folder of something else" "$top/docs" 'docs is none of the media known here'
    bad "a folder that must not be read" unread 'folder unread: images are read by a process of user [0-9]+, who may not enter it: chmod'
    bad "a module that must not be read" secret 'secret: cim.vgz: Permission denied for .*chmod'
    bad "a named pipe" pipe 'pipe is neither a file nor a folder: give an ISO'
    bad "a block device" block 'block is neither a file nor a folder'
    taken "a pipe and links that lead out, beside what is good" odd '^note: .*pipe.tgz is passed over'
    bad "a wrong MD5 sum" md5.iso 'imagedd.bz2: its MD5 sum is [0-9a-f]{32}, but imagedd.md5 says .0{32}.: get'
    bad "an MD5 file without one" md5text.iso 'but imagedd.md5 says .\?\[31m no sum'
    bad "a module that is not there" missing 'boot.cfg lists files that are not there: cim.vgz. .* get it again'
    bad "a kernel and boot.cfg that are not there" nocfg 'nocfg is none of the media known here \(directory with'
    bad "an empty module" emptymod 'cim.vgz is empty'
    bad "bytes behind a module" trailing 'vmk.gz: has 4 bytes or more behind its gzip data; .* repack'
    bad "an empty boot.cfg" cfgempty 'boot.cfg: it names no kernel'
    bad "control characters in the options" cfgescape 'boot.cfg: line 2: kernelopt= holds the byte 0x1b'
    bad "in a module's name" cfgmissing 'boot.cfg: line 3: modules= holds the byte 0x1b'
    bad "a module outside the bank" cfgname 'lists files that are not there: \.\./\.\./cim.vgz'
}

# All at once, with a store of their own: they take seconds, most of them in the libraries.
test_bombs() {
    local pids=() source n=0
    for source in bomb.gz.bz2 bomb.bz2 bombs; do
        timeout 170 "$bootherd" --root "$dir/other" image import "$source" >"$dir/$source.out" 2>"$dir/$source.err" </dev/null &
        pids+=($!)
    done
    for source in bomb.gz.bz2:'bomb.gz.bz2: unpacks to more than 4.3 GB, the limit .* check where it comes from' \
        bomb.bz2:'bomb.bz2: unpacks to more than 4.3 GB, the limit' bombs:'sys.vgz: unpacks to more than 4 GiB, which no'; do
        wait "${pids[n++]}"
        is "10 GB in ${source%%:*}: the status" "$?" 1
        mv "$dir/${source%%:*}.out" "$dir/out"
        mv "$dir/${source%%:*}.err" "$dir/err"
        check "and the message" said "${source#*:}"
    done
    is "no staging folder stays" "$(find "$dir/other/images" -name '.staging*')" ""
    is "and nothing was kept" "$(find "$dir/other/images/blobs" -type f)" ""
}

# blob NAME FILE: the path of the blob of a file of an image.
blob() {
    echo "$root/images/blobs/sha256/$(b image show "$1" --json | python3 -c '
import json, sys
print(next(f["digest"][7:] for f in json.load(sys.stdin)["files"] if f["name"] == sys.argv[1]))' "$2")"
}

manifest() {
    python3 -c '
import json, sys
print(json.load(open(sys.argv[1] + "/images/index.json"))["manifests"][0]["digest"].replace(":", "/"))' "$root"
}

# restored: the store as it was before the damage.
restored() {
    rm -rf "$root/images" && cp -a "$dir/kept" "$root/images"
}

test_store() {
    local file
    b image import "$dir/fixture/b35.dd" --name spare >/dev/null 2>&1
    cp -a "$root/images" "$dir/kept"
    file=$(blob good vmk.gz)
    printf '\x55' | dd of="$file" bs=1 seek=5000 conv=notrunc status=none
    refused "a blob with a flipped bit: verify" '1 problem: import the image again' b image verify
    check "names the file" grep -q "good: images/blobs/sha256/${file##*/} is damaged" "$dir/out"
    truncate -s 100 "$file"
    refused "a blob that was cut: verify" '1 problem' b image verify good
    check "says how long it should be" grep -q "sha256/${file##*/} has 100 bytes, expected 1" "$dir/out"
    rm "$file"
    refused "a blob that is gone: verify" '1 problem' b image verify
    check "names it" grep -q "open images/blobs/sha256/${file##*/}: No such file" "$dir/out"
    refused "export" "${file##*/}" b image export good "$dir/exported"
    restored
    file=$root/images/blobs/$(manifest)
    echo garbage >"$file"
    refused "a manifest that is garbage: list" "images/blobs/sha256/.* is damaged: .* import the image again" b image list
    check "and the others are listed" grep -q '^spare ' "$dir/out"
    refused "show" "images/blobs/sha256/.* is damaged: .* import" b image show good
    refused "verify" '1 problem' b image verify
    rm "$file"
    refused "a manifest that is gone: show" 'images/blobs/sha256/.* is missing; import the image again' b image show good
    restored
    echo '{"schemaVersion": 2, "manifests": [' >"$root/images/index.json"
    refused "an index that is garbage: list" 'images/index.json:[0-9]+:[0-9]+: .* restore it from a backup' b image list
    refused "show" 'images/index.json' b image show good
    refused "verify" 'images/index.json' b image verify
    refused "import" 'images/index.json' b image import whole.iso
    refused "remove" 'images/index.json' b image remove good
    is "and it is left as it is" "$(cat "$root/images/index.json")" '{"schemaVersion": 2, "manifests": ['
    : >"$root/images/index.json"
    refused "an empty index" 'images/index.json' b image list
    rm "$root/images/index.json"
    refused "no index" 'images/index.json is missing: restore it from a backup' b image list
    refused "no index over blobs: import" 'index.json is missing but .* restore the index' b image import whole.iso
    restored
    is "the store put back is whole" "$(b image verify)" "the store: every file is what its digest says"
}

test_database() {
    b node set n1 --mac 52:54:00:77:00:01 >/dev/null 2>&1
    cp -a "$root/state.db" "$dir/state.kept"
    head -c 20000 /dev/urandom >"$root/state.db"
    refused "a database that is none" 'state.db: .* not a database; left as it is: move it away' b node list
    refused "and it is not written to" 'state.db' b node set n2 --mac 52:54:00:77:00:02
    refused "serve" 'state.db: .* not a database' b serve --interface lo
    refused "status" 'state.db: .* not a database' b status
    cp -a "$dir/state.kept" "$root/state.db"
    python3 - "$root/state.db" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    data = bytearray(f.read())
    data[4096::7] = bytes(x ^ 0x55 for x in data[4096::7])
    f.seek(0)
    f.write(data)
END
    refused "a damaged database" 'state.db: .* damaged; left as it is' b node list
    refused "dump" 'state.db: .* damaged' b dump
    truncate -s 3000 "$root/state.db"
    refused "a database that was cut" 'state.db: .*: move it away' b node list
    rm "$root/state.db"
    mkdir "$root/state.db"
    refused "a folder in its place" 'state.db' b node list
    rmdir "$root/state.db"
    cp -a "$dir/state.kept" "$root/state.db"
    check "the database put back works" sh -c "'$bootherd' --root '$root' node list | grep -q n1"
}

make_odd_sources() {
    mkdir none unread secret odd
    cp "$dir"/fixture/bank/* unread && chmod 700 unread
    cp "$dir"/fixture/bank/* secret && chmod 600 secret/cim.vgz
    cp "$dir"/fixture/bank/* odd && mkfifo odd/pipe.tgz && ln -s . odd/again && ln -s /etc/shadow odd/x.tgz
    mkfifo pipe
    mknod block b 7 250
    cp text.txt $'\e[31mtext'
    cp "$dir/fixture/b.dd" $'\e[31mred\xc2\x9b\n.dd'
}

[ "$(id -u)" = 0 ] || { echo "Bail out! a block device and other users' files need root" && exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/badinput.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$dir" # folders are read by another user
root=$dir/root
mkdir "$dir/fixture" "$dir/media"
"$here/../unit/image/fixture.sh" "$dir/fixture" 2>/dev/null
python3 "$here/badmedia.py" "$dir/fixture" "$dir/media" || exit 1
cd "$dir/media" || exit 1
make_odd_sources
b image import whole.iso --name good >/dev/null 2>&1 || { echo "Bail out! the whole ISO is refused" && exit 1; }
before=$(picture)
test_truncated
test_bits
test_tables
test_fats
test_names
test_contents
test_bombs
test_store
test_database
tap_end
