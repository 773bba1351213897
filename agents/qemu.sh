# shellcheck shell=dash disable=SC2154 # linux.sh sets host_stores and the like
# Machines by plain QEMU (docs/agent.md): each is a file for its -readconfig on a datastore, paths in it relative to its own
# folder, and has what is in there and nothing else: no default devices, no display. The handle is the file's path. A machine
# belongs to the host once it was registered or seen running, until its file is removed. Sourced by linux.sh.

# shellcheck disable=SC2034 # for linux.sh
host_program=$(command -v "qemu-system-$(uname -m)" || command -v qemu-kvm || command -v kvm)
host_proc=${AGENT_PROC:-/proc}

host_ready() {
    [ -n "$host_program" ] || { echo "qemu-system-$(uname -m) is not installed" && return 1; }
}

host_list() {
    local pid running=''
    host_forget || return 1
    for pid in $(host_pids); do
        host_process "$pid" || continue
        if [ -z "$host_path" ]; then
            host_line "pid $pid" on '' '' "$host_name" ''
            continue
        fi
        running="$running$host_nl$host_path$host_nl"
        host_place "$host_path"
        host_line "$host_path" on "$host_label" "$host_file" "$host_name" ''
        [ -z "$host_label" ] || host_remember "$host_path"
    done
    host_list_off "$running"
}

host_pids() {
    grep -lE '^(qemu|kvm$)' "$host_proc"/[0-9]*/comm 2>/dev/null | sed 's,/comm$,,; s,.*/,,'
}

# host_process PID: sets host_path to the file it was started with, "" where that is not known, and host_name.
host_process() {
    local words word previous='' cwd
    # The threads of the kernel's own kvm have no command line.
    words=$(tr '\n\0' '\001\n' <"$host_proc/$1/cmdline" 2>/dev/null) && [ -n "$words" ] || return 1
    host_path='' host_name=''
    while IFS= read -r word; do
        case $previous in
        -readconfig | --readconfig) host_path=${word#./} ;;
        -name | --name)
            host_name=${word#guest=}
            host_name=${host_name%%,*}
            ;;
        esac
        previous=$word
    done <<END
$words
END
    case $host_path in
    '' | /*) ;;
    *) # QEMU that became a daemon is in /; its disks tell where it came from.
        cwd=$(readlink "$host_proc/$1/cwd")
        if [ "$cwd" = / ]; then cwd=$(host_beside "$1" "$host_path"); fi
        host_path=${cwd:+$cwd/$host_path}
        ;;
    esac
    [ -n "$host_name" ] || host_name=$(host_guest "$host_path")
}

# host_beside PID FILE: the folder of one of its open files that FILE is in, too.
host_beside() {
    local link
    for link in "$host_proc/$1"/fd/*; do
        link=$(readlink "$link")
        case $link in
        "$host_stores"/*)
            if agent_within 10 test -f "${link%/*}/$2"; then
                printf '%s\n' "${link%/*}"
                return
            fi
            ;;
        esac
    done
}

# host_guest PATH: the name that it gives its machine, or its own.
host_guest() {
    local name
    name=$(agent_within 10 sed -n '/^ *\[name\]/,/^ *\[/ s/^ *guest *= *"\(.*\)" *$/\1/p' "$1" 2>/dev/null | sed q)
    if [ -z "$name" ]; then
        name=${1##*/}
        name=${name%.*}
    fi
    printf '%s\n' "$name"
}

host_register() {
    host_register_file "$1" "$2"
}

host_start() {
    local pid said status
    for pid in $(host_pids); do
        if host_process "$pid" && [ "$host_path" = "$1" ]; then return 0; fi
    done
    said=$(cd "${1%/*}" && host_said "$host_program" -readconfig "$1" -nodefaults -no-user-config -display none -daemonize)
    status=$?
    [ $status != 0 ] || return 0
    case $said in
    *'Failed to get "write" lock'* | *'Failed to get shared "write" lock'* | *'Failed to lock byte'*)
        said="a disk is in use, maybe by another host: $said"
        ;;
    esac
    printf '%s\n' "$said"
    return 1
}
