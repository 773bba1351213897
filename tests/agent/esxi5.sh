#!/bin/bash
# The agent on ESXi 5 and later, against stand-ins of its programs (tests/agent/standin): not a real ESXi. What goes wrong with
# datastores, locks, questions and faults that come with exit status 0. No root, loopback alone.
set -u
# shellcheck source=tests/agent/lib.sh
. "$(dirname "$0")/lib.sh"

# machine ID POWER LABEL FILE NAME [ANNOTATION]: one that the host has.
machine() {
    printf '%s|%s|%s|%s|%s|%s\n' "$1" "$2" "$3" "$4" "$5" "${6:-}" >>"$STANDIN/machines"
}

# question ID TEXT...: power on asks this.
question() {
    local file="$STANDIN/question.$1"
    shift
    printf '%s\n' "$@" >"$file"
}

# --- A boot like any other.
fresh esxi5
share nas:/vms "web 1/web [1].vmx" db/db.vmx 'tpl/tpl.vmtx' 'odd %2f/a%2fb ü.vmx'
list 'store|my vms (1)|nfs|nas|/vms|rw|write' 'vm|my vms (1)|db/db.vmx|db|on|3|moved|' 'vm|my vms (1)|web 1/web [1].vmx|web 1|off|0|moved|' \
    'vm|my vms (1)|tpl/tpl.vmtx|tpl|off|0|moved|' 'vm|my vms (1)|odd %252f/a%252fb ü.vmx|odd|on|0|moved|'
echo 2 >"$STANDIN/down"
boot
check_step "a boot: hostd comes up late, all is restored" 'restored|||4 of 4 machines'
check_report "and reported: names with blanks, brackets and ESXi's own %2f, a template" 'store|my vms (1)|ok|rw' 'vm|my vms (1)|db/db.vmx|db|on|' \
    'vm|my vms (1)|odd %252f/a%252fb ü.vmx|a%252fb ü|on|' 'vm|my vms (1)|tpl/tpl.vmtx|tpl|off|' 'vm|my vms (1)|web 1/web [1].vmx|web [1]|off|'
is "without hostd by localcli" "$(ran 'localcli storage nfs add --host=nas --share=/vms --volume-name=my vms (1)')" 1
is "the order of steps" "$(cut -d'|' -f 1,3 "$work/server/steps" | tr '\n' ' ')" \
    "start| mounted| ready| registered|db/db.vmx registered|web 1/web [1].vmx registered|tpl/tpl.vmtx registered|odd %252f/a%252fb ü.vmx on|db/db.vmx on|odd %252f/a%252fb ü.vmx restored| "
is "no probe is left" "$(find "$STANDIN/shares/" -name '.bootherd*')" ""
is "the first report is of its start" "$(sed q "$work/server/report.1")" 'report|1|start'
machine 90 off 'my vms (1)' new/new.vmx new 'note with [brackets] x.vmx'
sed -i 's/^\([0-9]*\)|on|\(.*db.vmx\)|db|/\1|off|\2|database|/; /tpl/d' "$STANDIN/machines"
check_report "later: a new one, one gone, one renamed and off" 'store|my vms (1)|ok|rw' 'vm|my vms (1)|db/db.vmx|database|off|' \
    'vm|my vms (1)|new/new.vmx|new|off|' 'vm|my vms (1)|odd %252f/a%252fb ü.vmx|a%252fb ü|on|' 'vm|my vms (1)|web 1/web [1].vmx|web [1]|off|'
is "one that people switch off stays off" "$(ran 'vim-cmd vmsvc/power.on')" 2
check "alive in between" eventually test -s "$work/server/alives"
echo 1000000 >"$STANDIN/down"
sleep 1.5
before=$(wc -l <"$work/server/reports")
sleep 1.5
is "hostd dies: no report" "$(wc -l <"$work/server/reports")" "$before"
rm "$STANDIN/down"
agent_end
check "at the end it says so" grep -q '|shutdown$' "$work/server/report.$(tail -n 1 "$work/server/reports")"
check_clean "a boot"

# --- Datastores: each of these is looked after for itself.
fresh esxi5
limit_mount=2
share nas:/vms a/a.vmx
share nas:/hangs h/h.vmx
ln -s /sys/kernel "$STANDIN/shares/nas:=squash"
touch "$STANDIN/hang.dead"
list 'store|gone|nfs|nas|/gone|rw|write' 'store|squash|nfs|nas|/squash|rw|write' 'store|dead|nfs|nas|/dead|rw|read' \
    'store|hangs|nfs|nas|/hangs|rw|read' 'store|vms|nfs41|nas1,nas2|/vms|rw|write' 'store|disk|iscsi|10.0.0.5:3260|iqn.2009-01.lan:disk|rw|read' \
    'store|local|vmfs|||rw|read' 'vm|gone|g/g.vmx|g|on|0|moved|' 'vm|squash|s/s.vmx|s|on|0|moved|' 'vm|hangs|h/h.vmx|h|on|0|moved|' \
    'vm|vms|a/a.vmx|a|on|0|moved|' 'vm|disk|d/d.vmx|d|off|0|moved|'
share nas1,nas2:/vms a/a.vmx
mkdir -p "$STANDIN/disk/d"
echo x >"$STANDIN/disk/d/d.vmx"
echo disk >"$STANDIN/lun"
boot
check_step "one hangs: the others' machines run all the same" 'restored|||2 of 5 machines'
check_step "no such share: says why, though the exit status is 0" \
    'mount-failed|gone||Unable to complete Sysinfo operation.  Please see the VMkernel log file for more details.: Sysinfo error: Unable to connect to NFS serverSee VMkernel log for details.'
check "root squashed, or read-only: mounted is not enough" grep -q '^mount-failed|squash||cannot be written: .*\(denied\|[Rr]ead-only\)' "$work/server/steps"
check_step "a mount that hangs" 'mount-failed|dead||the mount took longer than 2 seconds'
check_step "a datastore that hangs" 'mount-failed|hangs||hangs: no answer within 2 seconds'
check_step "NFS 4.1" 'mounted|vms||'
is "with all its addresses" "$(ran 'esxcli storage nfs41 add --hosts=nas1,nas2 --share=/vms --volume-name=vms')" 1
check_step "iSCSI" 'mounted|disk||'
is "that one target alone, by the adapter that there is" \
    "$(ran 'esxcli iscsi adapter discovery statictarget add --adapter=vmhba37 --address=10.0.0.5:3260 --name=iqn.2009-01.lan:disk')" 1
check_step "no such volume" 'mount-failed|local||no volume with the label local'
check_step "nothing is registered where the datastore is not" 'register-failed|gone|g/g.vmx|its datastore is not there'
is "it was not even tried" "$(ran "registervm $STANDIN/volumes/gone")" 0
check "the report tells, and not that the machines are gone for good" grep -q '^store|gone|failed|' "$work/server/report.1"
share nas:/gone g/g.vmx
check_step "the share comes back: mounted" 'mounted|gone||'
check_step "and its machine runs" 'on|gone|g/g.vmx|'
is "its failure was told once" "$(grep -c '^register-failed|gone|' "$work/server/steps")" 1
check_step "the numbers are told anew" 'restored|||3 of 5 machines'
agent_end
check_clean "datastores"
first=$(readlink "$STANDIN/volumes/vms")
fresh esxi5
share nas1,nas2:/vms
check "mounted on another host" call host_mount vms nfs41 nas1,nas2 /vms rw
is "the same host and path: the same volume" "$(readlink "$STANDIN/volumes/vms")" "$first"
check "mounted again: no harm" call host_mount vms nfs41 nas1,nas2 /vms rw
is "and once" "$(ran ' add ')" 1
share nas:/x
check_fails "the label is another share's" call host_mount vms nfs nas /x rw
limit_mount=20

# --- Power on: locks, questions, faults.
fresh esxi5
share nas:/v a/a.vmx b/b.vmx c/c.vmx d/d.vmx e/e.vmx f/f.vmx a/a.vmx.lck-1 g/g.vmx
list 'store|v|nfs|nas|/v|rw|read' 'vm|v|a/a.vmx|a|on|0|moved|' 'vm|v|b/b.vmx|b|on|0|moved|' 'vm|v|c/c.vmx|c|on|0|copied|' \
    'vm|v|d/d.vmx|d|on|0|none|' 'vm|v|e/e.vmx|e|on|0|moved|' 'vm|v|f/f.vmx|f|on|0|moved|' 'held|v|x/x.vmx|x|rack02 has it until 14:03' 'vm|v|g/g.vmx|g|on|0|moved|'
touch "$STANDIN/lock.16"
question 17 'Virtual machine message 12:' 'msg.uuid.altered:This virtual machine may have been moved or copied.' '' \
    'To configure certain management and networking features VMware ESX needs to know which.' '' \
    "Did you move this virtual machine, or did you copy it? If you don't know, answer \"I copied it\"." '' \
    '0. Cancel (Cancel) 1. I _moved it (I _moved it) 2. I _copied it (I _copied it) [default]'
question 18 'Virtual machine message _vmx1:' 'msg.uuid.altered:This virtual machine might have been moved or copied.' \
    "If you don't know, answer \"I Co_pied It\"." '   0. button.uuid.cancel (Cancel)' '   1. button.uuid.movedTheVM (I Moved It)' '   2. button.uuid.copiedTheVM (I Copied It) [default]'
question 19 'Virtual machine message 3:' 'msg.uuid.altered:This virtual machine may have been moved or copied.' '0. Cancel (Cancel) 1. I _moved it (I _moved it)'
question 20 'Virtual machine message 4:' 'msg.hbacommon.outofspace:There is no more space.' '0. Retry (Retry) 1. Abort (Abort)'
printf '(vim.fault.InvalidState) {\n   faultMessage = <unset>,\n   msg = "The operation is not allowed in the current state: maintenance mode",\n}\n' >"$STANDIN/fail.21"
touch "$STANDIN/hang.22"
limit_call=4
boot
check_step "all is tried" 'restored|||2 of 8 machines'
check_step "another host has it: locked" 'on-failed|v|a/a.vmx|a file of it is locked, maybe by another host: Unable to access a file since it is locked'
check_step "the question, as ESX 4 asks it, is answered" 'answered|v|b/b.vmx|it was moved'
is "by the text of the choice" "$(cat "$STANDIN/answered.17")" 1
check_step "the question, as later ones ask it" 'answered|v|c/c.vmx|it was copied'
is "by the text of the choice, too" "$(cat "$STANDIN/answered.18")" 2
check_step "the answer is none: it stays for people" 'on-failed|v|d/d.vmx|asks: This virtual machine may have been moved or copied.'
check "and is not answered" [ ! -e "$STANDIN/answered.19" ]
check_step "another question is never answered" 'on-failed|v|e/e.vmx|asks: There is no more space.'
check "that stays, too" [ ! -e "$STANDIN/answered.20" ]
check_step "a fault with exit status 0" 'on-failed|v|f/f.vmx|The operation is not allowed in the current state: maintenance mode'
check_step "held by another host: told" 'held|v|x/x.vmx|rack02 has it until 14:03'
is "and not touched" "$(ran 'x/x.vmx')" 0
check_step "a power on that hangs" 'on-failed|v|g/g.vmx|took longer than 4 seconds'
check "no lock file is deleted" [ -e "$STANDIN/shares/nas:=v/a/a.vmx.lck-1" ]
rm "$STANDIN/lock.16"
: >"$STANDIN/fail.21"
check_step "the lock expires: it runs" 'on|v|a/a.vmx|'
check_step "maintenance ends: it runs" 'on|v|f/f.vmx|'
is "the lock was told once" "$(grep -c '^on-failed|v|a/a.vmx|' "$work/server/steps")" 1
agent_end
limit_call=20
check_clean "power on"

# --- What getallvms and registervm say.
fresh esxi5
share nas:/v a/a.vmx
call host_mount v nfs nas /v rw
is "registered: its number" "$(call host_register v a/a.vmx a)" 16
is "registered again: the same" "$(call host_register v a/a.vmx a)" 16
is "a file that is not there" "$(call host_register v n/n.vmx n) $?" "The object or item referred to could not be found. 1"
machine 17 on v 'b [x]/b [x].vmx' 'b [x]' '[other] c/c.vmx   otherGuest   vmx-07'
machine 18 off v 'c/c.vmx' 'c [v] c.vmx' 'two lines%0A19     fake   [v] fake/fake.vmx'
machine 20 off v 'd/d.vmx' 'first%0Asecond'
machine 21 on 'other ds' "e e/e.vmtx" "e % %7C e"
machine 22 off v i/i.vmx i
is "a list with everything in it" "$(call host_list | sort)" '16|off|v|a/a.vmx|a|
17|on|v|b [x]/b [x].vmx|b [x]|
18|off|v|c/c.vmx|c [v] c.vmx|
20|off|v|d/d.vmx|first|
21|on|other ds|e e/e.vmtx|e %25 %7C e|
22|off|v|i/i.vmx|i|'
touch "$STANDIN/invalid.22"
is "one that is not accessible is still there" "$(call host_list | grep '^22')" '22|unknown|v|i/i.vmx|i|'
echo 1 >"$STANDIN/down"
is "hostd does not answer: no list" "$(call host_list) $?" " 1"
touch "$STANDIN/no-processes"
is "what runs cannot be listed: each is asked" "$(call host_list | cut -d'|' -f 1,2 | sort | tr '\n' ' ')" "16|off 17|on 18|off 20|off 21|on 22|unknown "
tap_end
