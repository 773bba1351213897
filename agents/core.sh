#!/bin/sh
# shellcheck shell=dash disable=SC1091,SC2034,SC2154 # talk.sh and restore.sh use and set the rest
# The host agent (docs/agent.md): mounts datastores, registers and starts the machines of its list, and tells the server what
# is there. The same for all hosts; what differs is in host.sh. For busybox ash of 2008 (ESXi 3.5) and later, and dash.
#
# What a list of 10,000 machines costs: a sort and one loop of the shell to compare it with what is there, two calls of the
# management service for each machine that is missing, and a request for each forty machines of a report.

# Bytes, not characters: what is compared and cut may be in any encoding.
export LC_ALL=C
unset http_proxy
# Other folders, and other times, are for tests.
agent_folder=${AGENT_FOLDER:-/etc/bootherd}
agent_run=${AGENT_RUN:-/var/run/bootherd}
agent_tick=${AGENT_TICK:-1}                      # what a second is where the agent waits
agent_limit_ask=${AGENT_LIMIT_ASK:-15}           # seconds for one answer of the server
agent_limit_mount=${AGENT_LIMIT_MOUNT:-60}       # for one mount, and for its probe
agent_limit_call=${AGENT_LIMIT_CALL:-120}        # for one call of the management service
agent_limit_list=${AGENT_LIMIT_LIST:-1800}       # for the list of all machines: on ESXi 4 a call for each
agent_wait_server=${AGENT_WAIT_SERVER:-60}       # then it works from its overlay
agent_wait_ready=${AGENT_WAIT_READY:-300}        # then it says that the management service does not answer
agent_retry_first=${AGENT_RETRY_FIRST:-10}       # what failed is tried again after this, then after twice as long,
agent_retry_longest=${AGENT_RETRY_LONGEST:-600}  # and so on up to this
agent_told_max=100                               # steps of one restore that are told one by one,
agent_failed_max=1000                            # and failures
AGENT_LIST=$agent_run/list                       # for host.sh, too

. "$agent_folder/talk.sh"
. "$agent_folder/restore.sh"
. "$agent_folder/host.sh"

agent_seq=0
agent_retry=$agent_retry_first
agent_todo=all         # what agent_restore is to do next, all or what failed,
agent_restore_at=0     # and when
agent_report_at=0
agent_ok=''            # "|LABEL|LABEL|": datastores that a probe could read

# agent_probe FOLDER MODE PROBE: reads, and where wanted writes; prints why it could not. A mount that root is squashed on, or
# whose export is read-only, looks well until then.
agent_probe() {
    local file said tries=0 name="$1/.bootherd-${agent_server##*/}"
    said=$(ls "$1" 2>&1 >/dev/null) || { echo "cannot be listed: $said" && return 1; }
    for file in "$1"/*; do
        if [ ! -f "$file" ] || [ ! -s "$file" ]; then continue; fi
        said=$(dd if="$file" of=/dev/null bs=512 count=1 2>&1) && break
        # Files of machines that run are locked on VMFS.
        case $said in
        *[Bb]usy*) ;;
        *) echo "cannot be read: ${said##*: }" && return 1 ;;
        esac
        tries=$((tries + 1))
        [ $tries -lt 5 ] || break
    done
    [ "$2|$3" = 'rw|write' ] || return 0
    # In a subshell: the redirection's own error is to be told.
    said=$( (echo bootherd >"$name") 2>&1) && said=$(cat "$name" 2>&1) && [ "$said" = bootherd ] && said=$(rm "$name" 2>&1) && return 0
    case $said in
    *[Pp]ermission*) said="$said (is root squashed?)" ;;
    esac
    rm -f "$name" 2>/dev/null
    echo "cannot be written: ${said##*: }"
    return 1
}

# agent_store LABEL KIND HOST PATH MODE PROBE: one try. Prints why it failed.
agent_store() {
    local folder status
    folder=$(agent_within "$agent_limit_mount" host_folder "$1")
    if [ -z "$folder" ] && [ -n "$2" ]; then
        agent_within "$agent_limit_mount" host_mount "$1" "$2" "$3" "$4" "$5"
        status=$?
        [ $status != 124 ] || echo "the mount took longer than $agent_limit_mount seconds"
        [ $status = 0 ] || return 1
        folder=$(agent_within "$agent_limit_mount" host_folder "$1")
    fi
    [ -n "$folder" ] || { echo "is not mounted" && return 1; }
    agent_within "$agent_limit_mount" agent_probe "$folder" "$5" "$6"
    status=$?
    [ $status != 124 ] || echo "hangs: no answer within $agent_limit_mount seconds"
    return $status
}

# agent_keeper N LINE: of the Nth datastore, in the background: mounts it and looks after it for as long as the list has it. A
# datastore that hangs holds up its keeper alone. Leaves in the file store.N what it found.
agent_keeper() {
    local kind label type host path mode probe said wait retry=$agent_retry_first
    agent_who=.$1
    IFS='|' read -r kind label type host path mode probe _ <<END
$2
END
    agent_plain "$label" && label=$agent_text
    agent_plain "$host" && host=$agent_text
    agent_plain "$path" && path=$agent_text
    while grep -qxF -e "$2" "$agent_run/stores"; do
        if said=$(agent_store "$label" "$type" "$host" "$path" "$mode" "$probe" 2>&1); then
            said="ok|$mode"
            # From now on it is only looked whether it still answers.
            wait=$agent_interval retry=$agent_retry_first probe=read
        else
            said=$(printf '%.200s' "$said" | agent_join)
            said="failed|$(agent_encode "$said")"
            wait=$retry
            retry=$((retry * 2 < agent_retry_longest ? retry * 2 : agent_retry_longest))
        fi
        printf '%s\n' "$said" >"$agent_run/store.new.$1"
        mv "$agent_run/store.new.$1" "$agent_run/store.$1"
        agent_pause "$wait"
    done
}

# Keepers for the datastores of the list, and for others that its machines lie on, which the host mounts by itself.
agent_keep_stores() {
    local line n=0
    {
        sed -n 's/^\(store|.*\)$/\1/p' "$AGENT_LIST"
        sed -n 's/^vm|\([^|][^|]*\)|.*/\1/p' "$AGENT_LIST" | sort -u | while IFS= read -r line; do
            grep -qF -e "store|$line|" "$AGENT_LIST" || printf 'store|%s||||rw|read\n' "$line"
        done
    } >"$agent_run/stores.new"
    mv "$agent_run/stores.new" "$agent_run/stores"
    touch "$agent_run/keepers"
    while IFS= read -r line; do
        if ! grep -qxF -e "$line" "$agent_run/keepers"; then
            printf '%s\n' "$line" >>"$agent_run/keepers"
            n=$(sed -n '$=' "$agent_run/keepers")
            agent_keeper "$n" "$line" >/dev/null 2>&1 </dev/null &
            agent_keepers="$agent_keepers $!"
        fi
    done <"$agent_run/stores"
}

# Sees what the keepers found, and tells what changed: a line "store|LABEL|ok|rw" each in the file stores.now. Fails while one
# of them has not found anything yet.
agent_see_stores() {
    local kind label type found n=0 all=0
    agent_ok='|'
    [ -f "$agent_run/stores.now" ] || : >"$agent_run/stores.now"
    while IFS='|' read -r kind label type _; do
        n=$((n + 1))
        grep -qF -e "$kind|$label|$type|" "$agent_run/stores" || continue
        found=''
        [ ! -f "$agent_run/store.$n" ] || IFS= read -r found <"$agent_run/store.$n"
        case $found in
        ok*) agent_ok="$agent_ok$label|" ;;
        '') all=1 && continue ;;
        esac
        printf 'store|%s|%s\n' "$label" "$found"
    done <"$agent_run/keepers" >"$agent_run/stores.seen"
    if ! agent_same "$agent_run/stores.seen" "$agent_run/stores.now"; then
        while IFS='|' read -r kind label type found; do
            grep -qxF -e "$kind|$label|$type|$found" "$agent_run/stores.now" && continue
            agent_plain "$found"
            case $type in
            ok) agent_step mounted "$label" '' '' && agent_restore_at=$agent_now ;;
            *) agent_step mount-failed "$label" '' "$agent_text" ;;
            esac
        done <"$agent_run/stores.seen"
        cp "$agent_run/stores.seen" "$agent_run/stores.now"
        agent_report_at=$agent_now
    fi
    return $all
}

# Until all of them were tried, at once, and no longer than a mount and a probe may take.
agent_wait_stores() {
    local limit=$((agent_now + agent_limit_mount * 2 + 2))
    agent_keep_stores
    while [ "$agent_stopping" = 0 ] && ! agent_see_stores && [ "$agent_now" -lt "$limit" ]; do
        agent_pause 1
    done
}

# Until the server answers with its list, or for so long.
agent_wait_server() {
    local limit=$((agent_now + agent_wait_server))
    while [ "$agent_stopping" = 0 ] && ! agent_fetch; do
        case $agent_said in
        refused*) limit=$agent_now ;;
        esac
        if [ "$agent_now" -ge "$limit" ]; then
            agent_step offline '' '' "$agent_lost_why: works from the list that came with the boot"
            return
        fi
        agent_pause 2
    done
}

agent_wait_ready() {
    local said why='' is_told=0 since=$agent_now
    while [ "$agent_stopping" = 0 ]; do
        said=$(agent_within "$agent_limit_call" host_ready 2>&1) && break
        [ "$said" = "$why" ] || agent_log "waits for the management service: $said"
        why=$said
        if [ $is_told = 0 ] && [ $((agent_now - since)) -ge "$agent_wait_ready" ]; then
            agent_step note '' '' "the management service does not answer: $said"
            is_told=1
        fi
        agent_see_stores
        agent_pause 2
    done
    [ "$agent_stopping" = 1 ] || agent_step ready '' '' ''
}

agent_run() {
    trap 'agent_stopping=1' TERM INT
    trap '' HUP
    # Of an agent that ran before, only the number of its reports goes on.
    rm -f "$agent_run/told" "$agent_run/failed" "$agent_run/keepers" "$agent_run"/store.* "$agent_run"/within* "$agent_run/stores.now"
    [ ! -f "$agent_run/seq" ] || read -r agent_seq <"$agent_run/seq"
    : >"$agent_run/steps"
    agent_scripts
    agent_use "$agent_folder/agent.list" || { : >"$AGENT_LIST" && agent_log "its own list is cut off"; }
    agent_step start '' '' ''
    agent_wait_server
    agent_wait_stores
    agent_wait_ready
    agent_report start
    while [ "$agent_stopping" = 0 ]; do
        agent_see_stores
        if [ "$agent_online" = 0 ] && [ "$agent_now" -ge "$agent_ask_at" ] && agent_fetch; then
            agent_tell
            agent_report_at=$agent_now
        fi
        if [ "$agent_now" -ge "$agent_restore_at" ]; then
            if [ "$agent_todo" = all ]; then agent_wait_stores; fi
            if [ "$agent_todo" = all ] || [ -s "$agent_run/failed" ]; then agent_restore; fi
        fi
        if [ "$agent_now" -ge "$agent_report_at" ]; then
            agent_report_at=$((agent_now + agent_interval))
            agent_report change
        fi
        agent_pause 1
    done
    agent_report shutdown
    # shellcheck disable=SC2086 # numbers
    kill $agent_keepers 2>/dev/null
    rm -f "$agent_run/pid"
}

agent_pid() {
    local pid=''
    [ ! -f "$agent_run/pid" ] || read -r pid <"$agent_run/pid"
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && echo "$pid"
}

case $1 in
start)
    mkdir -p "$agent_run" && chmod 0700 "$agent_run"
    # One at a time, and one agent alone.
    mkdir "$agent_run/starting" 2>/dev/null || exit 0
    if [ -z "$(agent_pid)" ]; then
        # By sh: ESXi 8 may execute nothing that no package of it brought.
        sh "$0" run >/dev/null 2>&1 </dev/null &
        echo $! >"$agent_run/pid"
    fi
    rmdir "$agent_run/starting"
    ;;
run) agent_run ;;
stop)
    agent_job=$(agent_pid) || exit 0
    kill "$agent_job"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -0 "$agent_job" 2>/dev/null || break
        sleep 1
    done
    ;;
*) echo "usage: agent.sh start|stop" >&2 && exit 2 ;;
esac
