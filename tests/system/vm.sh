#!/bin/bash
# bootherd vm, with hosts' agents played by curl against a real server: what list, show and history tell, what set, move,
# restore and forget change and refuse, dry runs, names that are hard to print, ten thousand machines.
#
#   vm.sh [BOOTHERD]     the program to test, default build/src/bootherd
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
# shellcheck source=tests/lib/lab.sh
. "$here/../lib/lab.sh"
# shellcheck source=tests/lib/clients.sh
. "$here/../lib/clients.sh"
# shellcheck source=tests/lib/agent.sh
. "$here/../lib/agent.sh"
bootherd=$(realpath "${1:-$top/build/src/bootherd}")
export ASAN_OPTIONS=detect_leaks=0 # a process that gave up its privileges cannot look at itself
need curl jq python3
lab_open || exit 1
lab_host herd br0 "$LAB_PREFIX.2/24" || exit 1
root=$LAB_DIR/root
AGENT_URL=http://$LAB_PREFIX.1 AGENT_BOOTHERD=$bootherd AGENT_LAB=herd

b() {
    "$bootherd" --root "$root" "$@"
}
boots() { # N: node nN
    agent_boots "n$1" "02:be:00:00:00:0$1" "$LAB_PREFIX.1$1" "$overlay"
}
report() { # N SEQ WHY: lines from standard input
    agent_report "n$1" "$LAB_PREFIX.1$1" "$2" "$3"
}
step() { # N LINE
    agent_step "n$1" "$LAB_PREFIX.1$1" "$2"
}
given() { # N: the machines its agent is told to start, and those that are held
    agent_asks "n$1" "$LAB_PREFIX.1$1" list | grep -E '^(vm|held)\|' | cut -d'|' -f1-3
}
# json LABEL WANTED FILTER WORD...: what jq makes of bootherd vm WORD... --json
json() {
    local label=$1 wanted=$2 filter=$3
    shift 3
    is "$label" "$(b vm "$@" --json | jq -r "$filter" 2>&1)" "$wanted"
}
picture() { # all that a command might change
    b vm list --json | jq '.[] | .host, .version, (.machines | map([.label, .file, .name, .power, .order, .delay_s, .answer]))'
}

"$top/tests/standin/make-iso.sh" "$LAB_DIR/standin.iso" >/dev/null && b image import "$LAB_DIR/standin.iso" --name esxi4 >/dev/null 2>&1
b profile set p --image esxi4 --datastores vms=nas:/srv/vms,iso=nas:/srv/iso:ro >"$LAB_DIR/set.log" 2>&1 || cat "$LAB_DIR/set.log"
for i in 1 2 3; do
    b node set "n$i" --mac "02:be:00:00:00:0$i" --ip "$LAB_PREFIX.1$i" --profile p >/dev/null
    LAB_NS=$LAB_NS-herd lab_run ip address add "$LAB_PREFIX.1$i/24" dev br0
done
overlay=$(b explain n1 | grep -o 'node/n1/[^ ]*' | head -1 | cut -d/ -f3)

# --- before anything booted, without a server ---

answers "nothing is known" 0 'no virtual machines are known' b vm list
answers "nor of one host" 0 'none with an agent yet' b vm show n1
answers "a host that is none" 1 'there is no node n9' b vm list n9
answers "the group's help" 0 'vm forget' b help vm
answers "a command's help" 0 'take' b help vm move
answers "a word that is none" 2 'help vm lists' b vm lsit
answers "a machine is added" 0 'n3: db \(\[vms\] db/db.vmx\) is new: power on, order 500' b vm set n3 --add '[vms] db/db.vmx' --power on
answers "not twice" 1 'n3 has \[vms\] db/db.vmx already' b vm set n3 --add '[vms] db/db.vmx'
b node set n3 --agent off >/dev/null
answers "without the agent nothing is restored, which is told" 0 'note: n3 .* without the agent' b vm set n3/db --delay 0
b node set n3 --agent auto >/dev/null
for place in 'vms/db.vmx' '[vms]' '[] x' '[vms] ../x' '[vms] /x'; do
    answers "nor where nothing can be: $place" 1 '.' b vm set n3 --add "$place"
done

# --- what agents report ---

lab_spawn "$LAB_DIR/serve.log" "$bootherd" --root "$root" serve --interface br0
server=$LAB_PID
lab_wait "$LAB_DIR/serve.log" '^serving on br0' 20 "$server"
check "a host boots" boots 1
check "another" boots 2
stores='store|vms|ok|rw
store|iso|failed|permission denied'
one="$stores
vm|vms|web 1/web 1.vmx|web 1|on|4c4c
vm|vms|a/dup.vmx|dup|off|
vm|vms|b/dup.vmx|dup|on|
vm|vms|n/n.vmx|two%0Alines [x] %25s \"q\" %7C|off|
vm|vms|e/e.vmx|$(printf 'esc%%1B[31mred wéb')|off|
vm|iso|cd/cd.vmx|cd|off|"
is "it reports" "$(report 1 1 start <<<"$one")" "ok|0"
is "the other, too" "$(report 2 1 start <<<"$stores
vm|vms|mail/mail.vmx|mail|on|")" "ok|0"
step 1 'restored|||6 of 6 machines' >/dev/null
step 1 'on-failed|vms|a/dup.vmx|locked by another host' >/dev/null
b vm list >"$LAB_DIR/list"
check "a line a machine" grep -qE '^n1 +web 1 +on/on +500 +\[vms\] web 1/web 1.vmx +ok$' "$LAB_DIR/list"
check "what failed, and why" grep -qE '^n1 +dup +off/off .*failed: locked by another host' "$LAB_DIR/list"
check "a datastore that is not mounted" grep -qE '^n1 +cd .*unreachable: datastore iso is not mounted: permission denied' "$LAB_DIR/list"
check "a name with a line end stays on its line" grep -qF 'two\nlines [x] %s "q" |' "$LAB_DIR/list"
check "an escape sequence does not reach the terminal" sh -c "! grep -q '$(printf '\033')' '$LAB_DIR/list' && grep -qF 'esc\\x1b[31mred wéb' '$LAB_DIR/list'"
is "a line each, and the header" "$(wc -l <"$LAB_DIR/list")" 9
json "the same in JSON" 'two
lines [x] %s "q" |' '.[0].machines[] | select(.file == "n/n.vmx").name' list n1
json "with power and state" 'on on ok 4c4c' '.[0].machines[] | select(.name == "web 1") | [.power, .seen, .state, .id] | join(" ")' list
json "a range of hosts" 'n1 n2' 'map(.host) | join(" ")' list 'n[1-2]'
json "what never booted" 'unseen' '.[0].machines[0].state' list n3
answers "a host" 0 'restored +6 of 6 machines' b vm show n1
json "in JSON" '6 of 6 machines true false' '[.restored_text, (.datastores[] | .mounted)] | map(tostring) | join(" ")' show n1
answers "a machine" 0 'owner +n1, since .*holds until' b vm show 'n1/web 1'
json "its owner" 'n1 true' '[.owner.host, (.owner.lease_until > .owner.since)] | map(tostring) | join(" ")' show 'n1/[vms] web 1/web 1.vmx'
answers "two of one name" 1 '"n1/\[vms\] a/dup.vmx", "n1/\[vms\] b/dup.vmx"' b vm show n1/dup
answers "by the name that is shown" 0 'n/n.vmx' b vm show 'n1/two\nlines [x] %s "q" |'
is "versions" "$(b vm history n1 --json | jq -r 'map([.version, .who, .boot > 0] | map(tostring) | join(" ")) | join(",")')" "1 agent true"
json "why" 6 '.[0].why | length' history n1
json "the list of a version" 6 length history n1 --version 1
is "what another host owns is a conflict" "$(report 2 2 change <<<"$stores
vm|vms|mail/mail.vmx|mail|on|
vm|vms|web 1/web 1.vmx|web 1|on|
vm|||loose|on|")" "ok|0"
answers "and told" 0 'n2: conflict: .*web 1' b vm list n2
answers "what lies on no datastore of its host cannot come back, and is told" 0 'n2: left out: loose ' b vm list n2
json "in JSON, too" '2 1' '.[0] | [(.conflicts | length), (.machines | length)] | map(tostring) | join(" ")' list n2

# --- set ---

before=$(picture)
answers "a dry run tells" 0 'power off .auto. -> on, order 500 -> 5' b vm set 'n1/[vms] a/dup.vmx' --order 5 --power on --dry-run
for words in 'n1/web_1 --order 5' 'n9/x --order 5' 'n1/dup --order 5' 'n1 --order 1000000' 'n1 --order -1' 'n1 --delay x' 'n1 --power hot' \
    'n1 --answer maybe' 'n1 --name x' 'n1' 'n[1-9]/x --order 1' 'n1/ --order 1' 'n[1 --order 1'; do
    # shellcheck disable=SC2086 # words
    answers "refused: vm set $words" 1 '^bootherd: .' b vm set $words
done
is "neither changes anything" "$(picture)" "$before"
answers "set" 0 'n1: web 1 .*order 500 -> 5, delay 0 -> 30, answer moved -> copied' b vm set 'n1/web 1' --order 5 --delay 30 --answer copied
json "it is so" '5 30 copied false' '[.order, .delay_s, .answer, .power_fixed] | map(tostring) | join(" ")' show 'n1/web 1'
is "and first in what the agent is given" "$(given 1 | grep -v iso | head -1)" "vm|vms|web 1/web 1.vmx"
answers "the same again" 0 'no change' b vm set 'n1/web 1' --order 5
json "is no version" '2 uid' '.[0] | [.version, .who[0:3]] | map(tostring) | join(" ")' history n1
answers "a power that is set stays" 0 'power on .auto. -> off' b vm set n2/mail --power off
report 2 3 change <<<"$stores
vm|vms|mail/mail.vmx|mail|on|" >/dev/null
json "whatever is reported" 'off true' '[.power, .power_fixed] | map(tostring) | join(" ")' show n2/mail
answers "until it is the host's again" 0 'power off -> off .auto.' b vm set n2/mail --power auto
answers "all of several hosts" 0 'n2: mail .*order 500 -> 9' b vm set 'n[1-3]' --order 9
answers "a machine that is another's is held" 0 'is new' b vm set n2 --add '[vms] web 1/web 1.vmx' --power on
answers "and told to be" 0 'web 1 .*held: n1 has it until' b vm list n2
is "also to its agent" "$(given 2 | grep held)" "held|vms|web 1/web 1.vmx"
answers "the dry run of a boot: what it mounts" 0 'esxcfg-nas' b vm restore n2 --dry-run
answers "what it starts" 0 'mail' b vm restore n2 --dry-run
answers "what it does not" 0 'n1 has it until' b vm restore n2 --dry-run
check "its JSON" sh -c "'$bootherd' --root '$root' vm restore n2 --dry-run --json | jq -e '.[0] | .host == \"n2\" and (.steps | length) >= 4'"
check "forgotten again" b vm forget 'n2/web 1'

# --- move ---

before=$(picture)
answers "a machine that may run is not moved" 1 'may be running on n1' b vm move 'n1/web 1' --to n2
answers "nor with others" 1 'may be running on n1' b vm move n1 --to n2
answers "where to" 1 'where to' b vm move n1/x
answers "to a host that is none" 1 "no node .n9" b vm move n1 --to n9
answers "a machine that is none" 1 'no machine x' b vm move n1/x --to n2
answers "to itself" 1 'itself' b vm move n1 --to n1
answers "--take, as a dry run" 0 'n1/web 1 .* -> n2' b vm move 'n1/web 1' --to n2 --take --dry-run
is "nothing was moved" "$(picture)" "$before"
answers "what is off, moves" 0 'cd .* -> n2' b vm move n1/cd --to n2
answers "what is on, with --take" 0 'n1/web 1 .* -> n2' b vm move 'n1/web 1' --to n2 --take
json "it is there" 'n2 9' '[.owner.host, .order] | map(tostring) | join(" ")' show 'n2/web 1'
json "and here no more" 0 '[.machines[] | select(.name == "web 1")] | length' show n1
is "its agent is given it" "$(given 2 | grep web)" "vm|vms|web 1/web 1.vmx"

# --- restore, forget ---

now=$(b vm history n1 --json | jq '.[0].version')
answers "the versions there are" 1 'there are 1 to' b vm restore n1 --version 999
answers "of which version" 1 'of which version' b vm restore n1/x
before=$(picture)
answers "an older version, as a dry run" 0 'web 1 .*is new' b vm restore n1 --version 1 --dry-run
is "changes nothing" "$(picture)" "$before"
answers "one machine of it" 0 'n1: cd .*is new' b vm restore n1/cd --version 1
json "and no other" 0 '[.machines[] | select(.name == "web 1")] | length' show n1
answers "all of it" 0 'web 1 .*is new' b vm restore n1 --version 1
json "is a new version, and not seen yet" "$((now + 2)) held" '[.version, (.machines[] | select(.name == "web 1").state)] | map(tostring) | join(" ")' show n1
wish=$(agent_asks n1 "$LAB_PREFIX.11" list | sed -n 's/^wish|//p')
answers "again" 0 'restores again with its agent' b vm restore n1
is "the agent is told to" "$(agent_asks n1 "$LAB_PREFIX.11" list | sed -n 's/^wish|//p')" "$((wish + 1))"
answers "forget, as a dry run" 0 'cd .*is forgotten' b vm forget n1/cd --dry-run
answers "forget" 0 'cd .*is forgotten' b vm forget n1/cd
answers "once" 1 'no machine cd' b vm forget n1/cd
answers "all of it" 0 'web 1 .*is forgotten' b vm forget n1
json "none is left" 0 '.machines | length' show n1
answers "but the history" 0 'is forgotten' b vm history n1
answers "which brings it back" 0 'two\\nlines' b vm restore n1 --version 1
json "as it was" 6 '.machines | length' show n1
b node remove n3 >/dev/null
answers "a host that is no node any more is told" 0 'n3: no node any more' b vm list
answers "and does not boot" 1 'n3 is no node' b vm restore n3 --dry-run
answers "its machines are another's for the asking" 0 'n3/db .* -> n2' b vm move n3/db --to n2
check "it is forgotten" b vm forget n3
answers "with its history" 1 'there is no node n3' b vm history n3

# --- ten thousand machines ---

lines() {
    echo 'store|vms|ok|rw'
    for ((i = 1; i <= 10000; i++)); do
        printf 'vm|vms|big/%05d/a machine with a long name %05d.vmx|a machine with a long name %05d|off|\n' "$i" "$i" "$i"
    done
}
check "a host of nothing" b vm forget n2
is "ten thousand machines" "$(lines | report 2 10 change)" "ok|$(agent_asks n2 "$LAB_PREFIX.12" list | sed -n 's/^wish|//p')"
began=$(date +%s%N)
b vm list n2 >"$LAB_DIR/list"
took_ms=$((($(date +%s%N) - began) / 1000000))
is "are listed" "$(grep -c '^n2 .* ok$' "$LAB_DIR/list")" 10000
check "soon ($took_ms ms)" test "$took_ms" -lt 5000
json "by JSON, too" 10000 '.[0].machines | length' list n2
answers "one of them is found" 0 'order 500 -> 1$' b vm set 'n2/a machine with a long name 07777' --order 1
answers "and all of them set" 0 '09999.*order 500 -> 2$' b vm set n2 --order 2
check "why is kept in short" test "$(b vm history n2 --json | jq '.[0].why | length')" -le 21
lab_stop "$server"
answers "without a server it is all there" 0 'a machine with a long name 10000' b vm list n2
tap_end
