# shellcheck shell=dash
# Xen and Linux as hosts of the agent (docs/agent.md): mounts by mount.nfs or, without it, by the kernel alone, and leaves the
# machines to host-xl.sh, host-virsh.sh or host-qemu.sh, the first that is in the overlay and whose program is installed.
# Sourced by the agent. For busybox ash and dash.

# Early in a boot little is in it.
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
# Other folders are for tests.
host_stores=${AGENT_STORES:-/datastores}
host_here=${AGENT_FOLDER:-/etc/bootherd}
# shellcheck disable=SC2034 # for the files below
host_run=${AGENT_RUN:-/var/run/bootherd}
host_mounts=${AGENT_MOUNTS:-/proc/mounts}

# host_line FIELD...: a line of fields, on standard output. Few need encoding, and a program for each would take long.
host_line() {
    local line='' field
    for field; do
        case $field in
        *[%\|[:cntrl:]]*) field=$(agent_encode "$field") ;;
        esac
        line="$line|$field"
    done
    printf '%s\n' "${line#|}"
}

# host_place PATH: sets host_label and host_file to the place on a datastore; both "" where it lies on none.
# shellcheck disable=SC2034 # for the caller
host_place() {
    host_label='' host_file=''
    case $1 in
    */../* | *//*) ;;
    "$host_stores"/*/?*)
        host_file=${1#"$host_stores"/}
        host_label=${host_file%%/*}
        host_file=${host_file#*/}
        ;;
    esac
}

# host_said COMMAND...: runs it, and prints what it says, both streams as one line; its status.
host_said() {
    local said status
    said=$("$@" 2>&1 </dev/null)
    status=$?
    printf '%s' "$said" | tr '\n' ' '
    return $status
}

# Only what the kernel lists: a server that hangs is not touched.
host_is_mounted() {
    local where what escaped
    # As seq_path() of the kernel escapes it.
    escaped=$(printf '%s' "$1" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g')
    # shellcheck disable=SC2034 # the first field is in the way
    while read -r what where _; do
        [ "$where" != "$escaped" ] || return 0
    done <"$host_mounts"
    return 1
}

host_folder() {
    ! host_is_mounted "$host_stores/$1" || printf '%s\n' "$host_stores/$1"
}

host_mount() {
    local folder="$host_stores/$1"
    ! host_is_mounted "$folder" || return 0
    host_said mkdir -p "$folder" || return 1
    case $2 in
    nfs) host_nfs "$3" "$4" "$folder" "$5" 3 ;;
    nfs41) host_nfs41 "$3" "$4" "$folder" "$5" ;;
    iscsi) host_iscsi "$1" "$3" "$4" "$folder" "$5" ;;
    *) echo "Linux mounts no datastore of kind $2" && return 1 ;;
    esac
}

# host_nfs41 HOSTS PATH FOLDER MODE: by the first of the addresses that answers.
host_nfs41() {
    local hosts="$1,"
    while [ -n "$hosts" ]; do
        ! host_nfs "${hosts%%,*}" "$2" "$3" "$4" 4.1 || return 0
        hosts=${hosts#*,}
    done
    return 1
}

# host_nfs HOST PATH FOLDER MODE VERSION
host_nfs() {
    local host=$1 why address ours
    case $host in
    \[*) ;;
    *:*) host="[$host]" ;;
    esac
    if command -v mount.nfs >/dev/null; then
        why=$(host_said mount.nfs "$host:$2" "$3" -o "$4,hard,vers=$5") && return 0
        case $why in
        # Locks across hosts want rpc.statd, which few images bring.
        *statd*) host_said mount.nfs "$host:$2" "$3" -o "$4,hard,nolock,vers=$5" && return 0 ;;
        esac
        printf '%s' "$why"
        return 1
    fi
    # Without a helper the kernel wants the address, and does the rest itself.
    address=$(host_address "$1")
    [ -n "$address" ] || { echo "no address for $1" && return 1; }
    if [ "$5" = 3 ]; then
        host_said mount -t nfs -o "$4,hard,nolock,tcp,mountproto=tcp,vers=3,addr=$address" "$host:$2" "$3"
    else
        ours=$(ip route get "$address" 2>/dev/null | sed -n 's/.* src \([^ ]*\).*/\1/p')
        host_said mount -t nfs4 -o "$4,hard,vers=$5,addr=$address,clientaddr=${ours:-0.0.0.0}" "$host:$2" "$3"
    fi
}

# host_address HOST
host_address() {
    case $1 in
    \[*\]) printf '%s\n' "$1" | tr -d '[]' ;;
    *:*) echo "$1" ;;
    *[!0-9.]*)
        if command -v getent >/dev/null; then
            getent ahosts "$1" | sed 's/ .*//; q'
        else
            # The server's own address comes first, under its own name.
            nslookup "$1" 2>/dev/null | sed -n '/^Name:/,$ s/^Address[ 0-9]*: *\([0-9a-fA-F.:]*\).*/\1/p' | sed q
        fi
        ;;
    *) echo "$1" ;;
    esac
}

# host_iscsi LABEL PORTAL TARGET FOLDER MODE: logs in unless the volume is there, and mounts the volume with that label.
host_iscsi() {
    local try portal=$2 port=3260 name
    if ! findfs "LABEL=$1" >/dev/null 2>&1; then
        command -v iscsistart >/dev/null || { echo "iscsistart is not installed" && return 1; }
        name=$(sed -n 's/^InitiatorName=//p' /etc/iscsi/initiatorname.iscsi 2>/dev/null)
        [ -n "$name" ] || { echo "/etc/iscsi/initiatorname.iscsi names no initiator" && return 1; }
        case $portal in
        *:*) port=${portal##*:} portal=$(printf '%s' "${portal%:*}" | tr -d '[]') ;;
        esac
        modprobe iscsi_tcp 2>/dev/null
        host_said iscsistart -i "$name" -t "$3" -g 1 -a "$portal" -p "$port" || return 1
        # The kernel looks for the disk's partitions and labels by and by.
        for try in 1 2 3 4 5 6 7 8 9 10; do
            ! findfs "LABEL=$1" >/dev/null 2>&1 || break
            [ "$try" != 10 ] || { echo "no volume with the label $1 on $3" && return 1; }
            sleep 1
        done
    fi
    host_said mount -o "$5" "$(findfs "LABEL=$1")" "$4"
}

# Machines that no service keeps a list of belong to the host once they were registered or seen running, until their file is
# removed: the files' paths, a line each.
host_machines=$host_run/machines
# shellcheck disable=SC2034 # for the files below
host_nl='
'

host_remember() {
    grep -qxF -e "$1" "$host_machines" || printf '%s\n' "$1" >>"$host_machines"
}

# A machine that a newer list has not was moved away or forgotten. One that runs is remembered again.
host_forget() {
    local path
    touch "$host_machines" || return 1
    if [ -e "$host_run/pruned" ] && [ ! "$AGENT_LIST" -nt "$host_run/pruned" ]; then return; fi
    while IFS= read -r path; do
        host_place "$path"
        ! grep -qF -e "|$(host_line "$host_label" "$host_file")|" "$AGENT_LIST" || printf '%s\n' "$path"
    done <"$host_machines" >"$host_run/kept"
    mv "$host_run/kept" "$host_machines"
    touch "$host_run/pruned"
}

# host_is_gone PATH: of host_label; its datastore answers, and has it no longer.
host_is_gone() {
    host_is_mounted "$host_stores/$host_label" && ! agent_within 10 test -e "$1" &&
        agent_within 10 ls "$host_stores/$host_label" >/dev/null 2>&1
}

# host_list_off RUNNING: of those the ones that do not run, for host_list. RUNNING: paths with a line end on both sides of each.
host_list_off() {
    local path
    while IFS= read -r path; do
        case $1 in
        *"$host_nl$path$host_nl"*) continue ;;
        esac
        host_place "$path"
        if host_is_gone "$path"; then
            printf '%s\n' "$path" >>"$host_run/gone"
        else
            host_line "$path" off "$host_label" "$host_file" "$(host_guest "$path")" ''
        fi
    done <"$host_machines"
    if [ -e "$host_run/gone" ]; then
        grep -vxFf "$host_run/gone" "$host_machines" >"$host_run/kept"
        mv "$host_run/kept" "$host_machines"
        rm "$host_run/gone"
    fi
}

# host_register_file LABEL FILE: host_register of such machines. (Not by that name: virsh.sh, which is looked at first, has its own.)
host_register_file() {
    local path="$host_stores/$1/$2"
    [ -f "$path" ] || { echo "no file $2 there" && return 1; }
    [ -r "$path" ] || { echo "$2 cannot be read" && return 1; }
    host_remember "$path"
    printf '%s\n' "$path"
}

# Virtual machines that ask whether they were moved are ESXi's.
host_answer() {
    echo "machines of this host ask nothing"
    return 1
}

for host_kind in xl virsh qemu; do
    if [ -f "$host_here/host-$host_kind.sh" ]; then
        # Sets host_program to what it works with; "" where that is not installed.
        # shellcheck disable=SC1090 # one of three
        . "$host_here/host-$host_kind.sh"
        [ -z "$host_program" ] || break
    fi
done
