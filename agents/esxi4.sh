# shellcheck shell=dash
# ESXi 3.5 to 4.1 as a host of the agent (docs/agent.md): esxcfg-nas, the software initiator of iSCSI by vmkiscsi-tool, and
# vim-cmd. Sourced by the agent.

# shellcheck source=agents/vim.sh
. "${AGENT_FOLDER:-/etc/bootherd}/host-vim.sh"

# Files of the machines that run, a line each. Only 4.1 can list them; before, each is asked for its state.
host_running() {
    host_tell esxcli vms vm list || return 1
    printf '%s\n' "$host_said" | sed -n 's/^ *Config File: *//p'
}

host_mount() {
    case $2 in
    nfs) host_nfs "$1" "$3" "$4" "$5" ;;
    nfs41) echo "NFS 4.1 needs ESXi 6.0" && return 1 ;;
    vmfs) [ -d "$host_volumes/$1" ] || { echo "no volume with the label $1" && return 1; } ;;
    iscsi) host_iscsi "$1" "$3" "$4" ;;
    *) echo "ESXi mounts no datastore of kind $2" && return 1 ;;
    esac
}

# "LABEL is PATH from HOST mounted available", any of which may have blanks.
host_has_nfs() {
    host_tell esxcfg-nas -l
    case $host_nl$host_said in
    *"$host_nl$1 is $3 from $2 not mounted"* | *"$host_nl$1 is $3 from $2 unmounted"*) host_is=gone ;;
    *"$host_nl$1 is $3 from $2"*) host_is=there ;;
    *) host_is='' ;;
    esac
}

host_nfs() {
    local said
    host_has_nfs "$1" "$2" "$3"
    case $host_is in
    there) return 0 ;;
    gone) host_tell esxcfg-nas -r ;; # mounts again what it knows
    *)
        if [ "$4" = ro ]; then
            host_tell esxcfg-nas -a "$1" -o "$2" -s "$3" -y
        else
            host_tell esxcfg-nas -a "$1" -o "$2" -s "$3"
        fi
        ;;
    esac
    said=$host_said
    host_has_nfs "$1" "$2" "$3"
    [ "$host_is" != there ] || return 0
    host_said=$said
    host_why
    return 1
}

# host_iscsi LABEL PORTAL TARGET
host_iscsi() {
    local adapter
    [ ! -d "$host_volumes/$1" ] || return 0
    host_tell esxcfg-swiscsi -e
    host_tell esxcfg-scsidevs -a # not before 4.0, where the adapter has a fixed name
    adapter=$(printf '%s\n' "$host_said" | sed -n 's/^ *\(vmhba[0-9]*\) .*iscsi_vmk.*/\1/p' | sed q)
    adapter=${adapter:-vmhba32}
    host_tell vmkiscsi-tool -l -T "$adapter"
    case $host_said in
    *"$3"*) ;;
    *) host_tell vmkiscsi-tool -D -a "${2%:3260}" "$adapter" ;;
    esac
    host_tell esxcfg-rescan "$adapter"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ ! -d "$host_volumes/$1" ] || return 0
        sleep "${AGENT_TICK:-1}"
    done
    host_tell vmkiscsi-tool -l -T "$adapter"
    case $host_said in
    *"$3"*) echo "no volume with the label $1 on $3" ;;
    *) echo "no target $3 at $2" ;;
    esac
    return 1
}
