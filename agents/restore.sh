# shellcheck shell=dash disable=SC2034,SC2154 # agent.sh uses and sets the rest
# What the host's agent registers and starts, and what it reports (docs/agent.md). Sourced by agent.sh.

# agent_see: the machines that are there, in the file present. Fails when the host cannot tell.
agent_see() {
    agent_within "$agent_limit_list" host_list >"$agent_run/present.new" 2>/dev/null || return 1
    mv "$agent_run/present.new" "$agent_run/present"
}

# agent_plan all|failed: what is to be done, in the list's order, beside what is there, in the file plan:
# ORDER|LABEL|FILE|NAME|POWER|DELAY|ANSWER|HANDLE|IS|WHY. POWER is held, and DELAY why, of a machine that another host has. One
# sort by datastore and file brings the lines of a machine together: 0 it is there, 1 it failed before, 2 wanted.
agent_plan() {
    local label file tag a b c d e key='' handle='' is='' why='' todo=''
    {
        sed 's/^\([^|]*\)|\([^|]*\)|\([^|]*|[^|]*\)|.*/\3|0|\1|\2/' "$agent_run/present"
        sed 's/^\([^|]*|[^|]*\)|/\1|1|/' "$agent_run/failed"
        grep -n -e '^vm|' -e '^held|' "$AGENT_LIST" |
            sed 's/^\([0-9]*\):vm|\([^|]*|[^|]*\)|/\2|2|\1|/; s/^\([0-9]*\):held|\([^|]*|[^|]*\)|\([^|]*\)|/\2|2|\1|\3|held|/'
    } | sort | while IFS='|' read -r label file tag a b c d e _; do
        [ "$key" = "$label|$file" ] || handle='' is='' why='' todo=$1
        key="$label|$file"
        case $tag in
        0) handle=$a is=$b ;;
        1) todo=all why=$a ;;
        2)
            [ "$todo" = all ] || continue
            printf '%s|%s|%s|%s|%s|%s|%s|%s|%s\n' "$a" "$key" "$b" "$c" "$d" "$e" "$handle" "$is" "$why"
            todo='' # twice in the list is once
            ;;
        esac
    done | sort -n >"$agent_run/plan"
}

# agent_failed LABEL FILE KIND WHY BEFORE: notes it for the next try; tells it unless it is what was told before.
agent_failed() {
    local text why
    text=$(printf '%.200s' "$4" | agent_join)
    why=$(agent_encode "$text")
    printf '%s|%s|%s\n' "$1" "$2" "$why" >>"$agent_run/failed.new"
    agent_failures=$((agent_failures + 1))
    if [ "$why" != "$5" ] && [ "$agent_failures" -le "$agent_failed_max" ]; then agent_step "$3" "$1" "$2" "$text"; fi
}

# agent_did KIND LABEL FILE TEXT
agent_did() {
    agent_steps=$((agent_steps + 1))
    if [ "$agent_steps" -le "$agent_told_max" ]; then agent_step "$@"; fi
    # A long restore is a sign of life, too.
    if [ $((agent_steps % 25)) = 0 ]; then agent_alive; fi
}

agent_alive() {
    if [ "$agent_online" = 1 ]; then agent_ask "alive?$agent_seq"; fi
}

# Registers all that is missing, then powers on in the list's order: all of it, or what failed before.
agent_restore() {
    local wanted todo
    # A machine that another host has is this host's when the list says so.
    if [ "$agent_online" = 1 ] && [ "$agent_todo" = failed ] && grep -q '^held|' "$AGENT_LIST"; then agent_fetch; fi
    agent_see || { agent_restore_at=$((agent_now + agent_retry_first)) && return; }
    if [ "$agent_todo" = all ]; then
        agent_retry=$agent_retry_first
        : >"$agent_run/failed"
    fi
    todo=$agent_todo agent_todo=failed agent_failures=0 agent_steps=0
    agent_plan "$todo"
    : >"$agent_run/failed.new"
    : >"$agent_run/start"
    agent_register_all <"$agent_run/plan" 3>"$agent_run/start"
    agent_start_all <"$agent_run/start"
    mv "$agent_run/failed.new" "$agent_run/failed"
    [ "$agent_stopping" = 0 ] || return
    wanted=$(grep -c -e '^vm|' -e '^held|' "$AGENT_LIST")
    if [ "$todo" = all ] || [ "$agent_steps" != 0 ]; then
        agent_step restored '' '' "$((wanted - agent_failures)) of $wanted machines"
        agent_report restored
    fi
    agent_restore_at=$((agent_now + agent_retry))
    agent_retry=$((agent_retry * 2 < agent_retry_longest ? agent_retry * 2 : agent_retry_longest))
}

# agent_register_all: lines of the plan; on 3 those of machines that are to be powered on.
agent_register_all() {
    local order label file name want delay answer handle is why said plain_label plain_file
    while IFS='|' read -r order label file name want delay answer handle is why; do
        [ "$agent_stopping" = 0 ] || return
        if [ "$want" = held ]; then
            agent_plain "$delay"
            agent_failed "$label" "$file" held "$agent_text" "$why"
            continue
        fi
        case $agent_ok in
        *"|$label|"*) ;;
        *)
            if [ -z "$handle" ]; then
                agent_failed "$label" "$file" register-failed "its datastore is not there" "$why"
                continue
            fi
            ;;
        esac
        if [ -z "$handle" ]; then
            agent_plain "$label" && plain_label=$agent_text
            agent_plain "$file" && plain_file=$agent_text
            agent_plain "$name"
            said=$(agent_within "$agent_limit_call" host_register "$plain_label" "$plain_file" "$agent_text" 2>"$agent_run/why")
            case $?,$said in
            0,?*) handle=$said is=off ;;
            124,*) said="took longer than $agent_limit_call seconds" ;;
            *) said="$said $(cat "$agent_run/why")" ;;
            esac
            if [ -z "$handle" ]; then
                agent_failed "$label" "$file" register-failed "$said" "$why"
                continue
            fi
            agent_did registered "$label" "$file" ''
        fi
        # One that is paused, or does not say, is left alone.
        [ "$want|$is" != 'on|off' ] || printf '%s|%s|%s|%s|%s|%s\n' "$label" "$file" "$delay" "$answer" "$handle" "$why" >&3
    done
}

agent_start_all() {
    local label file delay answer handle why said status plain_label plain_file
    while IFS='|' read -r label file delay answer handle why; do
        [ "$agent_stopping" = 0 ] || return
        agent_plain "$label" && plain_label=$agent_text
        agent_plain "$file" && plain_file=$agent_text
        said=$(agent_within "$agent_limit_call" host_start "$handle" "$plain_label" "$plain_file" 2>&1)
        status=$?
        if [ $status = 2 ] && [ "$answer" != none ]; then
            said=$(agent_within "$agent_limit_call" host_answer "$handle" "$answer" 2>&1)
            status=$?
            [ $status != 0 ] || agent_did answered "$label" "$file" "$said"
        fi
        case $status in
        0)
            agent_did on "$label" "$file" ''
            agent_delay "$delay"
            continue
            ;;
        124) said="took longer than $agent_limit_call seconds" ;;
        esac
        agent_failed "$label" "$file" on-failed "$said" "$why"
    done
}

# agent_delay SECONDS
agent_delay() {
    local left=$1
    while [ "${left:-0}" -gt 0 ] && [ "$agent_stopping" = 0 ]; do
        agent_pause $((left < agent_interval ? left : agent_interval))
        left=$((left - agent_interval))
        [ "$left" -le 0 ] || agent_alive
    done
}

# agent_report WHY: what is there, unless it is what the server was told last.
agent_report() {
    local now=$agent_run/now tries
    [ "$agent_online" = 1 ] || return 1
    agent_see || { agent_alive; return 1; }
    {
        cat "$agent_run/stores.now"
        sed 's/^[^|]*|\([^|]*\)|\([^|]*|[^|]*|[^|]*\)|\([^|]*\).*/vm|\2|\1|\3/' "$agent_run/present" | sort
    } >"$now"
    if [ "$1" = change ] && [ -f "$agent_run/told" ] && agent_same "$now" "$agent_run/told"; then
        if agent_alive; then agent_hear; fi
        return
    fi
    for tries in 1 2; do
        agent_seq=$((agent_seq + 1))
        echo $agent_seq >"$agent_run/seq"
        agent_send "$1" "$now" || return 1
        [ "$agent_said" = again ] || break
    done
    case $agent_said in
    ok*) cp "$now" "$agent_run/told" && agent_hear ;;
    # Not believed, or not yet: said again at the next interval. What an operator wants meanwhile is in the list.
    *)
        agent_log "the server does not take the report: $agent_said"
        rm -f "$agent_run/told"
        agent_fetch
        ;;
    esac
}

# What the server says to it: a newer list is wanted, or a report.
agent_hear() {
    local wish
    case $agent_said in
    report)
        rm -f "$agent_run/told"
        agent_report_at=$agent_now
        ;;
    ok\|*[!0-9]*) ;;
    ok\|?*)
        wish=${agent_said#ok|}
        [ "$wish" -le "$agent_wish" ] || agent_fetch
        ;;
    esac
}

# agent_send WHY FILE: in parts of whole lines, of 4000 bytes as they are sent: servers take 8 KiB.
agent_send() {
    local line part='' parts n=0
    {
        printf 'report|%s|%s\n' "$agent_seq" "$1"
        cat "$2"
        printf 'end|%s\n' "$(($(sed -n '$=' "$2" | grep . || echo 0) + 1))"
    } | sed -f "$agent_run/url.sed" | {
        while IFS= read -r line; do
            if [ -n "$part" ] && [ $((${#part} + ${#line})) -gt 4000 ]; then
                printf '%s\n' "$part"
                part=''
            fi
            part="$part$line%0A"
        done
        printf '%s\n' "$part"
    } >"$agent_run/parts"
    parts=$(sed -n '$=' "$agent_run/parts")
    while IFS= read -r part; do
        n=$((n + 1))
        agent_ask "report/$agent_seq/$n/$parts?$part" || return 1
        case $agent_said in
        more) ;;
        *) return 0 ;;
        esac
    done <"$agent_run/parts"
}
