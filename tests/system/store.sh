#!/bin/bash
# The store, seen by foreign tools: skopeo, umoci and a registry on loopback take its images with unchanged digests; a
# crash or a full disk leaves it as it was. store.sh STORETOOL
# skopeo 1.9 needs a policy; docker-registry is run from its unpacked package, for installing it starts a service.
here=$(cd "$(dirname "$0")" && pwd)
storetool=$(realpath "$1")
downloader=$(realpath "$here/../../scripts/download.sh")
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
need skopeo umoci mcopy sfdisk bzip2 curl unshare
cache=${REGISTRY_CACHE:-$here/../../.cache/registry}
work=$(mktemp -d)
cd "$work" || exit 1
registry_pid=
finish() {
    [ -z "$registry_pid" ] || kill "$registry_pid"
    rm -rf "$work"
}
trap finish EXIT

# --- set-up ---

find_registry() {
    command -v docker-registry && return
    mkdir -p "$cache" && cache=$(realpath "$cache")
    if [ ! -x "$cache/usr/bin/docker-registry" ]; then
        (cd "$cache" && "$downloader" docker-registry && dpkg-deb -x docker-registry_*.deb .) >&2 || return 1
    fi
    echo "$cache/usr/bin/docker-registry"
}

start_registry() {
    local program
    program=$(find_registry) || return 1
    port=$((20000 + $$ % 20000))
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: "127.0.0.1:%d"}\n' \
        "$work/registry" "$port" >registry.yml
    "$program" serve registry.yml >registry.log 2>&1 &
    registry_pid=$!
    for _ in {1..100}; do
        curl -fs "http://127.0.0.1:$port/v2/" >/dev/null && return
        kill -0 "$registry_pid" || break
        sleep 0.1
    done
    cat registry.log
    return 1
}

printf '{"default":[{"type":"insecureAcceptAnything"}]}' >policy.json
sk() { skopeo --policy "$work/policy.json" "$@"; }

digest_of() { # TRANSPORT:REF: of the manifest's own bytes
    sk inspect --raw --tls-verify=false "$1" | sha256sum | cut -d' ' -f1
}

# What a reader can see of the store, and nothing of crashes.
state_of() {
    (cd "$1/images" && cat index.json && find blobs -type f -exec sha256sum {} + | sort)
}

# --- the tests ---

imports() {
    mkdir root media && bash "$here/../unit/image/fixture.sh" media &&
        bzip2 -k media/b.dd && "$storetool" root import media/b.dd.bz2 esxi | tee imported &&
        digest=$(sed -n 's/^sha256://p' imported) && [ ${#digest} = 64 ] &&
        "$storetool" root import media/letters.dd other
}

inspects() {
    sk inspect oci:root/images:esxi >inspected && cat inspected &&
        grep -q '"org.opencontainers.image.version": "4.0.0"' inspected &&
        grep -q "sha256:$(sha256sum <media/bank/vmk.gz | cut -d' ' -f1)" inspected &&
        sk inspect --config oci:root/images:esxi | grep -q '"architecture": "amd64"' &&
        [ "$(digest_of oci:root/images:esxi)" = "$digest" ]
}

copies() {
    sk copy oci:root/images:esxi oci:copy:esxi && [ "$(digest_of oci:copy:esxi)" = "$digest" ]
}

goes_to_registry() {
    sk copy --dest-tls-verify=false oci:root/images:esxi "docker://127.0.0.1:$port/herd/esxi:4.0" &&
        [ "$(digest_of "docker://127.0.0.1:$port/herd/esxi:4.0")" = "$digest" ]
}

comes_back() {
    sk copy --src-tls-verify=false "docker://127.0.0.1:$port/herd/esxi:4.0" oci:back:esxi &&
        [ "$(digest_of oci:back:esxi)" = "$digest" ] || return 1
    local blob
    for blob in back/blobs/sha256/*; do
        cmp "$blob" "root/images/blobs/sha256/${blob##*/}" || return 1
    done
}

# A store of its own is filled by skopeo; it reads as if imported.
pulled_is_ours() {
    mkdir second && { "$storetool" second verify || true; } &&
        sk copy --src-tls-verify=false "docker://127.0.0.1:$port/herd/esxi:4.0" oci:second/images:pulled &&
        "$storetool" second verify && "$storetool" second show pulled >shown && "$storetool" root show esxi | diff - shown &&
        "$storetool" second import media/letters.dd more && "$storetool" second remove pulled && "$storetool" second verify
}

umoci_stat() {
    umoci stat --image root/images:esxi && umoci ls --layout root/images | sort | tr '\n' ' ' | grep -qx 'esxi other '
}

exports() {
    mkdir out && "$storetool" root export esxi out && diff -r out media/bank
}

verifies() {
    "$storetool" root verify && cp -r root damaged &&
        printf x >>"damaged/images/blobs/sha256/$(sha256sum <media/bank/vmk.gz | cut -d' ' -f1)" || return 1
    if "$storetool" damaged verify >problems; then return 1; fi
    cat problems
    grep -q 'expected' problems
}

same_manifest_again() {
    mkdir third && "$storetool" third import media/b.dd.bz2 x | grep -qx "sha256:$digest"
}

# SIGXFSZ ends the import in the middle of a write, as a crash would.
survives_a_crash() {
    state_of root >before
    (ulimit -f 8 -c 0 && exec "$storetool" root import media/b35.dd esxi >/dev/null 2>&1)
    [ $? -gt 128 ] && state_of root | diff before - && ls -d root/images/.staging-* || return 1
    "$storetool" root import media/b.dd.bz2 esxi && state_of root | diff before - && ! ls -d root/images/.staging-*
}

survives_a_full_disk() {
    local user=-m
    [ "$(id -u)" = 0 ] || user=-rm
    mkdir full && cat >full.sh <<'EOF'
mount -t tmpfs -o size=150k none full && "$1" full import media/b.dd.bz2 esxi && "$2" full >before || exit 1
while head -c 4096 /dev/zero >>full/filler; do :; done 2>/dev/null
"$1" full import media/b35.dd new >/dev/null 2>said && exit 1
cat said
grep -q 'No space left on device' said && "$2" full | diff before - && ! ls -d full/images/.staging-* 2>/dev/null
EOF
    printf '#!/bin/bash\ncd "$1/images" && cat index.json && find blobs -type f -exec sha256sum {} + | sort\n' >state.sh
    chmod +x state.sh
    unshare $user bash full.sh "$storetool" ./state.sh
}

removes() {
    local blobs
    blobs=$(find root/images/blobs -type f | wc -l)
    "$storetool" root remove esxi && "$storetool" root verify && [ "$(find root/images/blobs -type f | wc -l)" -lt "$blobs" ] &&
        "$storetool" root show other && ! "$storetool" root show esxi && "$storetool" root remove other &&
        [ "$(find root/images/blobs -type f | wc -l)" = 0 ]
}

wrong_medium() {
    if "$storetool" root import /usr/lib/grub-rescue/grub-rescue-cdrom.iso x 2>said; then return 1; fi
    cat said
    grep -q 'bootherd can import' said && ! ls -d root/images/.staging-*
}

check "images are imported" imports
check "a registry runs on loopback" start_registry
check "skopeo inspect prints version and layers" inspects
check "skopeo copies to another layout, same digest" copies
check "skopeo copies to a registry, same digest" goes_to_registry
check "and back, every blob the same" comes_back
check "what skopeo put into a store is an image of ours" pulled_is_ours
check "umoci stat and ls read it" umoci_stat
check "export gives the bootbank's files" exports
check "verify finds a damaged blob" verifies
check "the same medium gives the same manifest" same_manifest_again
check "an import that is killed changes nothing, the next one clears up" survives_a_crash
check "a full disk changes nothing" survives_a_full_disk
check "a medium of something else changes nothing" wrong_medium
check "remove frees what no other image needs" removes
tap_end
