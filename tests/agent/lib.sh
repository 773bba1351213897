# shellcheck shell=bash
# For tests of the host's agent: it runs under busybox's ash, and finds nothing but the stand-ins of ESXi's programs and those
# of busybox that ESXi has. Sourced by tests/agent/*.sh.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$top/tests/lib/tap.sh"
need busybox python3
work=$(mktemp -d)
export STANDIN=$work/host
identity=5-0123456789abcdef
server=''
agent=''

# stand_in PROGRAM NAME...: a program of tests/agent/standin under these names.
stand_in() {
    local program=$1 name
    shift
    for name; do
        ln -s "$top/tests/agent/standin/$program" "$work/bin/$name"
    done
}

# fresh KIND: a host that was just booted, of agents/KIND.sh, and a server that knows nothing.
fresh() {
    local applet
    [ -z "$agent" ] || agent_end
    [ -z "$server" ] || server_end
    rm -rf "${work:?}"/*
    mkdir -p "$work"/{etc,bin,server} "$STANDIN"/{volumes,shares}
    : >"$STANDIN/machines"
    : >"$STANDIN/log"
    for applet in '[' ash cat chmod cp date dd echo expr find grep kill ln md5sum mkdir mktemp mv printf readlink rm rmdir sed sh sleep \
        sort stat touch true uname uniq wc wget; do
        ln -s "$(command -v busybox)" "$work/bin/$applet"
    done
    ln -s "$(command -v busybox)" "$work/bin/busybox"
    stand_in vim-cmd vim-cmd
    stand_in ls ls
    stand_in logger logger
    case $1 in
    esxi5) stand_in esxcli esxcli localcli ;;
    esxi4)
        stand_in esxcfg-nas esxcfg-nas
        stand_in iscsi4 esxcfg-swiscsi esxcfg-scsidevs vmkiscsi-tool esxcfg-rescan
        stand_in esxcli esxcli
        ;;
    esac
    sed "1s,.*,#!$work/bin/ash," "$top/agents/core.sh" >"$work/etc/agent.sh"
    chmod +x "$work/etc/agent.sh"
    cp "$top/agents/talk.sh" "$top/agents/restore.sh" "$work/etc/"
    cp "$top/agents/$1.sh" "$work/etc/host.sh"
    cp "$top/agents/vim.sh" "$work/etc/host-vim.sh"
    server_start
}

server_start() {
    python3 "$top/tests/agent/server.py" "$work/server" &
    server=$!
    eventually test -s "$work/server/port"
    until (exec 3<>"/dev/tcp/127.0.0.1/$(cat "$work/server/port")") 2>/dev/null; do sleep 0.05; done
}

server_end() {
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=''
}

# list LINE...: what the server gives, and what came with the boot.
list() {
    serve "$@"
    cp "$work/server/list" "$work/etc/agent.list"
}

# serve LINE...: what the server gives from now on. With wish=N another one.
serve() {
    {
        printf '%s\n' 'bootherd|1' "boot|$identity|n1" "server|http://127.0.0.1:$(cat "$work/server/port")/agent/$identity" \
            "wish|${wish:-1}" 'interval|10' "$@"
        echo "end|$(($# + 5))"
    } >"$work/server/list.new"
    mv "$work/server/list.new" "$work/server/list"
    echo "${wish:-1}" >"$work/server/wish"
}

# share HOST:PATH [FILE...]: an NFS share with these files.
share() {
    local folder="$STANDIN/shares/${1//\//=}" file
    shift
    mkdir -p "$folder"
    for file; do
        mkdir -p "$(dirname "$folder/$file")"
        echo '.encoding = "UTF-8"' >"$folder/$file"
    done
}

# in_host COMMAND...: with the environment of the agent; a tenth of a second is a second.
in_host() {
    local run=''
    if [ "$1" = exec ]; then run='exec' && shift; fi
    $run env -i PATH="$work/bin" STANDIN="$STANDIN" AGENT_FOLDER="$work/etc" AGENT_RUN="$work/run" AGENT_VOLUMES="$STANDIN/volumes" \
        AGENT_TICK=0.1 AGENT_LIMIT_MOUNT="${limit_mount:-20}" AGENT_LIMIT_CALL="${limit_call:-20}" AGENT_LIMIT_ASK=5 AGENT_WAIT_SERVER=10 \
        AGENT_WAIT_READY="${wait_ready:-100}" AGENT_RETRY_FIRST=5 AGENT_RETRY_LONGEST=10 "$@"
}

boot() {
    mkdir -m 0700 "$work/run" 2>/dev/null
    (in_host exec "$work/bin/ash" "$work/etc/agent.sh" run 2>"$work/stderr") &
    agent=$!
}

agent_end() {
    kill "$agent" 2>/dev/null
    wait "$agent" 2>/dev/null
    agent=''
}

# eventually COMMAND...: within three minutes, for busy computers.
eventually() {
    local n
    for ((n = 0; n < 900; n++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.2
    done
    return 1
}

# step LINE: the server was told this step. check_step LABEL LINE; steps KIND: how many.
step() {
    grep -qxF -e "$1" "$work/server/steps" 2>/dev/null
}

check_step() {
    if eventually step "$2"; then
        ok "$1"
    else
        not_ok "$1"
        diag "wanted: $2"
        diag "$(cat "$work/server/steps" 2>/dev/null)"
        diag "$(tail -n 5 "$work/stderr")"
    fi
}

steps() {
    grep -c "^$1|" "$work/server/steps" 2>/dev/null
}

# The newest report, without its first and last line; check_report LABEL LINE...: it comes to be these.
report() {
    sed '1d;$d' "$work/server/report.$(tail -n 1 "$work/server/reports")" 2>/dev/null
}

reported() {
    [ "$(report)" = "$1" ]
}

check_report() {
    local label=$1 wanted
    shift
    wanted=$(printf '%s\n' "$@")
    if eventually reported "$wanted"; then
        ok "$label"
    else
        not_ok "$label"
        diag "wanted: $wanted"
        diag "got:    $(report)"
        diag "$(tail -n 5 "$work/stderr")"
    fi
}

# ran COMMAND: how often, of the host's.
ran() {
    grep -cF -e "$1" "$STANDIN/log"
}

# What nothing of the agent may have said: errors of the shell, and requests that are none of the protocol's.
check_clean() {
    is "$1: nothing strange" "$(cat "$work/stderr" "$work/server/strange" 2>/dev/null)" ""
}

finish() {
    [ -z "$agent" ] || agent_end
    [ -z "$server" ] || server_end
    rm -rf "$work"
}
trap finish EXIT

# call FUNCTION ARGUMENT...: one of the host's functions, as the agent has them.
call() {
    mkdir -m 0700 "$work/run" 2>/dev/null
    # shellcheck disable=SC2016 # for the host's shell
    in_host AGENT_LIST="$work/run/list" "$work/bin/ash" -c '
        agent_run=$AGENT_RUN
        . "$AGENT_FOLDER/talk.sh"
        agent_scripts
        . "$AGENT_FOLDER/host.sh"
        "$@"' call "$@"
}
