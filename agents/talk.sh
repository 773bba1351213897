# shellcheck shell=dash disable=SC2034,SC2154 # agent.sh uses and sets the rest
# How the host's agent waits, encodes, and talks to the server (docs/agent.md). Sourced by agent.sh.

agent_cr=$(printf '\r')
agent_who=''     # of agent_within's files
agent_now=0      # ticks, not the clock, which is set while a host boots
agent_ask_at=0   # when the server is asked again after it did not answer
agent_stopping=0
agent_online=0
agent_lost_why=''
agent_wish=0
agent_sent=0     # lines of the file of steps that the server has
agent_server=''
agent_interval=60

agent_log() {
    logger -t bootherd "$*" 2>/dev/null
}

# agent_pause TICKS: in pieces, since not every shell lets a signal end `wait`.
agent_pause() {
    local left=$1
    while [ "$left" -gt 0 ] && [ "$agent_stopping" = 0 ]; do
        sleep "$agent_tick" &
        wait $! 2>/dev/null
        left=$((left - 1)) agent_now=$((agent_now + 1))
    done
}

# agent_kill PID: what it started, too, where the system tells (Linux). It first, so that it does not wonder.
agent_kill() {
    local child children
    children=$(cat "/proc/$1/task/$1/children" 2>/dev/null)
    kill -9 "$1" 2>/dev/null
    for child in $children; do
        agent_kill "$child"
    done
}

# agent_same FILE FILE: not every ESXi has cmp.
agent_same() {
    [ "$(cat "$1" 2>/dev/null)" = "$(cat "$2" 2>/dev/null)" ]
}

# The lines of standard input as one: ESXi 7 has no tr.
agent_join() {
    sed -e ':a' -e '$!{' -e N -e ba -e '}' -e 's/\n/ /g'
}

# agent_within SECONDS COMMAND...: its status and output; 124 when it took longer. A process that waits for a dead NFS server
# cannot be killed, so nothing waits for it: not for its end, nor for the other end of its output. What is waited for is a
# sleep that it ends when it is done. Its files are named by who asks: a keeper, or one that runs within another.
agent_within() {
    local files="$agent_run/within$agent_who" clock job status=124 seconds="$1"
    shift
    : >"$files"
    sleep "$seconds" >/dev/null 2>&1 &
    clock=$!
    (
        agent_who=$agent_who.
        "$@" >"$files.out" 2>"$files.err"
        echo $? >"$files"
        kill $clock
    ) >/dev/null 2>&1 </dev/null &
    job=$!
    while [ ! -s "$files" ] && kill -0 $clock 2>/dev/null; do
        wait $clock 2>/dev/null
    done
    if [ -s "$files" ]; then
        read -r status <"$files"
        wait $job 2>/dev/null
    else
        agent_kill $job
    fi
    [ ! -s "$files.out" ] || cat "$files.out"
    [ ! -s "$files.err" ] || cat "$files.err" >&2
    # What is left of it may still write.
    [ "$status" != 124 ] || rm -f "$files" "$files.out" "$files.err"
    return "$status"
}

# The encoding of fields and, on top of it, of URLs, as scripts for sed; made once.
agent_scripts() {
    local byte octal
    {
        printf 's/%%/%%25/g\ns/|/%%7C/g\n'
        for byte in 1 2 3 4 5 6 7 8 9 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 127; do
            octal=$(printf '%03o' $byte)
            printf "s/\\$octal/%%%02X/g\n" $byte
        done
    } >"$agent_run/line.sed" # for a field with a line for itself, and no line ends in it
    {
        printf ':a\n$!{\nN\nba\n}\n'
        cat "$agent_run/line.sed"
        printf 's/\\n/%%0A/g\ns/\\.$//\n'
    } >"$agent_run/encode.sed"
    {
        printf 's/\\\\/\\\\\\\\/g\n'
        for byte in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 124 127 37; do
            printf 's/%%%02X/\\\\0%03o/g\n' $byte $byte
        done
    } >"$agent_run/decode.sed"
    # Blanks and what a URL gives a meaning, or HTTP servers are known to refuse.
    # shellcheck disable=SC1003 # one backslash, for sed
    printf 's/%s/%s/g\n' % %25 ' ' %20 '"' %22 '#' %23 '&' %26 + %2B '<' %3C '>' %3E '?' %3F '\[' %5B '\\' %5C ']' %5D '\^' %5E \
        '`' %60 '{' %7B '|' %7C '}' %7D "	" %09 >"$agent_run/url.sed"
}

# agent_encode TEXT: as one field. The full stop keeps line ends at its end.
agent_encode() {
    case $1 in
    *[%\|[:cntrl:]]*) printf '%s.\n' "$1" | sed -f "$agent_run/encode.sed" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

agent_decode() {
    case $1 in
    *%*) printf '%b\n' "$(printf '%s\n' "$1" | sed -f "$agent_run/decode.sed")" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

# agent_plain FIELD: decodes it into agent_text, without a process where nothing is encoded.
agent_plain() {
    agent_text=$1
    case $1 in
    *%*) agent_text=$(agent_decode "$1") ;;
    esac
}

agent_known() {
    local label name kind a file n
    label=$(agent_encode "$1") name=$(agent_encode "$2")
    grep "^vm|" "$AGENT_LIST" | while IFS='|' read -r kind a file n _; do
        [ "$a|$n" != "$label|$name" ] || agent_decode "$file"
    done
}

# agent_get URL FILE
agent_get() {
    if type wget >/dev/null 2>&1; then
        agent_within "$agent_limit_ask" wget -q -O "$2" "$1" >/dev/null 2>&1
    else
        agent_within "$agent_limit_ask" curl -sf -o "$2" "$1" >/dev/null 2>&1
    fi
}

# agent_ask PATH: sets agent_said to the answer's first line; fails when there is no answer of the server's, or no wish to
# talk to this host.
agent_ask() {
    agent_said=''
    [ -n "$agent_server" ] || return 1
    : >"$agent_run/said"
    if agent_get "$agent_server/$1" "$agent_run/said" && [ -s "$agent_run/said" ]; then
        IFS= read -r agent_said <"$agent_run/said"
        agent_said=${agent_said%"$agent_cr"}
    fi
    case $agent_said in
    ok | ok\|* | more | again | report | held\|* | bad\|* | bootherd\|1) agent_server_back ;;
    refused*)
        agent_server_lost "the server refuses this host: ${agent_said#refused|}"
        agent_ask_at=$((agent_now + agent_retry_longest))
        return 1
        ;;
    *)
        agent_server_lost "the server at ${agent_server%/agent/*} does not answer"
        return 1
        ;;
    esac
}

agent_server_back() {
    [ "$agent_online" = 1 ] || agent_log "the server answers"
    agent_online=1
}

agent_server_lost() {
    if [ "$agent_online" = 1 ] || [ "$agent_lost_why" != "$1" ]; then agent_log "$1: goes on without, and goes on asking"; fi
    agent_lost_why=$1
    agent_online=0
    agent_ask_at=$((agent_now + agent_retry_first))
}

# agent_step KIND LABEL FILE TEXT: LABEL and FILE as fields. What the server cannot be told now it is told when it answers.
agent_step() {
    local text
    text=$(printf '%.200s' "$4")
    text=$(agent_encode "$text")
    agent_log "$1${2:+ [$2]}${3:+ $3}${text:+: $text}"
    printf '%s|%s|%s|%s\n' "$1" "$2" "$3" "$text" >>"$agent_run/steps"
    agent_tell
}

# Sends the steps that the server does not have.
agent_tell() {
    local step
    [ "$agent_online" = 1 ] || return
    sed -n "$((agent_sent + 1)),\$p" "$agent_run/steps" | sed -f "$agent_run/url.sed" >"$agent_run/tell"
    while IFS= read -r step; do
        agent_ask "step?$step" || return
        agent_sent=$((agent_sent + 1))
    done <"$agent_run/tell"
}

# agent_is_list FILE: whole, by its last line.
agent_is_list() {
    local first='' count
    [ -s "$1" ] && IFS= read -r first <"$1"
    count=$(sed -n '$s/^end|\([0-9][0-9]*\)$/\1/p' "$1" 2>/dev/null)
    [ "$first" = 'bootherd|1' ] && [ -n "$count" ] && [ "$(sed -n '$=' "$1")" = $((count + 1)) ]
}

# agent_use FILE: takes a list into use, unless it was cut off.
agent_use() {
    local kind value wish=$agent_wish
    sed "s/$agent_cr\$//" "$1" >"$agent_run/list.new" 2>/dev/null
    agent_is_list "$agent_run/list.new" || return 1
    mv "$agent_run/list.new" "$AGENT_LIST"
    sed '/^vm|/,$d' "$AGENT_LIST" >"$agent_run/head"
    while IFS='|' read -r kind value _; do
        case $kind in
        server) agent_server=$value ;;
        wish) agent_wish=${value:-0} ;;
        interval) agent_interval=${value:-60} ;;
        esac
    done <"$agent_run/head"
    [ "$wish" = "$agent_wish" ] || agent_todo=all agent_restore_at=$agent_now
}

agent_fetch() {
    agent_ask list || return 1
    agent_use "$agent_run/said" || { agent_server_lost "the server's list is cut off" && return 1; }
}
