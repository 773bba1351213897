# shellcheck shell=dash disable=SC2154 # linux.sh sets host_stores and the like
# Machines by Xen's xl (docs/agent.md): each is a file that `xl create` reads, NAME.cfg on a datastore or in a folder of it. xl
# keeps no list of its own and knows a running domain by its name alone, so names have to be different. The handle is the
# file's path. Sourced by linux.sh.

# shellcheck disable=SC2034 # for linux.sh
host_program=$(command -v xl)

host_tab=$(printf '\t')

host_ready() {
    local said
    said=$(host_said xl list) || { printf '%s\n' "$said" && return 1; }
}

# "ID|STATE|NAME" of each domain but dom0. Names may have blanks, and are filled up with them.
host_domains() {
    xl list </dev/null | sed -n '1d
        s/^\(.*[^ ]\)  *\([1-9][0-9]*\)  *[0-9][0-9]*  *[0-9][0-9]*  *\([-a-z][-a-z]*\)  *[0-9.]*$/\2|\3|\1/p'
}

# Path, tab, name of every configuration on the datastores that are mounted.
host_configs() {
    local folder
    for folder in "$host_stores"/*; do
        host_is_mounted "$folder" || continue
        # shellcheck disable=SC2016 # the inner shell's
        agent_within 20 sh -c 'grep -H "^[ 	]*name[ 	]*=" "$1"/*.cfg "$1"/*/*.cfg 2>/dev/null' sh "$folder" |
            sed -n "s/^\(.*\.cfg\):[ 	]*name[ 	]*=[ 	]*[\"']\(.*\)[\"'][ 	]*\(#.*\)*\$/\1	\2/p"
    done
}

# host_config NAME: its configuration's path. Of several with one name that which is known; of unknown ones nobody knows which
# it is.
host_config() {
    local path found='' n=0
    while IFS= read -r path; do
        case $path in
        *"$host_tab$1") path=${path%"$host_tab$1"} ;;
        *) continue ;;
        esac
        if grep -qxF -e "$path" "$host_machines"; then
            printf '%s\n' "$path"
            return
        fi
        found=$path n=$((n + 1))
    done <"$host_run/configs"
    [ $n != 1 ] || printf '%s\n' "$found"
}

host_power() {
    case $1 in
    *[scd]*) echo off ;;
    *p*) echo paused ;;
    *) echo on ;;
    esac
}

host_list() {
    local id state name path running=''
    host_forget || return 1
    host_configs >"$host_run/configs"
    host_domains >"$host_run/domains" || return 1
    host_ready || return 1
    while IFS='|' read -r id state name; do
        path=$(host_config "$name")
        if [ -z "$path" ]; then
            host_line "domain $id" "$(host_power "$state")" '' '' "$name" ''
            continue
        fi
        running="$running$host_nl$path$host_nl"
        host_place "$path"
        host_line "$path" "$(host_power "$state")" "$host_label" "$host_file" "$name" ''
        host_remember "$path"
    done <"$host_run/domains"
    host_list_off "$running"
}

# host_guest PATH: the name that it gives its machine, or its own.
host_guest() {
    local name
    name=$(grep -F -e "$1$host_tab" "$host_run/configs" 2>/dev/null | sed "1s/.*$host_tab//; q")
    if [ -z "$name" ]; then
        name=${1##*/}
        name=${name%.cfg}
    fi
    printf '%s\n' "$name"
}

host_register() {
    host_register_file "$1" "$2"
}

host_start() {
    local said
    # Paths in it may be relative to its folder.
    said=$(cd "${1%/*}" && host_said xl create "$1") && return 0
    case $said in
    *'already exists'*) return 0 ;;
    esac
    printf '%s\n' "$said" | sed 's/^Parsing config from [^ ]* *//'
    return 1
}
