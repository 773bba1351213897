#!/bin/bash
# The agent itself (agents/core.sh, talk.sh, restore.sh) when its server or its input is bad: away at start, coming back, dying
# in the middle, refusing it, lists that are cut off, odd names, 10,000 machines. The host is ESXi 5's stand-in. No root, loopback.
set -u
# shellcheck source=tests/agent/lib.sh
. "$(dirname "$0")/lib.sh"

# --- The server is away when the host starts, and comes back.
fresh esxi5
share nas:/v a/a.vmx b/b.vmx
list 'store|v|nfs|nas|/v|rw|write' 'vm|v|a/a.vmx|a|on|0|moved|'
wish=2 serve 'store|v|nfs|nas|/v|rw|write' 'vm|v|a/a.vmx|a|on|0|moved|' 'vm|v|b/b.vmx|b|on|0|moved|'
server_end
boot
check "no server: works from its own list" eventually grep -q '^restored|||1 of 1' "$work/run/steps"
server_start
check_step "it comes back: told what was done meanwhile" 'restored|||1 of 1 machines'
is "from the start, in order" "$(sed 4q "$work/server/steps" | cut -d'|' -f 1 | tr '\n' ' ')" "start offline mounted ready "
check_step "its newer list is taken" 'restored|||2 of 2 machines'
is "each was powered on once" "$(ran power.on)" 2
check_report "reported" 'store|v|ok|rw' 'vm|v|a/a.vmx|a|on|' 'vm|v|b/b.vmx|b|on|'

# It dies in the middle of an answer, and has forgotten all when it is back.
touch "$work/server/die"
sed -i '/b.vmx/d' "$STANDIN/machines"
sleep 2
echo report >"$work/server/answer-alive"
rm "$work/server/die"
check_report "it died and came back: it is told what changed" 'store|v|ok|rw' 'vm|v|a/a.vmx|a|on|'
before=$(wc -l <"$work/server/reports")
echo report >"$work/server/answer-alive"
more() { [ "$(wc -l <"$work/server/reports")" -gt "$1" ]; }
check "the server wants a report: it comes, nothing changed or not" eventually more "$before"
before=$(wc -l <"$work/server/reports")
echo again >"$work/server/answer-report"
echo report >"$work/server/answer-alive"
check "parts were lost: sent again" eventually more "$before"
before=$(wc -l <"$work/server/reports")
echo 'held|not yet' >"$work/server/answer-report"
sed -i '/a.vmx/d' "$STANDIN/machines"
check_report "an empty list" 'store|v|ok|rw'
check "that is not believed is said again" eventually more $((before + 1))

# Lists that are no lists.
before=$(wc -l <"$work/server/lists")
asked() { [ "$(wc -l <"$work/server/lists")" -gt "$1" ]; }
{
    sed 's/^wish.*/wish|9/; $d' "$work/server/list"
    echo 'vm|v|b/b.vmx|b|on|0|mo'
} >"$work/server/cut"
cp "$work/server/cut" "$work/server/list"
echo 9 >"$work/server/wish"
check "a list without its end" eventually asked $((before + 1))
check "is not taken" grep -qx 'wish|2' "$work/run/list"
sed -i 's/^bootherd|1/<html>/' "$work/server/list"
check "a page of somebody else" eventually asked $((before + 3))
check "neither" grep -qx 'wish|2' "$work/run/list"
check "not a list, so the server does not answer" grep -q "cut off\|does not answer" "$STANDIN/syslog"
wish=10 serve 'store|v|nfs|nas|/v|rw|write' 'vm|v|b/b.vmx|b|on|0|moved|' 'new|kind|of|line'
sed -i 's/$/\r/' "$work/server/list"
check "with CR at line ends, and lines that are not known: taken" eventually grep -qx 'wish|10' "$work/run/list"
check_step "and done" 'restored|||1 of 1 machines'

# Refused.
touch "$work/server/refuse"
check "refused: it asks" eventually test -s "$work/server/refused"
sleep 2
check "and then leaves the server alone for long" [ "$(wc -l <"$work/server/refused")" -le 3 ]
agent_end
check_clean "server"
fresh esxi5
share nas:/v a/a.vmx
list 'store|v|nfs|nas|/v|rw|write' 'vm|v|a/a.vmx|a|on|0|moved|'
touch "$work/server/refuse"
boot
check "refused from the start: works from its own list" eventually grep -q '^restored|||1 of 1' "$work/run/steps"
agent_end
check_clean "refused"

# --- Its own list is cut off, and there is no server: it does nothing, and waits.
fresh esxi5
list 'store|v|nfs|nas|/v|rw|write'
sed -i '$d' "$work/etc/agent.list"
server_end
boot
check "nothing to work from" eventually grep -q '^restored|||0 of 0' "$work/run/steps"
is "and nothing done" "$(ran ' add ')" 0
agent_end

# --- Never twice; to its end in time.
fresh esxi5
list 'store|v|nfs|nas|/v|rw|write'
share nas:/v
in_host "$work/etc/agent.sh" start
in_host "$work/etc/agent.sh" start
check_step "started" 'restored|||0 of 0 machines'
in_host "$work/etc/agent.sh" start
is "never twice" "$(grep -c '^start|' "$work/server/steps")" 1
pid=$(cat "$work/run/pid")
in_host "$work/etc/agent.sh" stop
check_fails "stopped" kill -0 "$pid"
check "its last report is of its shutdown" grep -q '|shutdown$' "$work/server/report.$(tail -n 1 "$work/server/reports")"
last=$(tail -n 1 "$work/server/reports")
in_host "$work/etc/agent.sh" start
check "started again in the same boot: reports go on counting" eventually test -s "$work/server/report.$((last + 1))"
in_host "$work/etc/agent.sh" stop
check_clean "start and stop"

# --- Odd names: encoded in the list, plain on the host, encoded in the report.
fresh esxi5
odd=("a b  c.vmx" "quote'\"\$(reboot)\`x\`.vmx" "back\\slash\\n%s.vmx" "per%25cent.vmx" "pi%7Cpe.vmx" "tab%09bell%07.vmx" "[x] {y} & + ? # < > ^ ;.vmx" "日本語 ü.vmx" "-e.vmx"
    '*.vmx' "line%0Aend.vmx")
wanted=() lines=() number=100
share nas:/v
for file in "${odd[@]}"; do
    plain=$(printf '%b' "$(sed 's/\\/\\\\/g; s/%\([0-9A-F][0-9A-F]\)/\\x\1/g' <<<"$file")")
    touch "$STANDIN/shares/nas:=v/$plain"
    lines+=("vm|v|$file|same name|off|0|moved|")
done
list 'store|v|nfs|nas|/v|rw|write' "${lines[@]}"
boot
check_step "odd names, and all with one name" 'restored|||11 of 11 machines'
for file in "${odd[@]}"; do
    check_step "registered: $file" "registered|v|$file|"
done
is "the host was given them as they are" "$(sed -n 's/^vim-cmd solo.registervm .*\/volumes\/v\///p' "$STANDIN/log" | sed 3q)" "a b  c.vmx
quote'\"\$(reboot)\`x\`.vmx
back\\slash\\n%s.vmx"
agent_end
check_clean "odd names"

# --- 10,000 machines, of which the host has all but the last, and it is in a hurry.
fresh esxi5
share nas:/v last/last.vmx
for ((number = 100; number < 10099; number++)); do
    echo "$number|on|v|machine $number/m.vmx|machine $number|"
done >"$STANDIN/machines"
mapfile -t lines < <(sed 's/^[0-9]*|on|v|\([^|]*\)|\([^|]*\)|/vm|v|\1|\2|on|0|moved|/' "$STANDIN/machines")
list 'store|v|nfs|nas|/v|rw|write' "${lines[@]}" 'vm|v|last/last.vmx|last|on|0|moved|'
began=$SECONDS
boot
check_step "10,000 machines" 'restored|||10000 of 10000 machines'
check "in less than two minutes, on a busy computer" [ $((SECONDS - began)) -lt 120 ]
diag "$((SECONDS - began)) seconds"
is "only the last was touched" "$(ran registervm) $(ran power.on)" "1 1"
whole() { [ "$(report | wc -l)" = 10001 ]; }
check "all of them are reported" eventually whole
is "with the right number of lines" "$(tail -n 1 "$work/server/report.$(tail -n 1 "$work/server/reports")")" "end|10002"
agent_end
check_clean "10,000 machines"

# --- 300 that are missing: told one by one up to a number, and the host is seen to live.
fresh esxi5
files=() lines=()
for ((number = 0; number < 300; number++)); do
    files+=("m$number/m.vmx")
    lines+=("vm|v|m$number/m.vmx|m$number|off|0|moved|")
done
share nas:/v "${files[@]}"
list 'store|v|nfs|nas|/v|rw|write' "${lines[@]}"
boot
check_step "300 missing" 'restored|||300 of 300 machines'
is "a hundred told one by one" "$(steps registered)" 100
is "signs of life while it works" "$(($(wc -l <"$work/server/alives") >= 12))" 1
agent_end
check_clean "300 missing"
tap_end
