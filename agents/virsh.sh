# shellcheck shell=dash disable=SC2154 # linux.sh sets host_stores and the like
# Machines by libvirt (docs/agent.md): domains, each with its XML in a file on a datastore. One that was defined by hand has
# none there: its XML is kept on the datastore of its first disk, as bootherd/NAME.xml, so that it can come back. The handle
# is the UUID. Sourced by linux.sh.

# shellcheck disable=SC2034 # for linux.sh
host_program=$(command -v virsh)
# Of each domain: UUID, its place as LABEL/FILE; UUID.xml, its definition when that was kept there.
host_domains=$host_run/domains
host_libvirt=${AGENT_LIBVIRT:-/etc/libvirt/qemu} # where libvirtd keeps its definitions
host_batch=200                                   # domains one virsh is asked for: a word has at most 128 KiB

host_virsh() {
    LC_ALL=C virsh -q "$@" </dev/null
}

# host_virsh_did COMMAND...: prints what virsh says where that tells of an error, whatever its status.
host_virsh_did() {
    local said status
    said=$(host_said host_virsh "$@")
    status=$?
    case $said in
    *error:*) status=1 ;;
    esac
    [ $status = 0 ] || printf '%s\n' "$said"
    return $status
}

host_ready() {
    host_virsh_did uri
}

host_list() {
    local uuids
    uuids=$(host_virsh list --all --uuid 2>/dev/null) && mkdir -p "$host_domains" || return 1
    # shellcheck disable=SC2086 # UUIDs have no blanks
    set -- $uuids
    while [ $# -gt 0 ]; do
        host_ask "$@"
        shift $(($# < host_batch ? $# : host_batch))
    done >"$host_run/asked"
    # shellcheck disable=SC2086
    host_states $uuids <"$host_run/asked"
}

# host_ask UUID...: name and state, a line each, of the first of them.
host_ask() {
    local uuid ask='' count=0
    for uuid; do
        [ $count -lt "$host_batch" ] || break
        count=$((count + 1))
        ask="$ask domname $uuid; domstate $uuid;"
    done
    host_virsh "$ask" 2>/dev/null
}

# host_states UUID...: the lines of host_list, from their names and states on standard input.
host_states() {
    # A domain that ended meanwhile has no lines, and all behind it would be taken for another.
    [ "$(grep -c . "$host_run/asked")" = $(($# * 2)) ] || return 1
    local uuid name state
    for uuid; do
        IFS= read -r name && IFS= read -r state || return 1
        case $state in
        running* | idle* | "in shutdown"*) state=on ;;
        "shut off"* | crashed*) state=off ;;
        paused* | pmsuspended*) state=paused ;;
        *) state=unknown ;;
        esac
        host_domain "$uuid" "$name" </dev/null
        host_line "$uuid" "$state" "$host_label" "$host_file" "$name" "$uuid"
    done
}

# host_domain UUID NAME: sets host_label and host_file to the place of its XML, which it keeps up to date there.
host_domain() {
    local note="$host_domains/$1" own="$host_libvirt/$2.xml" place=''
    [ ! -f "$note" ] || IFS= read -r place <"$note"
    host_place "$host_stores/$place"
    # Asking libvirt takes a while: not when its own file is no newer.
    if [ -z "$host_label" ] || [ ! -f "$own" ] || [ "$own" -nt "$note" ]; then
        (umask 077 && host_virsh dumpxml --inactive --security-info "$1" >"$host_domains/new" 2>/dev/null) || return
        if [ -z "$host_label" ]; then
            host_find "$1" "$2" || return
        elif cmp -s "$host_domains/new" "$note.xml"; then
            touch "$note"
            return
        fi
        host_keep "$1"
    fi
}

# host_find UUID NAME: the XML by which it was defined, where that lies beside its first disk on a datastore, or where to keep
# it. Fails when it has no such disk.
host_find() {
    local disk file
    sed -n "/<disk [^>]*device='disk'/,/<\/disk>/ s/.*<source file='\([^']*\)'.*/\1/p" "$host_domains/new" |
        host_plain >"$host_domains/disks"
    host_label=''
    while [ -z "$host_label" ] && IFS= read -r disk; do
        host_place "$disk"
    done <"$host_domains/disks"
    [ -n "$host_label" ] || return 1
    host_is_mounted "$host_stores/$host_label" || { host_label='' host_file='' && return 1; }
    file=$(agent_within 20 grep -lF "<uuid>$1</uuid>" "${disk%/*}"/*.xml "$host_stores/$host_label/bootherd"/*.xml 2>/dev/null | sed q)
    if [ -n "$file" ]; then
        host_place "$file"
        cp "$host_domains/new" "$host_domains/$1.xml"
    elif agent_within 20 test -e "$host_stores/$host_label/bootherd/$2.xml"; then
        host_file="bootherd/$2 $1.xml" # another host's domain of that name
    else
        host_file="bootherd/$2.xml"
    fi
}

# host_keep UUID: its definition to host_file, unless that is what it was kept as.
host_keep() {
    local path="$host_stores/$host_label/$host_file"
    if ! cmp -s "$host_domains/new" "$host_domains/$1.xml"; then
        agent_within 20 host_write "$host_domains/new" "$path" || { host_label='' host_file='' && return; }
        cp "$host_domains/new" "$host_domains/$1.xml"
    fi
    printf '%s\n' "$host_label/$host_file" >"$host_domains/$1"
}

# host_write FILE PATH: whole or not at all; passwords may be in it.
host_write() {
    (umask 077 && mkdir -p "${2%/*}" && cp "$1" "$2.new" && mv "$2.new" "$2") 2>/dev/null
}

host_register() {
    local path="$host_stores/$1/$2" uuid name
    uuid=$(sed -n 's/.*<uuid>\([^<]*\)<\/uuid>.*/\1/p; /<\/uuid>/q' "$path" 2>/dev/null)
    if [ -n "$uuid" ]; then
        host_virsh_did define "$path" || return 1
    else
        # Without one it gets a new one, if it is not there already.
        name=$(sed -n 's/.*<name>\([^<]*\)<\/name>.*/\1/p; /<\/name>/q' "$path" 2>/dev/null | host_plain)
        uuid=$(host_uuid "$name")
        if [ -z "$uuid" ]; then
            host_virsh_did define "$path" || return 1
            uuid=$(host_uuid "$name")
        fi
    fi
    [ -n "$uuid" ] || { echo "libvirt has no domain $name" && return 1; }
    # What libvirt makes of it is not what is in the file, which stays until the domain changes.
    mkdir -p "$host_domains"
    (umask 077 && host_virsh dumpxml --inactive --security-info "$uuid" >"$host_domains/$uuid.xml" 2>/dev/null)
    printf '%s\n' "$1/$2" >"$host_domains/$uuid"
    printf '%s\n' "$uuid"
}

host_uuid() {
    host_virsh domuuid --domain "$1" 2>/dev/null | sed q
}

# Text out of XML, from standard input.
host_plain() {
    sed "s/&apos;/'/g; s/&quot;/\"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g"
}

host_start() {
    local said
    said=$(host_virsh_did start --domain "$1") && return 0
    case $said in
    *"already active"* | *"already running"*) return 0 ;;
    *'Failed to get "write" lock'* | *'Failed to get shared "write" lock'* | *"lock"*"held"*)
        echo "a disk is in use, maybe by another host: $said"
        ;;
    *"managed sav"* | *"managed state"*)
        echo "its saved state cannot be restored (virsh managedsave-remove gives it up): $said"
        ;;
    *) printf '%s\n' "$said" ;;
    esac
    return 1
}
