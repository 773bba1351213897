#!/bin/bash
# Hosts' agents, played by curl against a real server: the identity out of the overlay, list, steps, reports in parts and
# as they should not be, and what a server that is killed still knows.
#
#   agent.sh [BOOTHERD]     the program to test, default build/src/bootherd
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
# shellcheck source=tests/lib/lab.sh
. "$here/../lib/lab.sh"
bootherd=$(realpath "${1:-$top/build/src/bootherd}")
export ASAN_OPTIONS=detect_leaks=0 # a process that gave up its privileges cannot look at itself
need curl jq python3 sqlite3
lab_open || exit 1
lab_host herd br0 "$LAB_PREFIX.2/24" || exit 1
root=$LAB_DIR/root
url=http://$LAB_PREFIX.1

b() {
    "$bootherd" --root "$root" "$@"
}
serve() {
    lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$root" serve --interface br0
    server=$LAB_PID
    lab_wait "$LAB_DIR/serve.log" '^serving on br0' 20 "$server"
}
# The server is gone at once, with all its processes.
# shellcheck disable=SC2317 # called by check
pull_plug() {
    local children
    read -r -a children <"/proc/$server/task/$server/children"
    kill -9 "$server" "${children[@]}"
    wait "$server" 2>/dev/null
    return 0
}
from() { # ADDRESS PATH: what curl says
    LAB_NS=$LAB_NS-herd lab_run curl -s -m 60 --path-as-is --interface "$1" "$url/$2"
}
ask() { # PATH: as n1, with its identity
    from "$LAB_PREFIX.11" "agent/$identity/$1"
}
says() { # LABEL WANTED PATH: the beginning of the answer
    local got
    got=$(ask "$3")
    case $got in
    "$2"*) ok "$1" ;;
    *)
        not_ok "$1"
        diag "wanted $2, got: $(echo "$got" | head -3)"
        ;;
    esac
}
# boots N: one simulated machine does, and its overlay gives $identity.
boots() {
    LAB_NS=$LAB_NS-herd lab_run "$bootherd" swarm --interface br0 --machines 1 --mac "02:be:00:00:00:0$1" >"$LAB_DIR/swarm.log" 2>&1
    from "$LAB_PREFIX.1$1" "node/n$1/$overlay" >"$LAB_DIR/overlay"
    identity=$(tar -xOzf "$LAB_DIR/overlay" --wildcards '*etc/bootherd/agent.list' | sed -n 's/^boot|\([^|]*\)|.*/\1/p')
    [ -n "$identity" ]
}
# report SEQ WHY LINE...: whole, in parts of 1,200 bytes; the last answer.
report() {
    python3 - "$url/agent/$identity" "$LAB_DIR" "$@" <<'PYTHON' >"$LAB_DIR/parts"
import sys, urllib.parse
server, folder, seq, why, *lines = sys.argv[1:]
text = "".join(line + "\n" for line in ["report|%s|%s" % (seq, why), "store|vms|ok|rw", *lines])
text += "end|%d\n" % text.count("\n")
raw = text.encode()
parts = [raw[i:i + 1200] for i in range(0, len(raw), 1200)]
for i, part in enumerate(parts):
    print("url = \"%s/report/%s/%d/%d?%s\"" % (server, seq, i + 1, len(parts), urllib.parse.quote(part, safe="/[]")))
PYTHON
    LAB_NS=$LAB_NS-herd lab_run curl -s -g -m 60 --interface "$LAB_PREFIX.11" -K "$LAB_DIR/parts" | tail -n 1
}
machines() { # of n1's inventory, on disk or in memory: the server is asked
    lab_run "$bootherd" --root "$root" vm list n1 --json | jq -r "$1"
}
is() { # LABEL WANTED GOT
    if [ "$2" = "$3" ]; then ok "$1"; else
        not_ok "$1"
        diag "wanted $2, got $3"
    fi
}
# A process that was killed may hold its lock for a while yet.
versions() { # of n1, when no server runs
    sqlite3 -cmd '.timeout 10000' "$root/state.db" "SELECT count(*) FROM vm_version WHERE node = 'n1'"
}
has() { # TEXT: the latest version on disk
    sqlite3 -cmd '.timeout 10000' "$root/state.db" "SELECT list FROM vm_version WHERE node = 'n1' ORDER BY number DESC LIMIT 1" | grep -qF -- "$1"
}

"$top/tests/standin/make-iso.sh" "$LAB_DIR/standin.iso" >/dev/null && b image import "$LAB_DIR/standin.iso" --name esxi4 >/dev/null 2>&1
b profile set p --image esxi4 --datastores vms=nas:/srv/vms >"$LAB_DIR/set.log" 2>&1 || cat "$LAB_DIR/set.log"
for i in 1 2; do
    b node set "n$i" --mac "02:be:00:00:00:0$i" --ip "$LAB_PREFIX.1$i" --profile p >/dev/null
    LAB_NS=$LAB_NS-herd lab_run ip address add "$LAB_PREFIX.1$i/24" dev br0
done
overlay=$(b explain n1 | grep -o 'node/n1/[^ ]*' | head -1 | cut -d/ -f3)
check "explain lists the agent" sh -c "'$bootherd' --root '$root' explain n1 | grep -q etc/bootherd/agent.list"
serve

# --- identities ---

check "another machine boots" boots 2
check "a machine boots, and its overlay has an identity" boots 1
first=$identity
check "the same boot, the same identity" sh -c "[ '$identity' = \"\$(LAB_DIR=$LAB_DIR; ip netns exec $LAB_NS-herd curl -s --interface $LAB_PREFIX.11 $url/node/n1/$overlay | tar -xOzf - --wildcards '*etc/bootherd/agent.list' | sed -n 's/^boot|\([^|]*\)|.*/\1/p')\" ]"
says "the list" "bootherd|1" list
check "with its datastore" sh -c "printf '%s' '$(ask list)' | grep -q '^store|vms|nfs|nas|/srv/vms|rw|'"
is "another node with it is refused" "refused|this is another node's identity" "$(from "$LAB_PREFIX.12" "agent/$first/list")"
is "from an address of no lease" "bootherd|1" "$(from "$LAB_PREFIX.2" "agent/$first/list" | head -1)"
last=${first: -1}
identity=${first%?}$([ "$last" = 0 ] && echo 1 || echo 0)
says "forged: another digest" "refused|" list
identity=$((${first%%-*} + 1))-${first#*-}
says "forged: another boot's number" "refused|" list
for identity in '' 1 - -1-0 "$(printf 'a%.0s' {1..400})"; do
    case $(ask list) in
    refused* | *"Not Found"* | *"Bad Request"*) ok "no identity: $(printf '%.20s' "$identity")" ;;
    *) not_ok "no identity: $(printf '%.20s' "$identity")" ;;
    esac
done
identity=$first
check "status 200, nothing to keep it by" sh -c "ip netns exec $LAB_NS-herd curl -si --interface $LAB_PREFIX.12 $url/agent/$first/list >'$LAB_DIR/head'; grep -q '^HTTP/1.1 200' '$LAB_DIR/head' && ! grep -qi '^etag' '$LAB_DIR/head'"
says "a word that is none" "bad|" nothing

# --- steps ---

says "a step" ok 'step?start%7C%7C%7C'
says "mounted" ok 'step?mounted%7Cvms%7C%7C'
says "a machine that starts" ok 'step?on%7Cvms%7Cweb%201/web%201.vmx%7C'
says "one that does not" ok 'step?on-failed%7Cvms%7Cdb/db.vmx%7Clocked%20by%20another'
says "words that are not known" ok 'step?danced%7Cvms%7C%7Con%20the%20table'
says "a broken escape" "bad|" 'step?on%7Cvms%7C%zz'
says "nothing" "bad|" 'step?'
says "restored" ok 'step?restored%7C%7C%7C8%20of%209%20machines'
b status n1 >"$LAB_DIR/status"
for text in 'restore +mounted vms' 'restore +vms/web 1/web 1.vmx on' '! restore +vms/db/db.vmx not on: locked by another' 'restored +8 of 9 machines' \
    '^booted in .*; restored 8 of 9 machines'; do
    check "status: $text" grep -qE -- "$text" "$LAB_DIR/status"
done
is "status --json" 'restored 8 of 9 machines vms/db/db.vmx not on: locked by another booted' \
    "$(b status n1 --json | jq -r '.nodes[0] | .step + " " + .restored + " " + .cause + " " + .state')"
check "live lines" grep -qE 'n1 +restore +mounted vms' "$LAB_DIR/serve.log"
check "no file's event" sh -c "! grep -q 'agent/' '$LAB_DIR/serve.log' && ! grep -q 'agent/' '$LAB_DIR/status'"

is "not by TFTP" "" "$(LAB_NS=$LAB_NS-herd lab_run curl -s -m 10 "tftp://$LAB_PREFIX.1/agent/$first/list")"

# --- reports ---

two=('vm|vms|web 1/web 1.vmx|web 1|on|' 'vm|vms|b%7Cr%25/[x] y.vmx|wéb%0Atwo|off|4c4c')
says "nobody knows a report yet" report 'alive?0'
is "a report" "ok|0" "$(report 1 restored "${two[@]}")"
says "alive" "ok|0" 'alive?1'
says "alive, with another number" report 'alive?2'
is "repeated" "ok|0" "$(report 1 restored)"
is "late" "bad|late" "$(report 5 change "${two[@]}" >/dev/null; report 4 change | cut -d: -f1)"
says "cut off" "bad|" 'report/6/1/1?report%7C6%7Cchange%0Avm%7Cvms%7Ca%7Ca%7Con%7C%0A'
says "more machines than lines" "bad|" 'report/6/1/1?report%7C6%7Cchange%0Aend%7C7%0A'
says "no parts before the third" again 'report/7/3/4?x'
says "the first" more 'report/7/1/2?report%7C7%7Cchange%0A'
says "once more" more 'report/7/1/2?report%7C7%7Cchange%0A'
says "a part of another whole" again 'report/7/2/3?x'
for path in report report/ report/1 report/1/1 report/1/0/1 report/1/2/1 report/x/1/1 report/1/1/99999 report/-1/1/1 report/1/1/1/1; do
    says "no report: $path" "bad|" "$path?report%7C9%7Cchange%0Aend%7C1%0A"
done
# shellcheck disable=SC2046 # one line a word
is "more than a host may have" "bad|more than 10000 machines on one host" "$(report 8 change $(for i in $(seq 9999); do printf 'vm|vms|f%d/v%d.vmx|v%d|off| ' "$i" "$i" "$i"; done))"
is "a list that shrank is not believed at once" "held|2 of 2 machines are not in the report: believed when it stays so for 10 minutes" \
    "$(report 6 change "${two[0]}" >/dev/null; report 7 change)"
# shellcheck disable=SC2046 # one line a word
is "ten thousand machines" "ok|0" "$(report 8 change "${two[@]}" $(for i in $(seq 3 10000); do printf 'vm|vms|f%d/v%d.vmx|v%d|off| ' "$i" "$i" "$i"; done) | head -1)"

# --- what is on disk ---

check "kill -9 after ok" pull_plug
check "nothing of it is lost" has 'f10000/v10000.vmx'
before=$(versions)
serve
says "the same agent goes on with another server" "report" 'alive?8'
says "its list" "bootherd|1" list
check "it boots again" boots 1
is "an empty report right after a boot" "ok|0" "$(report 1 start)"
is "and again" "ok|0" "$(report 2 start)"
is "and again" "ok|0" "$(report 3 change)"
identity=$first
says "the boot before is over" "refused|this is the identity of an earlier boot" list
lab_stop "$server"
is "no version of it" "$before" "$(versions)"
check "the machines are there" has 'f10000/v10000.vmx'
check "the secret and the lists are the operator's alone" test "$(stat -c %a "$root/state.db")" = 600
tap_end
