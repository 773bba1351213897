# shellcheck shell=dash
# Machines of ESXi, 3.5 to 8, by vim-cmd (docs/agent.md). It says that something failed in words, often with exit status 0. The
# handle is the Vmid. Sourced by esxi4.sh and esxi5.sh, which have host_running.

# Other folders are for tests.
host_volumes=${AGENT_VOLUMES:-/vmfs/volumes}
host_run=${AGENT_RUN:-/var/run/bootherd}
host_mark=$(printf '\001') # in no line: control characters are encoded
host_nl='
'

# host_tell COMMAND...: sets host_said to what it says, both streams; fails where that tells of an error.
host_tell() {
    local status
    host_said=$("$@" 2>&1 </dev/null)
    status=$?
    case $host_nl$host_said in
    *"$host_nl(vim.fault."* | *"$host_nl(vmodl.fault."* | *"Failed to login"* | *"Failed to connect"* | *"onnect to localhost failed"* | \
        *"${host_nl}Error"* | *"Power on failed"* | *"No such command"*) status=1 ;;
    esac
    return $status
}

# The message of a fault, or what was said, in a line.
host_why() {
    local why
    why=$(printf '%s\n' "$host_said" | sed -n 's/.*msg = "\(.*\)".*/\1/p' | sed q)
    case $host_said in
    *AlreadyExists*) why="AlreadyExists: $why" ;;
    esac
    [ -n "$why" ] || why=$(printf '%s\n' "$host_said" | sed -n 's/^Error: *//p' | agent_join)
    [ -n "$why" ] || why=$(printf '%s\n' "$host_said" | agent_join)
    printf '%s\n' "${why:-it said nothing}"
}

host_ready() {
    host_tell vim-cmd hostsvc/hostsummary && return 0
    host_why
    return 1
}

host_folder() {
    [ ! -d "$host_volumes/$1" ] || printf '%s\n' "$host_volumes/$1"
}

# One sort brings the lines of a machine together: 0 it runs, 1 its Vmid.
host_list() {
    local label file tag id name is key='' power runs=''
    host_tell vim-cmd vmsvc/getallvms || return 1
    case $host_nl$host_said in
    *"${host_nl}Vmid"*) ;;
    *) return 1 ;;
    esac
    printf '%s\n' "$host_said" | host_columns | sort -n | host_resolve >"$host_run/vms"
    if host_running >"$host_run/running" 2>/dev/null; then runs=known; fi
    {
        [ -z "$runs" ] || host_places <"$host_run/running" | sed 's/$/|0/'
        sed 's/^\([^|]*\)|\([^|]*|[^|]*\)|/\2|1|\1|/' "$host_run/vms"
    } | sort | while IFS='|' read -r label file tag id name is; do
        if [ "$tag" = 0 ]; then
            key="$label|$file"
        else
            power=off
            if [ "$is" = '?' ]; then
                power=unknown
            elif [ -z "$runs" ]; then
                power=$(host_power "$id")
            elif [ "$key" = "$label|$file" ]; then
                power=on
            fi
            printf '%s|%s|%s|%s|%s|\n' "$id" "$power" "$label" "$file" "$name"
        fi
    done >"$host_run/machines"
    cat "$host_run/machines"
}

# Lines of getallvms to ID|LABEL|FILE|NAME, encoded; to ID|? where the columns do not tell: they are padded with blanks, and
# names and annotations may have blanks, brackets and line ends. The file's is "[LABEL] PATH", followed by guest and version.
host_columns() {
    sed -f "$host_run/line.sed" | sed -n \
        -e "s/.*Skipping invalid VM '\\([0-9]*\\)'.*/\\1|?/p" -e t \
        -e '/^[0-9][0-9]*  *[^ ]/!d' -e h \
        -e 's/\(\.vmt\{0,1\}x\)   *[A-Za-z0-9_]*  *vmx-[0-9].*/\1/' -e 't file' -e 'b ask' -e ':file' \
        -e "s/\\(\\[[^][]*\\] [^ []\\)/$host_mark\\1/g" -e 't one' -e ':one' \
        -e "s/^\\([0-9]*\\)  *\\([^$host_mark]*[^ $host_mark]\\)  *$host_mark\\[\\([^]]*\\)\\] \\([^$host_mark]*\\)\$/\\1|\\3|\\4|\\2/p" -e t \
        -e ':ask' -e g -e 's/^\([0-9]*\).*/\1|?/p'
}

# Asks for each machine whose columns did not tell. One that is not accessible is still there: as it was seen last.
host_resolve() {
    local id label file name is seen=''
    while IFS='|' read -r id label file name; do
        [ "$id" != "$seen" ] || continue
        seen=$id is=''
        if [ "$label" = '?' ]; then
            if host_tell vim-cmd vmsvc/get.summary "$id"; then
                name=$(printf '%s\n' "$host_said" | sed -n 's/^ *name = "\(.*\)",* *$/\1/p; s/^ *name = "\([^"]*\)$/\1/p' | sed q)
                name=$(agent_encode "$name")
                file=$(printf '%s\n' "$host_said" | sed -n 's/^ *vmPathName = "\(\[.*\)",* *$/\1/p' | sed q)
                file=$(agent_encode "$file")
                label=${file#\[}
                label=${label%%\]*}
                file=${file#*\] }
            else
                case $host_said in
                *NotFound* | *"nable to find"*) continue ;; # an annotation that looked like a machine
                esac
                is='?' label='' file='' name=''
                IFS='|' read -r _ _ label file name _ <<END
$(grep "^$id|" "$host_run/machines" 2>/dev/null | sed q)
END
            fi
        fi
        printf '%s|%s|%s|%s|%s\n' "$id" "$label" "$file" "$name" "$is"
    done
}

# Paths below the volumes' folder to LABEL|FILE, encoded: a volume's own folder is named by its UUID, to which LABEL is a link.
host_places() {
    local link target label
    for link in "$host_volumes"/*; do
        [ -L "$link" ] || continue
        target=$(readlink "$link")
        label=$(agent_encode "${link##*/}" | sed 's/&/\\&/g')
        printf 's,^%s/,%s/,\nt end\n' "${target##*/}" "$label"
    done >"$host_run/links.sed"
    printf ':end\ns,/,|,\n' >>"$host_run/links.sed"
    sed "s,^$host_volumes/,," | sed -f "$host_run/line.sed" | sed -f "$host_run/links.sed"
}

host_power() {
    host_tell vim-cmd vmsvc/power.getstate "$1"
    case $host_said in
    *"Powered on"*) echo on ;;
    *"Powered off"* | *Suspended*) echo off ;;
    *) echo unknown ;;
    esac
}

# Registered already is as good, if it is that very file. The name is the one in the file.
host_register() {
    local id
    if host_tell vim-cmd solo/registervm "$host_volumes/$1/$2"; then
        id=$(printf '%s\n' "$host_said" | sed -n 's/^ *\([0-9][0-9]*\) *$/\1/p' | sed '$!d')
        [ -z "$id" ] || { echo "$id" && return 0; }
    fi
    case $host_said in
    *AlreadyExists* | *[Aa]"lready "*) id=$(host_find "$1" "$2") && [ -n "$id" ] && echo "$id" && return 0 ;;
    esac
    host_why
    return 1
}

# host_find LABEL FILE: its Vmid.
host_find() {
    local id power label file wanted
    wanted="$(agent_encode "$1")|$(agent_encode "$2")"
    host_list | while IFS='|' read -r id power label file _; do
        [ "$label|$file" != "$wanted" ] || echo "$id"
    done | sed q
}

# vim-cmd waits for as long as a question is open, so it is looked for meanwhile.
host_start() {
    local said="$host_run/power.$1" status=''
    rm -f "$said" "$said.status"
    (
        vim-cmd vmsvc/power.on "$1" >"$said" 2>&1 </dev/null
        echo $? >"$said.status"
    ) &
    until [ -s "$said.status" ]; do
        sleep "${AGENT_TICK:-1}"
        [ ! -s "$said.status" ] || break
        host_tell vim-cmd vmsvc/message "$1"
        case $host_said in
        *"Virtual machine message"*) host_question && return 2 ;;
        esac
    done
    read -r status <"$said.status"
    host_tell cat "$said" && [ "$status" = 0 ] && return 0
    status=$host_said
    [ "$(host_power "$1")" != on ] || return 0
    host_said=$status
    case $host_said in
    *[Ll]ocked* | *"lock file"* | *"resource busy"* | *FileLocked*) echo "a file of it is locked, maybe by another host: $(host_why)" ;;
    *) host_why ;;
    esac
    return 1
}

# The question in host_said, in a line; status 0.
host_question() {
    printf '%s\n' "$host_said" | sed -n 's/^msg[.a-zA-Z0-9]*: */asks: /p' | sed q
}

# By the text of the choice: numbers and wording differ between versions, and '_' marks a key.
host_answer() {
    local question choice
    host_tell vim-cmd vmsvc/message "$1"
    question=$(printf '%s\n' "$host_said" | sed -n 's/^Virtual machine message \([^ :]*\):.*/\1/p' | sed q)
    case $host_said in
    *msg.uuid.altered* | *"moved or copied"*) ;;
    *) host_question && return 1 ;;
    esac
    choice=$(printf '%s\n' "$host_said" | sed 's/_//g; y/ABCDEFGHIJKLMNOPQRSTUVWXYZ/abcdefghijklmnopqrstuvwxyz/' |
        sed -n "s/^\\(.*[^0-9]\\)\\{0,1\\}\\([0-9]\\)\\. [^0-9]*$2.*/\\2/p" | sed q)
    if [ -z "$question" ] || [ -z "$choice" ]; then
        host_question
        return 1
    fi
    host_tell vim-cmd vmsvc/message "$1" "$question" "$choice" || { host_why && return 1; }
    echo "it was $2"
}
