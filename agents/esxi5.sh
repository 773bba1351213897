# shellcheck shell=dash
# ESXi 5 and later as a host of the agent (docs/agent.md): esxcli, or localcli for as long as hostd does not answer it, and
# vim-cmd. Sourced by the agent.

# shellcheck source=agents/vim.sh
. "${AGENT_FOLDER:-/etc/bootherd}/host-vim.sh"

# host_cli WORD...: what localcli does, hostd does not see, so esxcli goes first.
host_cli() {
    host_tell esxcli "$@" && return 0
    case $host_said in
    *"onnect to localhost failed"* | *"onnection refused"* | *"onnection failure"* | *"not found"*"esxcli"* | *esxcli*"not found"*)
        host_tell localcli "$@"
        ;;
    *) return 1 ;;
    esac
}

# Files of the machines that run, a line each.
host_running() {
    host_cli vm process list || return 1
    printf '%s\n' "$host_said" | sed -n 's/^ *Config File: *//p'
}

host_mount() {
    case $2 in
    nfs) host_nfs nfs --host "$1" "$3" "$4" "$5" ;;
    nfs41) host_nfs nfs41 --hosts "$1" "$3" "$4" "$5" ;;
    vmfs) [ -d "$host_volumes/$1" ] || { echo "no volume with the label $1" && return 1; } ;;
    iscsi) host_iscsi "$1" "$3" "$4" "$5" ;;
    *) echo "ESXi mounts no datastore of kind $2" && return 1 ;;
    esac
}

# host_has_nfs KIND LABEL HOST PATH: in the columns label, host, share, which are padded with blanks and may have some.
host_has_nfs() {
    local line
    host_cli storage "$1" list || return 1
    printf '%s\n' "$host_said" | while IFS= read -r line; do
        for field in "$2" "$3" "$4"; do
            case $line in
            "$field "*) line=${line#"$field"} ;;
            *) continue 2 ;;
            esac
            line=${line#"${line%%[! ]*}"}
        done
        echo there
    done | sed q | grep -q there
}

# host_nfs KIND OPTION LABEL HOST PATH MODE
host_nfs() {
    local said
    host_has_nfs "$1" "$3" "$4" "$5" && return 0
    if [ "$6" = ro ]; then
        host_cli storage "$1" add "$2=$4" "--share=$5" "--volume-name=$3" --readonly
    else
        host_cli storage "$1" add "$2=$4" "--share=$5" "--volume-name=$3"
    fi
    said=$host_said
    host_has_nfs "$1" "$3" "$4" "$5" && return 0
    host_said=$said
    host_why
    return 1
}

# host_iscsi LABEL PORTAL TARGET MODE: that one target of the portal, not all that it tells of.
host_iscsi() {
    local adapter=''
    [ ! -d "$host_volumes/$1" ] || return 0
    [ "$4" != ro ] || { echo "ESXi mounts no volume by iSCSI for reading alone" && return 1; }
    host_cli iscsi software set --enabled=true || { host_why && return 1; }
    # Its adapter appears some seconds later, under any number.
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        host_cli iscsi adapter list
        adapter=$(printf '%s\n' "$host_said" | sed -n 's/^ *\(vmhba[0-9]*\)  *iscsi_vmk .*/\1/p' | sed q)
        [ -z "$adapter" ] || break
        sleep "${AGENT_TICK:-1}"
    done
    [ -n "$adapter" ] || { echo "the adapter of software iSCSI does not appear" && return 1; }
    host_cli iscsi adapter discovery statictarget list "--adapter=$adapter"
    case $host_said in
    *"$3"*) ;;
    *)
        host_cli iscsi adapter discovery statictarget add "--adapter=$adapter" "--address=$2" "--name=$3" || { host_why && return 1; }
        ;;
    esac
    host_cli storage core adapter rescan "--adapter=$adapter" || { host_why && return 1; }
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ ! -d "$host_volumes/$1" ] || return 0
        sleep "${AGENT_TICK:-1}"
    done
    echo "no volume with the label $1 on $3 at $2"
    return 1
}
